/*
 * net-link: waits for the interface, gets it an address, says one thing and ends.  Behind the wall's outer side: it may be lost and replaced.
 * Distrusts whatever is on the wire.  It has one UDP socket and the kernel's news (policy/peer.def); init alone can change an interface,
 * and looks at the lease before it does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "confine.h"
#include "exits.h"
#include "link.h"
#include "recv.h"

static struct doc_config config;
static struct netif interface;
static struct dhcp_client dhcp;
static struct admit_state state;

static uint64_t
now_ms(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		_exit(EXIT_KERNEL);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint32_t
fresh_random(void)
{
	uint32_t r;

	if (getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r)
		_exit(EXIT_KERNEL);
	return r;
}

static _Noreturn void
failed(enum event event, uint32_t detail)
{
	struct msg_link_failed body = { .event = event, .detail = detail };

	_exit(worker_send(GIVEN_link_channel, &state, MSG_link_failed, &body, NULL) == 0 ? EXIT_CLOSED : EXIT_PEER);
}

static _Noreturn void
leased(int rc, const struct msg_link_lease *lease, enum event otherwise)
{
	if (rc != 0)
		failed(otherwise, 0);
	_exit(worker_send(GIVEN_link_channel, &state, MSG_link_lease, lease, NULL) == 0 ? EXIT_CLOSED : EXIT_PEER);
}

/* What came, or 0: nothing, or nothing of that sender's.  Longer ones are cut and not looked at. */
static size_t
take(int fd, uint8_t *out, size_t cap_bytes, void *from, socklen_t from_bytes)
{
	struct iovec iov = { out, cap_bytes };
	struct msghdr hdr = { .msg_name = from, .msg_namelen = from_bytes, .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = recvmsg(fd, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	return n < 0 || (hdr.msg_flags & MSG_TRUNC) != 0 || hdr.msg_namelen != from_bytes ? 0 : (size_t)n;
}

/* Sleeps until a socket has something or the time has come; the broker has nothing to say but its end. */
static void
wait_until(uint64_t ms, int *udp, int *news)
{
	struct pollfd set[] = { { .fd = GIVEN_link_channel, .events = POLLIN }, { .fd = GIVEN_link_netlink, .events = POLLIN },
		{ .fd = GIVEN_link_udp, .events = POLLIN } };
	uint64_t now = now_ms(), wait = ms > now ? ms - now : 0;
	struct timespec t = { .tv_sec = (time_t)(wait / 1000), .tv_nsec = (long)(wait % 1000) * 1000000 };
	int n = ppoll(set, udp != NULL ? 3 : 2, &t, NULL);

	if (n < 0 && errno != EINTR)
		_exit(EXIT_KERNEL);
	if (n > 0 && set[0].revents != 0)
		_exit(EXIT_CLOSED);
	*news = n > 0 && set[1].revents != 0;
	if (udp != NULL)
		*udp = n > 0 && set[2].revents != 0;
}

/* What the kernel has said until now. */
struct news {
	int address;	/* 1: the interface has one */
	int carrier;	/* 1: it has one, 0: not; -1: nothing said */
	int lost;	/* 1: there was too much, and some is lost */
	unsigned count;	/* of what came */
};

static void
take_news(uint32_t index, struct news *news)
{
	static uint8_t bytes[32768];	/* more than the kernel puts into one */

	*news = (struct news){ .carrier = -1 };
	for (;;) {
		struct sockaddr_nl from = { 0 };
		size_t n;

		errno = 0;
		n = take(GIVEN_link_netlink, bytes, sizeof bytes, &from, sizeof from);
		if (n > 0 && from.nl_pid == 0) {
			int carrier = news_has_carrier(bytes, n, index);

			news->count++;
			news->address |= news_has_address(bytes, n, index);
			news->carrier = carrier >= 0 ? carrier : news->carrier;
		}
		if (n == 0 && errno == ENOBUFS)
			news->lost = 1;
		else if (n == 0 && errno != EINTR)
			return;
	}
}

static int
ask_kernel(uint8_t *question, size_t len_bytes)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct iovec iov = { question, len_bytes };
	struct msghdr hdr = { .msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = &iov, .msg_iovlen = 1 };

	return sendmsg(GIVEN_link_netlink, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len_bytes ? 0 : -errno;
}

static int more_news;	/* 1: has_carrier() has read past news, maybe of an interface that had been asked about before */

/* The answer is there when the question is sent. */
static int
has_carrier(uint32_t index)
{
	uint8_t question[NEWS_ASK_CARRIER_BYTES];
	struct news news;

	news_ask_carrier(question, index);
	do {
		if (ask_kernel(question, sizeof question) != 0)
			return 0;
		take_news(index, &news);
		more_news |= news.lost || news.count > 1;
	} while (news.lost);
	return news.carrier == 1;
}

static void
wait_for_interface(void)
{
	uint64_t over = now_ms() + 1000 * config.link_wait_s;
	enum found found;
	int woken;

	for (;;) {
		struct news news;

		more_news = 0;
		found = link_find(GIVEN_link_udp, &config, has_carrier, &interface);
		if (found == FOUND_up)
			return;
		if (now_ms() >= over)
			failed(found == FOUND_none ? EV_net_interface : EV_net_no_link, 0);
		if (more_news)
			continue;	/* nothing would wake us for it again */
		wait_until(over, NULL, &woken);
		if (woken)
			take_news(0, &news);	/* that something is new is all that matters */
	}
}

/* A socket that is bound already stays so: by the net-link that was before this one. */
static void
bind_to_interface(void)
{
	char name[INTERFACE_BYTES] = "";
	socklen_t n = sizeof name;
	int error;

	if (setsockopt(GIVEN_link_udp, SOL_SOCKET, SO_BINDTODEVICE, interface.name, sizeof interface.name) == 0)
		return;
	error = errno;
	if (getsockopt(GIVEN_link_udp, SOL_SOCKET, SO_BINDTODEVICE, name, &n) != 0 || strncmp(name, interface.name, sizeof name) != 0)
		failed(EV_net_interface, (uint32_t)error);
}

/* What cannot be sent now is sent again in time. */
static void
broadcast(const struct dhcp_ask *ask)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(DHCP_SERVER_PORT), .sin_addr.s_addr = htonl(INADDR_BROADCAST) };
	uint8_t packet[DHCP_SENT];
	struct iovec iov = { packet, sizeof packet };
	struct msghdr hdr = { .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov, .msg_iovlen = 1 };

	dhcp_build(ask, packet);
	(void)sendmsg(GIVEN_link_udp, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static _Noreturn void
run_dhcp(void)
{
	struct msg_link_lease lease;
	struct dhcp_reply reply;
	struct dhcp_ask ask;
	enum event over;
	struct news news;
	int udp, woken;

	bind_to_interface();
	dhcp_start(&dhcp, interface.mac, config.dhcp_routes == ROUTES_take, now_ms(), 1000 * config.net_wait_s, fresh_random());
	while ((over = dhcp_over(&dhcp, now_ms())) == EV_none) {
		uint8_t packet[DHCP_MAX];
		struct sockaddr_in from = { 0 };
		size_t n;

		if (dhcp_send(&dhcp, now_ms(), fresh_random(), &ask))
			broadcast(&ask);
		wait_until(dhcp_due_ms(&dhcp), &udp, &woken);
		if (woken)
			take_news(0, &news);	/* of no use here; but unread it would wake us for ever */
		if (!udp)
			continue;
		n = take(GIVEN_link_udp, packet, sizeof packet, &from, sizeof from);
		if (n > 0 && from.sin_port == htons(DHCP_SERVER_PORT) &&
		    dhcp_hear(&dhcp, now_ms(), fresh_random(), packet, n, &reply))
			leased(link_lease_dhcp(&config, &interface, &reply, &lease), &lease, EV_net_lease);
	}
	failed(over, 0);
}

/* The kernel does it by itself; what it has done before we looked, it says when asked. */
static _Noreturn void
run_ra(void)
{
	uint64_t over = now_ms() + 1000 * config.net_wait_s;
	struct news news = { .lost = 1 };
	uint8_t question[NEWS_ASK_ADDRESSES_BYTES];
	struct msg_link_lease lease;
	int woken;

	news_ask_addresses(question);
	while (now_ms() < over) {
		if (news.lost)
			(void)ask_kernel(question, sizeof question);	/* busy with a former question: that one's answer is as good */
		wait_until(over, NULL, &woken);
		news.lost = 0;
		if (woken)
			take_news(interface.index, &news);
		if (news.address)
			leased(link_lease_ra(&config, &interface, &lease), &lease, EV_net_apply);
	}
	failed(EV_net_no_lease, 0);
}

int
main(void)
{
	static char text[DOC_MAX + 1];
	struct msg_link_lease lease;
	struct doc_error error;
	const char *step;
	ssize_t len = pread(GIVEN_link_config, text, sizeof text, 0);	/* of our own image; parsed only once confined */

	if (confine(PEER_link, &step) != 0)
		_exit(EXIT_CONFINE);
	admit_init(&state, PEER_link);
	if (len < 0 || doc_parse(DOC_config, text, (size_t)len, &config, sizeof config, &error) != 0)
		_exit(EXIT_BUG);
	wait_for_interface();
	switch (link_how(&config)) {
	case HOW_dhcp:
		run_dhcp();
	case HOW_ra:
		run_ra();
	case HOW_static:
		break;
	}
	leased(link_lease_static(&config, &interface, &lease), &lease, EV_net_apply);
}
