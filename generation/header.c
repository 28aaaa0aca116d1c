/*
 * Copies the LUKS header once and loads contexts.  In the generation's initramfs.
 * Distrusts the device: it may answer two reads of one sector differently (a disk's firmware, a host, a network disk), so nothing
 * is checked on it that is then read from it again.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fs.h>

#include <blkid/blkid.h>
#include <libcryptsetup.h>

#include "persist.h"

void
fd_path(int fd, char out[32])
{
	(void)snprintf(out, 32, "/proc/self/fd/%d", fd);	/* an int's digits always fit */
}

/* Size and sector size of an open device or image file. */
static enum persist
measure(struct header *h, struct why *why)
{
	unsigned physical = 0;
	struct stat st;

	if (fstat(h->device_fd, &st) != 0)
		return why_set(why, PERSIST_device, "%s: fstat: %s", h->device, strerror(errno));
	h->sector_bytes = 512;
	if (S_ISREG(st.st_mode))
		h->device_bytes = (uint64_t)st.st_size;
	else if (!S_ISBLK(st.st_mode))
		return why_set(why, PERSIST_device, "%s is neither a block device nor an image file", h->device);
	else if (ioctl(h->device_fd, BLKGETSIZE64, &h->device_bytes) != 0)
		return why_set(why, PERSIST_device, "%s: its size cannot be had: %s", h->device, strerror(errno));
	else if (ioctl(h->device_fd, BLKPBSZGET, &physical) == 0 && physical == 4096 && h->device_bytes % 4096 == 0)
		h->sector_bytes = 4096;
	if (h->device_bytes < DEVICE_LEAST)
		return why_set(
		    why, PERSIST_device, "%s has %" PRIu64 " bytes; at least %d are needed", h->device, h->device_bytes, DEVICE_LEAST);
	return PERSIST_ok;
}

static enum persist
copy(struct header *h, struct why *why)
{
	enum { STEP = 1 << 16 };
	uint8_t *buf = malloc(STEP);
	enum persist r = PERSIST_ok;

	if (buf == NULL)
		return why_set(why, PERSIST_internal, "no memory for copying the header");
	h->all_zero = 1;
	for (off_t at = 0; at < HEADER_BYTES && r == PERSIST_ok; at += STEP) {
		ssize_t n = pread(h->device_fd, buf, STEP, at);

		if (n != STEP)		/* the device is larger, so a short read is a fault */
			r = why_set(why, PERSIST_device, "%s cannot be read at %lld: %s", h->device, (long long)at,
			    n < 0 ? strerror(errno) : "short read");
		else if (pwrite(h->copy_fd, buf, STEP, at) != STEP)
			r = why_set(why, PERSIST_internal, "no memory for a copy of the header: %s", strerror(errno));
		else {
			if (at == 0)
				memcpy(h->first, buf, sizeof h->first);
			if (buf[0] != 0 || memcmp(buf, buf + 1, STEP - 1) != 0)
				h->all_zero = 0;
		}
	}
	free(buf);
	return r;
}

enum persist
header_copy(const char *device, struct header *out, struct why *why)
{
	struct header h = { .device = device, .device_fd = -1, .copy_fd = -1 };
	enum persist r;

	h.device_fd = open(device, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (h.device_fd < 0)
		return why_set(why, PERSIST_device, "%s cannot be opened: %s", device, strerror(errno));
	r = measure(&h, why);
	if (r == PERSIST_ok && (h.copy_fd = memfd_create("luks-header", MFD_CLOEXEC | MFD_ALLOW_SEALING)) < 0)
		r = why_set(why, PERSIST_internal, "memfd_create: %s", strerror(errno));
	if (r == PERSIST_ok)
		r = copy(&h, why);
	/* Sealed: not even libcryptsetup's repair of a damaged header copy can change what was copied. */
	if (r == PERSIST_ok && fcntl(h.copy_fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
		r = why_set(why, PERSIST_internal, "the header's copy cannot be sealed: %s", strerror(errno));
	if (r != PERSIST_ok)
		header_close(&h);
	else
		*out = h;
	return r;
}

void
header_close(struct header *header)
{
	if (header->copy_fd >= 0)
		(void)close(header->copy_fd);	/* a memfd: nothing to lose */
	if (header->device_fd >= 0)
		(void)close(header->device_fd);	/* read only */
	header->copy_fd = header->device_fd = -1;
}

enum persist
header_blank(const struct header *h, struct why *why)
{
	const char *type = "data", *found = NULL;
	blkid_probe probe;
	int r;

	if (!h->all_zero)
		return why_set(why, PERSIST_not_blank, "%s is not blank: its first %d MiB are not all zero", h->device, HEADER_BYTES >> 20);
	/* A signature may stand elsewhere: a RAID's or a GPT's at the end, some file systems' beyond 16 MiB. */
	probe = blkid_new_probe();
	if (probe == NULL || blkid_probe_set_device(probe, h->device_fd, 0, 0) != 0 || blkid_probe_enable_superblocks(probe, 1) != 0 ||
	    blkid_probe_enable_partitions(probe, 1) != 0) {
		blkid_free_probe(probe);
		return why_set(why, PERSIST_device, "%s cannot be probed for signatures", h->device);
	}
	r = blkid_do_safeprobe(probe);	/* 1 nothing, 0 found, -2 several, -1 error */
	if (r == 0 &&
	    (blkid_probe_lookup_value(probe, "TYPE", &found, NULL) == 0 || blkid_probe_lookup_value(probe, "PTTYPE", &found, NULL) == 0))
		type = found;
	if (r == 1)
		r = PERSIST_ok;
	else if (r == -1)
		r = (int)why_set(why, PERSIST_device, "%s cannot be probed for signatures", h->device);
	else
		r = (int)why_set(why, PERSIST_not_blank, "%s is not blank: libblkid finds a signature (%s)", h->device, type);
	blkid_free_probe(probe);
	return (enum persist)r;
}

static char last_error[160];

const char *
library_error(void)
{
	return last_error;
}

/* libcryptsetup's and libdevmapper's errors end here instead of on the console. */
static void
keep_error(int level, const char *msg, void *usrptr)
{
	(void)usrptr;
	if (level == CRYPT_LOG_ERROR)
		(void)snprintf(last_error, sizeof last_error, "%.*s", (int)strcspn(msg, "\n"), msg);	/* cut is fine */
}

void
library_log(void)
{
	last_error[0] = '\0';
	crypt_set_log_callback(NULL, keep_error, NULL);
}

static enum persist
load(const struct header *h, const char *metadata, const char *data, struct crypt_device **out, struct why *why)
{
	struct crypt_device *cd = NULL;
	int r;

	library_log();
	/* Token types are disk-controlled names of plugins that libcryptsetup would dlopen() to validate them. */
	crypt_token_external_disable();
	r = crypt_init_data_device(&cd, metadata, data);
	if (r < 0)
		return why_set(why, PERSIST_internal, "libcryptsetup cannot start on %s: %s %s", h->device, strerror(-r), last_error);
	r = crypt_load(cd, CRYPT_LUKS2, NULL);
	if (r < 0) {
		crypt_free(cd);
		return why_set(why, PERSIST_not_luks, "%s has no valid LUKS2 header: %s %s", h->device, strerror(-r), last_error);
	}
	*out = cd;
	return PERSIST_ok;
}

/*
 * LUKS2 keeps two copies of its metadata, and libcryptsetup picks the valid one with the higher sequence id.  Which one it was does
 * not matter here: it parses it into the context once, crypt_dump_json() shows that very object, and all that follows works from
 * the context, with keyslot areas read from the sealed memfd.  The metadata that were not picked are never used by anybody:
 * picking happens once, and were it to happen again, then from the same sealed bytes.  A disk that holds a good and an evil copy
 * gets the evil one refused, or the good one opened, by whichever is newer.  (Repairing the older copy fails on the sealed memfd;
 * libcryptsetup 2.6 then goes on with the valid one: tests/unit_luks.c holds it to that.)
 */
enum persist
header_load_copy(const struct header *h, struct crypt_device **out, struct why *why)
{
	static const uint8_t luks1[8] = { 'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 1 };
	char path[32];

	/* Before libcryptsetup sees it: a LUKS1 header with LUKS2's secondary one behind it is nobody's honest volume. */
	if (memcmp(h->first, luks1, sizeof luks1) == 0)
		return why_set(why, PERSIST_luks1, "%s holds LUKS1; only LUKS2 is allowed", h->device);
	fd_path(h->copy_fd, path);
	return load(h, path, h->device, out, why);
}

enum persist
header_load_device(const struct header *h, struct crypt_device **out, struct why *why)
{
	return load(h, h->device, NULL, out, why);
}
