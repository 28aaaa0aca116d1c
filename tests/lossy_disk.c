/*
 * A disk with a write cache whose power fails, see lossy_disk.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cache.h"
#include "lossy_disk.h"

/* LOST: written, and a failed fdatasync has forgotten it: the kernel shows it, the medium never gets it. */
enum { CLEAN, DIRTY, LOST };

struct lossy lossy = { .fd = -1, .most = SIZE_MAX, .bad_sector = UINT64_MAX };

static uint8_t *medium, *sectors, *touched;
static size_t count, low, high;		/* sectors; those that are not CLEAN lie in low..high-1 */
static uint32_t rng = 2463534242;

uint32_t
lossy_any(uint32_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 17;
	rng ^= rng << 5;
	return rng % below;
}

static void
all_or_die(ssize_t done, size_t wanted)
{
	if (done < 0 || (size_t)done != wanted)
		abort();
}

void
lossy_begin(int fd, size_t bytes)
{
	count = bytes / CACHE_SECTOR;
	medium = malloc(bytes);
	sectors = calloc(count, 1);
	touched = calloc(count, 1);
	if (medium == NULL || sectors == NULL || touched == NULL)
		abort();
	all_or_die(syscall(SYS_pread64, fd, medium, bytes, 0), bytes);
	lossy = (struct lossy){ .fd = fd, .most = SIZE_MAX, .bad_sector = UINT64_MAX };
	low = high = 0;
}

void
lossy_end(void)
{
	free(medium);
	free(sectors);
	free(touched);
	medium = sectors = touched = NULL;
	lossy.fd = -1;
}

void
lossy_power_on(void)
{
	uint8_t new[CACHE_SECTOR];

	for (size_t i = low; i < high; i++) {
		off_t at = (off_t)(i * CACHE_SECTOR);
		uint32_t arrived;

		if (sectors[i] == CLEAN)
			continue;
		arrived = lossy_any(3);		/* whole, torn, not at all */
		all_or_die(syscall(SYS_pread64, lossy.fd, new, sizeof new, at), sizeof new);
		if (sectors[i] == DIRTY && arrived < 2)
			memcpy(medium + at, new, arrived == 0 ? sizeof new : lossy_any(sizeof new));
		all_or_die(syscall(SYS_pwrite64, lossy.fd, medium + at, sizeof new, at), sizeof new);
		sectors[i] = CLEAN;
	}
	low = high = 0;
	lossy.ops = lossy.cut_at = lossy.fail_at = lossy.failed_syncs = 0;
	lossy.off = 0;
}

void
lossy_restore(const uint8_t *image)
{
	for (size_t i = 0; i < count; i++) {
		off_t at = (off_t)(i * CACHE_SECTOR);

		if (!touched[i])
			continue;
		memcpy(medium + at, image + at, CACHE_SECTOR);
		all_or_die(syscall(SYS_pwrite64, lossy.fd, image + at, (size_t)CACHE_SECTOR, at), CACHE_SECTOR);
		sectors[i] = touched[i] = 0;
	}
	lossy = (struct lossy){ .fd = lossy.fd, .most = SIZE_MAX, .bad_sector = UINT64_MAX };
}

int
lossy_touched(uint64_t from, uint64_t to)
{
	for (uint64_t i = from / CACHE_SECTOR; i < (to + CACHE_SECTOR - 1) / CACHE_SECTOR && i < count; i++)
		if (touched[i])
			return 1;
	return 0;
}

void
lossy_untouch(void)
{
	memset(touched, 0, count);
}

/* 1: this op does not happen, or not whole. */
static int
fails(void)
{
	if (lossy.off)
		return 1;
	lossy.ops++;
	lossy.off = lossy.ops == lossy.cut_at;
	return lossy.off || lossy.ops == lossy.fail_at;
}

ssize_t
pread(int fd, void *buf, size_t n, off_t at)
{
	n = n < lossy.most ? n : lossy.most;
	if (fd == lossy.fd && n > 0 && (lossy.off ||
	    ((uint64_t)at / CACHE_SECTOR <= lossy.bad_sector && lossy.bad_sector <= ((uint64_t)at + n - 1) / CACHE_SECTOR))) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pread64, fd, buf, n, at);
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
	int was_off = lossy.off, failed;
	ssize_t done;

	if (fd != lossy.fd)
		return syscall(SYS_pwrite64, fd, buf, n, at);
	n = n < lossy.most ? n : lossy.most;
	failed = fails();
	if (failed)	/* in the middle of it: some of it may have come to the cache */
		n = was_off || n == 0 ? 0 : lossy_any((uint32_t)n);
	done = n == 0 ? 0 : syscall(SYS_pwrite64, fd, buf, n, at);
	for (uint64_t i = (uint64_t)at / CACHE_SECTOR; done > 0 && i <= ((uint64_t)at + (uint64_t)done - 1) / CACHE_SECTOR; i++) {
		if (i >= count)
			abort();	/* beyond the device: the tests' disk has no such place */
		sectors[i] = DIRTY;
		touched[i] = 1;
		low = high == 0 || i < low ? i : low;
		high = i >= high ? i + 1 : high;
	}
	if (!failed)
		return done;
	errno = EIO;
	return -1;
}

int
fdatasync(int fd)
{
	if (fd != lossy.fd)
		return (int)syscall(SYS_fdatasync, fd);
	if (fails()) {
		lossy.failed_syncs++;
		for (size_t i = low; i < high && !lossy.off; i++)
			if (sectors[i] == DIRTY)
				sectors[i] = LOST;
		errno = EIO;
		return -1;
	}
	for (size_t i = low; i < high; i++) {
		if (sectors[i] != DIRTY)
			continue;
		all_or_die(syscall(SYS_pread64, fd, medium + i * CACHE_SECTOR, (size_t)CACHE_SECTOR, i * CACHE_SECTOR), CACHE_SECTOR);
		sectors[i] = CLEAN;
	}
	return 0;
}
