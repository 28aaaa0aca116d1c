/*
 * crypto-worker's part in the hostile tests: a process of its uid that makes the memfds as supply.c and load.c do; and the place, away from
 * the machine that tests, where all this happens.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chan.h"
#include "hostile_run.h"
#include "memfd.h"

const uint8_t hostile_key[HOSTILE_KEY_BYTES] = "planted: nobody may ever get it";

enum { SOCKET_AT = 20, WIPE = 'w' };

static _Noreturn void
broken(const char *what)
{
	perror(what);
	abort();
}

/* 16 bytes of nothing in particular, then the key where it belongs; *map stays, as crypto-worker's does. */
static int
make(const char *name, unsigned seals, uint8_t **map)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, HOSTILE_BYTES) != 0)
		return -1;
	*map = mmap(NULL, HOSTILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*map == MAP_FAILED)
		return -1;
	memcpy(*map, "an image, public", 16);
	memcpy(*map + HOSTILE_KEY_AT, hostile_key, HOSTILE_KEY_BYTES);
	return fcntl(fd, F_ADD_SEALS, (int)seals) == 0 ? fd : -1;
}

/* The hand-over memfd is made first and so gets number 3, which attack_pidfd_getfd() knows. */
static _Noreturn void
maker(int socket)
{
	struct msg_crypto_handover body = { 0 };
	uint8_t *map, *spare;
	char c = 0;
	int fds[2], fill;

	if (dup2(socket, SOCKET_AT) != SOCKET_AT || syscall(SYS_close_range, 3U, SOCKET_AT - 1U, 0U) != 0 ||
	    syscall(SYS_close_range, SOCKET_AT + 1U, ~0U, 0U) != 0)
		_exit(101);
	if (setresgid(UID_crypto, UID_crypto, UID_crypto) != 0 || setresuid(UID_crypto, UID_crypto, UID_crypto) != 0)
		_exit(102);
	fds[1] = make("handover", memfd_seals(FD_handover, 1), &map);
	fill = make("part", memfd_seals(FD_fill, 0), &spare);
	fds[0] = memfd_create("kernel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fds[0] < 0 || ftruncate(fds[0], 4096) != 0 || fcntl(fds[0], F_ADD_SEALS, (int)memfd_seals(FD_handover, 0)) != 0 ||
	    fds[1] != 3 || fill < 0)
		_exit(103);
	body.kernel_bytes = (uint64_t)(uintptr_t)map + HOSTILE_KEY_AT;
	if (chan_send(SOCKET_AT, MSG_crypto_handover, &body, fds) != 0 ||
	    chan_send(SOCKET_AT, MSG_crypto_want, &(struct msg_crypto_want){ 0 }, &fill) != 0)
		_exit(104);
	while (read(SOCKET_AT, &c, 1) == 1 && c == WIPE) {
		memset(map + HOSTILE_KEY_AT, 0, HOSTILE_KEY_BYTES);	/* through the older mapping: the one way that is left */
		if (write(SOCKET_AT, &c, 1) != 1)
			_exit(105);
	}
	_exit(0);
}

void
maker_start(struct maker *m)
{
	static struct frame first, second;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 || (m->pid = fork()) < 0)
		broken("maker");
	if (m->pid == 0)
		maker(pair[1]);
	(void)close(pair[1]);
	if (chan_recv(pair[0], &first) != 1 || chan_recv(pair[0], &second) != 1)
		broken("the maker did not make");
	m->socket = pair[0];
	m->kernel = first.fds[0];
	m->handover = first.fds[1];
	m->fill = second.fds[0];
	m->key_address = ((const struct msg_crypto_handover *)(const void *)first.body)->kernel_bytes;
}

void
maker_wipe(struct maker *m)
{
	char c = WIPE;

	if (write(m->socket, &c, 1) != 1 || read(m->socket, &c, 1) != 1)
		broken("the maker did not wipe");
}

void
maker_end(struct maker *m)
{
	(void)close(m->socket);
	(void)close(m->handover);
	(void)close(m->kernel);
	(void)close(m->fill);
	if (waitpid(m->pid, NULL, 0) != m->pid)
		broken("the maker is gone");
}

/* --- the place --- */

static int
copy(int from_dir, const char *name, const char *to)
{
	int in = openat(from_dir, name, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	struct stat st;
	int rc = -1;

	if (in >= 0 && out >= 0 && fstat(in, &st) == 0) {
		while (st.st_size > 0) {
			ssize_t n = copy_file_range(in, NULL, out, NULL, (size_t)st.st_size, 0);

			if (n <= 0)
				n = syscall(SYS_sendfile, out, in, NULL, st.st_size);	/* between file systems */
			if (n <= 0)
				break;
			st.st_size -= n;
		}
		rc = st.st_size == 0 ? 0 : -1;
	}
	if (rc != 0)
		perror(name);
	if (in >= 0)
		(void)close(in);
	if (out >= 0 && close(out) != 0)
		rc = -1;
	return rc;
}

static int
build(const char *dir, const char *const *programs, unsigned n)
{
	char to[80];
	int from_dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)umask(022);
	if (from_dir < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || mount("hostile", "/mnt", "tmpfs", 0, "mode=0755") != 0)
		return -1;
	if (mkdir("/mnt/bin", 0755) != 0 || mkdir("/mnt/proc", 0555) != 0 || mkdir("/mnt/empty", 0555) != 0 || mkdir("/mnt/seen", 0555) != 0)
		return -1;
	/* Not at /proc: who tests in a container may lack CAP_SYS_RESOURCE, and confine() takes an oom_score_adj that it cannot lower as fatal. */
	if (mount("proc", "/mnt/seen", "proc", 0, NULL) != 0)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(to, sizeof to, "/mnt/bin/%s", programs[i]);
		if (copy(from_dir, programs[i], to) != 0)
			return -1;
	}
	(void)close(from_dir);
	if (chdir("/mnt") != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0)
		return -1;
	return chdir("/");
}

int
hostile_place(const char *dir, const char *const *programs, unsigned n)
{
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0)
		return -1;
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid == 0)
		return build(dir, programs, n);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
		(void)fprintf(stderr, "hostile: its PID namespace was ended: a reboot(2) got through?\n");
		_exit(1);
	}
	_exit(WEXITSTATUS(status));
}

int
hostile_leave(int status)
{
	return mount("/seen", "/proc", NULL, MS_BIND, NULL) == 0 ? status : 1;
}
