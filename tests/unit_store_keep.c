/*
 * store-worker keeps what was downloaded: into which slot, what it writes and nothing else, and what it cannot keep.
 */
#include "keep_fixture.h"

static struct msg_store_offer offers[SLOTS_MAX];

/* Generation n is kept in this slot, and what has to be is as it was. */
static void
assert_kept(uint8_t n, uint32_t slot)
{
	uint32_t got;

	remember();
	start_worker();
	assert_int_equal(ask_keep_all(n, &got), EV_none);
	assert_int_equal(got, slot);
	assert_int_equal(holds(slot), n);
	assert_true(is_whole(slot, n));
	read_journal();
	assert_memory_equal(journal.entry[0].id, id(n), ID_BYTES);
	assert_int_equal(journal.entry[0].attempts | journal.entry[0].failed, 0);
	expect_silence();
}

/* --- what is kept --- */
static void
what_is_kept_is_offered_first_byte_for_byte(void **state)
{
	unsigned open_before = fds_open(), progress;
	uint32_t event;
	int memfd;

	(void)state;
	assert_kept(20, 2);
	assert_rest_unchanged(2, SLOT_NONE);
	assert_int_equal(fds_open(), open_before);
	assert_int_equal(ask_survey(offers, &event), 4);
	assert_int_equal(offers[0].slot, 2);
	assert_int_equal(offers[0].flags, 0);
	for (enum part p = PART_manifest; p <= PART_LAST; p++) {
		const struct cache_slot s = slot_of(20);
		static uint8_t got[MIB];

		assert_int_equal(ask_part(2, p, cache_part_bytes(&s, p), &memfd, &progress), EV_none);
		assert_int_equal(cache_read_at(memfd, got, cache_part_bytes(&s, p), 0), 0);
		for (uint64_t i = 0; i < cache_part_bytes(&s, p); i++)
			assert_true(got[i] == content(20, p, i));
		assert_int_equal(close(memfd), 0);
	}
	assert_int_equal(ask_record(20, RECORD_begun, EV_none), EV_none);
	read_journal();
	assert_memory_equal(journal.healthy, id(10), ID_BYTES);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(journal.entry[i].id[0], ((const uint8_t[]){ 20, 13, 11, 10 })[i]);
}

static void
it_is_kept_in_whole_pieces_though_the_disk_takes_less_at_a_time(void **state)
{
	(void)state;
	lossy.most = 1000;
	assert_kept(16, 2);	/* three chunks */
	assert_rest_unchanged(2, SLOT_NONE);
	lossy.most = SIZE_MAX;
}

static void
nothing_of_it_is_offered_before_its_last_part(void **state)
{
	uint32_t event, slot;

	(void)state;
	remember();
	for (enum part p = PART_manifest; p < PART_LAST; p++) {
		const struct msg_crypto_keep body = body_of(20, p);

		assert_int_equal(ask_keep(&body, &slot), EV_none);
		assert_int_equal(slot, 2);
		assert_int_equal(ask_survey(offers, &event), 3);
		for (unsigned i = 0; i < 3; i++)
			assert_int_not_equal(offers[i].slot, 2);
		assert_int_equal(ask_part_event(2, p, body.bytes[p - 1]), EV_cache_slot);
	}
	assert_rest_unchanged(2, SLOT_NONE);
	read_journal();
	assert_null(cache_journal_find(&journal, id(20)));
}

static void
the_oldest_goes_and_the_last_healthy_stays_however_many_come(void **state)
{
	(void)state;
	assert_kept(20, 2);
	assert_kept(21, 1);	/* 10 is older, and the last healthy */
	assert_rest_unchanged(1, SLOT_NONE);
	read_journal();
	assert_null(cache_journal_find(&journal, id(11)));
	assert_kept(22, 3);
	for (unsigned n = 0; n < 40; n++) {
		static const uint32_t slots[3] = { 2, 1, 3 };

		assert_kept((uint8_t)(1 + n % 9), slots[n % 3]);
		assert_int_equal(holds(0), 10);
		assert_true(is_whole(0, 10));
	}
}

static void
the_only_other_fallback_goes_last(void **state)
{
	(void)state;
	read_journal();
	assert_int_equal(cache_journal_healthy(&journal, id(11)), 0);
	assert_int_equal(cache_write_journal(disk, &journal), 0);
	assert_kept(20, 2);
	assert_kept(21, 3);	/* 10 was healthy and is the oldest, 11 is the last healthy: 13 */
	assert_rest_unchanged(3, SLOT_NONE);
	assert_int_equal(holds(0), 10);
	assert_int_equal(holds(1), 11);
}

static void
the_same_id_again_goes_into_its_own_slot_or_an_empty_one(void **state)
{
	const uint64_t damaged = cache_slot_at(&geometry, 1) + CACHE_IMAGES_AT + 700;

	(void)state;
	assert_int_equal(cache_write_at(disk, "damage", 6, damaged), 0);
	assert_false(is_whole(1, 11));
	assert_kept(11, 2);		/* an empty one: the former copy is there until this one is whole, then goes */
	assert_rest_unchanged(2, 1);
	assert_int_equal(holds(1), 0);
	assert_kept(20, 1);
	assert_int_equal(cache_write_at(disk, "damage", 6, damaged + geometry.slot_bytes), 0);
	assert_false(is_whole(2, 11));
	assert_kept(11, 2);
	assert_rest_unchanged(2, SLOT_NONE);
	/* the last healthy one as well: a damaged copy is nobody's way back, and another generation is not given up for it */
	assert_kept(10, 0);
	assert_rest_unchanged(0, SLOT_NONE);
	assert_memory_equal(journal.healthy, id(10), ID_BYTES);
	assert_int_equal(cache_journal_find(&journal, id(10))->healthy, 1);
}

/* --- what is not --- */
static void
expect_not_kept(const struct msg_crypto_keep *body, uint32_t event)
{
	uint32_t slot;

	start_worker();
	remember();
	assert_int_equal(ask_keep(body, &slot), event);
	assert_int_equal(slot, SLOT_NONE);
	assert_nothing_written();
}

static void
a_generation_larger_than_a_slot_is_told_before_anything_is_emptied(void **state)
{
	struct msg_crypto_keep body = body_of(20, PART_manifest);
	uint32_t slot;

	(void)state;
	body.bytes[PART_kernel - 1] = 4097;	/* two blocks */
	body.bytes[PART_initramfs - 1] = 3 * MIB - 8192 + 1;
	expect_not_kept(&body, EV_cache_full);
	body.bytes[PART_kernel - 1] = body.bytes[PART_initramfs - 1] = 1 << 30;
	expect_not_kept(&body, EV_cache_full);
	body.bytes[PART_kernel - 1] = 4097;
	body.bytes[PART_initramfs - 1] = 3 * MIB - 8192;
	assert_int_equal(ask_keep(&body, &slot), EV_none);	/* after a refusal the next may come */
	assert_int_equal(slot, 2);
}

static void
a_cache_with_nothing_but_the_last_healthy_is_full(void **state)
{
	struct cache_header one = { .slots = 1, .slot_bytes = 4 * MIB };
	const struct msg_crypto_keep body = body_of(20, PART_manifest);

	(void)state;
	assert_int_equal(cache_write_header(disk, &one), 0);
	expect_not_kept(&body, EV_cache_full);
	one.slots = 2;
	assert_int_equal(cache_write_header(disk, &one), 0);
	assert_kept(20, 1);
}

static void
a_disk_that_is_none_has_its_code(void **state)
{
	static const uint8_t zeros[CACHE_SECTOR];
	const struct msg_crypto_keep body = body_of(20, PART_manifest);
	uint32_t slot;

	(void)state;
	store.disk = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(ask_keep(&body, &slot), EV_cache_absent);
	assert_int_equal(close(store.disk), 0);
	/* the journal cannot be read: who is the last healthy? */
	lossy.bad_sector = CACHE_JOURNAL_A / CACHE_SECTOR;
	assert_int_equal(cache_write_at(disk, "x", 1, CACHE_JOURNAL_B + 20), 0);
	expect_not_kept(&body, EV_cache_io);
	lossy.bad_sector = UINT64_MAX;
	assert_int_equal(cache_write_at(disk, zeros, sizeof zeros, 0), 0);
	assert_int_equal(cache_write_at(disk, zeros, sizeof zeros, CACHE_HEADER_AGAIN), 0);
	expect_not_kept(&body, EV_cache_format);
}

static void
a_slot_that_cannot_be_read_is_let_alone(void **state)
{
	const struct msg_crypto_keep body = body_of(20, PART_manifest);

	(void)state;
	assert_kept(20, 2);
	lossy.bad_sector = cache_slot_at(&geometry, 1) / CACHE_SECTOR;	/* 11 would be the next to go */
	assert_kept(21, 3);
	read_journal();
	assert_non_null(cache_journal_find(&journal, id(11)));
	lossy.bad_sector = UINT64_MAX;
	assert_int_equal(holds(1), 11);
	assert_int_equal(cache_write_header(disk, &(struct cache_header){ .slots = 1, .slot_bytes = 4 * MIB }), 0);
	lossy.bad_sector = cache_slot_at(&geometry, 0) / CACHE_SECTOR;
	start_worker();
	{
		uint32_t slot;

		assert_int_equal(ask_keep(&body, &slot), EV_cache_io);
		assert_int_equal(slot, SLOT_NONE);
	}
	lossy.bad_sector = UINT64_MAX;
	assert_int_equal(holds(0), 10);
}

static void
without_a_journal_it_is_kept_all_the_same(void **state)
{
	static const uint8_t zeros[8192];

	(void)state;
	assert_int_equal(cache_write_at(disk, zeros, sizeof zeros, CACHE_JOURNAL_A), 0);
	assert_kept(20, 2);
	assert_kept(21, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_CACHE(what_is_kept_is_offered_first_byte_for_byte),
		ON_CACHE(it_is_kept_in_whole_pieces_though_the_disk_takes_less_at_a_time),
		ON_CACHE(nothing_of_it_is_offered_before_its_last_part),
		ON_CACHE(the_oldest_goes_and_the_last_healthy_stays_however_many_come),
		ON_CACHE(the_only_other_fallback_goes_last),
		ON_CACHE(the_same_id_again_goes_into_its_own_slot_or_an_empty_one),
		ON_CACHE(a_generation_larger_than_a_slot_is_told_before_anything_is_emptied),
		ON_CACHE(a_cache_with_nothing_but_the_last_healthy_is_full),
		ON_CACHE(a_disk_that_is_none_has_its_code),
		ON_CACHE(a_slot_that_cannot_be_read_is_let_alone),
		ON_CACHE(without_a_journal_it_is_kept_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
