/*
 * Keeps a generation that crypto-worker has fetched, part by part, in a slot of the cache.  Stands before the disk.
 * Distrusts the disk, the moment at which power fails, and the broker: it may ask for nonsense to be kept, which only costs a slot, for
 * crypto-worker verifies whatever comes back.  The last healthy generation's slot is given to no other, whoever asks.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "event.h"
#include "memfd.h"
#include "serve.h"

/* fsync(2): after a failed write the kernel may show what the disk does not hold.  Nothing is written any more. */
static uint32_t
give_up(struct store *store)
{
	store->broken = 1;
	return EV_cache_io;
}

static struct cache_slot
slot_of(const struct msg_crypto_keep *part)
{
	struct cache_slot s = {
		.manifest_bytes = (uint32_t)part->bytes[PART_manifest - 1],	/* in range: check_crypto_keep() */
		.minisig_bytes = (uint32_t)part->bytes[PART_minisig - 1],
		.kernel_bytes = part->bytes[PART_kernel - 1],
		.initramfs_bytes = part->bytes[PART_initramfs - 1],
	};

	memcpy(s.id, part->id, sizeof s.id);
	return s;
}

/*
 * Is it this part's turn?  -EPROTO: no.  Two things are no misbehaviour, for crypto-worker may speak before it hears that a store-worker
 * was lost: the fresh one gets a later part first, which ends there, or the manifest twice.
 */
static int
check_turn(const struct keep *keep, const struct msg_crypto_keep *part, uint32_t *event)
{
	int same = memcmp(keep->first.id, part->id, sizeof part->id) == 0 &&
	    memcmp(keep->first.bytes, part->bytes, sizeof part->bytes) == 0;

	*event = EV_none;
	if (keep->next == 0 || keep->next == PART_manifest) {
		if (part->part == PART_manifest)
			return 0;
		*event = EV_cache_slot;
		return keep->next == 0 ? 0 : -EPROTO;
	}
	if (!same)
		return -EPROTO;
	return part->part == keep->next || (part->part == PART_manifest && keep->next == PART_minisig) ? 0 : -EPROTO;
}

/* Chooses a slot and empties it: from here on it is nobody's until all parts are durable. */
static uint32_t
begin(struct store *store, const struct cache_header *header, const struct cache_slot *s)
{
	struct cache_slot slots[SLOTS_MAX];
	uint8_t present[SLOTS_MAX];
	struct cache_journal journal;
	uint32_t slot;
	int rc, unreadable;

	if (cache_slot_need(s) > header->slot_bytes)
		return EV_cache_full;
	unreadable = cache_read_slots(store->disk, header, slots, present);
	rc = cache_read_journal(store->disk, &journal);
	if (rc != 0 && rc != -ENODATA)	/* who was the last healthy one? */
		return EV_cache_io;
	slot = cache_choose(header, &journal, slots, present, cache_find_slot(slots, present, s->id), CACHE_in_preboot);
	if (slot == SLOT_NONE)
		return unreadable != 0 ? EV_cache_io : EV_cache_full;
	if (cache_write_slot(store->disk, header, slot, NULL) != 0)
		return give_up(store);
	store->keep.slot = slot;
	return EV_none;
}

/* Copies the part into its slot, durably: what takes time is spread over the four answers.  *event: the disk; the return value: the peer. */
static int
write_part(struct store *store, const struct msg_crypto_keep *part, int memfd, uint64_t at, uint32_t *event)
{
	uint64_t left = part->bytes[part->part - 1];

	for (uint64_t done = 0; left > 0;) {
		size_t n = left < STORE_CHUNK ? (size_t)left : STORE_CHUNK;

		if (cache_read_at(memfd, store_chunk, n, done) != 0)	/* it is not open for reading: nobody sends that by mistake */
			return -EBADF;
		if (cache_write_at(store->disk, store_chunk, n, at + done) != 0) {
			*event = give_up(store);
			return 0;
		}
		done += n;
		left -= n;
	}
	if (fdatasync(store->disk) != 0)
		*event = give_up(store);
	return 0;
}

/* All parts are durable: the header, then what else is of the same id goes, then the journal. */
static uint32_t
finish(struct store *store, const struct cache_header *header, const struct cache_slot *s)
{
	struct cache_slot slots[SLOTS_MAX];
	uint8_t present[SLOTS_MAX];
	struct cache_journal journal;
	int rc = cache_read_journal(store->disk, &journal);

	if (rc != 0 && rc != -ENODATA)
		return EV_cache_io;
	if (cache_write_slot(store->disk, header, store->keep.slot, s) != 0)
		return give_up(store);
	(void)cache_read_slots(store->disk, header, slots, present);	/* one that cannot be read stays as it is */
	for (uint32_t i = 0; i < header->slots; i++) {
		if (i == store->keep.slot || present[i] != CACHE_full || memcmp(slots[i].id, s->id, ID_BYTES) != 0)
			continue;
		if (cache_write_slot(store->disk, header, i, NULL) != 0)
			return give_up(store);
		present[i] = CACHE_empty;
	}
	cache_journal_kept(&journal, slots, present, s->id);
	return cache_write_journal(store->disk, &journal) == 0 ? (uint32_t)EV_none : give_up(store);
}

/* One part, whose turn it is. */
static int
keep_it(struct store *store, const struct msg_crypto_keep *part, int memfd, uint32_t *event)
{
	const struct cache_slot s = slot_of(part);
	struct cache_header header;
	int rc;

	if (store->broken) {
		*event = EV_cache_io;
		return 0;
	}
	*event = store_read_header(store, &header);
	if (*event == EV_none && part->part == PART_manifest)
		*event = begin(store, &header, &s);
	if (*event != EV_none)
		return 0;
	rc = write_part(store, part, memfd, cache_part_at(&header, store->keep.slot, &s, (enum part)part->part), event);
	if (rc == 0 && *event == EV_none && part->part == PART_LAST)
		*event = finish(store, &header, &s);
	return rc;
}

int
keep_part(struct store *store, const struct msg_crypto_keep *part, int memfd, uint32_t *event)
{
	struct keep *keep = &store->keep;
	int rc;

	rc = memfd_check(memfd, FD_keep, 0, store->maker_uid, part->bytes[part->part - 1]);
	if (rc == 0)
		rc = check_turn(keep, part, event);
	if (rc != 0)
		return rc;
	if (*event == EV_none)
		rc = keep_it(store, part, memfd, event);
	if (part->part == PART_manifest)
		keep->first = *part;
	keep->next = rc == 0 && *event == EV_none ? part->part % PART_LAST + 1 : PART_manifest;
	return rc;
}
