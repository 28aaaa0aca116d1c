/*
 * The sectors of the cache partition as bytes, and where its parts lie.  Pure; used by store-worker and by the tools that fill it.
 * Distrusts every sector: what decodes is in range, so that no offset computed from it overflows or leaves its slot.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cache.h"
#include "crc32.h"
#include "doc.h"

enum {
	FORMAT = 1,
	MAGIC_BYTES = 8,
	VERSION_AT = 8,
	BODY_AT = 16,			/* bytes 12..15 and all behind the last field are zero */
	CRC_AT = CACHE_SECTOR - 4,
	HEADER_END = BODY_AT + 4 + 4 + 8 + 16,
	SLOT_END = BODY_AT + ID_BYTES + 4 + 4 + 8 + 8,
	ROWS_AT = BODY_AT + 8 + 2 * ID_BYTES,
	ROW_BYTES = ID_BYTES + 4 * 4,
	STOPS_AT = ROWS_AT + SLOTS_MAX * ROW_BYTES,
	JOURNAL_END = STOPS_AT + 4,
};
static_assert(JOURNAL_END <= CRC_AT, "a journal must fit into one sector: that is what a disk writes whole");
static_assert(CACHE_MANIFEST_AT + DOC_MAX <= CACHE_MINISIG_AT, "manifest and minisig overlap");
static_assert(CACHE_MINISIG_AT + MINISIG_MAX <= CACHE_IMAGES_AT, "minisig and kernel overlap");
static_assert(CACHE_SLOT_MAX <= (INT64_MAX - CACHE_SLOTS_AT) / SLOTS_MAX, "an offset could overflow");

static const char header_magic[MAGIC_BYTES + 1] = "SLYPCACH";
static const char slot_magic[MAGIC_BYTES + 1] = "SLYPSLOT";
static const char journal_magic[MAGIC_BYTES + 1] = "SLYPJRNL";

static void
put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void
put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static uint64_t
get64(const uint8_t *p)
{
	return (uint64_t)get32(p) | (uint64_t)get32(p + 4) << 32;
}

static int
is_zero(const uint8_t *p, size_t len_bytes)
{
	for (size_t i = 0; i < len_bytes; i++)
		if (p[i] != 0)
			return 0;
	return 1;
}

static void
begin(uint8_t sector[CACHE_SECTOR], const char *magic)
{
	memset(sector, 0, CACHE_SECTOR);
	memcpy(sector, magic, MAGIC_BYTES);
	put32(sector + VERSION_AT, FORMAT);
}

static void
finish(uint8_t sector[CACHE_SECTOR])
{
	put32(sector + CRC_AT, crc32_ieee(sector, CRC_AT));
}

/* What all sectors have in common; fields end at end. */
static int
is_valid(const uint8_t sector[CACHE_SECTOR], const char *magic, size_t end)
{
	return memcmp(sector, magic, MAGIC_BYTES) == 0 && get32(sector + VERSION_AT) == FORMAT &&
	    is_zero(sector + VERSION_AT + 4, BODY_AT - VERSION_AT - 4) && is_zero(sector + end, CRC_AT - end) &&
	    get32(sector + CRC_AT) == crc32_ieee(sector, CRC_AT);
}

void
cache_encode_header(const struct cache_header *in, uint8_t sector[CACHE_SECTOR])
{
	begin(sector, header_magic);
	put32(sector + BODY_AT, in->slots);
	put64(sector + BODY_AT + 8, in->slot_bytes);
	memcpy(sector + BODY_AT + 16, in->node, sizeof in->node);
	finish(sector);
}

int
cache_decode_header(const uint8_t sector[CACHE_SECTOR], struct cache_header *out)
{
	uint32_t slots = get32(sector + BODY_AT);
	uint64_t slot_bytes = get64(sector + BODY_AT + 8);

	if (!is_valid(sector, header_magic, HEADER_END) || !is_zero(sector + BODY_AT + 4, 4))
		return -ENODATA;
	if (slots < 1 || slots > SLOTS_MAX || slot_bytes < CACHE_SLOT_MIN || slot_bytes > CACHE_SLOT_MAX ||
	    slot_bytes % CACHE_SLOT_UNIT != 0)
		return -ENODATA;
	out->slots = slots;
	out->slot_bytes = slot_bytes;
	memcpy(out->node, sector + BODY_AT + 16, sizeof out->node);
	return 0;
}

static uint64_t
align_up(uint64_t bytes)
{
	return (bytes + CACHE_ALIGN - 1) / CACHE_ALIGN * CACHE_ALIGN;
}

void
cache_encode_slot(const struct cache_slot *in, uint8_t sector[CACHE_SECTOR])
{
	uint8_t *p = sector + BODY_AT;

	begin(sector, slot_magic);
	memcpy(p, in->id, ID_BYTES);
	put32(p + ID_BYTES, in->manifest_bytes);
	put32(p + ID_BYTES + 4, in->minisig_bytes);
	put64(p + ID_BYTES + 8, in->kernel_bytes);
	put64(p + ID_BYTES + 16, in->initramfs_bytes);
	finish(sector);
}

int
cache_decode_slot(const uint8_t sector[CACHE_SECTOR], const struct cache_header *header, struct cache_slot *out)
{
	const uint8_t *p = sector + BODY_AT;
	struct cache_slot s;

	if (!is_valid(sector, slot_magic, SLOT_END))
		return -ENODATA;
	memcpy(s.id, p, ID_BYTES);
	s.manifest_bytes = get32(p + ID_BYTES);
	s.minisig_bytes = get32(p + ID_BYTES + 4);
	s.kernel_bytes = get64(p + ID_BYTES + 8);
	s.initramfs_bytes = get64(p + ID_BYTES + 16);
	if (s.manifest_bytes < 1 || s.manifest_bytes > DOC_MAX || s.minisig_bytes < 1 || s.minisig_bytes > MINISIG_MAX ||
	    s.kernel_bytes < 1 || s.kernel_bytes > CACHE_IMAGE_MAX || s.initramfs_bytes < 1 || s.initramfs_bytes > CACHE_IMAGE_MAX)
		return -ENODATA;
	if (cache_slot_need(&s) > header->slot_bytes)	/* each is at most 1 GiB by now */
		return -ENODATA;
	*out = s;
	return 0;
}

void
cache_encode_journal(const struct cache_journal *in, uint8_t sector[CACHE_SECTOR])
{
	uint8_t *p = sector + ROWS_AT;

	begin(sector, journal_magic);
	put64(sector + BODY_AT, in->sequence);
	memcpy(sector + BODY_AT + 8, in->booted, ID_BYTES);
	memcpy(sector + BODY_AT + 8 + ID_BYTES, in->healthy, ID_BYTES);
	for (unsigned i = 0; i < SLOTS_MAX; i++, p += ROW_BYTES) {
		memcpy(p, in->entry[i].id, ID_BYTES);
		put32(p + ID_BYTES, in->entry[i].attempts);
		put32(p + ID_BYTES + 4, in->entry[i].healthy);
		put32(p + ID_BYTES + 8, in->entry[i].failed);
		put32(p + ID_BYTES + 12, in->entry[i].zero);
	}
	put32(sector + STOPS_AT, in->stops);
	finish(sector);
}

/* Rows stand packed, no id twice, an unused row is all zero. */
static int
rows_are_sane(const uint8_t *rows)
{
	for (unsigned i = 0; i < SLOTS_MAX; i++) {
		const uint8_t *p = rows + i * ROW_BYTES;

		if (is_zero(p, ID_BYTES))
			return is_zero(p, (SLOTS_MAX - i) * ROW_BYTES);
		if (get32(p + ID_BYTES) > CACHE_BEGUN_MAX || get32(p + ID_BYTES + 4) > 1 ||
		    get32(p + ID_BYTES + 8) > CACHE_EVENT_MAX || get32(p + ID_BYTES + 12) != 0)
			return 0;
		for (unsigned j = 0; j < i; j++)
			if (memcmp(rows + j * ROW_BYTES, p, ID_BYTES) == 0)
				return 0;
	}
	return 1;
}

int
cache_decode_journal(const uint8_t sector[CACHE_SECTOR], struct cache_journal *out)
{
	const uint8_t *p = sector + ROWS_AT;

	if (!is_valid(sector, journal_magic, JOURNAL_END) || !rows_are_sane(p) || get32(sector + STOPS_AT) > STOPS_MAX)
		return -ENODATA;
	out->sequence = get64(sector + BODY_AT);
	memcpy(out->booted, sector + BODY_AT + 8, ID_BYTES);
	memcpy(out->healthy, sector + BODY_AT + 8 + ID_BYTES, ID_BYTES);
	for (unsigned i = 0; i < SLOTS_MAX; i++, p += ROW_BYTES) {
		memcpy(out->entry[i].id, p, ID_BYTES);
		out->entry[i].attempts = get32(p + ID_BYTES);
		out->entry[i].healthy = get32(p + ID_BYTES + 4);
		out->entry[i].failed = get32(p + ID_BYTES + 8);
		out->entry[i].zero = 0;
	}
	out->stops = get32(sector + STOPS_AT);
	out->zero = 0;
	return 0;
}

uint64_t
cache_slot_at(const struct cache_header *header, uint32_t slot)
{
	return CACHE_SLOTS_AT + header->slot_bytes * slot;
}

uint64_t
cache_part_at(const struct cache_header *header, uint32_t slot, const struct cache_slot *s, enum part part)
{
	uint64_t at = cache_slot_at(header, slot);

	switch (part) {
	case PART_manifest:
		return at + CACHE_MANIFEST_AT;
	case PART_minisig:
		return at + CACHE_MINISIG_AT;
	case PART_kernel:
		return at + CACHE_IMAGES_AT;
	case PART_initramfs:
		return at + CACHE_IMAGES_AT + align_up(s->kernel_bytes);
	}
	return at;
}

uint64_t
cache_part_bytes(const struct cache_slot *s, enum part part)
{
	switch (part) {
	case PART_manifest:
		return s->manifest_bytes;
	case PART_minisig:
		return s->minisig_bytes;
	case PART_kernel:
		return s->kernel_bytes;
	case PART_initramfs:
		return s->initramfs_bytes;
	}
	return 0;	/* no such part has bytes */
}

uint64_t
cache_slot_need(const struct cache_slot *s)
{
	return CACHE_IMAGES_AT + align_up(s->kernel_bytes) + s->initramfs_bytes;
}
