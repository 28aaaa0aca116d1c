/*
 * cache format: an empty cache on a partition or in an image file.  On the operator's side.
 * Distrusts the operator's typing: what is not empty is left alone unless --force says otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cachedev.h"

struct request {
	uint64_t slots, slot_mib, size_mib;
	int force;
};

/* The image file, when --size asks for one; sparse. */
static int
make_image(const char *path, uint64_t size_mib, int force)
{
	int fd, rc = 0;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | (force ? 0 : O_EXCL), 0644);
	if (fd < 0)
		return refuse_errno(errno, "%s", path);
	if (ftruncate(fd, (off_t)(size_mib << 20)) != 0)
		rc = refuse_errno(errno, "%s", path);
	if (close(fd) != 0 && rc == 0)
		rc = refuse_errno(errno, "%s", path);
	return rc;
}

/* File systems, partition tables, LUKS and LVM all leave something in the first MiB. */
static int
check_empty(const struct cachedev *dev)
{
	struct cache_header header;
	uint8_t piece[4096];

	if (cache_read_header(dev->fd, &header) == 0)
		return refuse("%s: there is a cache already, of %u slots; --force empties it, the node id in its header included",
		    dev->path, header.slots);
	for (uint64_t at = 0; at < CACHE_SLOTS_AT; at += sizeof piece) {
		int rc = cache_read_at(dev->fd, piece, sizeof piece, at);

		if (rc != 0)
			return cachedev_error(dev, rc, "cannot be read");
		for (size_t i = 0; i < sizeof piece; i++)
			if (piece[i] != 0)
				return refuse("%s: not empty: byte %" PRIu64 " is not zero; --force overwrites what is there", dev->path,
				    at + i);
	}
	return 0;
}

/* The header goes first and comes last: no instant has a header over slots that were not emptied. */
static int
write_empty(struct cachedev *dev)
{
	static const uint8_t zero[CACHE_SECTOR];
	static const uint64_t sectors[] = { 0, CACHE_JOURNAL_A, CACHE_JOURNAL_B };
	int rc = 0;

	for (size_t i = 0; i < sizeof sectors / sizeof sectors[0] && rc == 0; i++)
		rc = cache_write_at(dev->fd, zero, sizeof zero, sectors[i]);
	if (rc == 0 && fdatasync(dev->fd) != 0)
		rc = -errno;
	for (uint32_t slot = 0; slot < dev->header.slots && rc == 0; slot++)
		rc = cache_write_slot(dev->fd, &dev->header, slot, NULL);
	if (rc == 0)
		rc = cache_write_header(dev->fd, &dev->header);
	return rc != 0 ? cachedev_error(dev, rc, "cannot be formatted") : 0;
}

static int
format(const char *path, const struct request *r)
{
	struct cachedev dev;
	int rc;

	if (r->size_mib > 0) {
		rc = make_image(path, r->size_mib, r->force);
		if (rc != 0)
			return rc;
	}
	rc = cachedev_open_raw(&dev, path, CACHEDEV_write);
	if (rc != 0)
		return rc;
	dev.header.slots = (uint32_t)r->slots;
	dev.header.slot_bytes = r->slot_mib << 20;
	if (cache_slot_at(&dev.header, dev.header.slots) > dev.bytes)
		rc = refuse("%s: has %" PRIu64 " bytes, %" PRIu64 " slots of %" PRIu64 " MiB want %" PRIu64, path, dev.bytes, r->slots,
		    r->slot_mib, cache_slot_at(&dev.header, dev.header.slots));
	if (rc == 0 && !r->force)
		rc = check_empty(&dev);
	if (rc == 0)
		rc = write_empty(&dev);
	return cachedev_close(&dev, rc);
}

int
cache_format(int argc, char **argv)
{
	static const struct option options[] = { { "slots", required_argument, NULL, 'n' }, { "slot-size", required_argument, NULL, 's' },
		{ "size", required_argument, NULL, 'S' }, { "force", no_argument, NULL, 'f' }, { NULL, 0, NULL, 0 } };
	struct request r = { 0 };
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n': rc = parse_number("--slots", optarg, 1, SLOTS_MAX, &r.slots); break;
		case 's': rc = parse_number("--slot-size", optarg, 2, 4096, &r.slot_mib); break;
		case 'S': rc = parse_number("--size", optarg, 1, 1 << 20, &r.size_mib); break;
		case 'f': r.force = 1; break;
		default: return ORG_usage;
		}
	}
	if (rc != 0)
		return ORG_usage;
	if (argc - optind != 1 || r.slots == 0 || r.slot_mib == 0)
		return usage_error("format wants DEV, --slots and --slot-size");
	return format(argv[optind], &r) == 0 ? ORG_ok : ORG_refused;
}
