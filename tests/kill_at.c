/*
 * A library to be preloaded: the process dies by SIGKILL right before its KILL_ATth call that changes a file's content, its durability or
 * a folder's names.  Makes "killed at any moment" a test that tries each moment.  With KILL_AT_LOG the calls are written to that file, a
 * line each: what is durable when only power fails shows in their order alone.  Host-side test.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* name and what it is about: a path, or a descriptor's. */
static void
note(const char *name, int fd, const char *path)
{
	const char *log = getenv("KILL_AT_LOG");
	char link[64], target[4096] = "";
	int to;

	if (log == NULL)
		return;
	if (path == NULL) {
		(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		if (readlink(link, target, sizeof target - 1) < 0)
			(void)snprintf(target, sizeof target, "?");
	}
	to = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (to < 0 || dprintf(to, "%s %s\n", name, path != NULL ? path : target) < 0)
		abort();	/* a test that reads it would be wrong */
	(void)close(to);
}

static void
count(const char *name, int fd, const char *path)
{
	static long left = -1;
	const char *text;

	if (left < 0) {
		text = getenv("KILL_AT");
		left = text != NULL ? strtol(text, NULL, 10) : 0;
	}
	if (left > 0 && --left == 0)
		(void)kill(getpid(), SIGKILL);
	note(name, fd, path);
}

/* Counts, then calls the real one.  fd, path: what it is about. */
#define COUNTED(type, name, parameters, arguments, fd, path) \
	type name parameters \
	{ \
		static type (*real) parameters; \
		if (real == NULL) \
			*(void **)&real = dlsym(RTLD_NEXT, #name); \
		count(#name, fd, path); \
		return real arguments; \
	}

COUNTED(ssize_t, pwrite64, (int fd, const void *bytes, size_t n, off64_t at), (fd, bytes, n, at), fd, NULL)
COUNTED(ssize_t, pwrite, (int fd, const void *bytes, size_t n, off_t at), (fd, bytes, n, at), fd, NULL)
COUNTED(int, fsync, (int fd), (fd), fd, NULL)
COUNTED(int, fdatasync, (int fd), (fd), fd, NULL)
COUNTED(int, rename, (const char *from, const char *to), (from, to), -1, to)
COUNTED(int, fchmod, (int fd, mode_t mode), (fd, mode), fd, NULL)
COUNTED(int, unlink, (const char *path), (path), -1, path)
COUNTED(int, rmdir, (const char *path), (path), -1, path)
