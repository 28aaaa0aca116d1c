/*
 * killer: /init of the kill tests' image.  Stands outside every wall, on the test's side, and is never in a shipped image.
 * Puts a tracer beside PID 1 and becomes the real init (/init.real), unchanged.  The tracer follows every program with ptrace(2),
 * reads the messages that they send and receive, and ends or holds one program at one message.  What it did is one line KILLER.
 * Told by words of the kernel's command line, which PID 1 gets as its environment (words with a dot it would not get):
 *   kill_program=store              whom: init, broker, store, crypto, kexec, link, net
 *   kill_message=crypto_want        when: a row of msg.def, any, dhcp: what net-link sends, or tpm_CODE: a TPM command by its
 *                                   hexadecimal code
 *   kill_when=after                 before, after: at its sender; received: at its receiver; routed: at the broker on its way
 *   kill_count=1 kill_times=1       from which match on, and how often
 *   kill_how=kill                   kill: SIGKILL; exit: its next system call is exit_group(2); hang: never goes on, and when somebody
 *                                   ends it there is one more line; look: nothing
 *   kill_timeouts=0                 after a hang, so many waits of 10 s and more end after 2 s: the deadline's effect without its wait
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "killer.h"

const char *const programs[PEER_COUNT] = { "init", "broker", "store", "crypto", "kexec", "link", "net" };
const char *const paths[PEER_COUNT] = { "/init.real", "/bin/broker", "/bin/store-worker", "/bin/crypto-worker", "/bin/kexec-worker",
	"/bin/net-link", "/bin/net-worker" };
const char *const whens[WHEN_COUNT] = { "before", "after", "received", "routed" };
static const char *const hows[HOW_COUNT] = { "kill", "exit", "hang", "look" };

struct order order;
struct task tasks[TASKS];

void
say(const char *format, ...)
{
	char line[200];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof line - 2, format, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n > sizeof line - 3)
		n = (int)sizeof line - 3;
	(void)memcpy(line + n, "\r\n", 2);
	(void)!write(STDERR_FILENO, line, (size_t)n + 2);	/* a line that is missing fails the test */
	(void)tcdrain(STDERR_FILENO);	/* the machine may end at once: a panic sends nothing that still waits */
}

static int
word(const char *name, const char *const *list, int count, int otherwise)
{
	const char *value = getenv(name);

	if (value == NULL)
		return otherwise;
	for (int i = 0; i < count; i++)
		if (strcmp(value, list[i]) == 0)
			return i;
	say("KILLER broken: %s=%s", name, value);
	return otherwise;
}

static unsigned
number(const char *name, unsigned otherwise)
{
	const char *value = getenv(name);

	return value != NULL ? (unsigned)strtoul(value, NULL, 10) : otherwise;
}

static struct task *
task_of(pid_t pid)
{
	struct task *spare = NULL;

	for (unsigned i = 0; i < TASKS; i++) {
		if (tasks[i].pid == pid)
			return &tasks[i];
		if (spare == NULL && tasks[i].pid == 0)
			spare = &tasks[i];
	}
	if (spare == NULL) {
		say("KILLER broken: too many processes");
		_exit(1);
	}
	*spare = (struct task){ .pid = pid, .program = NOBODY, .next = NOBODY };
	return spare;
}

struct task *
running(int program)
{
	for (unsigned i = 0; i < TASKS; i++)
		if (tasks[i].pid != 0 && tasks[i].program == program)
			return &tasks[i];
	return NULL;
}

void
resume(const struct task *t, int sig)
{
	/* ESRCH: it was killed while it stood; its end is reported next. */
	if (ptrace(PTRACE_SYSCALL, t->pid, NULL, (void *)(uintptr_t)sig) != 0 && errno != ESRCH)
		say("KILLER broken: %s", strerror(errno));
}

static void
follow(void)
{
	struct task *t;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		int sig = WSTOPSIG(status), event = status >> 16;

		if (pid <= 0)
			continue;
		t = task_of(pid);
		if (!WIFSTOPPED(status)) {
			if (t->held)
				say("KILLER gone %s, signal %d", programs[t->program], WIFSIGNALED(status) ? WTERMSIG(status) : 0);
			t->pid = 0;
		}
		else if (sig == (SIGTRAP | 0x80))
			on_syscall(t);
		else if (event == PTRACE_EVENT_STOP && sig != SIGTRAP)
			(void)ptrace(PTRACE_LISTEN, pid, NULL, NULL);	/* stopped by a signal: stays so */
		else {
			if (event == PTRACE_EVENT_EXEC)
				t->program = t->next;
			resume(t, event != 0 ? 0 : sig);
		}
	}
}

/* Beside PID 1, in a mount namespace of its own: nothing of it is in init's way. */
static _Noreturn void
tracer(int ready)
{
	const uintptr_t options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
	int status;

	if (unshare(CLONE_NEWNS) != 0 || mount("proc", "/proc", "proc", 0, NULL) != 0 ||
	    ptrace(PTRACE_SEIZE, 1, NULL, (void *)options) != 0 || ptrace(PTRACE_INTERRUPT, 1, NULL, NULL) != 0 ||
	    waitpid(1, &status, __WALL) != 1 || !WIFSTOPPED(status)) {
		say("KILLER broken: %s", strerror(errno));
		_exit(1);
	}
	resume(task_of(1), 0);
	(void)!write(ready, "", 1);
	(void)close(ready);
	follow();
	_exit(0);
}

int
main(void)
{
	char *const argv[] = { (char *)(uintptr_t)"/init", NULL };
	char *const envp[] = { (char *)(uintptr_t)"HOME=/", (char *)(uintptr_t)"TERM=linux", NULL };
	int ready[2];
	char byte;
	pid_t pid;

	if (getpid() != 1)
		return 1;	/* never on a machine that is already up */
	order.message = getenv("kill_message") != NULL ? getenv("kill_message") : "none";
	order.program = word("kill_program", programs, PEER_COUNT, PEER_init);
	order.when = word("kill_when", whens, WHEN_COUNT, WHEN_after);
	order.how = word("kill_how", hows, HOW_COUNT, HOW_kill);
	order.count = number("kill_count", 1);
	order.times = number("kill_times", 1);
	order.timeouts = number("kill_timeouts", 0);
	if (pipe2(ready, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		return 1;
	if (pid == 0)
		tracer(ready[1]);
	(void)close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		say("KILLER broken: no tracer");
	(void)execve(paths[PEER_init], argv, envp);
	say("KILLER broken: %s: %s", paths[PEER_init], strerror(errno));
	return 1;
}
