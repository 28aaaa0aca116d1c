/*
 * A program that does nothing but confine itself with what a program of the image links, and wait.  For unit_confine, compiled once per
 * program with -DPROGRAM=kexec and the like, static-pie against musl as in the image.
 *
 * Its channel is descriptor 3: it sends struct confined_says, then waits for a byte.  As init it starts the others when told 's', gives
 * CAP_SYS_BOOT up when told 'd' and CAP_NET_ADMIN when told 'n', and says so in the same struct.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"
#include "confined.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

enum { CHANNEL = 3, HIGH = 64 };

static void
say(const struct confined_says *says)
{
	struct iovec iov = { (void *)(uintptr_t)says, sizeof *says };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (sendmsg(CHANNEL, &hdr, MSG_NOSIGNAL) != (ssize_t)sizeof *says)
		_exit(1);
}

/* 0: the other end is closed. */
static int
hear(int fd)
{
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };

	return recvmsg(fd, &hdr, MSG_CMSG_CLOEXEC) == 1 ? byte : 0;
}

/* As spawn() of init does it: descriptors out of the way, to their numbers, exec.  All that is not the channel is /dev/null. */
static pid_t
start(enum peer program, int null_fd, int channel)
{
	static char *const paths[PEER_COUNT] = { NULL, "/bin/confined-broker", "/bin/confined-store", "/bin/confined-crypto",
		"/bin/confined-kexec", "/bin/confined-link", "/bin/confined-net" };
	char *const argv[] = { paths[program], NULL }, *const envp[] = { NULL };
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	channel = fcntl(channel, F_DUPFD_CLOEXEC, HIGH);
	null_fd = fcntl(null_fd, F_DUPFD_CLOEXEC, HIGH);	/* dup2() onto itself would leave it close-on-exec */
	for (int fd = 0; fd < (int)confine_given(program); fd++)
		if (dup2(fd == CHANNEL ? channel : null_fd, fd) < 0)
			_exit(2);
	(void)execve(paths[program], argv, envp);
	_exit(3);
}

/* What the worker says goes on to the test, with its pid. */
static void
start_all(int null_fd)
{
	for (enum peer p = PEER_broker; p < PEER_COUNT; p++) {
		struct confined_says says = { .peer = p, .rc = -ECHILD };
		int pair[2];
		pid_t pid;
		struct iovec iov = { &says, sizeof says };
		struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
			_exit(4);
		pid = start(p, null_fd, pair[1]);
		(void)close(pair[1]);
		if (recvmsg(pair[0], &hdr, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof says)
			says = (struct confined_says){ .peer = p, .rc = -ECHILD };
		says.pid = pid;
		say(&says);
		/* pair[0] stays open: the worker ends when we do. */
	}
}

/* "leak": init keeps its channel inheritable.  "other": claims to be another program than the one whose filter is linked in. */
int
main(int argc, char **argv)
{
	enum peer self = JOIN(PEER_, PROGRAM);
	struct confined_says says = { .peer = self };
	const char *step = "", *how = argc > 1 ? argv[1] : "";
	int null_fd = self == PEER_init ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1, heard;

	if (self == PEER_init && strcmp(how, "leak") != 0 && fcntl(CHANNEL, F_SETFD, FD_CLOEXEC) != 0)
		_exit(5);
	says.rc = confine(strcmp(how, "other") == 0 ? (enum peer)((self + 1) % PEER_COUNT) : self, &step);
	(void)snprintf(says.step, sizeof says.step, "%s", step);
	say(&says);
	if (says.rc != 0)
		_exit(70);
	while ((heard = hear(CHANNEL)) != 0) {
		if (heard == 's')
			start_all(null_fd);
		if (heard == 'd' || heard == 'n') {
			says.rc = heard == 'd' ? confine_drop_boot() : confine_drop_net();
			say(&says);
		}
	}
	_exit(0);
}
