/*
 * Attacks: out of the memory or the descriptors of crypto-worker, by name, by another number.  Runs in the hostile program.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile_child.h"

enum { MAKERS_MEMFD = 3 };	/* hostile_run.c: the maker keeps it there */

static struct iovec
makers(struct hostile *h)
{
	return (struct iovec){ (void *)(uintptr_t)h->task.key_address, HOSTILE_KEY_BYTES };
}

int
attack_process_vm_readv(struct hostile *h)
{
	struct iovec ours = { h->report.got, HOSTILE_KEY_BYTES }, theirs = makers(h);

	return hostile_got(h, syscall(SYS_process_vm_readv, (long)h->task.maker_pid, &ours, 1L, &theirs, 1L, 0L));
}

int
attack_process_vm_writev(struct hostile *h)
{
	struct iovec ours = { h->report.got, HOSTILE_KEY_BYTES }, theirs = makers(h);

	return hostile_end(syscall(SYS_process_vm_writev, (long)h->task.maker_pid, &ours, 1L, &theirs, 1L, 0L));
}

int
attack_ptrace(struct hostile *h)
{
	pid_t pid = (pid_t)h->task.maker_pid;
	int status;

	if (syscall(SYS_ptrace, (long)PTRACE_SEIZE, (long)pid, 0L, 0L) < 0)
		return errno;
	if (syscall(SYS_ptrace, (long)PTRACE_INTERRUPT, (long)pid, 0L, 0L) < 0 || waitpid(pid, &status, __WALL) != pid)
		return errno;
	/* The raw call stores the word where the fourth argument points. */
	for (unsigned i = 0; i < HOSTILE_KEY_BYTES; i += 8)
		if (syscall(SYS_ptrace, (long)PTRACE_PEEKDATA, (long)pid, h->task.key_address + i, h->report.got + i) < 0)
			return errno;
	return hostile_got(h, HOSTILE_KEY_BYTES);
}

int
attack_pidfd_open(struct hostile *h)
{
	return hostile_end(syscall(SYS_pidfd_open, (long)h->task.maker_pid, 0L));
}

int
attack_pidfd_getfd(struct hostile *h)
{
	long fd = syscall(SYS_pidfd_getfd, h->tool, (long)MAKERS_MEMFD, 0L);

	return hostile_read_all(h, fd);
}

int
attack_pidfd_signal(struct hostile *h)
{
	return hostile_end(syscall(SYS_pidfd_send_signal, h->tool, 0L, NULL, 0L));
}

int
attack_open_maker_mem(struct hostile *h)
{
	char path[40];
	long fd;

	(void)snprintf(path, sizeof path, "/proc/%u/mem", h->task.maker_pid);
	fd = syscall(SYS_open, path, (long)O_RDONLY, 0L);
	if (fd < 0)
		return errno;
	return hostile_got(h, syscall(SYS_pread64, fd, h->report.got, (long)HOSTILE_KEY_BYTES, h->task.key_address));
}

int
attack_kcmp(struct hostile *h)
{
	return hostile_end(syscall(SYS_kcmp, 1L, (long)h->task.maker_pid, (long)KCMP_VM, 0L, 0L));
}

int
attack_kill(struct hostile *h)
{
	return hostile_end(syscall(SYS_kill, (long)h->task.maker_pid, 0L));
}

int
attack_prlimit(struct hostile *h)
{
	struct rlimit none = { 0, 0 };

	(void)h;	/* its own: another uid's would take CAP_SYS_RESOURCE, which not every place to test has */
	return hostile_end(syscall(SYS_prlimit64, 0L, (long)RLIMIT_CORE, &none, NULL));
}

int
attack_userfaultfd(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return hostile_end(syscall(SYS_userfaultfd, (long)O_CLOEXEC));
}

int
attack_perf_event_open(struct hostile *h)
{
	struct perf_event_attr attr;

	(void)h;	/* itself will do */
	memset(&attr, 0, sizeof attr);
	attr.type = PERF_TYPE_SOFTWARE;
	attr.size = sizeof attr;
	attr.config = PERF_COUNT_SW_TASK_CLOCK;
	return hostile_end(syscall(SYS_perf_event_open, &attr, 0L, -1L, -1L, 0L));
}

static const char *
self_fd(int fd)
{
	static char path[40];

	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return path;
}

int
attack_open_self_fd(struct hostile *h)
{
	return hostile_read_all(h, syscall(SYS_open, self_fd(h->prey), (long)O_RDONLY, 0L));
}

int
attack_openat_self_fd(struct hostile *h)
{
	return hostile_read_all(h, syscall(SYS_openat, (long)AT_FDCWD, self_fd(h->prey), (long)O_RDONLY, 0L));
}

int
attack_openat2_self_fd(struct hostile *h)
{
	struct open_how how;

	memset(&how, 0, sizeof how);
	return hostile_read_all(h, syscall(SYS_openat2, (long)AT_FDCWD, self_fd(h->prey), &how, sizeof how));
}

int
attack_dup(struct hostile *h)
{
	return hostile_read_all(h, syscall(SYS_dup, h->prey));
}

int
attack_dup2(struct hostile *h)
{
	return hostile_read_all(h, syscall(SYS_dup2, h->prey, 0L));
}

int
attack_dup3(struct hostile *h)
{
	return hostile_read_all(h, syscall(SYS_dup3, h->prey, 0L, 0L));
}

int
attack_fcntl_dupfd(struct hostile *h)
{
	return hostile_read_all(h, syscall(SYS_fcntl, h->prey, (long)F_DUPFD, 0L));
}

/* The test sends the same descriptors a second time, the memfd first: it gets the lowest free number. */
static int
receive_at_0(struct hostile *h)
{
	static struct frame again;

	if (chan_recv(h->door, &again) != 1 || again.fds[0] != 0)
		return EPROTO;
	return hostile_read_all(h, 0);
}

int
attack_close_game(struct hostile *h)
{
	if (syscall(SYS_close, 0L) != 0)
		return errno;
	return receive_at_0(h);
}

int
attack_close_range(struct hostile *h)
{
	if (syscall(SYS_close_range, 0L, 0L, 0L) != 0)
		return errno;
	return receive_at_0(h);
}

int
attack_fcntl_setfl(struct hostile *h)
{
	return hostile_end(syscall(SYS_fcntl, h->channel, (long)F_SETFL, (long)(O_RDWR | O_ASYNC)));
}

int
attack_fchmod(struct hostile *h)
{
	return hostile_end(syscall(SYS_fchmod, h->prey, 0666L));
}
