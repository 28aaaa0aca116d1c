/*
 * killer's eyes on the system calls: which message a program sends or receives, which wait begins, which program it becomes.
 * On the test's side.  Reads the program's memory at the entry and at the exit of a call.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <time.h>

#include "killer.h"

enum { LONG_S = 10, SHORT_S = 2, TPM_HEAD = 10, FD_TPM = 5, FD_UDP = 5 /* peer.def */ };

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
	else if (t->nr == SYS_sendmsg && t->program == PEER_link && t->args[0] == FD_UDP)
		return at(t, "dhcp", WHEN_before);
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

void
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
