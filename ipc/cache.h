#ifndef IPC_CACHE_H
#define IPC_CACHE_H
/*
 * The cache partition: raw, no file system.  Integers are little-endian.  Nothing in it is trusted: crypto-worker verifies what
 * comes from it; the checksums (CRC-32, IEEE 802.3) only find torn writes.
 *
 *   offset 0      header, one sector            magic, version, slots, slot size, node id, checksum
 *   offset 4096   journal sector A              written alternately: the valid one with the later sequence counts,
 *   offset 8192   journal sector B              the older one stays valid until the newer one is whole
 *   offset 12288  the header again              counts when the first is torn: the node id is written into a header in use
 *   offset 1 MiB  slot 0, slot 1, ...           each slot_bytes long, a multiple of 1 MiB
 *
 *   a slot:  0 slot header (sector)   4096 manifest (16 KiB)   20480 manifest.minisig (8 KiB)   1 MiB kernel, then initramfs at
 *            the next multiple of 4096.  The content is written and made durable first, the slot's header last.
 *
 * All functions work on an open descriptor by pread(2), pwrite(2), fdatasync(2) alone, allocate nothing, and return 0 or a
 * negative errno: -ENODATA no valid header / empty slot / no valid journal sector, -EIO short read or write, -EINVAL an argument
 * out of range (nothing was written).
 */
#include <stddef.h>
#include <stdint.h>

#include "bodies.h"

enum {
	CACHE_SECTOR = 512,		/* bytes: what a disk writes whole */
	CACHE_JOURNAL_A = 4096,
	CACHE_JOURNAL_B = 8192,
	CACHE_HEADER_AGAIN = 12288,
	CACHE_SLOTS_AT = 1 << 20,
	CACHE_MANIFEST_AT = 4096,
	CACHE_MINISIG_AT = 20480,
	CACHE_IMAGES_AT = 1 << 20,
	CACHE_ALIGN = 4096,
	CACHE_SLOT_UNIT = 1 << 20,
	CACHE_SLOT_MIN = 2 << 20,
	CACHE_IMAGE_MAX = 1 << 30,	/* bytes of a kernel, of an initramfs: doc.def says the same */
	CACHE_BEGUN_MAX = 255,		/* attempts are not counted further */
	CACHE_EVENT_MAX = 999,		/* events.def has three digits */
};
#define CACHE_SLOT_MAX (UINT64_C(1) << 40)	/* bytes; no offset of eight such slots overflows */

struct cache_header {
	uint32_t slots;			/* 1..SLOTS_MAX */
	uint64_t slot_bytes;		/* multiple of 1 MiB, CACHE_SLOT_MIN..CACHE_SLOT_MAX */
	uint8_t node[16];		/* node id, all zero before enrolment */
};

struct cache_slot {
	uint8_t id[ID_BYTES];		/* BLAKE2b-256 of the manifest as stated by whoever put it: a hint */
	uint32_t manifest_bytes;	/* 1..DOC_MAX */
	uint32_t minisig_bytes;		/* 1..MINISIG_MAX */
	uint64_t kernel_bytes;		/* 1..CACHE_IMAGE_MAX, and both together fit into the slot */
	uint64_t initramfs_bytes;
};

/* One generation's history. */
struct cache_entry {
	uint8_t id[ID_BYTES];		/* all zero: the row is unused */
	uint32_t attempts;		/* begun and not reported healthy since */
	uint32_t healthy;		/* 1: it reported healthy at least once */
	uint32_t failed;		/* enum event of the last failed load: skipped; 0 none */
	uint32_t zero;
};

/* Rows are in the order of preference: row 0 is what was put last. */
struct cache_journal {
	uint64_t sequence;
	uint8_t booted[ID_BYTES];	/* the last attempt begun */
	uint8_t healthy[ID_BYTES];	/* the last generation that reported healthy: /luks.key.prev is made for it */
	struct cache_entry entry[SLOTS_MAX];
	uint32_t stops;			/* 0..STOPS_MAX: boots that stopped since the last attempt begun */
	uint32_t zero;
};

enum { CACHE_ATTEMPTS_MAX = 3 };	/* of a generation that never reported healthy, while another can be booted */

/* What a slot is found to be: present[] of the functions below.  A torn header is an empty slot. */
enum { CACHE_empty, CACHE_full, CACHE_unreadable };

/* Sector codecs: pure.  decode returns -ENODATA for a wrong magic, version, checksum or range. */
void cache_encode_header(const struct cache_header *in, uint8_t sector[CACHE_SECTOR]);
int cache_decode_header(const uint8_t sector[CACHE_SECTOR], struct cache_header *out);
void cache_encode_slot(const struct cache_slot *in, uint8_t sector[CACHE_SECTOR]);
int cache_decode_slot(const uint8_t sector[CACHE_SECTOR], const struct cache_header *header, struct cache_slot *out);
void cache_encode_journal(const struct cache_journal *in, uint8_t sector[CACHE_SECTOR]);
int cache_decode_journal(const uint8_t sector[CACHE_SECTOR], struct cache_journal *out);

/* Offset in bytes of a slot, and of a part within the partition; part_bytes() is the part's length as the slot header says. */
uint64_t cache_slot_at(const struct cache_header *header, uint32_t slot);
uint64_t cache_part_at(const struct cache_header *header, uint32_t slot, const struct cache_slot *s, enum part part);
uint64_t cache_part_bytes(const struct cache_slot *s, enum part part);
/* The least slot_bytes of a partition whose slots have room for it.  Lengths up to CACHE_IMAGE_MAX do not overflow. */
uint64_t cache_slot_need(const struct cache_slot *s);

/* All of len_bytes or an error: -EIO when the device ends before.  What is written is durable only after fdatasync(2). */
int cache_read_at(int fd, void *buf, size_t len_bytes, uint64_t at_bytes);
int cache_write_at(int fd, const void *buf, size_t len_bytes, uint64_t at_bytes);

int cache_read_header(int fd, struct cache_header *out);
int cache_write_header(int fd, const struct cache_header *in);		/* durable on return */
int cache_read_slot(int fd, const struct cache_header *header, uint32_t slot, struct cache_slot *out);
int cache_write_slot(int fd, const struct cache_header *header, uint32_t slot, const struct cache_slot *in);	/* NULL: empties it; durable,
							and what was written before it as well */
int cache_read_slots(int fd, const struct cache_header *header, struct cache_slot slots[SLOTS_MAX], uint8_t present[SLOTS_MAX]);	/* all:
							present[] gets CACHE_*; 0, or the first error but -ENODATA; the others are read */
int cache_read_journal(int fd, struct cache_journal *out);		/* -ENODATA: *out is an empty journal */
int cache_write_journal(int fd, struct cache_journal *journal);		/* next sequence, into the older sector; durable */

/*
 * What happens to a journal: pure.
 *   put      the id becomes row 0 with a clean history (a known id keeps healthy); the last row falls out, but never the last healthy one
 *   begun    attempts + 1, booted = id, stops = 0; an unknown id gets a row behind the others
 *   first    the row becomes row 0 as it is: a ticket named it, and without one it is the first to be tried from then on; no such row: nothing
 *   failed   failed = event; an unknown id gets a row as well
 *   healthy  attempts = 0, failed = 0, healthy = 1 and the journal's healthy = id; -ENOENT: no such row
 *   stopped  stops as told, at most STOPS_MAX: the broker counts on from what it was offered, for begun has set it to 0 meanwhile
 *   drop     the row goes; if it was the journal's healthy, the first remaining row that ever was healthy takes its place
 * An id of zeros is nobody's: nothing happens.  find: the row of an id, or NULL.
 */
void cache_journal_put(struct cache_journal *journal, const uint8_t id[ID_BYTES]);
void cache_journal_begun(struct cache_journal *journal, const uint8_t id[ID_BYTES]);
void cache_journal_first(struct cache_journal *journal, const uint8_t id[ID_BYTES]);
void cache_journal_failed(struct cache_journal *journal, const uint8_t id[ID_BYTES], uint32_t event);
void cache_journal_stopped(struct cache_journal *journal, uint32_t stops);
int cache_journal_healthy(struct cache_journal *journal, const uint8_t id[ID_BYTES]);
void cache_journal_drop(struct cache_journal *journal, const uint8_t id[ID_BYTES]);
const struct cache_entry *cache_journal_find(const struct cache_journal *journal, const uint8_t id[ID_BYTES]);

/* The code with which it failed itself; else why it is this one's turn: with which the newest of those put after it failed; 0: none did. */
uint32_t cache_journal_last_failure(const struct cache_journal *journal, const uint8_t id[ID_BYTES]);

/*
 * The order in which slots are proposed: row 0 first, if it has neither failed nor spent its attempts; then the healthy ones in
 * row order; then, so that no machine is bricked, what was put and never tried enough to tell, in row order; what no row knows,
 * in slot order; what spent its attempts, in row order; behind all others, by OFFER_failed, what failed to load: not to be booted
 * but by a ticket that names it, until it is put anew.  Slots with the same id (hints of an untrusted disk) follow one another.
 * present[] says which slots are full, with their ids.  order[] gets slot numbers; flags[] the OFFER_* bits (OFFER_fallback for
 * all but row 0 and for what failed, OFFER_previous for the journal's healthy).  Returns how many.
 */
unsigned cache_order(const struct cache_journal *journal, const struct cache_slot slots[SLOTS_MAX], const uint8_t present[SLOTS_MAX],
    uint32_t order[SLOTS_MAX], uint32_t flags[SLOTS_MAX]);

/* Who puts a generation, and so what must stay: in the OS also what was booted last, for that is what runs. */
enum cache_where { CACHE_in_preboot, CACHE_in_os };

/* The first slot that has this id, or SLOT_NONE. */
uint32_t cache_find_slot(const struct cache_slot slots[SLOTS_MAX], const uint8_t present[SLOTS_MAX], const uint8_t id[ID_BYTES]);

/*
 * The slot for a generation: the first empty one; else old, where a copy of it stands, or SLOT_NONE; else that of the oldest, by the
 * journal's rows, what no row knows first.  Never that of the last healthy one; nor, while another can go, of the only other one that was
 * healthy and has not failed since.  In preboot old is damaged, or nobody had asked: it is written anew in its place, whatever it is.  In the
 * OS it may be good: when it must stay, it does until another slot has the new copy, and only when no other may go the slot is old.
 * SLOT_NONE: none may go.
 */
uint32_t cache_choose(const struct cache_header *header, const struct cache_journal *journal, const struct cache_slot slots[SLOTS_MAX],
    const uint8_t present[SLOTS_MAX], uint32_t old, enum cache_where where);

/*
 * A generation was written into a slot; slots, present: as they are now.  It is put, and rows of which no slot has the generation any more go,
 * so that none that is here falls out for one that is not.  The last healthy one's row stays, and all do while a slot cannot be read.
 */
void cache_journal_kept(struct cache_journal *journal, const struct cache_slot slots[SLOTS_MAX], const uint8_t present[SLOTS_MAX],
    const uint8_t id[ID_BYTES]);
#endif
