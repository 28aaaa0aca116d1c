/*
 * A library to be preloaded: the process dies by SIGKILL right before its KILL_ATth call that changes a file's content, its durability or
 * a folder's names.  Makes "killed at any moment" a test that tries each moment.  Host-side test.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

int kill_at_count(void);

int
kill_at_count(void)
{
	static long left = -1;
	const char *text;

	if (left < 0) {
		text = getenv("KILL_AT");
		left = text != NULL ? strtol(text, NULL, 10) : 0;
	}
	if (left > 0 && --left == 0)
		(void)kill(getpid(), SIGKILL);
	return 0;
}

/* Counts, then calls the real one. */
#define COUNTED(type, name, parameters, arguments) \
	type name parameters \
	{ \
		static type (*real) parameters; \
		if (real == NULL) \
			*(void **)&real = dlsym(RTLD_NEXT, #name); \
		(void)kill_at_count(); \
		return real arguments; \
	}

COUNTED(ssize_t, pwrite64, (int fd, const void *bytes, size_t n, off64_t at), (fd, bytes, n, at))
COUNTED(ssize_t, pwrite, (int fd, const void *bytes, size_t n, off_t at), (fd, bytes, n, at))
COUNTED(int, fsync, (int fd), (fd))
COUNTED(int, fdatasync, (int fd), (fd))
COUNTED(int, rename, (const char *from, const char *to), (from, to))
COUNTED(int, fchmod, (int fd, mode_t mode), (fd, mode))
COUNTED(int, unlink, (const char *path), (path))
COUNTED(int, rmdir, (const char *path), (path))
