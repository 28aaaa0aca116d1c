/*
 * confine() as it is shipped: real programs (tests/confined.c) in a root like the initramfs's, init starting the others, looked at from
 * outside by /proc.  Wants root.  The programs lie in $CONFINED_DIR or build/tests.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confined.h"
#include "confined_look.h"
#include "confine.h"

static char root[] = "/tmp/sallyport-confine-XXXXXX";
static const char *const names[PEER_COUNT] = { "init", "broker", "store", "crypto", "kexec", "link", "net" };

/* What is special about one start. */
struct variant {
	const char *how;	/* argv[1] */
	unsigned without_fd;	/* not given, 0: all are */
	int nobody;		/* not started as uid 0 */
	int no_empty, no_proc;	/* the root lacks it */
	int resolv;		/* 1: nothing is mounted there, 2: it can be written to */
	int bound;		/* 1 + the capability missing from the bounding set */
};

static void
copy(const char *from, const char *to)
{
	static char bytes[1 << 16];
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	ssize_t n;

	if (in < 0 || out < 0)
		fail_msg("%s: %s", from, strerror(errno));
	while ((n = read(in, bytes, sizeof bytes)) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	assert_int_equal(n, 0);
	assert_int_equal(close(in), 0);
	assert_int_equal(close(out), 0);
}

/* net-worker's root as init leaves it (broker/network.c, broker/lease.c). */
static int
make_resolv(void)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	char path[256], etc[256], file[256];

	(void)snprintf(path, sizeof path, "%s/resolv", root);
	(void)snprintf(etc, sizeof etc, "%s/resolv/etc", root);
	(void)snprintf(file, sizeof file, "%s/resolv/etc/resolv.conf", root);
	return mount("resolv", path, "tmpfs", flags, "size=8k,nr_inodes=4,mode=0555") == 0 && mkdir(etc, 0755) == 0 &&
	    mknod(file, S_IFREG | 0444, 0) == 0 && mount(NULL, path, NULL, flags | MS_REMOUNT | MS_RDONLY, NULL) == 0 ? 0 : -1;
}

static int
make_root(void **state)
{
	static const char *const dirs[] = { "bin", "dev", "empty", "resolv", "proc" };
	const char *from = getenv("CONFINED_DIR");
	char path[256], source[256];

	(void)state;
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || mkdtemp(root) == NULL ||
	    mount("root", root, "tmpfs", 0, "mode=0755") != 0)
		return -1;
	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", root, dirs[i]);
		if (mkdir(path, 0755) != 0)
			return -1;
	}
	if (mount("proc", path, "proc", 0, NULL) != 0)	/* the last one */
		return -1;
	(void)snprintf(path, sizeof path, "%s/dev/null", root);
	if (mknod(path, S_IFCHR | 0666, 1 << 8 | 3) != 0)
		return -1;
	if (make_resolv() != 0)
		return -1;
	for (unsigned p = 0; p < PEER_COUNT; p++) {
		(void)snprintf(path, sizeof path, "%s/bin/confined-%s", root, names[p]);
		(void)snprintf(source, sizeof source, "%s/confined-%s", from != NULL ? from : "build/tests", names[p]);
		copy(source, path);
	}
	return 0;
}

static int
drop_root(void **state)
{
	(void)state;
	return umount2(root, MNT_DETACH) == 0 && rmdir(root) == 0 ? 0 : -1;
}

static _Noreturn void
child(enum peer program, const struct variant *v, int channel)
{
	char path[64];
	char *argv[] = { path, (char *)(uintptr_t)v->how, NULL }, *envp[] = { NULL };
	unsigned n = program == PEER_init ? 4 : confine_given(program) + 2;	/* two more than are listed */
	int null_fd;

	(void)snprintf(path, sizeof path, "/bin/confined-%s", names[program]);
	if (chroot(root) != 0 || chdir("/") != 0 || unshare(CLONE_NEWNS) != 0)
		_exit(80);
	if (v->no_proc && umount2("/proc", MNT_DETACH) != 0)
		_exit(81);
	if ((v->resolv == 1 && umount2("/resolv", MNT_DETACH) != 0) ||
	    (v->resolv == 2 && mount("other", "/resolv", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0))
		_exit(86);
	null_fd = open("/dev/null", O_RDWR);
	channel = fcntl(channel, F_DUPFD, 100);
	for (unsigned fd = 0; fd < n; fd++)
		if (dup2(fd == 3 ? channel : null_fd, (int)fd) < 0)
			_exit(82);
	(void)close_range(n, ~0U, 0);
	if (v->without_fd != 0)
		(void)close_range(v->without_fd, ~0U, 0);
	if (v->bound != 0 && syscall_bound_drop(v->bound - 1) != 0)
		_exit(83);
	if (v->nobody && setresuid(65534, 65534, 65534) != 0)
		_exit(84);
	(void)execve(path, argv, envp);
	_exit(85);
}

static int
hear(int fd, struct confined_says *says)
{
	return recv(fd, says, sizeof *says, 0) == (ssize_t)sizeof *says ? 0 : -1;
}

static pid_t
start(enum peer program, const struct variant *v, int *channel, struct confined_says *says)
{
	int pair[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(program, v, pair[1]);
	assert_int_equal(close(pair[1]), 0);
	*channel = pair[0];
	if (hear(*channel, says) != 0) {
		int status = 0;

		(void)waitpid(pid, &status, 0);
		fail_msg("%s: says nothing, signal %d, status %d", names[program], WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		    WEXITSTATUS(status));
	}
	return pid;
}

/* Ends by itself once its channel is closed: 0 if confined, 70 if it could not. */
static int
finish(pid_t pid, int channel)
{
	int status;

	assert_int_equal(close(channel), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void
all_as_init_starts_them(void **state)
{
	static const struct variant plain;
	struct confined_says says;
	pid_t init, pids[PEER_COUNT];
	int channel;

	(void)state;
	init = start(PEER_init, &plain, &channel, &says);
	if (says.rc != 0)
		fail_msg("init: %s: %s", says.step, strerror(-says.rc));
	look_at(PEER_init, init, 1);
	/* The only uid that never changes, so that nothing but PR_SET_DUMPABLE shuts its /proc. */
	assert_int_equal(look_as(0, init), EACCES);
	assert_int_equal(look_as_plain_twin(0), 0);
	assert_int_equal(send(channel, "s", 1, 0), 1);
	for (unsigned p = PEER_broker; p < PEER_COUNT; p++) {
		assert_int_equal(hear(channel, &says), 0);
		if (says.rc != 0)
			fail_msg("%s: %s: %s", names[p], says.step, strerror(-says.rc));
		assert_int_equal(says.peer, p);
		pids[p] = says.pid;
		look_at((enum peer)p, pids[p], 2);
	}
	/* CAP_SYS_BOOT goes from init and stays with kexec-worker. */
	assert_true((look_hex(init, "CapPrm") & CAPABILITY(SYS_BOOT)) != 0);
	assert_int_equal(send(channel, "d", 1, 0), 1);
	assert_int_equal(hear(channel, &says), 0);
	assert_int_equal(says.rc, 0);
	assert_int_equal(look_hex(init, "CapPrm") & CAPABILITY(SYS_BOOT), 0);
	assert_int_equal(look_hex(init, "CapEff") & CAPABILITY(SYS_BOOT), 0);
	assert_int_equal(look_hex(init, "CapBnd") & CAPABILITY(SYS_BOOT), 0);
	assert_true((look_hex(init, "CapPrm") & CAPABILITY(SYS_ADMIN)) != 0);
	/* And CAP_NET_ADMIN, with which the lease is applied. */
	assert_true((look_hex(init, "CapPrm") & CAPABILITY(NET_ADMIN)) != 0);
	assert_int_equal(send(channel, "n", 1, 0), 1);
	assert_int_equal(hear(channel, &says), 0);
	assert_int_equal(says.rc, 0);
	assert_int_equal(look_hex(init, "CapPrm") & CAPABILITY(NET_ADMIN), 0);
	assert_int_equal(look_hex(init, "CapEff") & CAPABILITY(NET_ADMIN), 0);
	assert_int_equal(look_hex(init, "CapBnd") & CAPABILITY(NET_ADMIN), 0);
	assert_true((look_hex(init, "CapPrm") & CAPABILITY(SYS_ADMIN)) != 0);
	assert_int_equal(look_hex(pids[PEER_kexec], "CapEff"), CAPABILITY(SYS_BOOT));
	assert_int_equal(finish(init, channel), 0);
}

static void
refuses(enum peer program, const struct variant *v, const char *step, int rc)
{
	struct confined_says says;
	char empty[64], away[64];
	int channel;
	pid_t pid;

	(void)snprintf(empty, sizeof empty, "%s/empty", root);
	(void)snprintf(away, sizeof away, "%s/away", root);
	if (v->no_empty)
		assert_int_equal(rename(empty, away), 0);
	pid = start(program, v, &channel, &says);
	if (v->no_empty)
		assert_int_equal(rename(away, empty), 0);
	if (strcmp(says.step, step) != 0 || says.rc != rc)
		fail_msg("%s: step %s, %s; not %s, %s", names[program], says.step, strerror(-says.rc), step, strerror(-rc));
	assert_int_equal(finish(pid, channel), 70);
}

/* Each program alone, with what makes confine() fail, and by which step: before anything that comes after it. */
static void
failures_are_fatal(void **state)
{
	(void)state;
	for (enum peer p = PEER_init; p < PEER_COUNT; p++)
		refuses(p, &(struct variant){ .how = "other" }, "program", -EINVAL);
	for (enum peer p = PEER_broker; p < PEER_COUNT; p++) {
		if (confine_given(p) > 4)
			refuses(p, &(struct variant){ .without_fd = confine_given(p) - 1 }, "descriptors", -EBADF);
		if (p != PEER_net)
			refuses(p, &(struct variant){ .no_empty = 1 }, "root", -ENOENT);
	}
	refuses(PEER_net, &(struct variant){ .resolv = 1 }, "root", -EINVAL);
	refuses(PEER_net, &(struct variant){ .resolv = 2 }, "root", -EPROTO);
	refuses(PEER_init, &(struct variant){ .how = "leak" }, "descriptors", -EBADF);
	refuses(PEER_init, &(struct variant){ .bound = 1 + CAP_SYS_CHROOT }, "bounding set", -EPROTO);
	refuses(PEER_kexec, &(struct variant){ .bound = 1 + CAP_SYS_ADMIN }, "namespaces", -EPERM);
	refuses(PEER_kexec, &(struct variant){ .bound = 1 + CAP_SYS_BOOT }, "capabilities", -EPERM);
	refuses(PEER_store, &(struct variant){ .nobody = 1 }, "namespaces", -EPERM);
	refuses(PEER_crypto, &(struct variant){ .nobody = 1 }, "namespaces", -EPERM);
}

/* A root without /proc costs the order in memory's shortage, nothing else. */
static void
no_proc_is_no_failure(void **state)
{
	struct confined_says says;
	int channel;
	pid_t pid;

	(void)state;
	pid = start(PEER_store, &(struct variant){ .no_proc = 1 }, &channel, &says);
	assert_int_equal(says.rc, 0);
	assert_int_equal(finish(pid, channel), 0);
}

/* A process of the same uid can look into a plain one and not into a confined one. */
static void
same_uid_sees_nothing(void **state)
{
	struct confined_says says;
	int channel;
	pid_t pid;

	(void)state;
	pid = start(PEER_crypto, &(struct variant){ 0 }, &channel, &says);
	assert_int_equal(says.rc, 0);
	look_at(PEER_crypto, pid, 1);
	assert_int_equal(look_as(UID_crypto, pid), EACCES);
	assert_int_equal(look_as_plain_twin(UID_crypto), 0);
	assert_int_equal(finish(pid, channel), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_as_init_starts_them),
		cmocka_unit_test(failures_are_fatal),
		cmocka_unit_test(no_proc_is_no_failure),
		cmocka_unit_test(same_uid_sees_nothing),
	};

	return cmocka_run_group_tests(tests, make_root, drop_root);
}
