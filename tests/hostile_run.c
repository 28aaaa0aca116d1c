/*
 * Runs one hostile program: its descriptors as peer.def lists them, exec as init does it, the prey as crypto-worker sends it; then looks
 * how it ended (by ptrace(2), which sees the registers of what seccomp has killed) and searches all that came out for the key.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chan.h"
#include "hostile_run.h"

enum { FIRST = 3, HIGH = 64, GIVEN_MAX = 5, HANGS_S = 30, SEARCHED = 1 << 16 };

struct rig {
	struct maker maker;
	int channel[2], lane[2], console[2], out[2], prey_out[2], lent[2];	/* [0] the test's */
	int config, disk, file, null;
	int tool, prey;				/* borrowed: what is lent */
	int made;				/* a descriptor that was made to be lent, or -1 */
};

static _Noreturn void
broken(const char *what)
{
	perror(what);
	abort();
}

static void
pair_of(int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		broken("socketpair");
}

static void
pipe_of(int pair[2])
{
	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) != 0)
		broken("pipe2");
}

static void
drop(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* A pipe with the key in it, its end for reading. */
static int
full_pipe(void)
{
	static uint8_t text[HOSTILE_BYTES];
	int pair[2];

	pipe_of(pair);
	memcpy(text + HOSTILE_KEY_AT, hostile_key, HOSTILE_KEY_BYTES);
	if (write(pair[1], text, sizeof text) != (ssize_t)sizeof text)
		broken("pipe");
	(void)close(pair[1]);
	return pair[0];
}

static int
lend(struct rig *r, enum hostile_tool tool)
{
	switch (tool) {
	case TOOL_none:
		return r->maker.kernel;
	case TOOL_out:
		return r->out[1];
	case TOOL_file:
		return r->file;
	case TOOL_in:
		return r->made = full_pipe();
	case TOOL_pidfd:
		return r->made = (int)syscall(SYS_pidfd_open, r->maker.pid, 0U);
	case TOOL_socket:
		return r->made = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	case TOOL_lent:
		return r->lent[1];
	case TOOL_exe:
		return r->made = open("/bin/hostile_kexec_twin", O_RDONLY | O_CLOEXEC);
	}
	return -1;
}

static void
rig_up(struct rig *r, const struct hostile_row *row)
{
	r->made = -1;
	maker_start(&r->maker);
	pair_of(r->channel);
	pair_of(r->lane);
	pair_of(r->lent);
	pipe_of(r->console);
	pipe_of(r->out);
	pipe_of(r->prey_out);
	r->config = open("/bin/hostile_kexec_twin", O_RDONLY | O_CLOEXEC);	/* a file of the image, for reading only */
	r->disk = memfd_create("disk", MFD_CLOEXEC);
	r->file = memfd_create("file", MFD_CLOEXEC);
	r->null = memfd_create("null", MFD_CLOEXEC);		/* there are no devices here */
	r->tool = lend(r, row->tool);
	r->prey = row->prey == PREY_handover ? r->maker.handover : row->prey == PREY_fill ? r->maker.fill : r->prey_out[1];
	if (r->config < 0 || r->disk < 0 || r->file < 0 || r->null < 0 || r->tool < 0 || ftruncate(r->file, 100) != 0)
		broken("rig");
}

static void
rig_down(struct rig *r)
{
	int *all[] = { &r->channel[0], &r->channel[1], &r->lane[0], &r->lane[1], &r->console[0], &r->console[1], &r->out[0], &r->out[1],
		&r->prey_out[0], &r->prey_out[1], &r->lent[0], &r->lent[1], &r->config, &r->disk, &r->file, &r->null, &r->made };

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		drop(all[i]);
	maker_end(&r->maker);
}

/* What init gives, from 3 on. */
static unsigned
given(const struct rig *r, enum peer program, int fds[GIVEN_MAX])
{
	unsigned n = 0;

	fds[n++] = r->channel[1];
	if (program == PEER_kexec)
		fds[n++] = r->lane[1];
	if (program == PEER_store)
		fds[n++] = r->disk;
	if (program == PEER_broker || program == PEER_crypto)
		fds[n++] = r->config;
	if (program == PEER_broker)
		fds[n++] = r->console[1];
	if (program == PEER_crypto) {
		fds[n++] = r->null;	/* no TPM here */
		fds[n++] = r->lane[1];
		fds[n++] = r->maker.kernel;	/* a sealed memfd, as the header's copy is */
	}
	return n;
}

void
hostile_give(const int *fds, unsigned n, int null)
{
	int high[GIVEN_MAX];

	if (n > GIVEN_MAX)
		_exit(110);
	for (unsigned i = 0; i < n; i++)
		if ((high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH)) < 0)
			_exit(111);
	for (int i = 0; i < FIRST; i++)
		if (dup2(null, i) < 0)
			_exit(112);
	for (unsigned i = 0; i < n; i++)
		if (dup2(high[i], FIRST + (int)i) < 0)
			_exit(113);
	if (syscall(SYS_close_range, FIRST + n, ~0U, 0U) != 0)
		_exit(114);
}

/* In the child, as broker/spawn.c does it. */
static _Noreturn void
become(const struct rig *r, enum peer program, enum hostile_mode mode, enum hostile_attack attack)
{
	char path[64], number[16];
	char bare[] = "bare", *argv[] = { path, number, mode == MODE_bare ? bare : NULL, NULL }, *envp[] = { NULL };
	int fds[GIVEN_MAX];
	unsigned n = given(r, program, fds);

	(void)snprintf(path, sizeof path, "/bin/hostile_%s%s", hostile_program(program), mode == MODE_confined ? "" : "_twin");
	(void)snprintf(number, sizeof number, "%u", (unsigned)attack);
	hostile_give(fds, n, r->null);
	(void)alarm(HANGS_S);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0)
		_exit(115);
	(void)execve(path, argv, envp);
	_exit(116);
}

static void
resume(pid_t pid, int signal)
{
	if (ptrace(PTRACE_CONT, pid, NULL, (void *)(uintptr_t)signal) != 0 && errno != ESRCH)
		broken("PTRACE_CONT");
}

static void
watch(pid_t pid, struct hostile_end *end)
{
	struct user_regs_struct regs;
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP)
		broken("the hostile program did not get ready");
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(uintptr_t)(PTRACE_O_TRACEEXIT | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)) != 0)
		broken("PTRACE_SETOPTIONS");
	resume(pid, 0);
	for (;;) {
		if (waitpid(pid, &status, 0) != pid)
			broken("waitpid");
		if (WIFEXITED(status) || WIFSIGNALED(status))
			break;
		if (status >> 16 == PTRACE_EVENT_EXIT) {
			if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) != 0)
				broken("PTRACE_GETREGS");
			end->nr = (long)regs.orig_rax;
			resume(pid, 0);
		} else
			resume(pid, status >> 16 != 0 ? 0 : WSTOPSIG(status));
	}
	end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	end->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static int
contains_key(const uint8_t *text, size_t len)
{
	return memmem(text, len, hostile_key, HOSTILE_KEY_BYTES) != NULL;
}

int
hostile_holds_key(int fd)
{
	static uint8_t text[SEARCHED];
	size_t have = 0;

	for (;;) {
		ssize_t n = pread(fd, text + have, sizeof text - have, (off_t)have);

		if (n < 0 && errno == ESPIPE)
			n = read(fd, text + have, sizeof text - have);
		if (n <= 0 || (have += (size_t)n) == sizeof text)
			break;
	}
	return contains_key(text, have);
}

/* Whatever came down a socket: the report, other bytes, descriptors. */
static void
search_socket(int fd, struct hostile_end *end)
{
	static union {
		struct hostile_report report;
		uint8_t bytes[SEARCHED];
	} in;
	static uint8_t text[SEARCHED];
	size_t have = 0;

	for (;;) {
		union {
			struct cmsghdr head;
			uint8_t bytes[CMSG_SPACE(sizeof(int))];
		} control;
		struct iovec iov = { &in, sizeof in };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
		ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (n <= 0)
			break;
		if (msg.msg_controllen >= CMSG_LEN(sizeof(int)) && control.head.cmsg_type == SCM_RIGHTS) {
			int got;

			memcpy(&got, CMSG_DATA(&control.head), sizeof got);
			end->descriptor |= hostile_holds_key(got);
			(void)close(got);
		}
		if ((size_t)n == sizeof in.report && in.report.magic == HOSTILE_MAGIC) {
			end->reported = 1;
			end->error = in.report.error;
			end->key |= contains_key(in.report.got, in.report.got_bytes);
		} else if (have + (size_t)n <= sizeof text) {
			memcpy(text + have, in.bytes, (size_t)n);
			have += (size_t)n;
		}
	}
	end->key |= contains_key(text, have);
}

struct hostile_end
hostile_run(enum peer program, enum hostile_mode mode, enum hostile_attack attack)
{
	const struct hostile_row *row = &hostile_rows[attack];
	struct hostile_end end = { .nr = -1 };
	struct msg_crypto_handover body = { 0 };
	struct hostile_task task;
	struct rig r;
	pid_t pid;

	rig_up(&r, row);
	task = (struct hostile_task){ .key_address = r.maker.key_address, .maker_pid = (uint32_t)r.maker.pid };
	memcpy(body.cmdline, &task, sizeof task);
	/* As init does: kexec-worker's end is for receiving alone.  The bare twin shows that this is what stops it. */
	if (program == PEER_kexec && mode != MODE_bare && shutdown(r.lane[1], SHUT_WR) != 0)
		broken("shutdown");
	if ((pid = fork()) < 0)
		broken("fork");
	if (pid == 0)
		become(&r, program, mode, attack);
	if (chan_send(program == PEER_kexec ? r.lane[0] : r.channel[0], MSG_crypto_handover, &body, (int[]){ r.tool, r.prey }) != 0 ||
	    chan_send(program == PEER_kexec ? r.lane[0] : r.channel[0], MSG_crypto_handover, &body, (int[]){ r.prey, r.tool }) != 0)
		broken("chan_send");
	watch(pid, &end);
	search_socket(r.channel[0], &end);
	search_socket(r.lane[0], &end);
	search_socket(r.lent[0], &end);
	end.key |= hostile_holds_key(r.console[0]) | hostile_holds_key(r.out[0]) | hostile_holds_key(r.prey_out[0]) |
	    hostile_holds_key(r.file) | hostile_holds_key(r.disk);
	rig_down(&r);
	return end;
}
