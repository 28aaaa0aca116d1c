#ifndef TESTS_KEEP_FIXTURE_H
#define TESTS_KEEP_FIXTURE_H
/*
 * Generations with known bytes, and a broker that has them kept.  Generation n has id n, n, ...  Slots 0, 1 and 3 hold 10, 11 and 13, slot 2
 * is empty; 10 was healthy, 13 was put last.  The disk is a lossy one.  Included by one file of each test program.
 */
#include "store_fixture.h"

#include "journal_of.h"
#include "lossy_disk.h"

enum { IMAGE_BYTES = 17 * MIB, SLOTS = 4 };

static struct cache_journal journal;	/* read_journal()'s */
static uint8_t before[IMAGE_BYTES];	/* remember()'s */
static const uint8_t *after;		/* the disk, mapped: also where it cannot be read */

static struct cache_slot
slot_of(uint8_t n)
{
	struct cache_slot s = { .manifest_bytes = 100 + 37u * n, .minisig_bytes = 50 + 11u * n, .kernel_bytes = 3000 + 1111u * n,
		.initramfs_bytes = n == 16 ? 600 * 1024 + 1 : 5000 + 4099u * n };

	memcpy(s.id, id(n), sizeof s.id);
	return s;
}

static uint8_t
content(uint8_t n, enum part part, uint64_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 13 + n * 29u + (unsigned)part * 101);
}

static void
write_part(int fd, uint64_t at, uint8_t n, enum part part, uint64_t len_bytes)
{
	static uint8_t buf[MIB];

	assert_true(len_bytes <= sizeof buf);
	for (uint64_t i = 0; i < len_bytes; i++)
		buf[i] = content(n, part, i);
	assert_int_equal(cache_write_at(fd, buf, len_bytes, at), 0);
}

/* Has the slot every byte of generation n? */
static int
is_whole(uint32_t slot, uint8_t n)
{
	static uint8_t buf[MIB];
	const struct cache_slot s = slot_of(n);

	for (enum part p = PART_manifest; p <= PART_LAST; p++) {
		uint64_t len = cache_part_bytes(&s, p);

		assert_int_equal(cache_read_at(disk, buf, len, cache_part_at(&geometry, slot, &s, p)), 0);
		for (uint64_t i = 0; i < len; i++)
			if (buf[i] != content(n, p, i))
				return 0;
	}
	return 1;
}

/* Which generation the slot's header names, 0: none. */
static uint8_t
holds(uint32_t slot)
{
	struct cache_slot s, expected;

	if (cache_read_slot(disk, &geometry, slot, &s) != 0)
		return 0;
	expected = slot_of(s.id[0]);
	assert_memory_equal(&s, &expected, sizeof s);
	return s.id[0];
}

static void
put_directly(uint32_t slot, uint8_t n)
{
	const struct cache_slot s = slot_of(n);

	for (enum part p = PART_manifest; p <= PART_LAST; p++)
		write_part(disk, cache_part_at(&geometry, slot, &s, p), n, p, cache_part_bytes(&s, p));
	assert_int_equal(cache_write_slot(disk, &geometry, slot, &s), 0);
}

static void
read_journal(void)
{
	assert_int_equal(cache_read_journal(disk, &journal), 0);
}

/* Another boot, or a fresh worker after a loss. */
static void
start_worker(void)
{
	store_init(&store, store.channel, disk, geteuid());
	admit_init(&broker, PEER_broker);
	broker.phase = PHASE_any;
}

static int
set_up_keep(void **state)
{
	static const uint8_t n[SLOTS] = { 10, 11, 0, 13 };
	struct cache_journal j = JOURNAL(13, 11, 10);

	if (set_up(state) != 0)
		return -1;
	for (uint32_t i = 0; i < SLOTS; i++)
		if (n[i] != 0)
			put_directly(i, n[i]);
	assert_int_equal(cache_journal_healthy(&j, id(10)), 0);
	assert_int_equal(cache_write_journal(disk, &j), 0);
	lossy_begin(disk, IMAGE_BYTES);
	after = mmap(NULL, IMAGE_BYTES, PROT_READ, MAP_SHARED, disk, 0);
	return after == MAP_FAILED ? -1 : 0;
}

static int
tear_down_keep(void **state)
{
	lossy_end();
	(void)munmap((void *)(uintptr_t)after, IMAGE_BYTES);
	return tear_down(state);
}

static struct msg_crypto_keep
body_of(uint8_t n, enum part part)
{
	const struct cache_slot s = slot_of(n);
	struct msg_crypto_keep body = { .part = part, .number = 3 };

	memcpy(body.id, s.id, sizeof body.id);
	for (enum part p = PART_manifest; p <= PART_LAST; p++)
		body.bytes[p - 1] = cache_part_bytes(&s, p);
	return body;
}

/* What the worker returned when told to keep this, with a good memfd. */
static int
tell_keep(const struct msg_crypto_keep *body)
{
	uint64_t len = body->bytes[body->part - 1];
	int memfd = make_memfd(len, F_SEAL_GROW | F_SEAL_SHRINK), rc;

	if (len <= MIB)		/* else it is one that no slot takes */
		write_part(memfd, 0, body->id[0], (enum part)body->part, len);
	rc = tell(MSG_crypto_keep, body, &memfd);
	assert_int_equal(close(memfd), 0);
	return rc;
}

/* One part: the answer's event, *slot its slot. */
static uint32_t
ask_keep(const struct msg_crypto_keep *body, uint32_t *slot)
{
	struct msg_store_kept kept;

	assert_int_equal(tell_keep(body), 1);
	expect(MSG_store_kept, &kept);
	assert_int_equal(kept.part, body->part);
	assert_int_equal(kept.number, body->number);
	*slot = kept.slot;
	return kept.event;
}

/* All four: the first event, or 0 and the slot, which all answers named. */
static uint32_t
ask_keep_all(uint8_t n, uint32_t *slot)
{
	uint32_t event = EV_none, now;

	*slot = SLOT_NONE;
	for (enum part p = PART_manifest; p <= PART_LAST && event == EV_none; p++) {
		const struct msg_crypto_keep body = body_of(n, p);

		event = ask_keep(&body, &now);
		assert_true(event != EV_none || p == PART_manifest || now == *slot);
		*slot = now;
	}
	return event;
}

static void
remember(void)
{
	memcpy(before, after, sizeof before);
	lossy_untouch();
}

/* Nothing but the journal and these two slots, or SLOT_NONE, has changed since remember(). */
static void
assert_rest_unchanged(uint32_t slot, uint32_t other)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		uint64_t at = cache_slot_at(&geometry, i);

		if (i == slot || i == other)
			continue;
		assert_true(memcmp(before + at, after + at, geometry.slot_bytes) == 0);		/* assert_memory_equal() is slow */
		assert_int_equal(lossy_touched(at, at + geometry.slot_bytes), 0);
	}
	assert_memory_equal(before, after, CACHE_JOURNAL_A);
	assert_memory_equal(before + CACHE_HEADER_AGAIN, after + CACHE_HEADER_AGAIN, CACHE_SLOTS_AT - CACHE_HEADER_AGAIN);
	assert_int_equal(lossy_touched(0, CACHE_JOURNAL_A) || lossy_touched(CACHE_HEADER_AGAIN, CACHE_SLOTS_AT), 0);
}

static void
assert_nothing_written(void)
{
	assert_int_equal(lossy_touched(0, IMAGE_BYTES), 0);
	assert_rest_unchanged(SLOT_NONE, SLOT_NONE);
}
#define ON_CACHE(test) cmocka_unit_test_setup_teardown(test, set_up_keep, tear_down_keep)
#endif
