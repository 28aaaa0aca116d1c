/*
 * Which slot a new generation gets, and what the journal then knows.  Pure; used by store-worker, which keeps what was downloaded, and by
 * the tools that put generations.  The journal is untrusted: whoever writes it may have any generation pushed out but none booted.
 */
#include <string.h>

#include "cache.h"

static int
is_same(const uint8_t a[ID_BYTES], const uint8_t b[ID_BYTES])
{
	return memcmp(a, b, ID_BYTES) == 0;
}

uint32_t
cache_find_slot(const struct cache_slot slots[SLOTS_MAX], const uint8_t present[SLOTS_MAX], const uint8_t id[ID_BYTES])
{
	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++)
		if (present[slot] == CACHE_full && is_same(slots[slot].id, id))
			return slot;
	return SLOT_NONE;
}

/* Where in the journal's order an id stands; what the journal does not know is the oldest. */
static unsigned
age(const struct cache_journal *journal, const uint8_t id[ID_BYTES])
{
	const struct cache_entry *row = cache_journal_find(journal, id);

	return row != NULL ? (unsigned)(row - journal->entry) : SLOTS_MAX;
}

static int
may_go(const struct cache_journal *journal, const uint8_t id[ID_BYTES], enum cache_where where)
{
	return !is_same(id, journal->healthy) && (where == CACHE_in_preboot || !is_same(id, journal->booted));
}

/* The oldest one that may go; spared, if not SLOT_NONE, is a slot whose generation may not. */
static uint32_t
oldest(const struct cache_journal *journal, const struct cache_slot slots[SLOTS_MAX], const uint8_t present[SLOTS_MAX],
    enum cache_where where, uint32_t spared)
{
	uint32_t best = SLOT_NONE;

	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
		if (present[slot] != CACHE_full || !may_go(journal, slots[slot].id, where) ||
		    (spared != SLOT_NONE && is_same(slots[slot].id, slots[spared].id)))
			continue;
		if (best == SLOT_NONE || age(journal, slots[slot].id) > age(journal, slots[best].id))
			best = slot;
	}
	return best;
}

/* Is it, beside the last healthy one, the only generation here that is known to have worked? */
static int
is_only_fallback(const struct cache_journal *journal, const struct cache_slot slots[SLOTS_MAX], const uint8_t present[SLOTS_MAX],
    uint32_t slot)
{
	const struct cache_entry *row = cache_journal_find(journal, slots[slot].id);

	if (row == NULL || !row->healthy || row->failed != 0)
		return 0;
	for (unsigned i = 0; i < SLOTS_MAX; i++) {
		row = &journal->entry[i];
		if (row->healthy && row->failed == 0 && !is_same(row->id, journal->healthy) && !is_same(row->id, slots[slot].id) &&
		    cache_find_slot(slots, present, row->id) != SLOT_NONE)
			return 0;
	}
	return 1;
}

uint32_t
cache_choose(const struct cache_header *header, const struct cache_journal *journal, const struct cache_slot slots[SLOTS_MAX],
    const uint8_t present[SLOTS_MAX], uint32_t old, enum cache_where where)
{
	uint32_t first, second;

	for (uint32_t slot = 0; slot < header->slots; slot++)
		if (present[slot] == CACHE_empty)
			return slot;
	if (old != SLOT_NONE && (where == CACHE_in_preboot || may_go(journal, slots[old].id, where)))
		return old;
	first = oldest(journal, slots, present, where, SLOT_NONE);
	if (first == SLOT_NONE)
		return old;
	if (!is_only_fallback(journal, slots, present, first))
		return first;
	second = oldest(journal, slots, present, where, first);
	return second != SLOT_NONE ? second : first;
}

void
cache_journal_kept(struct cache_journal *journal, const struct cache_slot slots[SLOTS_MAX], const uint8_t present[SLOTS_MAX],
    const uint8_t id[ID_BYTES])
{
	uint8_t gone[ID_BYTES];
	int all_known = 1;

	for (unsigned slot = 0; slot < SLOTS_MAX; slot++)
		all_known &= present[slot] != CACHE_unreadable;
	/* From the last row on: drop() moves those behind it. */
	for (unsigned row = SLOTS_MAX; all_known && row-- > 0;) {
		memcpy(gone, journal->entry[row].id, sizeof gone);
		if (!is_same(gone, id) && !is_same(gone, journal->healthy) && cache_find_slot(slots, present, gone) == SLOT_NONE)
			cache_journal_drop(journal, gone);
	}
	cache_journal_put(journal, id);
}
