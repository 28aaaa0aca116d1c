/*
 * What is remembered of generations, and in which order they are proposed.  Pure; used by store-worker and by the tools that put
 * generations and report health.  The journal is untrusted: it can only choose among what crypto-worker verifies.
 */
#include <errno.h>
#include <string.h>

#include "cache.h"

enum { NO_ROW = SLOTS_MAX };

static int
is_nobody(const uint8_t id[ID_BYTES])
{
	static const uint8_t zero[ID_BYTES];

	return memcmp(id, zero, ID_BYTES) == 0;
}

/* The row of an id, or NO_ROW. */
static unsigned
find(const struct cache_journal *journal, const uint8_t id[ID_BYTES])
{
	if (is_nobody(id))
		return NO_ROW;
	for (unsigned i = 0; i < SLOTS_MAX; i++)
		if (memcmp(journal->entry[i].id, id, ID_BYTES) == 0)
			return i;
	return NO_ROW;
}

const struct cache_entry *
cache_journal_find(const struct cache_journal *journal, const uint8_t id[ID_BYTES])
{
	unsigned row = find(journal, id);

	return row == NO_ROW ? NULL : &journal->entry[row];
}

uint32_t
cache_journal_last_failure(const struct cache_journal *journal, const uint8_t id[ID_BYTES])
{
	unsigned end = find(journal, id);

	if (end != NO_ROW && journal->entry[end].failed != 0)
		return journal->entry[end].failed;
	for (unsigned row = 0; row < SLOTS_MAX && row < end; row++)
		if (journal->entry[row].failed != 0)
			return journal->entry[row].failed;
	return 0;
}

static unsigned
rows_used(const struct cache_journal *journal)
{
	unsigned n = 0;

	while (n < SLOTS_MAX && !is_nobody(journal->entry[n].id))
		n++;
	return n;
}

/* Takes a row out; those behind it move up. */
static void
remove_row(struct cache_journal *journal, unsigned row)
{
	memmove(&journal->entry[row], &journal->entry[row + 1], (SLOTS_MAX - 1 - row) * sizeof journal->entry[0]);
	memset(&journal->entry[SLOTS_MAX - 1], 0, sizeof journal->entry[0]);
}

/*
 * Room for one row more.  The last one goes, but never the last healthy: a machine whose newer generations all turn out bad would
 * have nothing left to fall back to.
 */
static void
make_room(struct cache_journal *journal)
{
	unsigned victim = SLOTS_MAX - 1;

	if (rows_used(journal) < SLOTS_MAX)
		return;
	if (find(journal, journal->healthy) == victim)
		victim--;
	remove_row(journal, victim);
}

/* The row of an id, made behind the others when there is none.  NULL for nobody. */
static struct cache_entry *
row_of(struct cache_journal *journal, const uint8_t id[ID_BYTES])
{
	unsigned row = find(journal, id);

	if (is_nobody(id))
		return NULL;
	if (row == NO_ROW) {
		make_room(journal);
		row = rows_used(journal);
		memcpy(journal->entry[row].id, id, ID_BYTES);
	}
	return &journal->entry[row];
}

void
cache_journal_put(struct cache_journal *journal, const uint8_t id[ID_BYTES])
{
	struct cache_entry fresh = { 0 };
	unsigned row = find(journal, id);

	if (is_nobody(id))
		return;
	memcpy(fresh.id, id, ID_BYTES);
	if (row != NO_ROW) {
		fresh.healthy = journal->entry[row].healthy;
		remove_row(journal, row);
	} else {
		make_room(journal);
	}
	memmove(&journal->entry[1], &journal->entry[0], (SLOTS_MAX - 1) * sizeof journal->entry[0]);
	journal->entry[0] = fresh;
}

void
cache_journal_begun(struct cache_journal *journal, const uint8_t id[ID_BYTES])
{
	struct cache_entry *e = row_of(journal, id);

	if (e == NULL)
		return;
	if (e->attempts < CACHE_BEGUN_MAX)
		e->attempts++;
	journal->stops = 0;
	memcpy(journal->booted, e->id, ID_BYTES);
}

void
cache_journal_first(struct cache_journal *journal, const uint8_t id[ID_BYTES])
{
	unsigned row = find(journal, id);
	struct cache_entry e;

	if (row == NO_ROW || is_nobody(id))
		return;
	e = journal->entry[row];
	memmove(&journal->entry[1], &journal->entry[0], row * sizeof e);
	journal->entry[0] = e;
}

void
cache_journal_failed(struct cache_journal *journal, const uint8_t id[ID_BYTES], uint32_t event)
{
	struct cache_entry *e = row_of(journal, id);

	if (e != NULL)
		e->failed = event;
}

void
cache_journal_stopped(struct cache_journal *journal, uint32_t stops)
{
	journal->stops = stops < STOPS_MAX ? stops : STOPS_MAX;
}

int
cache_journal_healthy(struct cache_journal *journal, const uint8_t id[ID_BYTES])
{
	unsigned row = find(journal, id);

	if (row == NO_ROW)
		return -ENOENT;
	journal->entry[row].attempts = 0;
	journal->entry[row].failed = 0;
	journal->entry[row].healthy = 1;
	memcpy(journal->healthy, journal->entry[row].id, ID_BYTES);
	return 0;
}

void
cache_journal_drop(struct cache_journal *journal, const uint8_t id[ID_BYTES])
{
	unsigned row = find(journal, id);
	int was_healthy;

	if (row == NO_ROW)
		return;
	was_healthy = row == find(journal, journal->healthy);
	remove_row(journal, row);	/* id may point into this row: not used from here on */
	if (!was_healthy)
		return;
	memset(journal->healthy, 0, ID_BYTES);
	for (unsigned i = 0; i < SLOTS_MAX; i++) {
		if (journal->entry[i].healthy) {
			memcpy(journal->healthy, journal->entry[i].id, ID_BYTES);
			return;
		}
	}
}

/* The classes of cache_order(), in its order. */
enum rank { RANK_newest, RANK_healthy, RANK_untold, RANK_unknown, RANK_spent, RANK_failed, RANK_COUNT };

static enum rank
rank_of(const struct cache_journal *journal, unsigned row)
{
	const struct cache_entry *e;

	if (row == NO_ROW)
		return RANK_unknown;
	e = &journal->entry[row];
	if (e->failed != 0)
		return RANK_failed;
	if (!e->healthy && e->attempts >= CACHE_ATTEMPTS_MAX)
		return RANK_spent;
	if (row == 0)
		return RANK_newest;
	return e->healthy ? RANK_healthy : RANK_untold;
}

static uint32_t
flags_of(const struct cache_journal *journal, unsigned row)
{
	uint32_t flags = row == 0 ? 0 : OFFER_fallback;

	if (row == NO_ROW)
		return flags;
	if (journal->entry[row].failed != 0)
		flags |= OFFER_failed | OFFER_fallback;
	if (journal->entry[row].healthy)
		flags |= OFFER_healthy;
	if (row == find(journal, journal->healthy))
		flags |= OFFER_previous;
	return flags;
}

unsigned
cache_order(const struct cache_journal *journal, const struct cache_slot slots[SLOTS_MAX], const uint8_t present[SLOTS_MAX],
    uint32_t order[SLOTS_MAX], uint32_t flags[SLOTS_MAX])
{
	unsigned row_of_slot[SLOTS_MAX], n = 0;

	for (unsigned s = 0; s < SLOTS_MAX; s++)
		row_of_slot[s] = present[s] == CACHE_full ? find(journal, slots[s].id) : NO_ROW;
	for (unsigned rank = 0; rank < RANK_COUNT; rank++) {
		for (unsigned row = 0; row <= NO_ROW; row++) {
			if (rank_of(journal, row) != rank)
				continue;
			for (uint32_t s = 0; s < SLOTS_MAX; s++) {
				if (present[s] != CACHE_full || row_of_slot[s] != row)
					continue;
				order[n] = s;
				flags[n++] = flags_of(journal, row);
			}
		}
	}
	return n;
}
