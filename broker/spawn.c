/*
 * PID 1 starts a program: fork, descriptors, exec.  Inside the wall.
 * The program confines itself before it reads a byte (policy/confine.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exits.h"
#include "init.h"

enum { FIRST = 3, FDS_MAX = 5, HIGH = 32 /* above every target, under RLIMIT_NOFILE */ };

/* In the child.  Sources are moved out of the way first, so that no target overwrites one that is still needed. */
static void
place(int null_fd, const int *fds, unsigned n)
{
	int high[FDS_MAX];

	for (unsigned i = 0; i < n; i++) {
		/* Not fcntl(3): musl's does more than this one call, and the filter permits no more. */
		high[i] = (int)syscall(SYS_fcntl, fds[i], F_DUPFD_CLOEXEC, HIGH);
		if (high[i] < 0)
			_exit(EXIT_KERNEL);
	}
	for (int i = 0; i < FIRST; i++)
		if (dup2(null_fd, i) < 0)
			_exit(EXIT_KERNEL);
	for (unsigned i = 0; i < n; i++)
		if (dup2(high[i], FIRST + (int)i) < 0)
			_exit(EXIT_KERNEL);
	if (syscall(SYS_close_range, FIRST + n, ~0U, 0U) != 0)
		_exit(EXIT_KERNEL);
}

pid_t
spawn(enum peer program, int null_fd, const int *fds, unsigned n)
{
	static const char *const paths[PEER_COUNT] = { [PEER_broker] = "/bin/broker", [PEER_store] = "/bin/store-worker",
		[PEER_crypto] = "/bin/crypto-worker", [PEER_kexec] = "/bin/kexec-worker", [PEER_link] = "/bin/net-link",
		[PEER_net] = "/bin/net-worker" };
	char *const argv[] = { (char *)(uintptr_t)peer_name(program), NULL };
	char *const envp[] = { NULL };
	sigset_t none;
	pid_t pid;

	if (n > FDS_MAX || program >= PEER_COUNT || paths[program] == NULL)
		return -EINVAL;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0)
		return pid;
	(void)sigemptyset(&none);		/* cannot fail */
	if (sigprocmask(SIG_SETMASK, &none, NULL) != 0)
		_exit(EXIT_KERNEL);
	place(null_fd, fds, n);
	(void)execve(paths[program], argv, envp);
	_exit(EXIT_KERNEL);
}
