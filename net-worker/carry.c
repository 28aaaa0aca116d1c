/*
 * net-worker's handlers: gets what crypto-worker asks for, sends what it says, fills memfds with what comes.
 * Stands before the network.  Distrusts whoever answers, and the broker; what it carries, it does not understand: it is crypto-worker who
 * verifies all of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memfd.h"
#include "recv.h"
#include "carry.h"
#include "tls.h"

enum {
	PROGRESS_LEAST = 8 << 20,	/* bytes between two net_progress, */
	PROGRESS_MOST = 24,		/* so many of one image, */
	/*
	 * and one in so long, for the broker takes silence for an end: a slow host is no hanging worker.  The broker takes 255 in an attempt: of
	 * four workers with two images each, and in the twenty minutes that the network may take.
	 */
	PROGRESS_MS = 30000,
};

static struct frame frame;

/* --- the config --- */

static void
add_host(struct net *net, const char *text, const uint8_t *pin)
{
	struct host *host = &net->fetch.host[net->fetch.hosts];

	if (url_parse(text, &host->url) != 0)
		return;
	host->pin = pin;
	net->fetch.hosts++;
}

void
net_init(struct net *net, int channel, uint32_t maker_uid, const struct doc_config *config)
{
	struct url org;

	memset(net, 0, sizeof *net);
	net->channel = net->fetch.channel = channel;
	net->maker_uid = maker_uid;
	net->fetch.wait_ms = config->net_wait_s * 1000;
	admit_init(&net->state, PEER_net);
	for (uint32_t i = 0; i < config->mirror.count; i++)
		add_host(net, config->mirror.at[i], NULL);	/* one that cannot be read costs itself alone */
	if (config->org_pin.bytes == sizeof net->pin)
		memcpy(net->pin, config->org_pin.at, sizeof net->pin);
	if (url_parse(config->org, &org) != 0 || org.path[0] != '\0')
		net->broken = (struct failure){ .event = EV_net_name, .detail = EINVAL };
	else if (config->org_pin.bytes != 0 && config->org_pin.bytes != sizeof net->pin)
		net->broken = (struct failure){ .event = EV_net_certificate, .detail = EINVAL };
	else
		add_host(net, config->org, config->org_pin.bytes != 0 ? net->pin : NULL);
	if (net->broken.event == 0 && tls_init(config->org_ca.at, config->org_ca.bytes) != 0)
		net->broken = (struct failure){ .event = EV_net_certificate, .detail = EINVAL };
}

/* --- progress --- */

struct progress {
	struct net *net;
	struct msg_net_progress told;
	uint64_t step, next;	/* bytes */
	uint64_t told_ms;
};

/* done may fall, where a download begins anew: what was told for its bytes is not told again. */
static int
tell(void *context, uint64_t done)
{
	struct progress *p = context;
	uint64_t now = clock_ms();

	if (done < p->next && now - p->told_ms < PROGRESS_MS)
		return 0;
	if (done >= p->next)
		p->next = done + p->step;
	p->told_ms = now;
	p->told.done_bytes = done;
	return worker_send(p->net->channel, &p->net->state, MSG_net_progress, &p->told, NULL);
}

/* --- what is asked --- */

static uint32_t
path_of(const struct msg_crypto_get *get, char out[PATH_BYTES])
{
	static const char *const parts[PART_LAST + 1] = { NULL, "manifest", "manifest.minisig", "kernel", "initramfs" };
	char hex[2 * ID_BYTES + 1];

	if (get->what == GET_challenge)
		return (uint32_t)snprintf(out, PATH_BYTES, "/v1/challenge");
	for (size_t i = 0; i < ID_BYTES; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", (unsigned)get->id[i]);	/* two digits */
	return (uint32_t)snprintf(out, PATH_BYTES, "/v1/generation/%s/%s", hex, parts[get->what]);
}

/* 0 with *why empty or telling; otherwise the broker's fault or its end. */
static int
run(struct net *net, int mirrors, uint64_t time, struct order *order, struct failure *why)
{
	const unsigned org = net->fetch.hosts - 1;
	int rc;

	*why = net->broken;
	if (why->event != 0)
		return 0;
	tls_set_time(time);
	rc = fetch(&net->fetch, mirrors ? 0 : org, org, order, why);
	if (rc == 0)
		*why = (struct failure){ .event = EV_none };
	return rc == -EIO ? 0 : rc;
}

static int
on_crypto_get(struct net *net, const struct msg_crypto_get *get)
{
	struct progress progress = { .net = net, .told = { .total_bytes = get->len_bytes, .what = get->what } };
	struct order order = { .bytes = get->len_bytes, .body_fd = -1 };
	struct msg_net_got got = { .number = get->number };
	int memfd = frame_take_fd(&frame, 0), rc;
	char path[PATH_BYTES];
	struct failure why;

	order.memfd = memfd;
	order.path = path;
	order.image = get->what == PART_kernel || get->what == PART_initramfs;
	if (order.image) {
		progress.step = (get->len_bytes + PROGRESS_MOST - 1) / PROGRESS_MOST;
		if (progress.step < PROGRESS_LEAST)
			progress.step = PROGRESS_LEAST;
		progress.next = progress.step;
		progress.told_ms = clock_ms();
		order.progress = tell;
		order.context = &progress;
	}
	(void)path_of(get, path);
	rc = memfd_check(memfd, FD_fill, 0, net->maker_uid, get->len_bytes);
	if (rc == 0)
		rc = run(net, get->what != GET_challenge, get->time, &order, &why);
	(void)close(memfd);	/* memory: there is no write-back whose error could come late */
	if (rc != 0)
		return rc;
	got.event = why.event;
	got.detail = why.detail;
	got.len_bytes = why.event == EV_none ? order.done : 0;
	return worker_send(net->channel, &net->state, MSG_net_got, &got, NULL);
}

static int
on_crypto_post(struct net *net, const struct msg_crypto_post *post)
{
	static const char *const paths[POST_LAST + 1] = { NULL, "/v1/request", "/v1/enrol", "/v1/proof" };
	struct order order = { .bytes = post->answer_bytes, .body_bytes = post->body_bytes, .path = paths[post->what] };
	struct msg_net_posted posted = { .number = post->number };
	struct failure why;
	int rc;

	order.body_fd = frame_take_fd(&frame, 0);
	order.memfd = frame_take_fd(&frame, 1);
	rc = memfd_check(order.body_fd, FD_post, 0, net->maker_uid, post->body_bytes);
	if (rc == 0)
		rc = memfd_check(order.memfd, FD_post, 1, net->maker_uid, post->answer_bytes);
	if (rc == 0)
		rc = run(net, 0, post->time, &order, &why);
	(void)close(order.body_fd);	/* only read */
	(void)close(order.memfd);	/* memory, as above */
	if (rc != 0)
		return rc;
	posted.event = why.event;
	posted.detail = why.detail;
	posted.len_bytes = why.event == EV_none ? (uint32_t)order.done : 0;
	return worker_send(net->channel, &net->state, MSG_net_posted, &posted, NULL);
}

#define TO_net(name) \
	{ \
		struct msg_##name body; \
		memcpy(&body, frame.body, sizeof body); \
		return on_##name(net, &body); \
	}
#define NOT_OURS return -EPROTO;

static int
dispatch(struct net *net)
{
	switch ((enum msg_id)frame.id) {
#include "dispatch.def"
	}
	return -EPROTO;
}

int
net_receive(struct net *net)
{
	int rc = worker_recv(net->channel, WAY_hub, &net->state, &frame, &net->why);

	if (rc <= 0)
		return rc;
	rc = dispatch(net);
	frame_close(&frame);
	if (rc == -EPIPE || rc == -ECANCELED)	/* the broker left while we answered, or before */
		return 0;
	return rc == 0 ? 1 : rc;
}
