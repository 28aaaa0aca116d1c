/*
 * kexec-worker: loads what crypto-worker hands over and jumps, or reboots.
 * The only program with CAP_SYS_BOOT.  It cannot read, map, open or write: the kernel alone reads what it is given.
 * Distrusts the broker: what is loaded comes by the lane, which the broker does not hold; go and reboot are all that it can say.
 */
#include <errno.h>
#include <linux/reboot.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine.h"
#include "exits.h"
#include "memfd.h"
#include "recv.h"

enum { CHANNEL = 3, LANE = 4 };	/* policy/peer.def */

static struct admit_state state;
static struct frame frame;

static void
on_crypto_handover(const struct msg_crypto_handover *body)
{
	struct msg_kexec_loaded answer = { 0 };

	if (memfd_check(frame.fds[0], FD_handover, 0, UID_crypto, body->kernel_bytes) != 0 ||
	    memfd_check(frame.fds[1], FD_handover, 1, UID_crypto, body->initramfs_bytes) != 0)
		_exit(EXIT_PEER);
	if (syscall(SYS_kexec_file_load, frame.fds[0], frame.fds[1], (unsigned long)body->cmdline_bytes + 1, body->cmdline, 0UL) != 0)
		answer.error = (uint32_t)errno;
	if (worker_send(CHANNEL, &state, MSG_kexec_loaded, &answer, NULL) != 0)
		_exit(EXIT_PEER);
}

/* The kernel's own orderly ways; neither returns when it works. */
static _Noreturn void
leave(unsigned cmd)
{
	(void)syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, cmd, NULL);
	_exit(EXIT_KERNEL);
}

/* 1: handled; 0: nobody will send on this lane any more. */
static int
receive(int fd, enum way way)
{
	enum admit_why why;
	int rc = worker_recv(fd, way, &state, &frame, &why);

	if (rc == 0 && way == WAY_lane)
		return 0;	/* crypto-worker has done its work and is gone */
	if (rc <= 0)
		_exit(rc == 0 ? EXIT_CLOSED : EXIT_PEER);
	if (frame.id == MSG_crypto_handover)
		on_crypto_handover((const struct msg_crypto_handover *)(const void *)frame.body);
	else if (frame.id == MSG_broker_go)
		leave(LINUX_REBOOT_CMD_KEXEC);
	else if (frame.id == MSG_broker_reboot)
		leave(LINUX_REBOOT_CMD_RESTART);
	else
		_exit(EXIT_PEER);
	return 1;
}

int
main(void)
{
	struct pollfd set[2] = { { .fd = CHANNEL, .events = POLLIN }, { .fd = LANE, .events = POLLIN } };
	const char *step;

	if (confine(PEER_kexec, &step) != 0)
		_exit(EXIT_CONFINE);
	admit_init(&state, PEER_kexec);
	for (;;) {
		if (ppoll(set, 2, NULL, NULL) < 0)
			_exit(EXIT_KERNEL);
		if (set[1].revents != 0 && receive(LANE, WAY_lane) == 0)
			set[1].fd = -1;
		if (set[0].revents != 0)
			(void)receive(CHANNEL, WAY_hub);	/* it is 1 or the end */
	}
}
