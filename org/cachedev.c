/*
 * Opening a cache partition or image.  On the operator's side, and in a running generation.
 * Distrusts the content, and whoever else may have the device open.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cachedev.h"

enum { ID_PREFIX_LEAST = 8 };

int
cachedev_open_raw(struct cachedev *dev, const char *path, enum cachedev_how how)
{
	int flags = (how == CACHEDEV_write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY, fd;
	struct stat st;
	off_t end;

	if (stat(path, &st) != 0)
		return refuse_errno(errno, "%s", path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return refuse("%s: neither a block device nor a regular file", path);
	if (S_ISBLK(st.st_mode) && how == CACHEDEV_write)
		flags |= O_EXCL;	/* open(2): EBUSY when the device is in use by the system, for example mounted */
	fd = open(path, flags);
	if (fd < 0)
		return refuse_errno(errno, "%s", path);
	end = lseek(fd, 0, SEEK_END);
	if (end < 0 || flock(fd, (how == CACHEDEV_write ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
		int error = errno;

		(void)close(fd);
		return refuse_errno(error, "%s%s", path, error == EWOULDBLOCK ? ": another program works on it" : "");
	}
	memset(dev, 0, sizeof *dev);
	dev->path = path;
	dev->fd = fd;
	dev->bytes = (uint64_t)end;
	return 0;
}

int
cachedev_error(const struct cachedev *dev, int rc, const char *what)
{
	return refuse_errno(-rc, "%s: %s", dev->path, what);
}

int
cachedev_close(struct cachedev *dev, int rc)
{
	if (close(dev->fd) != 0 && rc == 0)
		rc = refuse_errno(errno, "%s", dev->path);
	dev->fd = -1;
	return rc;
}

static int
read_all(struct cachedev *dev)
{
	int rc;

	rc = cache_read_header(dev->fd, &dev->header);
	if (rc == -ENODATA)
		return refuse("%s: no cache: no valid header; make one with cache format", dev->path);
	if (rc != 0)
		return cachedev_error(dev, rc, "the header cannot be read");
	if (cache_slot_at(&dev->header, dev->header.slots) > dev->bytes)
		return refuse("%s: has %llu bytes, its header wants %llu", dev->path, (unsigned long long)dev->bytes,
		    (unsigned long long)cache_slot_at(&dev->header, dev->header.slots));
	rc = cache_read_slots(dev->fd, &dev->header, dev->slots, dev->present);
	if (rc != 0)
		return cachedev_error(dev, rc, "a slot cannot be read");
	rc = cache_read_journal(dev->fd, &dev->journal);
	return rc == 0 || rc == -ENODATA ? 0 : cachedev_error(dev, rc, "the journal cannot be read");
}

int
cachedev_open(struct cachedev *dev, const char *path, enum cachedev_how how)
{
	int rc;

	rc = cachedev_open_raw(dev, path, how);
	if (rc != 0)
		return rc;
	rc = read_all(dev);
	return rc != 0 ? cachedev_close(dev, rc) : 0;
}

int
cachedev_find(const struct cachedev *dev, const char *id_text, uint32_t *slot)
{
	char hex[ID_TEXT + 1];
	size_t n = strlen(id_text);
	unsigned found = 0;

	if (n < ID_PREFIX_LEAST || n > ID_TEXT || strspn(id_text, "0123456789abcdef") != n)
		return refuse("\"%s\" is no generation's id: %d to %d digits of 0-9a-f", id_text, ID_PREFIX_LEAST, ID_TEXT);
	for (uint32_t i = 0; i < dev->header.slots; i++)
		if (dev->present[i] && strncmp(hex_text(dev->slots[i].id, ID_BYTES, hex), id_text, n) == 0) {
			found++;
			*slot = i;
		}
	if (found == 0)
		return refuse("%s: has no generation %s", dev->path, id_text);
	return found == 1 ? 0 : refuse("%s: %u slots have a generation %s: give more digits", dev->path, found, id_text);
}
