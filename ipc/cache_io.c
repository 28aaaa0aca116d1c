/*
 * Reading and writing the cache partition: whole transfers, and writes in an order that survives power failing between any two.
 * Used by store-worker and by the tools that fill it.  Distrusts the device: short, failing, torn, stale.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"

static_assert(sizeof(off_t) == 8, "offsets beyond 2 GiB");

int
cache_read_at(int fd, void *buf, size_t len_bytes, uint64_t at_bytes)
{
	uint8_t *p = buf;

	if (at_bytes > INT64_MAX || len_bytes > INT64_MAX - at_bytes)
		return -EINVAL;
	while (len_bytes > 0) {
		ssize_t n = pread(fd, p, len_bytes, (off_t)at_bytes);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len_bytes -= (size_t)n;
		at_bytes += (uint64_t)n;
	}
	return 0;
}

int
cache_write_at(int fd, const void *buf, size_t len_bytes, uint64_t at_bytes)
{
	const uint8_t *p = buf;

	if (at_bytes > INT64_MAX || len_bytes > INT64_MAX - at_bytes)
		return -EINVAL;
	while (len_bytes > 0) {
		ssize_t n = pwrite(fd, p, len_bytes, (off_t)at_bytes);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len_bytes -= (size_t)n;
		at_bytes += (uint64_t)n;
	}
	return 0;
}

/* The sector is on the medium, not only in a cache, when this returns 0. */
static int
write_durably(int fd, const uint8_t sector[CACHE_SECTOR], uint64_t at_bytes)
{
	int rc = cache_write_at(fd, sector, CACHE_SECTOR, at_bytes);

	if (rc != 0)
		return rc;
	return fdatasync(fd) == 0 ? 0 : -errno;
}

static int
read_header_at(int fd, uint64_t at_bytes, struct cache_header *out)
{
	uint8_t sector[CACHE_SECTOR];
	int rc = cache_read_at(fd, sector, sizeof sector, at_bytes);

	return rc == 0 ? cache_decode_header(sector, out) : rc;
}

int
cache_read_header(int fd, struct cache_header *out)
{
	int rc = read_header_at(fd, 0, out);

	if (rc == 0 || read_header_at(fd, CACHE_HEADER_AGAIN, out) == 0)
		return 0;
	return rc;
}

int
cache_write_header(int fd, const struct cache_header *in)
{
	uint8_t sector[CACHE_SECTOR];
	struct cache_header old;
	uint64_t first = CACHE_HEADER_AGAIN, second = 0;
	int rc;

	cache_encode_header(in, sector);
	if (cache_decode_header(sector, &old) != 0)
		return -EINVAL;
	/* One of the two is whole at any instant: begin with the one that is not needed. */
	if (read_header_at(fd, 0, &old) != 0) {
		first = 0;
		second = CACHE_HEADER_AGAIN;
	}
	rc = write_durably(fd, sector, first);
	return rc == 0 ? write_durably(fd, sector, second) : rc;
}

int
cache_read_slot(int fd, const struct cache_header *header, uint32_t slot, struct cache_slot *out)
{
	uint8_t sector[CACHE_SECTOR];
	int rc;

	if (slot >= header->slots)
		return -EINVAL;
	rc = cache_read_at(fd, sector, sizeof sector, cache_slot_at(header, slot));
	return rc == 0 ? cache_decode_slot(sector, header, out) : rc;
}

int
cache_read_slots(int fd, const struct cache_header *header, struct cache_slot slots[SLOTS_MAX], uint8_t present[SLOTS_MAX])
{
	int rc, first = 0;

	memset(slots, 0, SLOTS_MAX * sizeof slots[0]);
	memset(present, CACHE_empty, SLOTS_MAX);
	for (uint32_t slot = 0; slot < header->slots; slot++) {
		rc = cache_read_slot(fd, header, slot, &slots[slot]);
		if (rc == 0)
			present[slot] = CACHE_full;
		else if (rc != -ENODATA) {
			present[slot] = CACHE_unreadable;
			first = first != 0 ? first : rc;
		}
	}
	return first;
}

int
cache_write_slot(int fd, const struct cache_header *header, uint32_t slot, const struct cache_slot *in)
{
	uint8_t sector[CACHE_SECTOR] = { 0 };
	struct cache_slot again;

	if (slot >= header->slots)
		return -EINVAL;
	if (in != NULL) {
		cache_encode_slot(in, sector);
		if (cache_decode_slot(sector, header, &again) != 0)
			return -EINVAL;
		/* A header must never stand before what it describes does. */
		if (fdatasync(fd) != 0)
			return -errno;
	}
	return write_durably(fd, sector, cache_slot_at(header, slot));
}

/* Is a later than b?  Round the end of the numbers as well: consecutive ones always compare right. */
static int
is_later(uint64_t a, uint64_t b)
{
	return a != b && a - b < UINT64_C(1) << 63;
}

/* Reads both sectors; rc[] says of each whether it counts. */
static void
read_both(int fd, struct cache_journal journal[2], int rc[2])
{
	static const uint64_t at[2] = { CACHE_JOURNAL_A, CACHE_JOURNAL_B };
	uint8_t sector[CACHE_SECTOR];

	for (unsigned i = 0; i < 2; i++) {
		rc[i] = cache_read_at(fd, sector, sizeof sector, at[i]);
		if (rc[i] == 0)
			rc[i] = cache_decode_journal(sector, &journal[i]);
	}
}

/* Which of the two counts: 0, 1, or -1 for none. */
static int
pick(const struct cache_journal journal[2], const int rc[2])
{
	if (rc[0] == 0 && rc[1] == 0)
		return is_later(journal[1].sequence, journal[0].sequence);
	if (rc[0] == 0)
		return 0;
	return rc[1] == 0 ? 1 : -1;
}

int
cache_read_journal(int fd, struct cache_journal *out)
{
	struct cache_journal journal[2];
	int rc[2], which;

	read_both(fd, journal, rc);
	which = pick(journal, rc);
	if (which >= 0) {
		*out = journal[which];
		return 0;
	}
	/* An unreadable sector may be the one that counts: that is not the same as none. */
	for (unsigned i = 0; i < 2; i++)
		if (rc[i] != -ENODATA)
			return rc[i];
	memset(out, 0, sizeof *out);
	return -ENODATA;
}

int
cache_write_journal(int fd, struct cache_journal *journal)
{
	struct cache_journal both[2], next = *journal;
	uint8_t sector[CACHE_SECTOR];
	int rc[2], which, err;

	read_both(fd, both, rc);
	which = pick(both, rc);
	/* What is on the disk decides: a caller's stale number must not make the new journal the older one. */
	next.sequence = (which >= 0 ? both[which].sequence : journal->sequence) + 1;
	cache_encode_journal(&next, sector);
	if (cache_decode_journal(sector, &next) != 0)
		return -EINVAL;
	if (which < 0)	/* none counts: prefer a sector that can at least be read */
		which = rc[0] == -ENODATA;
	err = write_durably(fd, sector, which == 0 ? CACHE_JOURNAL_B : CACHE_JOURNAL_A);
	if (err == 0)
		journal->sequence = next.sequence;
	return err;
}
