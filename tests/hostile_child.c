/*
 * The hostile program: confines itself as the shipped one does, takes what it is lent, makes one attack, says by its channel what it got.
 * Built once per program with that program's filter and, with -DTWIN, once more with one that permits everything: then it can also be
 * told to stay bare.  The confined build has no way around confine().
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "confine.h"
#include "exits.h"
#include "hostile_child.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define SELF JOIN(PEER_, PROGRAM)

static struct hostile hostile;
static struct frame frame;

#define ATTACK(name, tool, prey, twin, nr, why) [ATTACK_##name] = attack_##name,
#define ATTACK4(name, tool, prey, twin, kexec, broker, store, crypto, why) [ATTACK_##name] = attack_##name,
static int (*const attacks[ATTACK_COUNT])(struct hostile *h) = {
#include "hostile_attacks.h"
};

#ifdef TWIN
#include "steps.h"

const enum peer filter_peer = SELF;

int
filter_load(void)
{
	return 0;
}

/* A /proc of its own: the confined have none. */
static int
stay_bare(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount("proc", "/proc", "proc", 0, NULL) == 0 ? 0 : -errno;
}
#endif

int
hostile_end(long rc)
{
	return rc < 0 ? errno : 0;
}

int
hostile_got(struct hostile *h, long rc)
{
	if (rc < 0)
		return errno;
	h->report.got_bytes = rc < HOSTILE_BYTES ? (uint32_t)rc : HOSTILE_BYTES;
	return 0;
}

int
hostile_read_all(struct hostile *h, long fd)
{
	if (fd < 0)
		return errno;
	return hostile_got(h, syscall(SYS_read, fd, h->report.got, sizeof h->report.got));
}

static void
say(struct hostile *h, int error)
{
	struct iovec iov = { &h->report, sizeof h->report };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	h->report.magic = HOSTILE_MAGIC;
	h->report.error = error;
	if (sendmsg(h->channel, &msg, MSG_NOSIGNAL) < 0)
		_exit(EXIT_KERNEL);
}

static void
take(struct hostile *h)
{
	const struct msg_crypto_handover *body = (const void *)frame.body;

	h->channel = 3;
	h->door = SELF == PEER_kexec ? GIVEN_kexec_lane : 3;
	h->lane = SELF == PEER_kexec ? GIVEN_kexec_lane : SELF == PEER_crypto ? GIVEN_crypto_lane : 3;
	if (chan_recv(h->door, &frame) != 1 || frame.nfds != 2)
		_exit(EXIT_PEER);
	h->tool = frame.fds[0];
	h->prey = frame.fds[1];
	memcpy(&h->task, body->cmdline, sizeof h->task);
}

int
main(int argc, char **argv)
{
	const char *step = "";
	unsigned long number = argc > 1 ? strtoul(argv[1], NULL, 10) : ATTACK_COUNT;

	hostile.channel = 3;
	if (argc > 1 && strcmp(argv[1], "become") == 0) {	/* the attacks by exec arrive here */
		say(&hostile, 0);
		_exit(0);
	}
	if (number >= ATTACK_COUNT)
		_exit(EXIT_BUG);
#ifdef TWIN
	if (argc > 2 && strcmp(argv[2], "bare") == 0) {
		if (stay_bare() != 0)
			_exit(EXIT_CONFINE);
	} else
#endif
	if (confine(SELF, &step) != 0)
		_exit(EXIT_CONFINE);
	take(&hostile);
	say(&hostile, attacks[number](&hostile));
	_exit(0);
}
