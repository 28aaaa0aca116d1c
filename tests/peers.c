/*
 * Helpers of the hostile-worker tests: frames as wrong as one likes, legal bodies, and the surroundings of a real broker.
 * Outside the wall: plays whoever talks to the tested program.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker.h"
#include "msg_samples.h"
#include "peers.h"

enum { RESERVED_FIRST = 3, RESERVED_LAST = 8, ALARM_S = 300, SETTLE_MAX = 4000 };

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
peer_say_raw(int fd, uint32_t id, uint32_t zero, const void *body, size_t body_bytes, unsigned nfds)
{
	struct msg_head head = { .id = id, .zero = zero };
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int) * 8)];
	} control = { .bytes = { 0 } };
	struct iovec iov[2] = { { &head, sizeof head }, { (void *)(uintptr_t)body, body_bytes } };
	struct msghdr hdr = { .msg_iov = iov, .msg_iovlen = 2 };
	int fds[8] = { 0 }, rc = 0;

	assert_true(nfds <= 8);
	for (unsigned i = 0; i < nfds; i++)
		fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (nfds > 0) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = (socklen_t)CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * nfds);
		hdr.msg_control = control.bytes;
		hdr.msg_controllen = (socklen_t)CMSG_SPACE(sizeof(int) * nfds);
	}
	if (sendmsg(fd, &hdr, MSG_NOSIGNAL) < 0)
		rc = -errno;
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
	else if (id == MSG_crypto_refused || id == MSG_crypto_chosen || id == MSG_crypto_rejected || id == MSG_crypto_verified)
		evil(s->bytes, ID_BYTES);	/* the candidate comes first in all of them, and the id in it */
	else if (id == MSG_broker_record)
		evil(s->broker_record.id, sizeof s->broker_record.id);
}

/* --- the broker's surroundings --- */

struct broker broker;
struct rig rig;
struct frame got;
union peer_body said;
struct rig_calls calls;

void
drop_end(enum peer peer)
{
	if (rig.end[peer] >= 0)
		(void)close(rig.end[peer]);
	rig.end[peer] = -1;
}

static void
turn(void)
{
	if (rig.ended == RUNS && setjmp(rig.ended_here) == 0)
		calls.run_once(&broker);
}

void
start_answered(uint32_t program)
{
	struct msg_init_started started = { .program = program };
	int pair[2];

	peer_pair(pair);
	assert_int_equal(fcntl(pair[1], F_SETFL, O_RDWR | O_NONBLOCK), 0);	/* as init does */
	drop_end((enum peer)program);	/* init has killed the old one */
	rig.end[program] = pair[0];
	assert_int_equal(chan_send(rig.end[PEER_init], MSG_init_started, &started, &pair[1]), 0);
	(void)close(pair[1]);
}

static void
play_init(void)
{
	while (rig.end[PEER_init] >= 0 && peer_recv(rig.end[PEER_init], &got) == 1) {
		assert_int_equal(msg_check(got.id, got.body), 0);
		if (got.id == MSG_broker_stop)
			rig.stops++;
		else {
			uint32_t program = ((const struct msg_broker_start *)(const void *)got.body)->program;

			assert_int_equal(got.id, MSG_broker_start);
			rig.starts[program]++;
			if (!rig.init_is_slow)
				start_answered(program);
		}
	}
}

/* The broker handles what lies there, and init answers, until nothing lies there. */
void
settle(void)
{
	for (unsigned i = 0; rig.ended == RUNS; i++) {
		struct pollfd set[PEER_COUNT];

		assert_true(i < SETTLE_MAX);
		play_init();
		for (unsigned p = 0; p < PEER_COUNT; p++)
			set[p] = (struct pollfd){ .fd = broker.channel[p], .events = POLLIN };
		if (poll(set, PEER_COUNT, 0) == 0)
			return;
		turn();
	}
}

/* Time passes up to the deadline, and nobody has said anything. */
void
silence(void)
{
	settle();
	broker.deadline_ms = 0;
	turn();
	settle();
}

int
printed(const char *text)
{
	ssize_t n;

	while ((n = read(rig.console, rig.printed + rig.printed_bytes, sizeof rig.printed - 1 - rig.printed_bytes)) > 0)
		rig.printed_bytes += (size_t)n;
	rig.printed[rig.printed_bytes] = '\0';
	for (size_t i = 0; i < rig.printed_bytes; i++)
		assert_true((rig.printed[i] >= ' ' && rig.printed[i] <= '~') || rig.printed[i] == '\r' || rig.printed[i] == '\n');
	assert_null(strstr(rig.printed, "EVIL"));	/* no byte that a worker chose */
	return strstr(rig.printed, text) != NULL;
}

void
say(enum peer from, uint32_t id)
{
	peer_sample(id, &said);
	peer_say(rig.end[from], id, &said);
	settle();
}

void
take(enum peer to, uint32_t id)
{
	assert_int_equal(peer_recv(rig.end[to], &got), 1);
	assert_string_equal(msg_table[got.id].name, msg_table[id].name);
	frame_close(&got);
}

int
is_closed(enum peer peer)
{
	int rc;

	while ((rc = peer_recv(rig.end[peer], &got)) == 1)
		frame_close(&got);
	return rc == 0;
}

/* Nothing at all has come there. */
int
heard_nothing(enum peer peer)
{
	return rig.end[peer] < 0 || peer_recv(rig.end[peer], &got) <= 0;
}

void
close_rig(void)
{
	for (unsigned p = 0; p < PEER_COUNT; p++) {
		drop_end((enum peer)p);
		if (p != PEER_init && broker.channel[p] >= 0)
			(void)close(broker.channel[p]);
	}
	(void)close(rig.console);
	peer_reserve();		/* FD_INIT and FD_CONSOLE are placeholders again */
}

static void
open_rig(void)
{
	int pair[2], console[2];

	rig = (struct rig){ .ended = RUNS };
	memset(&broker, 0, sizeof broker);
	for (unsigned p = 0; p < PEER_COUNT; p++)
		rig.end[p] = -1;
	peer_pair(pair);
	assert_int_equal(fcntl(pair[1], F_SETFL, O_RDWR | O_NONBLOCK), 0);
	rig.end[PEER_init] = pair[0];
	peer_place(pair[1], FD_INIT);
	assert_int_equal(pipe2(console, O_CLOEXEC | O_NONBLOCK), 0);
	rig.console = console[0];
	peer_place(console[1], FD_CONSOLE);
	calls.init(&broker);
	broker.retry_wait_ms = 30000;
	calls.start(&broker);
	settle();
}

void
say_and_take(enum peer from, uint32_t id)
{
	say(from, id);
	take((enum peer)msg_table[id].to, id);
}

void
fill(void)
{
	say_and_take(PEER_crypto, MSG_crypto_want);
	say_and_take(PEER_store, MSG_store_filled);
}

/* The good path up to the beginning of a phase.  STOP: crypto-worker failed in SURVEY. */
void
drive(unsigned phase_no)
{
	static const uint32_t offers[] = { MSG_store_offer, MSG_store_offered };

	open_rig();
	if (phase_no == PHASE_NO_CLOSE)
		return;
	say(PEER_crypto, MSG_crypto_closed);
	take(PEER_store, MSG_broker_survey);
	if (phase_no == PHASE_NO_STOP)
		say(PEER_crypto, MSG_crypto_failed);
	if (phase_no == PHASE_NO_SURVEY || phase_no == PHASE_NO_STOP)
		return;
	for (unsigned i = 0; i < 2; i++)
		say_and_take(PEER_store, offers[i]);
	fill();
	say(PEER_crypto, MSG_crypto_surveyed);
	take(PEER_crypto, MSG_broker_next);
	if (phase_no == PHASE_NO_SUPPLY)
		return;
	say(PEER_crypto, MSG_crypto_chosen);
	fill();
	say(PEER_crypto, MSG_crypto_supplied);
	if (phase_no == PHASE_NO_VERIFY)
		return;
	say(PEER_crypto, MSG_crypto_verified);
	take(PEER_store, MSG_broker_record);
	if (phase_no == PHASE_NO_RECORD)
		return;
	say(PEER_store, MSG_store_recorded);
	take(PEER_crypto, MSG_broker_load);
	if (phase_no == PHASE_NO_LOAD)
		return;
	say_and_take(PEER_kexec, MSG_kexec_loaded);
	say(PEER_crypto, MSG_crypto_wiped);
}
