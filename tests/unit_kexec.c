/*
 * The shipped kexec-worker, confined as it is, between a broker and a crypto-worker that lie.  Outside the wall; needs root.
 *
 * It holds CAP_SYS_BOOT, and broker_go and broker_reboot are all that it takes to use it: the one function that sends here refuses
 * both, and every worker runs as process 1 of a PID namespace of its own, where reboot(2) ends that namespace and nothing else.  The kernels that it
 * is given are zeros, which no kexec_file_load(2) takes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exits.h"
#include "memfd.h"
#include "peers.h"

enum { KERNEL_BYTES = 5000, INITRAMFS_BYTES = 3000, CHANNEL = 3, LANE = 4, HIGH = 32, NOT_STARTED = 99, SIGNALLED = 128 };

static const char *program = "build/bin/kexec-worker";
static char root[] = "/tmp/unit_kexec.XXXXXX";
static int channel = -1, lane = -1;
static pid_t helper;
static struct frame got;

/* In the helper's child, process 1 of its namespace: a root that holds /empty alone, the descriptors of peer.def, and no way back. */
static _Noreturn void
become_the_worker(int binary, int its_channel, int its_lane)
{
	char *argv[] = { "kexec-worker", NULL }, *envp[] = { NULL };
	int null = open("/dev/null", O_RDWR);

	if (getpid() != 1 || null < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("root", root, "tmpfs", 0, "size=64k,mode=0755") != 0 || chdir(root) != 0 || mkdir("empty", 0555) != 0 ||
	    chroot(".") != 0 || chdir("/") != 0)
		_exit(NOT_STARTED);
	null = fcntl(null, F_DUPFD, HIGH);
	its_channel = fcntl(its_channel, F_DUPFD, HIGH);
	its_lane = fcntl(its_lane, F_DUPFD, HIGH);
	binary = fcntl(binary, F_DUPFD_CLOEXEC, HIGH);
	for (int fd = 0; fd < CHANNEL; fd++)
		if (dup2(null, fd) != fd)
			_exit(NOT_STARTED);
	if (dup2(its_channel, CHANNEL) != CHANNEL || dup2(its_lane, LANE) != LANE)
		_exit(NOT_STARTED);
	(void)syscall(SYS_execveat, binary, "", argv, envp, AT_EMPTY_PATH);
	_exit(NOT_STARTED);
}

static void
start(void)
{
	int binary = open(program, O_RDONLY | O_CLOEXEC), to_hub[2], to_lane[2], status;
	pid_t pid;

	if (binary < 0)
		fail_msg("%s: %s", program, strerror(errno));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, to_hub), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, to_lane), 0);
	assert_int_equal(shutdown(to_lane[1], SHUT_WR), 0);	/* as init does */
	helper = fork();
	assert_true(helper >= 0);
	if (helper == 0) {
		(void)close(to_hub[0]);
		(void)close(to_lane[0]);
		/* A failure here must end in no worker, never in one that runs among the machine's own processes. */
		if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0 || (pid = fork()) < 0)
			_exit(NOT_STARTED);
		if (pid == 0)
			become_the_worker(binary, to_hub[1], to_lane[1]);
		(void)close(to_hub[1]);
		(void)close(to_lane[1]);
		while (waitpid(pid, &status, 0) < 0)
			if (errno != EINTR)
				_exit(NOT_STARTED);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : SIGNALLED + WTERMSIG(status));
	}
	(void)close(binary);
	(void)close(to_hub[1]);
	(void)close(to_lane[1]);
	channel = to_hub[0];
	lane = to_lane[0];
}

static void
shut(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* Its exit status, or SIGNALLED and the signal.  It has said nothing but what was taken before: no kexec_loaded on a refusal. */
static int
ends(void)
{
	int status, rc = peer_recv(channel, &got);

	assert_int_equal(rc, 0);
	while (waitpid(helper, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	shut(&channel);
	shut(&lane);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* What a refused frame has brought cannot be closed: denied.def takes close(2) from it, and the filter's kill is its end. */
static int
refusal(unsigned nfds)
{
	return nfds > 0 ? SIGNALLED + SIGSYS : EXIT_PEER;
}

/* The only function here that sends.  See above: two messages are never sent in any shape. */
static void
send_to(int fd, uint32_t id, uint32_t zero, const void *body, size_t len_bytes, const int *fds, unsigned nfds)
{
	if (id == MSG_broker_go || id == MSG_broker_reboot)
		abort();
	assert_int_equal(peer_send(fd, id, zero, body, len_bytes, fds, nfds), 0);
}

/* A memfd of zeros, made by that uid, with these seals. */
static int
image(uid_t uid, uint64_t len_bytes, unsigned seals)
{
	int fd;

	(void)setfsuid(uid);
	fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	(void)setfsuid(0);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)len_bytes), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, (int)seals), 0);
	return fd;
}

static struct msg_crypto_handover
good_body(void)
{
	return (struct msg_crypto_handover){ .kernel_bytes = KERNEL_BYTES, .initramfs_bytes = INITRAMFS_BYTES, .cmdline_bytes = 5,
		.cmdline = "quiet" };
}

static void
hand_over(int fd, const struct msg_crypto_handover *body)
{
	int fds[2] = { image(UID_crypto, KERNEL_BYTES, memfd_seals(FD_handover, 0)),
		image(UID_crypto, INITRAMFS_BYTES, memfd_seals(FD_handover, 1)) };

	send_to(fd, MSG_crypto_handover, 0, body, sizeof *body, fds, 2);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void
it_tries_a_good_hand_over_and_says_what_the_kernel_said(void **state)
{
	struct msg_crypto_handover body = good_body();
	const struct msg_kexec_loaded *loaded = (const struct msg_kexec_loaded *)(const void *)got.body;

	(void)state;
	start();
	hand_over(lane, &body);
	assert_int_equal(peer_recv(channel, &got), 1);
	assert_int_equal(got.id, MSG_kexec_loaded);
	assert_int_equal(msg_check(got.id, got.body), 0);
	assert_int_not_equal(loaded->error, 0);		/* zeros are no kernel, and some machines have no kexec */
	assert_int_not_equal(loaded->error, EPERM);	/* it has CAP_SYS_BOOT */
	shut(&lane);
	send_to(channel, MSG_none, 0, NULL, 0, NULL, 0);	/* still there, lane or no lane: this is what ends it */
	assert_int_equal(ends(), refusal(0));
}

static void
it_leaves_when_the_broker_does(void **state)
{
	int status;

	(void)state;
	start();
	shut(&channel);
	while (waitpid(helper, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	shut(&lane);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_CLOSED);
}

static void
it_takes_one_hand_over_only(void **state)
{
	struct msg_crypto_handover body = good_body();

	(void)state;
	start();
	hand_over(lane, &body);
	assert_int_equal(peer_recv(channel, &got), 1);
	hand_over(lane, &body);
	assert_int_equal(ends(), refusal(2));
}

static void
it_takes_no_descriptor_but_sealed_memfds_of_crypto_worker(void **state)
{
	static const struct { uid_t uid; uint64_t len_bytes; unsigned without; } wrong[] = { { 0, 0, 0 }, { UID_broker, 0, 0 },
		{ UID_store, 0, 0 }, { UID_kexec, 0, 0 }, { UID_crypto, 1, 0 }, { UID_crypto, UINT64_MAX, 0 },
		{ UID_crypto, 0, F_SEAL_GROW }, { UID_crypto, 0, F_SEAL_SHRINK }, { UID_crypto, 0, F_SEAL_SEAL },
		{ UID_crypto, 0, F_SEAL_WRITE | F_SEAL_FUTURE_WRITE } };
	struct msg_crypto_handover body = good_body();

	(void)state;
	for (unsigned which = 0; which < 2; which++)
		for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0] + 2; i++) {
			int fds[2] = { image(UID_crypto, KERNEL_BYTES, memfd_seals(FD_handover, 0)),
				image(UID_crypto, INITRAMFS_BYTES, memfd_seals(FD_handover, 1)) }, swap;

			start();
			if (i == 0) {
				swap = fds[0];
				fds[0] = fds[1];
				fds[1] = swap;
			} else {
				(void)close(fds[which]);
				fds[which] = i == 1 ? open("/dev/null", O_RDWR | O_CLOEXEC) : image(wrong[i - 2].uid,
				    (which == 0 ? KERNEL_BYTES : INITRAMFS_BYTES) + wrong[i - 2].len_bytes,
				    memfd_seals(FD_handover, which) & ~wrong[i - 2].without);
			}
			send_to(lane, MSG_crypto_handover, 0, &body, sizeof body, fds, 2);
			assert_int_equal(ends(), EXIT_PEER);
			(void)close(fds[0]);
			(void)close(fds[1]);
		}
}

static void
it_takes_no_other_shape_of_hand_over(void **state)
{
	const int nulls[4] = { 0, 0, 0, 0 };

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		struct msg_crypto_handover body = good_body();
		int fds[2] = { image(UID_crypto, KERNEL_BYTES, memfd_seals(FD_handover, 0)),
			image(UID_crypto, INITRAMFS_BYTES, memfd_seals(FD_handover, 1)) };
		size_t size = sizeof body - (i == 0 ? 1 : i == 1 ? 8 : 0);
		unsigned nfds = i == 2 ? 0 : i == 3 ? 1 : i == 4 ? 3 : i == 5 ? 4 : 2;

		body.cmdline[0] = i == 6 ? '\n' : i == 7 ? '\0' : 'q';
		body.cmdline[9] = i == 8 ? 'x' : '\0';
		body.cmdline_bytes = i == 9 ? 0 : i == 10 ? sizeof body.cmdline : body.cmdline_bytes;
		start();
		send_to(lane, MSG_crypto_handover, i == 11, &body, size, nfds > 2 ? nulls : fds, nfds);
		assert_int_equal(ends(), refusal(nfds));
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
}

static void
it_takes_nothing_else_from_broker_or_crypto_worker(void **state)
{
	(void)state;
	for (unsigned by_lane = 0; by_lane < 2; by_lane++)
		for (uint32_t id = 0; id <= MSG_COUNT; id++) {
			int known = id != MSG_none && id < MSG_COUNT;
			const int nulls[2] = { 0, 0 };
			union peer_body s;

			if (id == MSG_broker_go || id == MSG_broker_reboot || (by_lane && id == MSG_crypto_handover))
				continue;
			peer_sample(id, &s);
			start();
			send_to(by_lane ? lane : channel, id, 0, &s, known ? msg_table[id].size : 8, nulls,
			    known ? fd_kind_count(msg_table[id].fd) : 0);
			assert_int_equal(ends(), refusal(known ? fd_kind_count(msg_table[id].fd) : 0));
		}
}

static int
make_root(void **state)
{
	(void)state;
	return mkdtemp(root) == NULL ? -1 : 0;
}

static int
remove_root(void **state)
{
	(void)state;
	return rmdir(root);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_tries_a_good_hand_over_and_says_what_the_kernel_said),
		cmocka_unit_test(it_leaves_when_the_broker_does),
		cmocka_unit_test(it_takes_one_hand_over_only),
		cmocka_unit_test(it_takes_no_descriptor_but_sealed_memfds_of_crypto_worker),
		cmocka_unit_test(it_takes_no_other_shape_of_hand_over),
		cmocka_unit_test(it_takes_nothing_else_from_broker_or_crypto_worker),
	};

	if (argc > 1)
		program = argv[1];
	peer_reserve();
	return cmocka_run_group_tests(tests, make_root, remove_root);
}
