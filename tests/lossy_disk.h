#ifndef TESTS_LOSSY_DISK_H
#define TESTS_LOSSY_DISK_H
/*
 * A disk with a write cache whose power fails: what was written since the last fdatasync(2) is on the medium in any part, a sector whole,
 * torn or not at all.  pread, pwrite and fdatasync of lossy_disk.c stand before libc's and look at one descriptor; others pass.
 */
#include <stddef.h>
#include <stdint.h>

enum { LOSSY_NEVER = 0 };

struct lossy {
	int fd;			/* the disk, or -1 */
	unsigned ops;		/* pwrite and fdatasync since the last lossy_power_on() */
	unsigned cut_at;	/* the op in which power fails, from 1 */
	unsigned fail_at;	/* the op that fails with EIO, the rest goes on */
	unsigned failed_syncs;
	size_t most;		/* bytes per call */
	uint64_t bad_sector;	/* cannot be read, as every other byte of it; UINT64_MAX: none */
	int off;		/* power has failed */
};
extern struct lossy lossy;

void lossy_begin(int fd, size_t bytes);		/* what it holds now is on the medium */
void lossy_end(void);
void lossy_power_on(void);			/* from here on the descriptor shows what the medium has */
int lossy_touched(uint64_t from, uint64_t to);	/* was any sector of it written since lossy_untouch()? */
void lossy_untouch(void);
void lossy_restore(const uint8_t *image);	/* what was written since lossy_untouch() is as in image, on the medium too */
uint32_t lossy_any(uint32_t below);		/* the same numbers in every run */
#endif
