/*
 * Helpers of the hostile-worker tests: frames as wrong as one likes, and a legal body for every message.
 * Outside the wall: plays whoever talks to the tested program.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "msg_samples.h"
#include "peers.h"

enum { RESERVED_FIRST = 3, RESERVED_LAST = 8, ALARM_S = 300, FDS_SENT_MAX = 8 };

void
peer_place(int fd, int at)
{
	assert_int_equal(dup2(fd, at), at);
	assert_int_equal(close(fd), 0);
}

void
peer_reserve(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		abort();
	for (int fd = RESERVED_FIRST; fd <= RESERVED_LAST; fd++)
		if (fd != null && dup2(null, fd) != fd)
			abort();
	if (null > RESERVED_LAST)
		(void)close(null);
	(void)alarm(ALARM_S);	/* a program that blocks for ever is a failure, not a pause */
}

void
peer_pair(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK), 0);
}

unsigned
peer_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

int
peer_recv(int fd, struct frame *frame)
{
	int rc = chan_recv(fd, frame);

	return rc == -ECONNRESET ? 0 : rc;
}

int
peer_send(int fd, uint32_t id, uint32_t zero, const void *body, size_t body_bytes, const int *fds, unsigned nfds)
{
	struct msg_head head = { .id = id, .zero = zero };
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int) * FDS_SENT_MAX)];
	} control = { .bytes = { 0 } };
	struct iovec iov[2] = { { &head, sizeof head }, { (void *)(uintptr_t)body, body_bytes } };
	struct msghdr hdr = { .msg_iov = iov, .msg_iovlen = 2 };

	assert_true(nfds <= FDS_SENT_MAX);
	if (nfds > 0) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = (socklen_t)CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * nfds);
		hdr.msg_control = control.bytes;
		hdr.msg_controllen = (socklen_t)CMSG_SPACE(sizeof(int) * nfds);
	}
	return sendmsg(fd, &hdr, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int
peer_say_raw(int fd, uint32_t id, uint32_t zero, const void *body, size_t body_bytes, unsigned nfds)
{
	int fds[FDS_SENT_MAX] = { 0 }, rc;

	assert_true(nfds <= FDS_SENT_MAX);
	for (unsigned i = 0; i < nfds; i++)
		fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
	rc = peer_send(fd, id, zero, body, body_bytes, fds, nfds);
	for (unsigned i = 0; i < nfds; i++)
		(void)close(fds[i]);
	return rc;
}

void
peer_say(int fd, uint32_t id, const void *body)
{
	assert_int_equal(peer_say_raw(fd, id, 0, body, msg_table[id].size, fd_kind_count(msg_table[id].fd)), 0);
}

static void
evil(void *out, size_t len_bytes)
{
	static const char text[] = PEER_EVIL;

	for (size_t i = 0; i < len_bytes; i++)
		((char *)out)[i] = text[i % (sizeof text - 1)];
}

void
peer_sample(uint32_t id, union peer_body *s)
{
	memset(s, 0, sizeof *s);
#define MSG(name, id_, from, to, way, answers, under, max, fd, phases, next) if (id == MSG_##name) s->name = sample_##name();
#include "msg.def"
	if (id == MSG_crypto_closed)
		evil(s->crypto_closed.node, sizeof s->crypto_closed.node);
	else if (id == MSG_crypto_node)
		evil(s->crypto_node.node, sizeof s->crypto_node.node);
	else if (id == MSG_crypto_refused || id == MSG_crypto_chosen || id == MSG_crypto_rejected || id == MSG_crypto_verified ||
	    id == MSG_crypto_get || id == MSG_crypto_keep || id == MSG_crypto_ticket || id == MSG_crypto_enrolled)
		evil(s->bytes, ID_BYTES);	/* an id comes first in all of them, or a candidate, and an id in it */
	else if (id == MSG_broker_record)
		evil(s->broker_record.id, sizeof s->broker_record.id);
}
