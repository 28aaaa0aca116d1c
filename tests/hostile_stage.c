/*
 * Starts the shipped programs as init does and plays the others with legal messages up to where a test begins to lie.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "doc_texts.h"
#include "hostile_run.h"
#include "hostile_stage.h"
#include "msg_samples.h"

enum { PATIENCE_S = 30 };

static void
pair_of(int pair[2])
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };	/* who waits for what never comes fails */

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
}

static pid_t
start(const char *path, const int *fds, unsigned n)
{
	char *const argv[] = { (char *)(uintptr_t)path, NULL }, *const envp[] = { NULL };
	pid_t pid = fork();

	assert_true(pid >= 0 && n > 0);
	if (pid > 0)
		return pid;
	hostile_give(fds, n, fds[n - 1]);	/* there is no /dev/null here; 0 to 2 are not used */
	(void)execve(path, argv, envp);
	_exit(116);
}

static void
blank(struct stage *s)
{
	memset(s, 0, sizeof *s);
	for (unsigned p = 0; p < PEER_COUNT; p++)
		s->end[p] = -1;
	s->lane = s->console = s->disk = -1;
}

int
stage_wait(struct stage *s)
{
	int status;

	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	s->pid = 0;
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

int
stage_down(struct stage *s)
{
	for (unsigned p = 0; p < PEER_COUNT; p++)
		if (s->end[p] >= 0)
			(void)close(s->end[p]);
	if (s->lane >= 0)
		(void)close(s->lane);
	if (s->console >= 0)
		(void)close(s->console);
	return s->pid != 0 ? stage_wait(s) : 0;
}

int
stage_say_raw(int socket, uint32_t id, const void *body, size_t body_bytes, const int *fds, unsigned nfds)
{
	struct msg_head head = { .id = id };
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)];
	} control;
	struct iovec iov[2] = { { &head, sizeof head }, { (void *)(uintptr_t)body, body_bytes } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	if (nfds > 0) {
		memset(&control, 0, sizeof control);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * nfds);
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
	}
	return sendmsg(socket, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

void
stage_say(const struct stage *s, enum peer as, uint32_t id, const void *body, const int *fds)
{
	assert_int_equal(chan_send(s->end[as], id, body, fds), 0);
}

void
stage_hear(const struct stage *s, enum peer as, uint32_t id, struct frame *frame)
{
	assert_int_equal(chan_recv(s->end[as], frame), 1);
	if (frame->id != id)
		fail_msg("%s was sent %s, not %s", peer_name(as), msg_table[frame->id].name, msg_table[id].name);
}

unsigned
stage_hear_end(const struct stage *s, enum peer as)
{
	static struct frame frame;
	unsigned n = 0;
	int rc;

	while ((rc = chan_recv(s->end[as], &frame)) == 1) {
		n += frame.nfds;
		frame_close(&frame);
	}
	assert_true(rc == 0 || rc == -ECONNRESET);
	return n;
}

unsigned
stage_drain(const struct stage *s, enum peer as)
{
	static struct frame frame;
	unsigned n = 0;
	char c;

	if (s->end[as] < 0)
		return 0;
	while (recv(s->end[as], &c, 1, MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC) > 0 && chan_recv(s->end[as], &frame) == 1) {
		n += frame.nfds;
		frame_close(&frame);
	}
	return n;
}

unsigned
stage_holds(pid_t pid, const char *name)
{
	char path[64], to[128], want[64];
	unsigned n = 0;

	(void)snprintf(want, sizeof want, "/memfd:%s ", name);
	for (unsigned fd = 0; fd < 64; fd++) {
		ssize_t len;

		(void)snprintf(path, sizeof path, "/seen/%d/fd/%u", (int)pid, fd);
		len = readlink(path, to, sizeof to - 1);
		if (len < 0) {
			assert_int_equal(errno, ENOENT);	/* not EACCES: a look that cannot see finds nothing */
			continue;
		}
		to[len] = '\0';
		n += strncmp(to, want, strlen(want)) == 0;
	}
	return n;
}

/* --- the broker's boot --- */

/* Until the broker has printed this: then it has handled what led to it. */
static void
printed(const struct stage *s, const char *text)
{
	static char got[16384];
	size_t have = 0;

	for (got[0] = '\0'; strstr(got, text) == NULL; got[have] = '\0') {
		ssize_t n = read(s->console, got + have, sizeof got - 1 - have);

		assert_true(n > 0);
		have += (size_t)n;
	}
}

static void
started(struct stage *s, enum peer program)
{
	static struct frame frame;
	struct msg_init_started body = { .program = program };
	int pair[2];

	stage_hear(s, PEER_init, MSG_broker_start, &frame);
	assert_int_equal(((const struct msg_broker_start *)(const void *)frame.body)->program, program);
	pair_of(pair);
	assert_int_equal(fcntl(pair[1], F_SETFL, O_RDWR | O_NONBLOCK), 0);
	s->end[program] = pair[0];
	stage_say(s, PEER_init, MSG_init_started, &body, &pair[1]);
	(void)close(pair[1]);
}

#define SAY(as, name) do { struct msg_##name body_ = sample_##name(); stage_say(s, PEER_##as, MSG_##name, &body_, NULL); } while (0)
#define HEAR(as, name) stage_hear(s, PEER_##as, MSG_##name, &frame)

static void
ends(struct stage *s, enum peer program)
{
	assert_int_equal(stage_hear_end(s, program), 0);
	(void)close(s->end[program]);
	s->end[program] = -1;
}

/* The cache is surveyed; the config has an org.  1: this is where to stop. */
static int
drive_online(struct stage *s, enum phase_no phase)
{
	static struct frame frame;

	started(s, PEER_link);
	if (phase == PHASE_NO_LINK)
		return 1;
	SAY(link, link_lease);
	HEAR(init, link_lease);
	SAY(init, init_linked);
	ends(s, PEER_link);
	started(s, PEER_net);
	HEAR(crypto, broker_ask);
	if (phase == PHASE_NO_ASK)
		return 1;
	SAY(crypto, crypto_ticket);
	HEAR(crypto, broker_next);
	return 0;
}

static void
drive(struct stage *s, enum phase_no phase)
{
	static struct frame frame;

	started(s, PEER_crypto);
	if (phase == PHASE_NO_CLOSE)
		return;
	SAY(crypto, crypto_closed);
	started(s, PEER_kexec);
	started(s, PEER_store);
	HEAR(store, broker_survey);
	if (phase == PHASE_NO_SURVEY)
		return;
	SAY(store, store_offered);
	HEAR(crypto, store_offered);
	SAY(crypto, crypto_surveyed);
	if (drive_online(s, phase))
		return;
	SAY(crypto, crypto_chosen);
	printed(s, "bytes to fetch");
	if (phase == PHASE_NO_SUPPLY)
		return;
	SAY(crypto, crypto_supplied);
	printed(s, "[5/9]");
	if (phase == PHASE_NO_VERIFY)
		return;
	SAY(crypto, crypto_verified);
	HEAR(store, broker_record);
	ends(s, PEER_net);
	if (phase == PHASE_NO_RECORD)
		return;
	SAY(store, store_recorded);
	HEAR(crypto, broker_load);
	if (phase == PHASE_NO_LOAD)
		return;
	{
		struct msg_kexec_loaded loaded = { .error = 0 };

		stage_say(s, PEER_kexec, MSG_kexec_loaded, &loaded, NULL);
	}
	HEAR(crypto, kexec_loaded);
	SAY(crypto, crypto_wiped);
	printed(s, "[8/9]");
}

void
stage_broker(struct stage *s, enum phase_no phase)
{
	int config = memfd_create("config", MFD_CLOEXEC), pair[2], console[2];

	blank(s);
	pair_of(pair);
	assert_true(config >= 0);
	assert_int_equal(write(config, sample_config, sizeof sample_config - 1), (ssize_t)sizeof sample_config - 1);
	assert_int_equal(pipe2(console, O_CLOEXEC), 0);
	s->end[PEER_init] = pair[0];
	s->console = console[0];
	s->pid = start("/bin/broker", (int[]){ pair[1], config, console[1] }, 3);
	(void)close(pair[1]);
	(void)close(config);
	(void)close(console[1]);
	drive(s, phase);
}

void
stage_store(struct stage *s, int disk)
{
	int pair[2];

	blank(s);
	pair_of(pair);
	s->end[PEER_broker] = pair[0];
	s->pid = start("/bin/store-worker", (int[]){ pair[1], disk }, 2);
	(void)close(pair[1]);
}

void
stage_kexec(struct stage *s)
{
	int pair[2], lane[2];

	blank(s);
	pair_of(pair);
	pair_of(lane);
	assert_int_equal(shutdown(lane[1], SHUT_WR), 0);
	s->end[PEER_broker] = pair[0];
	s->lane = lane[0];
	s->pid = start("/bin/kexec-worker", (int[]){ pair[1], lane[1] }, 2);
	(void)close(pair[1]);
	(void)close(lane[1]);
}
