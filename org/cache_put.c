/*
 * cache put: a generation from its folder into a slot.  On the operator's side, and in a running generation.
 * Distrusts the folder (its images must be what the manifest says) and the moment at which power fails: content first, header last.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "cachedev.h"
#include "gen.h"

static int
check_folder(const struct generation *gen, const char *config)
{
	const struct bytes *text = &gen->part[PART_manifest];
	struct verify_rules rules;
	struct doc_config doc;
	struct doc_error error;
	struct verified v;
	char detail[512] = "";
	enum event event;

	if (config != NULL) {
		if (gen_rules(config, &doc, &rules) != 0)
			return -EINVAL;
		event = gen_verify(gen, &rules, &v, detail, sizeof detail);
	} else {
		/* unsigned here; the machine verifies.  This finds a torn copy before it costs a boot */
		if (doc_parse(DOC_manifest, text->data, text->len, &v.manifest, sizeof v.manifest, &error) != 0) {
			refuse_doc(gen_names[PART_manifest], DOC_manifest, &error);
			return -EINVAL;
		}
		event = gen_match(gen, &v.manifest, detail, sizeof detail);
	}
	if (event == EV_none)
		return 0;
	print_event(event, detail);
	return -EINVAL;
}

/* 1: the slot has exactly these four files. */
static int
is_same(const struct cachedev *dev, uint32_t slot, const struct generation *gen)
{
	uint8_t piece[65536];

	for (unsigned part = 1; part <= PART_LAST; part++) {
		const struct bytes *bytes = &gen->part[part];
		uint64_t at = cache_part_at(&dev->header, slot, &dev->slots[slot], (enum part)part);

		if (cache_part_bytes(&dev->slots[slot], (enum part)part) != bytes->len)
			return 0;
		for (size_t done = 0, n; done < bytes->len; done += n) {
			n = bytes->len - done < sizeof piece ? bytes->len - done : sizeof piece;
			if (cache_read_at(dev->fd, piece, n, at + done) != 0 || memcmp(piece, bytes->data + done, n) != 0)
				return 0;
		}
	}
	return 1;
}

/* The slot is empty before its content changes, and full only when that is durable. */
static int
write_slot(struct cachedev *dev, uint32_t slot, const struct cache_slot *s, const struct generation *gen)
{
	int rc;

	rc = cache_write_slot(dev->fd, &dev->header, slot, NULL);
	for (unsigned part = 1; part <= PART_LAST && rc == 0; part++)
		rc = cache_write_at(dev->fd, gen->part[part].data, gen->part[part].len,
		    cache_part_at(&dev->header, slot, s, (enum part)part));
	if (rc == 0 && fdatasync(dev->fd) != 0)
		rc = -errno;
	if (rc == 0)
		rc = cache_write_slot(dev->fd, &dev->header, slot, s);
	return rc != 0 ? cachedev_error(dev, rc, "the slot cannot be written") : 0;
}

static int
describe(const struct cachedev *dev, const struct generation *gen, struct cache_slot *s)
{
	memset(s, 0, sizeof *s);
	if (crypto_generichash(s->id, sizeof s->id, gen->part[PART_manifest].data, gen->part[PART_manifest].len, NULL, 0) != 0)
		return refuse("the manifest cannot be hashed");
	s->manifest_bytes = (uint32_t)gen->part[PART_manifest].len;
	s->minisig_bytes = (uint32_t)gen->part[PART_minisig].len;
	s->kernel_bytes = gen->part[PART_kernel].len;
	s->initramfs_bytes = gen->part[PART_initramfs].len;
	if (cache_slot_need(s) > dev->header.slot_bytes)
		return refuse("%s: the generation wants a slot of %" PRIu64 " MiB, these have %" PRIu64, dev->path,
		    (cache_slot_need(s) + (1 << 20) - 1) >> 20, dev->header.slot_bytes >> 20);
	return 0;
}

/* Into slot, which may hold another generation; old, if there is one, has the same id and goes afterwards. */
static int
replace(struct cachedev *dev, uint32_t slot, uint32_t old, const struct cache_slot *s, const struct generation *gen)
{
	int rc = write_slot(dev, slot, s, gen);

	if (rc != 0)
		return rc;
	dev->slots[slot] = *s;
	dev->present[slot] = CACHE_full;
	if (old != SLOT_NONE && old != slot) {
		rc = cache_write_slot(dev->fd, &dev->header, old, NULL);
		if (rc != 0)
			return cachedev_error(dev, rc, "the older copy cannot be emptied");
		dev->present[old] = CACHE_empty;
	}
	return 0;
}

static int
put(struct cachedev *dev, const struct generation *gen)
{
	uint32_t slot = SLOT_NONE, old = SLOT_NONE;
	char hex[ID_TEXT + 1];
	struct cache_slot s;
	int rc;

	rc = describe(dev, gen, &s);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < dev->header.slots && slot == SLOT_NONE; i++)
		if (dev->present[i] && memcmp(dev->slots[i].id, s.id, ID_BYTES) == 0) {
			old = i;
			if (is_same(dev, i, gen))
				slot = i;
		}
	if (slot == SLOT_NONE) {
		slot = cache_choose(&dev->header, &dev->journal, dev->slots, dev->present, old, CACHE_in_os);
		if (slot == SLOT_NONE)
			return refuse("%s: no slot may be freed: each holds the last healthy generation or the one booted last", dev->path);
		rc = replace(dev, slot, old, &s, gen);
	}
	if (rc != 0)
		return rc;
	cache_journal_kept(&dev->journal, dev->slots, dev->present, s.id);
	rc = cache_write_journal(dev->fd, &dev->journal);
	if (rc != 0)
		return cachedev_error(dev, rc, "the journal cannot be written");
	printf("slot %u  %s\n", slot, hex_text(s.id, ID_BYTES, hex));
	return 0;
}

int
cache_put(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' }, { NULL, 0, NULL, 0 } };
	const char *config = NULL;
	struct generation gen;
	struct cachedev dev;
	int c, rc;

	while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (c != 'c')
			return ORG_usage;
		config = optarg;
	}
	if (argc - optind != 2)
		return usage_error("put wants DEV and DIR");
	if (gen_load(argv[optind + 1], &gen) != 0)
		return ORG_refused;
	rc = check_folder(&gen, config);
	if (rc == 0)
		rc = cachedev_open(&dev, argv[optind], CACHEDEV_write);
	if (rc == 0)
		rc = cachedev_close(&dev, put(&dev, &gen));
	gen_free(&gen);
	return rc == 0 ? ORG_ok : ORG_refused;
}
