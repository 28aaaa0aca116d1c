/*
 * Channels: what comes through exactly, what refuses, and that no refusal keeps a descriptor.
 * Host-side test; plays a peer that sends whatever the kernel lets it send.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "chan.h"
#include "peers.h"

struct pair {
	int a, b;
	unsigned open_before;
};

static struct pair
open_pair(void)
{
	struct pair p = { .open_before = peer_fds() };
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv), 0);	/* nothing there: EAGAIN, no hang */
	p.a = sv[0];
	p.b = sv[1];
	return p;
}

static void
close_pair(struct pair *p)
{
	if (p->a >= 0)
		close(p->a);
	close(p->b);
	assert_int_equal(peer_fds(), p->open_before);
}

/* Sends any bytes with any number of copies of one descriptor, in one or two control messages. */
static void
send_raw(int fd, const void *bytes, size_t n, int passed, unsigned first, unsigned second)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[2 * CMSG_SPACE(sizeof(int) * 8)];
	} control;
	struct iovec iov = { (void *)(uintptr_t)bytes, n };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	const unsigned counts[2] = { first, second };
	uint8_t *at = control.bytes;

	memset(&control, 0, sizeof control);
	for (unsigned i = 0; i < 2 && counts[i] > 0; i++) {
		struct cmsghdr c = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };

		c.cmsg_len = (unsigned)CMSG_LEN(sizeof(int) * counts[i]);
		memcpy(at, &c, sizeof c);
		for (unsigned k = 0; k < counts[i]; k++)
			memcpy(at + CMSG_LEN(0) + k * sizeof(int), &passed, sizeof(int));
		at += CMSG_SPACE(sizeof(int) * counts[i]);
	}
	if (first > 0) {
		hdr.msg_control = control.bytes;
		hdr.msg_controllen = (unsigned)(at - control.bytes);
	}
	assert_int_equal(sendmsg(fd, &hdr, MSG_NOSIGNAL), n);
}

/* A frame of this id with so many bytes of body. */
static size_t
frame_bytes(uint8_t *out, uint32_t id, uint32_t zero, size_t body)
{
	struct msg_head head = { .id = id, .zero = zero };

	memcpy(out, &head, sizeof head);
	for (size_t i = 0; i < body; i++)
		out[sizeof head + i] = (uint8_t)(i * 31 + 7);
	return sizeof head + body;
}

static void
refuses(struct pair *p)
{
	unsigned before = peer_fds();
	struct frame f;

	memset(&f, 0x5a, sizeof f);
	assert_int_equal(chan_recv(p->b, &f), -EBADMSG);
	assert_int_equal(peer_fds(), before);	/* what came is closed */
	assert_int_equal(f.nfds, 0);
	for (unsigned i = 0; i < MSG_FDS_MAX; i++)
		assert_int_equal(f.fds[i], -1);
	assert_int_equal(chan_recv(p->b, &f), -EAGAIN);	/* and nothing is left of it */
}

/* Every row through a channel, with its size and its descriptors. */
static void
every_row(void **state)
{
	static _Alignas(8) uint8_t body[MSG_HANDOVER_MAX];
	struct pair p = open_pair();
	int fds[MSG_FDS_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof body; i++)
		body[i] = (uint8_t)(i * 13 + 5);
	for (unsigned i = 0; i < MSG_FDS_MAX; i++)
		fds[i] = memfd_create("test", 0);	/* not close-on-exec: what arrives must be */
	assert_true(fds[0] >= 0 && fds[1] >= 0);
	assert_int_equal(ftruncate(fds[1], 4711), 0);
	for (uint32_t id = 1; id < MSG_COUNT; id++) {
		unsigned due = fd_kind_count(msg_table[id].fd), before = peer_fds();
		struct frame f;
		struct stat st;
		int taken;

		assert_int_equal(chan_send(p.a, id, body, due > 0 ? fds : NULL), 0);
		assert_int_equal(chan_recv(p.b, &f), 1);
		assert_int_equal(f.id, id);
		assert_int_equal(f.body_bytes, msg_table[id].size);
		assert_memory_equal(f.body, body, f.body_bytes);
		assert_int_equal(f.nfds, due);
		for (unsigned i = 0; i < MSG_FDS_MAX; i++) {
			assert_int_equal(f.fds[i] >= 0, i < due);
			if (i < due)
				assert_true((fcntl(f.fds[i], F_GETFD) & FD_CLOEXEC) != 0);
		}
		assert_int_equal(peer_fds(), before + due);
		if (due == 2) {	/* in order */
			assert_int_equal(fstat(f.fds[1], &st), 0);
			assert_int_equal(st.st_size, 4711);
		}
		taken = due > 0 ? frame_take_fd(&f, 0) : -1;
		frame_close(&f);
		assert_int_equal(peer_fds(), before + (due > 0));	/* what was taken stays open */
		if (taken >= 0)
			assert_int_equal(close(taken), 0);
		if (due == 0)
			continue;
		assert_int_equal(chan_send(p.a, id, body, NULL), -EINVAL);
		assert_int_equal(chan_recv(p.b, &f), -EAGAIN);
	}
	for (unsigned i = 0; i < MSG_FDS_MAX; i++)
		close(fds[i]);
	assert_int_equal(chan_send(p.a, MSG_none, body, NULL), -EINVAL);
	assert_int_equal(chan_send(p.a, MSG_COUNT, body, NULL), -EINVAL);
	close_pair(&p);
}

/* The head and the sizes; without descriptors and with one, which must not stay. */
static void
wrong_sizes(void **state)
{
	static uint8_t bytes[2 * MSG_FRAME_MAX];
	const size_t head = sizeof(struct msg_head);
	struct pair p = open_pair();
	struct frame f;

	(void)state;
	for (unsigned with = 0; with <= 2; with++) {
		for (size_t n = with == 0 ? 1 : 0; n < head; n++) {	/* less than a head; nothing at all has its own test */
			(void)frame_bytes(bytes, 6, 0, 0);
			send_raw(p.a, bytes, n, p.a, with, 0);
			refuses(&p);
		}
		send_raw(p.a, bytes, frame_bytes(bytes, 6, 1, 8), p.a, with, 0);	/* zero is not zero */
		refuses(&p);
		send_raw(p.a, bytes, frame_bytes(bytes, 6, 0x80000000, 8), p.a, with, 0);
		refuses(&p);
		send_raw(p.a, bytes, frame_bytes(bytes, 6, 0, MSG_HANDOVER_MAX + 1), p.a, with, 0);	/* MSG_TRUNC */
		refuses(&p);
		send_raw(p.a, bytes, frame_bytes(bytes, 6, 0, 2 * MSG_FRAME_MAX - head), p.a, with, 0);
		refuses(&p);
	}
	/* The largest frame, a bare head and an unknown message come through: to judge them is admit()'s. */
	send_raw(p.a, bytes, frame_bytes(bytes, 24, 0, MSG_HANDOVER_MAX), -1, 0, 0);
	assert_int_equal(chan_recv(p.b, &f), 1);
	assert_int_equal(f.body_bytes, MSG_HANDOVER_MAX);
	assert_memory_equal(f.body, bytes + head, MSG_HANDOVER_MAX);
	send_raw(p.a, bytes, frame_bytes(bytes, UINT32_MAX, 0, 0), -1, 0, 0);
	assert_int_equal(chan_recv(p.b, &f), 1);
	assert_int_equal(f.id, UINT32_MAX);
	assert_int_equal(f.body_bytes, 0);
	close_pair(&p);
}

static void
wrong_descriptors(void **state)
{
	uint8_t bytes[64];
	struct pair p = open_pair();
	size_t n = frame_bytes(bytes, MSG_crypto_want, 0, sizeof(struct msg_crypto_want));
	struct frame f;
	int on = 1;

	(void)state;
	/* More than are ever legal, in one control message or two: the kernel cuts, MSG_CTRUNC. */
	for (unsigned first = 1; first <= 8; first++)
		for (unsigned second = 0; second <= 8; second++) {
			if (first + second <= MSG_FDS_MAX)
				continue;
			send_raw(p.a, bytes, n, p.a, first, second);
			refuses(&p);
		}
	/* None, one, or two where one is due: chan_recv() counts, admit() judges. */
	for (unsigned sent = 0; sent <= MSG_FDS_MAX; sent++) {
		struct admit_state s;
		unsigned before = peer_fds();

		admit_init(&s, PEER_store);
		send_raw(p.a, bytes, n, p.a, sent, 0);
		assert_int_equal(chan_recv(p.b, &f), 1);
		assert_int_equal(f.nfds, sent);
		assert_int_equal(admit(&s, PEER_crypto, WAY_hub, f.id, f.body_bytes, f.nfds), sent == 1 ? ADMIT_ok : ADMIT_fds);
		frame_close(&f);
		frame_close(&f);	/* again: nothing of somebody else's is closed */
		assert_int_equal(peer_fds(), before);
	}
	/* A control message of another type: credentials, on a receiver that was made to take them. */
	assert_int_equal(setsockopt(p.b, SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
	send_raw(p.a, bytes, n, -1, 0, 0);
	refuses(&p);
	send_raw(p.a, bytes, n, p.a, 1, 0);
	refuses(&p);
	close_pair(&p);
}

/* No room for descriptors in this process: refused, nothing leaks, and the next frame is fine. */
static void
no_room(void **state)
{
	uint8_t bytes[64];
	struct pair p = open_pair();
	size_t n = frame_bytes(bytes, MSG_crypto_want, 0, sizeof(struct msg_crypto_want));
	int filler[256], count = 0;
	struct rlimit was, few;
	struct frame f;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = 128;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	send_raw(p.a, bytes, n, p.a, 2, 0);
	while (count < 256 && (filler[count] = dup(p.a)) >= 0)
		count++;
	assert_true(count < 256 && errno == EMFILE);
	close(filler[--count]);	/* room for one of the two */
	assert_int_equal(chan_recv(p.b, &f), -EBADMSG);
	filler[count] = dup(p.a);	/* the one that came was closed: its place is free again */
	assert_true(filler[count] >= 0);
	while (count >= 0)
		close(filler[count--]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	send_raw(p.a, bytes, n, p.a, 1, 0);
	assert_int_equal(chan_recv(p.b, &f), 1);
	frame_close(&f);
	close_pair(&p);
}

static void
ends(void **state)
{
	uint8_t bytes[64];
	struct pair p = open_pair();
	struct msg_broker_next body = { 0 };
	struct frame f;

	(void)state;
	assert_int_equal(chan_recv(p.b, &f), -EAGAIN);
	/* An empty datagram cannot be told from the end: whoever sends one is taken for gone.  With a descriptor it is a wrong frame. */
	send_raw(p.a, bytes, 0, -1, 0, 0);
	assert_int_equal(chan_recv(p.b, &f), 0);
	assert_int_equal(f.nfds, 0);
	send_raw(p.a, bytes, 0, p.a, 1, 0);
	refuses(&p);
	/* What was sent before the end still comes, then the end, for good. */
	assert_int_equal(chan_send(p.a, MSG_broker_next, &body, NULL), 0);
	close(p.a);
	p.a = -1;
	assert_int_equal(chan_recv(p.b, &f), 1);
	assert_int_equal(f.id, MSG_broker_next);
	assert_int_equal(chan_recv(p.b, &f), 0);
	assert_int_equal(chan_recv(p.b, &f), 0);
	assert_int_equal(chan_send(p.b, MSG_broker_next, &body, NULL), -EPIPE);	/* and no SIGPIPE */
	assert_int_equal(chan_recv(-1, &f), -EBADF);
	assert_int_equal(chan_send(-1, MSG_broker_next, &body, NULL), -EBADF);
	close_pair(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(wrong_sizes),
		cmocka_unit_test(wrong_descriptors),
		cmocka_unit_test(no_room),
		cmocka_unit_test(ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
