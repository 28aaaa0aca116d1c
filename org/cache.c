/*
 * sallyport-org cache: list, drop, healthy; format and put have files of their own.  On the operator's side, and in a running
 * generation, which uses the same sources without any signing code.  Distrusts the partition: what it shows of it is unverified.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cachedev.h"

static const char help[] =
    "usage: sallyport-org cache COMMAND...           in a generation: sallyport-cache COMMAND...\n"
    "\n"
    "       format DEV --slots N --slot-size MIB [--size MIB] [--force]\n"
    "       put DEV DIR [-c CONFIG]\n"
    "       list DEV\n"
    "       drop DEV ID [--force]\n"
    "       healthy DEV ID\n"
    "\n"
    "DEV is a cache partition or an image file.  ID is a generation's id or its first digits, at least 8.\n"
    "\n"
    "  format    empties it\n"
    "  put       the generation of folder DIR into an empty slot, else in the place of the oldest one that is neither the\n"
    "            last healthy one nor the last one booted, nor, if it can be helped, the only other one that was healthy\n"
    "  list      what is in it, none of it verified\n"
    "  drop      takes a generation out\n"
    "  healthy   the running generation works: it stays until a later one works\n"
    "\n"
    "  --slots N              1 to 8\n"
    "  --slot-size MIB        2 to 4096, for each slot\n"
    "  --size MIB             1 to 1048576: makes the image file\n"
    "  --force                format: even when it is not empty; drop: even the last healthy one\n"
    "  -c, --config FILE      put: only when a machine with this config would boot it\n";

static void
print_slot(const struct cachedev *dev, uint32_t slot)
{
	const struct cache_slot *s = &dev->slots[slot];
	const struct cache_entry *entry = cache_journal_find(&dev->journal, s->id);
	const struct event_row *row = entry != NULL ? event_find(entry->failed) : NULL;
	char text[DOC_MAX], hex[ID_TEXT + 1];
	struct doc_manifest manifest;
	struct doc_error error;

	printf("slot %u  %s", slot, hex_text(s->id, ID_BYTES, hex));
	if (s->manifest_bytes <= sizeof text &&
	    cache_read_at(dev->fd, text, s->manifest_bytes, cache_part_at(&dev->header, slot, s, PART_manifest)) == 0 &&
	    doc_parse(DOC_manifest, text, s->manifest_bytes, &manifest, sizeof manifest, &error) == 0)
		printf("  v%" PRIu64, manifest.version);
	printf("  kernel %" PRIu64 "  initramfs %" PRIu64 " bytes", s->kernel_bytes, s->initramfs_bytes);
	if (entry == NULL)
		printf("  unknown to the journal");
	else {
		if (memcmp(dev->journal.healthy, s->id, ID_BYTES) == 0)
			printf("  last healthy");
		else if (entry->healthy)
			printf("  was healthy");
		if (entry->attempts > 0)
			printf("  %u attempts", entry->attempts);
		if (entry->failed != 0)
			printf("  failed: %u %s", entry->failed, row != NULL ? row->name : "?");
	}
	if (memcmp(dev->journal.booted, s->id, ID_BYTES) == 0)
		printf("  booted last");
	putchar('\n');
}

static int
list(const struct cachedev *dev)
{
	static const uint8_t nobody[sizeof dev->header.node];
	uint32_t order[SLOTS_MAX], flags[SLOTS_MAX];
	char hex[2 * sizeof dev->header.node + 1];
	unsigned n, listed = 0;

	printf("%u slots of %" PRIu64 " MiB, node %s\n", dev->header.slots, dev->header.slot_bytes >> 20,
	    memcmp(dev->header.node, nobody, sizeof nobody) == 0 ? "not enrolled" : hex_text(dev->header.node, sizeof nobody, hex));
	for (uint32_t slot = 0; slot < dev->header.slots; slot++) {
		if (dev->present[slot])
			print_slot(dev, slot);
		else
			printf("slot %u  empty\n", slot);
	}
	n = cache_order(&dev->journal, dev->slots, dev->present, order, flags);
	printf("order of boot, when verified:");
	for (; listed < n && (flags[listed] & OFFER_failed) == 0; listed++)
		printf(" %u", order[listed]);
	printf("%s", listed == 0 ? " none" : "");
	if (listed < n)
		printf("; failed, only by a ticket:");
	for (; listed < n; listed++)
		printf(" %u", order[listed]);
	putchar('\n');
	return 0;
}

static int
cmd_list(int argc, char **argv)
{
	struct cachedev dev;

	if (argc != 2)
		return usage_error("list wants DEV");
	if (cachedev_open(&dev, argv[1], CACHEDEV_read) != 0)
		return ORG_refused;
	return cachedev_close(&dev, list(&dev)) == 0 ? ORG_ok : ORG_refused;
}

static int
drop(struct cachedev *dev, uint32_t slot, int force)
{
	uint8_t id[ID_BYTES];
	int rc;

	memcpy(id, dev->slots[slot].id, sizeof id);
	if (!force && memcmp(id, dev->journal.healthy, sizeof id) == 0)
		return refuse("%s: slot %u is the last healthy generation; --force drops even that", dev->path, slot);
	rc = cache_write_slot(dev->fd, &dev->header, slot, NULL);
	if (rc != 0)
		return cachedev_error(dev, rc, "the slot cannot be emptied");
	/* the row stays while another slot has the same id; power may fail in between: a row without a slot does no harm */
	for (uint32_t i = 0; i < dev->header.slots; i++)
		if (i != slot && dev->present[i] && memcmp(dev->slots[i].id, id, sizeof id) == 0)
			return 0;
	cache_journal_drop(&dev->journal, id);
	rc = cache_write_journal(dev->fd, &dev->journal);
	return rc != 0 ? cachedev_error(dev, rc, "the journal cannot be written") : 0;
}

static int
cmd_drop(int argc, char **argv)
{
	static const struct option options[] = { { "force", no_argument, NULL, 'f' }, { NULL, 0, NULL, 0 } };
	struct cachedev dev;
	uint32_t slot;
	int c, rc, force = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'f')
			return ORG_usage;
		force = 1;
	}
	if (argc - optind != 2)
		return usage_error("drop wants DEV and ID");
	if (cachedev_open(&dev, argv[optind], CACHEDEV_write) != 0)
		return ORG_refused;
	rc = cachedev_find(&dev, argv[optind + 1], &slot);
	if (rc == 0)
		rc = drop(&dev, slot, force);
	return cachedev_close(&dev, rc) == 0 ? ORG_ok : ORG_refused;
}

static int
healthy(struct cachedev *dev, uint32_t slot)
{
	int rc;

	if (cache_journal_healthy(&dev->journal, dev->slots[slot].id) != 0)
		return refuse("%s: slot %u is unknown to the journal: it was never booted from here; put it again", dev->path, slot);
	rc = cache_write_journal(dev->fd, &dev->journal);
	return rc != 0 ? cachedev_error(dev, rc, "the journal cannot be written") : 0;
}

static int
cmd_healthy(int argc, char **argv)
{
	struct cachedev dev;
	uint32_t slot;
	int rc;

	if (argc != 3)
		return usage_error("healthy wants DEV and ID");
	if (cachedev_open(&dev, argv[1], CACHEDEV_write) != 0)
		return ORG_refused;
	rc = cachedev_find(&dev, argv[2], &slot);
	if (rc == 0)
		rc = healthy(&dev, slot);
	return cachedev_close(&dev, rc) == 0 ? ORG_ok : ORG_refused;
}

int
cmd_cache(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = { { "format", cache_format }, { "put", cache_put }, { "list", cmd_list }, { "drop", cmd_drop },
		{ "healthy", cmd_healthy } };

	if (argc < 2)
		return usage_error("wants format, put, list, drop or healthy");
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return print_help(help);
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		argv[1] = argv[0];	/* getopt_long() begins its messages with it */
		return commands[i].run(argc - 1, argv + 1);
	}
	return usage_error("cache has no command \"%s\": format, put, list, drop or healthy", argv[1]);
}
