/*
 * One request and its answer.  In net-worker.
 * Distrusts the answer: what it says of itself must fit what was asked for before a byte of it is kept, and lies about it end the try.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "doc.h"
#include "exchange.h"

enum { PIECE = 16384, BODY_MAX = 2 * DOC_MAX, RETRY_AFTER_MAX_S = 60 };

static struct http http;
static uint8_t piece[PIECE];

static int
fail(struct failure *why, uint32_t event, uint32_t detail, int lasting)
{
	*why = (struct failure){ .event = event, .detail = detail, .lasting = (uint8_t)lasting };
	return -EIO;
}

/* --- into the memfd --- */

static int
keep(void *context, const uint8_t *data, size_t n)
{
	struct order *order = context;

	if (n > order->bytes - order->done)
		return -EMSGSIZE;
	while (n > 0) {
		ssize_t put = pwrite(order->memfd, data, n, (off_t)order->done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)	/* read-only, or sealed against us: nobody sends that by mistake */
			return put < 0 && (errno == ENOSPC || errno == ENOMEM) ? -ENOMEM : -EBADF;
		data += put;
		n -= (size_t)put;
		order->done += (uint64_t)put;
	}
	return order->progress != NULL ? order->progress(order->context, order->done) : 0;
}

/* --- the request --- */

static int
send_request(const struct host *host, const struct order *order, const struct patience *p)
{
	static uint8_t out[HTTP_HEAD_MAX + BODY_MAX];	/* in one piece: one record for most */
	char *head = (char *)out;
	uint64_t from = order->image && order->etag[0] != '\0' ? order->done : 0;
	long n = http_request(head, &host->url, order->path, from, order->etag, order->body_bytes);

	if (n < 0 || order->body_bytes > BODY_MAX)
		return -EMSGSIZE;
	if (order->body_bytes > 0 && pread(order->body_fd, out + n, order->body_bytes, 0) != (ssize_t)order->body_bytes)
		return -EBADF;
	return conn_send(out, (size_t)n + order->body_bytes, p);
}

/* --- the answer's head --- */

static int
judge_status(struct order *order, const struct http_answer *a, struct failure *why)
{
	uint32_t wait_s = a->retry_after_s < RETRY_AFTER_MAX_S ? a->retry_after_s : RETRY_AFTER_MAX_S;

	order->retry_after_ms = 0;
	if (a->status == 416 && order->done > 0) {	/* it is shorter now, or another one */
		order->done = 0;
		order->etag[0] = '\0';
		return fail(why, EV_net_status, a->status, 0);
	}
	if (a->status >= 500 || a->status == 408 || a->status == 425 || a->status == 429) {
		order->retry_after_ms = wait_s * 1000;
		return fail(why, EV_net_status, a->status, 0);
	}
	if (a->status >= 400)
		return fail(why, EV_net_status, a->status, 1);
	if (a->status != 200 && (a->status != 206 || !order->image || order->done == 0 || order->etag[0] == '\0'))
		return fail(why, EV_net_http, a->status, 1);	/* redirects too: where to ask is the config's to say */
	if (a->html || a->encoded || (!a->has_length && !a->chunked))
		return fail(why, EV_net_http, a->status, 1);	/* a captive portal; or an end that cannot be told from a cut */
	return 0;
}

/* 206: the rest, of the very content of which the beginning is there. */
static int
judge_rest(struct order *order, const struct http_answer *a, struct failure *why)
{
	if (a->has_range && a->first == order->done && a->last == order->bytes - 1 && a->total == order->bytes && a->has_length &&
	    a->length == order->bytes - order->done && (a->etag[0] == '\0' || strcmp(a->etag, order->etag) == 0))
		return 0;
	/* What is there may be of another content: begin anew, elsewhere. */
	order->done = 0;
	order->etag[0] = '\0';
	return fail(why, EV_net_http, a->status, 1);
}

static int
judge(struct order *order, const struct http_answer *a, struct failure *why)
{
	int rc = judge_status(order, a, why);

	if (rc != 0)
		return rc;
	if (a->status == 206)
		return judge_rest(order, a, why);
	if (order->image) {
		if (!a->has_length)
			return fail(why, EV_net_http, a->status, 1);
		if (a->length != order->bytes)
			return fail(why, EV_net_size, a->status, 1);
		memcpy(order->etag, a->etag, sizeof order->etag);
	} else if (a->has_length && (a->length == 0 || a->length > order->bytes))
		return fail(why, EV_net_size, a->status, 1);
	order->done = 0;
	return 0;
}

/* --- the answer --- */

/* What http_feed() or the connection returned, other than success. */
static int
explain(int rc, const struct order *order, struct failure *why)
{
	switch (rc) {
	case 0:
	case -ECONNRESET:
		return fail(why, EV_net_short, 0, 0);
	case -ETIMEDOUT:	/* whoever let an image's time pass would do so again */
		return fail(why, EV_net_slow, 0, order->image);
	case -EPROTO:
		return fail(why, EV_net_tls, 0, 0);
	case -EMSGSIZE:
		return fail(why, EV_net_size, 0, 1);
	case -ENOMEM:
		return fail(why, EV_load_memory, 0, 1);
	case -EBADMSG:
	case -E2BIG:
		return fail(why, EV_net_http, 0, 1);
	default:
		return rc;
	}
}

struct rate {
	uint64_t begin_ms, begin_bytes;
};

/* Until when the next byte must come.  -ETIMEDOUT: there were too few. */
static int
set_time(const struct order *order, struct rate *rate, struct patience *p)
{
	uint64_t now = clock_ms();

	if (now - rate->begin_ms >= RATE_WINDOW_MS) {
		if (order->done - rate->begin_bytes < RATE_LEAST)
			return -ETIMEDOUT;
		*rate = (struct rate){ now, order->done };
	}
	p->until_ms = now + order->silence_ms < order->until_ms ? now + order->silence_ms : order->until_ms;
	return 0;
}

/* Reads until the answer is whole.  *any: 1 when a byte of it has come. */
static int
receive(struct order *order, const struct patience *p, int *any, struct failure *why)
{
	struct patience patience = *p;
	struct rate rate = { 0 };
	int rc = HTTP_more, got;

	http_begin(&http, keep, order);
	while (rc != HTTP_done) {
		size_t at = 0, used;

		got = conn_recv(piece, sizeof piece, &patience);
		if (got <= 0)
			return explain(got, order, why);
		*any = 1;
		while (at < (size_t)got && rc != HTTP_done) {
			rc = http_feed(&http, piece + at, (size_t)got - at, &used);
			if (rc < 0)
				return explain(rc, order, why);
			at += used;
			if (rc != HTTP_head)
				continue;
			if (judge(order, &http.answer, why) != 0)
				return -EIO;
			rate = (struct rate){ clock_ms(), order->done };
		}
		/* Bytes behind the answer belong to nothing: whoever sends them is not asked again on this connection. */
		if (at < (size_t)got)
			http.answer.keep_alive = 0;
		if (http.head_done && order->image && (rc = http.done ? HTTP_done : set_time(order, &rate, &patience)) < 0)
			return explain(rc, order, why);
	}
	if (order->image ? order->done != order->bytes : order->done == 0)
		return fail(why, EV_net_size, 0, 1);
	return 0;
}

int
exchange(struct host *host, struct order *order, const struct patience *p, struct failure *why)
{
	int rc, reused, any;

	order->retry_after_ms = 0;
	do {
		any = 0;
		rc = conn_open(host, p, &reused, why);
		if (rc != 0)
			break;
		rc = send_request(host, order, p);
		/* A host that refuses early may close while we send: its answer may be there all the same. */
		if (rc == 0 || rc == -ECONNRESET)
			rc = receive(order, p, &any, why);
		else
			rc = explain(rc, order, why);
		if (rc == 0 && http.answer.keep_alive) {
			conn_keep();
			return 0;
		}
		conn_close();
		/* A kept connection that turns out to be gone is no failure of the host's: once more, on a fresh one. */
	} while (rc == -EIO && reused && !any && why->event == EV_net_short);
	/* Nobody answered in an image's time: the next host's turn. */
	if (rc == -EIO && order->image && patience_left(p) == 0 && (why->event == EV_net_connect || why->event == EV_net_slow))
		why->lasting = 1;
	return rc;
}
