/*
 * killer: /init of the kill tests' image.  Stands outside every wall, on the test's side, and is never in a shipped image.
 * Puts a tracer beside PID 1 and becomes the real init (/init.real), unchanged.  The tracer follows every program with ptrace(2),
 * reads the messages that they send and receive, and ends or holds one program at one message.  What it did is one line KILLER.
 * Told by words of the kernel's command line, which PID 1 gets as its environment (words with a dot it would not get):
 *   kill_program=store              whom: init, broker, store, crypto, kexec
 *   kill_message=crypto_want        when: a row of msg.def, any, or tpm_CODE: a TPM command by its hexadecimal code
 *   kill_when=after                 before, after: at its sender; received: at its receiver; routed: at the broker on its way
 *   kill_count=1 kill_times=1       from which match on, and how often
 *   kill_how=kill                   kill: SIGKILL; exit: its next system call is exit_group(2); hang: never goes on; look: nothing
 *   kill_timeouts=0                 after a hang, so many waits of 10 s and more end after 2 s: the deadline's effect without its wait
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <sched.h>
#include <fcntl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "msg.h"

enum when { WHEN_before, WHEN_after, WHEN_received, WHEN_routed, WHEN_COUNT };
enum how { HOW_kill, HOW_exit, HOW_hang, HOW_look, HOW_COUNT };
enum { TASKS = 32, NOBODY = -1, LONG_S = 10, SHORT_S = 2, TPM_HEAD = 10, FD_TPM = 5 /* peer.def */ };

struct task {
	pid_t pid;
	int program, next;	/* enum peer or NOBODY; next: what an execve under way begins */
	int looked, exits, near;
	uint64_t nr, args[6];	/* of the system call under way */
};

static const char *const programs[PEER_COUNT] = { "init", "broker", "store", "crypto", "kexec" };
static const char *const paths[PEER_COUNT] = { "/init.real", "/bin/broker", "/bin/store-worker", "/bin/crypto-worker", "/bin/kexec-worker" };
static const char *const whens[WHEN_COUNT] = { "before", "after", "received", "routed" };
static const char *const hows[HOW_COUNT] = { "kill", "exit", "hang", "look" };

static struct {
	const char *message;
	int program, when, how;
	unsigned count, times, timeouts, seen, done;
	int shorten;
} order;
static struct task tasks[TASKS];

static void __attribute__((format(printf, 1, 2)))
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

static struct task *
running(int program)
{
	for (unsigned i = 0; i < TASKS; i++)
		if (tasks[i].pid != 0 && tasks[i].program == program)
			return &tasks[i];
	return NULL;
}

static int
fetch(pid_t pid, uint64_t at, void *to, size_t len)
{
	struct iovec mine = { to, len }, theirs = { (void *)(uintptr_t)at, len };

	return process_vm_readv(pid, &mine, 1, &theirs, 1, 0) == (ssize_t)len;
}

/* The id of the message that a msghdr of the tracee is about, or MSG_none. */
static uint32_t
message(const struct task *t)
{
	struct msghdr hdr;
	struct iovec first;
	struct msg_head head;

	if (!fetch(t->pid, t->args[1], &hdr, sizeof hdr) || hdr.msg_iovlen < 1 ||
	    !fetch(t->pid, (uint64_t)(uintptr_t)hdr.msg_iov, &first, sizeof first) || first.iov_len != sizeof head ||
	    !fetch(t->pid, (uint64_t)(uintptr_t)first.iov_base, &head, sizeof head) || head.id >= MSG_COUNT)
		return MSG_none;
	return head.id;
}

static void
resume(const struct task *t, int sig)
{
	/* ESRCH: it was killed while it stood; its end is reported next. */
	if (ptrace(PTRACE_SYSCALL, t->pid, NULL, (void *)(uintptr_t)sig) != 0 && errno != ESRCH)
		say("KILLER broken: %s", strerror(errno));
}

/* --- what is done --- */

/* Kills and waits for the end, so that what comes after it comes after it. */
static void
kill_task(struct task *victim)
{
	int status;

	if (kill(victim->pid, SIGKILL) != 0)
		say("KILLER broken: kill: %s", strerror(errno));
	do
		if (waitpid(victim->pid, &status, __WALL) != victim->pid)
			return;
	while (WIFSTOPPED(status));
	victim->pid = 0;
}

/* All but the held one wait anew: with shorter time-outs, see shorten(). */
static void
interrupt_others(const struct task *held)
{
	order.shorten = 1;
	for (unsigned i = 0; i < TASKS; i++)
		if (tasks[i].pid != 0 && &tasks[i] != held)
			(void)ptrace(PTRACE_INTERRUPT, tasks[i].pid, NULL, NULL);
}

/* Does what was ordered at this message.  1: t may go on. */
static int
act(struct task *t, const char *name)
{
	struct task *victim = running(order.program);

	if (victim == NULL) {
		say("KILLER broken: no %s at %s", programs[order.program], name);
		return 1;
	}
	order.done++;
	if (order.how == HOW_look)
		return 1;
	if (order.how == HOW_hang) {
		if (victim != t)
			say("KILLER broken: only who stands at the message can be held");
		say("KILLER held %s at %s %s", programs[order.program], name, whens[order.when]);
		interrupt_others(victim);
		return victim != t;
	}
	if (order.how == HOW_exit) {
		say("KILLER killed %s at %s %s", programs[order.program], name, whens[order.when]);
		victim->exits = 1;
		if (victim == t)
			return 1;
		(void)ptrace(PTRACE_INTERRUPT, victim->pid, NULL, NULL);
		return 0;	/* whoever stands here stays: the machine ends now */
	}
	if (order.program == PEER_init) {
		/* kill(2) says 0 and the kernel drops it: PID 1 takes no fatal signal from its own namespace, pid_namespaces(7). */
		say("KILLER sent SIGKILL to init at %s: %d", name, kill(victim->pid, SIGKILL));
		return 1;
	}
	kill_task(victim);
	say("KILLER killed %s at %s %s", programs[order.program], name, whens[order.when]);
	return victim != t;
}

static int
at(struct task *t, const char *name, enum when when)
{
	if (t->program == NOBODY || (int)when != order.when || order.done >= order.times ||
	    (strcmp(order.message, name) != 0 && strcmp(order.message, "any") != 0))
		return 1;
	return ++order.seen < order.count ? 1 : act(t, name);
}

/* --- what is seen --- */

static int
is_terminal(pid_t pid, uint64_t fd, struct stat *st)
{
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/%d/fd/%llu", pid, (unsigned long long)fd);
	return stat(path, st) == 0 && S_ISCHR(st->st_mode) && (major(st->st_rdev) == 4 || major(st->st_rdev) == 5);
}

/* One line per descriptor that leads to a terminal, with its flags of open(2). */
static void
look(struct task *t)
{
	char path[64], line[64];
	struct dirent *entry;
	struct stat st;
	unsigned total = 0;
	DIR *dir;

	(void)snprintf(path, sizeof path, "/proc/%d/fd", t->pid);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		int fd = entry->d_name[0] == '.' ? -1 : atoi(entry->d_name);
		unsigned flags = 0;
		FILE *info;

		if (fd < 0)
			continue;
		total++;
		if (!is_terminal(t->pid, (uint64_t)fd, &st))
			continue;
		(void)snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", t->pid, fd);
		info = fopen(path, "r");
		while (info != NULL && fgets(line, sizeof line, info) != NULL)
			if (sscanf(line, "flags: %o", &flags) == 1)
				say("KILLER terminal %s %d %u:%u %o", programs[t->program], fd, major(st.st_rdev), minor(st.st_rdev), flags);
		if (info != NULL)
			(void)fclose(info);
	}
	if (dir != NULL)
		(void)closedir(dir);
	say("KILLER looked %s %u", programs[t->program], total);
}

/* Nothing may ask a terminal for input: neither read(2) and its relatives nor ioctl(2), but for init's settings that switch input off. */
static void
watch_read(const struct task *t)
{
	static const uint64_t readers[] = { SYS_read, SYS_pread64, SYS_readv, SYS_preadv, SYS_preadv2, SYS_splice, SYS_ioctl };
	struct stat st;

	if (t->program == PEER_init && t->nr == SYS_ioctl && (t->args[1] == TCGETS || t->args[1] == TCSETS))
		return;
	for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++)
		if (t->nr == readers[i] && is_terminal(t->pid, t->args[0], &st))
			say("KILLER console read by %s, system call %llu", t->program == NOBODY ? "nobody" : programs[t->program],
			    (unsigned long long)t->nr);
}

/* The deadline of a wait that is about to begin is brought near. */
static void
shorten(struct task *t)
{
	struct timespec wait, near = { .tv_sec = SHORT_S };
	struct iovec mine = { &near, sizeof near }, theirs = { (void *)(uintptr_t)t->args[2], sizeof near };

	t->near = 0;
	/* Who waits for the held one: the broker, and for the broker init. */
	if (t->program != (order.program == PEER_broker ? PEER_init : PEER_broker))
		return;
	if (order.timeouts == 0 || t->args[2] == 0 || !fetch(t->pid, t->args[2], &wait, sizeof wait) || wait.tv_sec < LONG_S)
		return;
	if (process_vm_writev(t->pid, &mine, 1, &theirs, 1, 0) != (ssize_t)sizeof near)
		say("KILLER broken: %s", strerror(errno));
	t->near = 1;
}

/* TPM commands are named by their code, at bytes 6 to 9. */
static int
tpm_command(struct task *t, enum when when)
{
	uint8_t head[TPM_HEAD];
	char name[16];

	if (t->program != PEER_crypto || t->args[0] != FD_TPM || t->args[2] < TPM_HEAD || !fetch(t->pid, t->args[1], head, sizeof head))
		return 1;
	(void)snprintf(name, sizeof name, "tpm_%x", (unsigned)head[6] << 24 | (unsigned)head[7] << 16 | (unsigned)head[8] << 8 | head[9]);
	return strcmp(order.message, "any") == 0 ? 1 : at(t, name, when);
}

static int
entered(struct task *t)
{
	char path[24] = "";
	uint32_t id;

	if (order.how == HOW_look)
		watch_read(t);
	if (t->nr == SYS_execve) {
		for (size_t i = 0; i + 1 < sizeof path && fetch(t->pid, t->args[0] + i, &path[i], 1) && path[i] != '\0'; i++)
			;
		for (t->next = PEER_COUNT - 1; t->next >= 0 && strcmp(path, paths[t->next]) != 0; t->next--)
			;
	} else if (t->nr == SYS_recvmsg && order.how == HOW_look && t->program != NOBODY && !t->looked++)
		look(t);
	else if (t->nr == SYS_ppoll && order.shorten)
		shorten(t);
	else if (t->nr == SYS_write)
		return tpm_command(t, WHEN_before);
	else if (t->nr == SYS_sendmsg && (id = message(t)) != MSG_none && msg_table[id].from == t->program)
		return at(t, msg_table[id].name, WHEN_before);
	return 1;
}

static int
left(struct task *t, int64_t result)
{
	uint32_t id;

	if (t->nr == SYS_ppoll && t->near && result == 0)
		order.timeouts -= order.timeouts > 0;
	else if (t->nr == SYS_write && result > 0)
		return tpm_command(t, WHEN_after);
	else if (t->nr == SYS_sendmsg && result > 0 && (id = message(t)) != MSG_none && msg_table[id].from == t->program)
		return at(t, msg_table[id].name, WHEN_after);
	else if (t->nr == SYS_recvmsg && result > 0 && (id = message(t)) != MSG_none)
		return at(t, msg_table[id].name, msg_table[id].to == t->program ? WHEN_received : WHEN_routed);
	return 1;
}

static void
on_syscall(struct task *t)
{
	struct __ptrace_syscall_info info = { 0 };
	int go_on = 1;

	/* ESRCH: killed meanwhile. */
	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, (void *)sizeof info, &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		t->nr = info.entry.nr;
		memcpy(t->args, info.entry.args, sizeof t->args);
		go_on = entered(t);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		go_on = left(t, info.exit.rval);
	/* No signal ends PID 1, not even the tracer's (sig_task_ignored() of the kernel): it makes the call itself. */
	if (t->exits && info.op == PTRACE_SYSCALL_INFO_ENTRY &&
	    ptrace(PTRACE_POKEUSER, t->pid, (void *)offsetof(struct user_regs_struct, orig_rax), (void *)SYS_exit_group) != 0)
		say("KILLER broken: %s", strerror(errno));
	if (go_on)
		resume(t, 0);
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
		if (!WIFSTOPPED(status))
			t->pid = 0;
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
