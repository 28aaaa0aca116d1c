/*
 * Runs one system call and learns how it ended, of a process that can only die: by ptrace(2), which sees the registers of a process that
 * seccomp has killed (PTRACE_EVENT_EXIT; siginfo of SECCOMP_RET_KILL_PROCESS goes to a core dump alone).  Tests only.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "death_run.h"

/* The address sanitizer makes a call of its own before a function that does not return. */
#define BARE __attribute__((no_sanitize("address")))

enum { NOBODY = 65534, BLOCKS_MS = 250, HANGS_MS = 5000 };

/* Our own trouble must never look like a verdict. */
static _Noreturn void
broken(const char *what)
{
	perror(what);
	abort();
}

static void
become_nobody(int confined)
{
	int ms = confined ? HANGS_MS : BLOCKS_MS;	/* a call that waits for ever has lived; a confined one is not meant to wait */
	struct itimerval limit = { .it_value = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 } };

	if (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0)
		_exit(111);
	if (setitimer(ITIMER_REAL, &limit, NULL) != 0)
		_exit(114);
}

/* From here on only the one call and exit_group: not even the C library's own may come between. */
BARE static _Noreturn void
call_and_exit(enum entry entry, uint64_t nr, const uint64_t a[6])
{
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];
	uint64_t rax = nr;

	if (entry == ENTRY_syscall)
		__asm__ volatile("syscall" : "+a"(rax), "+r"(r10), "+r"(r8), "+r"(r9) : "D"(a[0]), "S"(a[1]), "d"(a[2]) :
		    "rcx", "r11", "memory");
	else
		__asm__ volatile("int $0x80" : "+a"(rax) : "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4]) : "memory", "r8", "r9",
		    "r10", "r11");
	__asm__ volatile("syscall" : : "a"((long)SYS_exit_group), "D"(0L) : "rcx", "r11", "memory");
	for (;;)
		__builtin_trap();
}

BARE static _Noreturn void
child(const struct filter *const *filters, enum entry entry, uint64_t nr, const uint64_t args[6])
{
	for (int s = 1; s < NSIG; s++)
		(void)signal(s, SIG_DFL);	/* cmocka's handlers would go on with the tests in here; KILL and STOP refuse */
	become_nobody(*filters != NULL);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(112);
	if (raise(SIGSTOP) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) != 0)
		_exit(113);
	for (; *filters != NULL; filters++) {
		struct sock_fprog program = { (*filters)->length, (struct sock_filter *)(uintptr_t)(*filters)->code };

		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0U, &program) != 0)
			__builtin_trap();	/* SIGILL: no verdict of any test */
	}
	call_and_exit(entry, nr, args);
}

static void
resume(pid_t pid, int signal)
{
	if (ptrace(PTRACE_CONT, pid, NULL, (void *)(uintptr_t)signal) != 0 && errno != ESRCH)
		broken("PTRACE_CONT");
}

struct end
death_run(const struct filter *const *filters, enum entry entry, uint64_t nr, const uint64_t args[6])
{
	struct end end = { 0, -1 };
	struct user_regs_struct regs;
	int status;
	pid_t pid = fork();

	if (pid < 0)
		broken("fork");
	if (pid == 0)
		child(filters, entry, nr, args);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP)
		broken("the child did not get ready");
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(uintptr_t)(PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL)) != 0)
		broken("PTRACE_SETOPTIONS");
	resume(pid, 0);
	for (;;) {
		if (waitpid(pid, &status, 0) != pid)
			broken("waitpid");
		if (WIFEXITED(status) || WIFSIGNALED(status))
			break;
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8)) {
			if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) != 0)
				broken("PTRACE_GETREGS");
			end.nr = (long)regs.orig_rax;
			resume(pid, 0);
		} else
			resume(pid, WSTOPSIG(status));
	}
	end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return end;
}

int
death_has_int80(void)
{
	static const struct filter *const none[] = { NULL };
	const uint64_t args[6] = { 0 };

	return death_run(none, ENTRY_int80, 20, args).signal == 0;	/* 20: getpid of i386 */
}
