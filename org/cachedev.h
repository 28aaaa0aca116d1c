#ifndef ORG_CACHEDEV_H
#define ORG_CACHEDEV_H
/* A cache partition or image, opened by the cache commands.  The format is ipc/cache.h's.  No signing code is linked. */
#include "cache.h"
#include "org.h"

struct cachedev {
	const char *path;
	int fd;
	uint64_t bytes;				/* of the device or file */
	struct cache_header header;
	struct cache_journal journal;
	struct cache_slot slots[SLOTS_MAX];
	uint8_t present[SLOTS_MAX];
};

enum cachedev_how { CACHEDEV_read, CACHEDEV_write };

/* Opens and locks: one writer at a time; a device that is mounted or otherwise claimed refuses. */
int cachedev_open_raw(struct cachedev *dev, const char *path, enum cachedev_how how);
/* The same, and reads header, slots and journal. */
int cachedev_open(struct cachedev *dev, const char *path, enum cachedev_how how);
/* Closes; tells of an error only when rc is 0. */
int cachedev_close(struct cachedev *dev, int rc);
int cachedev_error(const struct cachedev *dev, int rc, const char *what);	/* says it; returns rc */

/* The slot of an id given as text: 64 hexadecimal digits or the first ones of it, at least 8, of one slot alone. */
int cachedev_find(const struct cachedev *dev, const char *id_text, uint32_t *slot);

int cache_put(int argc, char **argv);
int cache_format(int argc, char **argv);
#endif
