#ifndef TESTS_CUT_DISK_H
#define TESTS_CUT_DISK_H
/*
 * A disk whose power fails, for the tests of the cache partition: pread, pwrite and fdatasync of this file stand before libc's, so
 * that a write can be cut short at any byte.  Included by one file of each test program.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "cache.h"
#include "journal_of.h"

enum { MIB = 1 << 20, NEVER = 1 << 30 };

static long cut_after = NEVER;		/* bytes that still reach the disk */
size_t most = SIZE_MAX;			/* bytes per call: the kernel may do less than asked; not static: clang takes pread() for glibc's inline */
static unsigned writes, syncs, unsynced;
static int sync_fails;

ssize_t
pread(int fd, void *buf, size_t n, off_t at)
{
	return syscall(SYS_pread64, fd, buf, n < most ? n : most, at);
}

/* What glibc makes of pread() in fortified builds. */
ssize_t __pread_chk(int fd, void *buf, size_t n, off_t at, size_t cap);
ssize_t
__pread_chk(int fd, void *buf, size_t n, off_t at, size_t cap)
{
	return pread(fd, buf, n < cap ? n : cap, at);
}

ssize_t
pwrite(int fd, const void *buf, size_t n, off_t at)
{
	ssize_t done;

	n = n < most ? n : most;
	if ((long)n > cut_after)
		n = (size_t)cut_after;
	writes++;
	unsynced++;
	if (n == 0 && cut_after == 0) {
		errno = EIO;
		return -1;
	}
	done = syscall(SYS_pwrite64, fd, buf, n, at);
	if (cut_after != NEVER && done > 0)
		cut_after -= done;
	return done;
}

int
fdatasync(int fd)
{
	(void)fd;
	if (sync_fails || cut_after == 0) {
		errno = EIO;
		return -1;
	}
	syncs++;
	unsynced = 0;
	return 0;
}

static int
set_up_disk(void **state)
{
	static int fd;

	cut_after = NEVER;
	most = SIZE_MAX;
	writes = syncs = unsynced = 0;
	sync_fails = 0;
	fd = memfd_create("disk", MFD_CLOEXEC);
	*state = &fd;
	return fd < 0 ? -1 : ftruncate(fd, 64 * MIB);
}

static int
tear_down_disk(void **state)
{
	return close(*(int *)*state);
}
#endif
