/*
 * What the journal remembers, the order in which generations are proposed, and ten thousand lives of a journal under power cuts.
 */
#include "cut_disk.h"

#include "event.h"

static uint32_t rng = 2463534242;

/* xorshift: the same numbers in every run, so that a failure comes again. */
static uint32_t
any(uint32_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 17;
	rng ^= rng << 5;
	return rng % below;
}

/* The rows' ids, first byte each, are these, and nothing else. */
static void
assert_rows(const struct cache_journal *j, unsigned n, const uint8_t *rows)
{
	for (unsigned i = 0; i < SLOTS_MAX; i++)
		assert_int_equal(j->entry[i].id[0], i < n ? rows[i] : 0);
}
#define ASSERT_ROWS(j, ...) assert_rows(j, sizeof(const uint8_t[]){ __VA_ARGS__ }, (const uint8_t[]){ __VA_ARGS__ })

/* --- what happens to a journal --- */
static void
put_makes_row_0_with_a_clean_history(void **state)
{
	struct cache_journal j = JOURNAL(1, 2, 3);

	(void)state;
	ASSERT_ROWS(&j, 1, 2, 3);
	cache_journal_begun(&j, id(3));
	cache_journal_failed(&j, id(3), EV_load_kernel);
	cache_journal_put(&j, id(3));
	ASSERT_ROWS(&j, 3, 1, 2);
	assert_int_equal(j.entry[0].attempts, 0);
	assert_int_equal(j.entry[0].failed, 0);
	assert_int_equal(j.entry[0].healthy, 0);
}

static void
put_of_a_known_id_keeps_that_it_was_healthy(void **state)
{
	struct cache_journal j = JOURNAL(1, 2);

	(void)state;
	assert_int_equal(cache_journal_healthy(&j, id(2)), 0);
	cache_journal_begun(&j, id(2));
	cache_journal_put(&j, j.entry[1].id);	/* its own row's bytes as argument */
	ASSERT_ROWS(&j, 2, 1);
	assert_int_equal(j.entry[0].healthy, 1);
	assert_int_equal(j.entry[0].attempts, 0);
	assert_memory_equal(j.healthy, id(2), ID_BYTES);
}

static void
what_a_ticket_names_comes_first(void **state)
{
	struct cache_journal j = JOURNAL(1, 2, 3), before;

	(void)state;
	assert_int_equal(cache_journal_healthy(&j, id(3)), 0);
	cache_journal_begun(&j, id(3));
	cache_journal_first(&j, id(3));
	ASSERT_ROWS(&j, 3, 1, 2);
	assert_int_equal(j.entry[0].attempts, 1);	/* its history stays */
	assert_int_equal(j.entry[0].healthy, 1);
	before = j;
	cache_journal_first(&j, id(3));
	cache_journal_first(&j, id(9));		/* no such row */
	cache_journal_first(&j, id(0));
	assert_memory_equal(&j, &before, sizeof j);
}

static void
the_ninth_put_pushes_the_last_row_out(void **state)
{
	struct cache_journal j = JOURNAL(1, 2, 3, 4, 5, 6, 7, 8);

	(void)state;
	cache_journal_put(&j, id(9));
	ASSERT_ROWS(&j, 9, 1, 2, 3, 4, 5, 6, 7);
}

static void
the_last_healthy_is_never_pushed_out(void **state)
{
	struct cache_journal j = JOURNAL(1, 2, 3, 4, 5, 6, 7, 8);

	(void)state;
	assert_int_equal(cache_journal_healthy(&j, id(8)), 0);
	cache_journal_put(&j, id(9));
	ASSERT_ROWS(&j, 9, 1, 2, 3, 4, 5, 6, 8);
	for (uint8_t n = 10; n < 200; n++) {
		if (n % 3 == 0)
			cache_journal_put(&j, id(n));
		else if (n % 3 == 1)
			cache_journal_begun(&j, id(n));
		else
			cache_journal_failed(&j, id(n), EV_load_kernel);
		assert_int_equal(j.entry[7].id[0] != 0, 1);
		assert_non_null(cache_journal_find(&j, id(8)));
		assert_non_null(cache_journal_find(&j, id(n)));
	}
	/* another one reports: from now on that one stays */
	assert_int_equal(cache_journal_healthy(&j, j.entry[0].id), 0);
	for (uint8_t n = 200; n < 220; n++)
		cache_journal_put(&j, id(n));
	assert_null(cache_journal_find(&j, id(8)));
	assert_non_null(cache_journal_find(&j, j.healthy));
}

static void
begun_counts_to_255_and_makes_a_row_behind_the_others(void **state)
{
	struct cache_journal j = JOURNAL(1, 2);

	(void)state;
	for (unsigned i = 1; i <= 300; i++) {
		cache_journal_begun(&j, id(7));
		assert_int_equal(j.entry[2].attempts, i < CACHE_BEGUN_MAX ? i : CACHE_BEGUN_MAX);
	}
	ASSERT_ROWS(&j, 1, 2, 7);
	assert_memory_equal(j.booted, id(7), ID_BYTES);
}

static void
healthy_clears_attempts_and_failure_and_needs_a_row(void **state)
{
	struct cache_journal j = JOURNAL(1, 2), before;

	(void)state;
	cache_journal_begun(&j, id(2));
	cache_journal_failed(&j, id(2), EV_load_memory);
	assert_int_equal(j.entry[1].failed, EV_load_memory);
	before = j;
	assert_int_equal(cache_journal_healthy(&j, id(3)), -ENOENT);
	assert_memory_equal(&j, &before, sizeof j);
	assert_int_equal(cache_journal_healthy(&j, id(2)), 0);
	assert_int_equal(j.entry[1].attempts, 0);
	assert_int_equal(j.entry[1].failed, 0);
	assert_int_equal(j.entry[1].healthy, 1);
	assert_memory_equal(j.healthy, id(2), ID_BYTES);
}

static void
drop_takes_the_row_and_the_next_healthy_one_counts(void **state)
{
	struct cache_journal j = JOURNAL(1, 2, 3, 4), before = j;

	(void)state;
	cache_journal_drop(&j, id(9));
	assert_memory_equal(&j, &before, sizeof j);
	assert_int_equal(cache_journal_healthy(&j, id(4)), 0);
	assert_int_equal(cache_journal_healthy(&j, id(2)), 0);
	cache_journal_drop(&j, id(1));
	ASSERT_ROWS(&j, 2, 3, 4);
	assert_memory_equal(j.healthy, id(2), ID_BYTES);
	cache_journal_drop(&j, j.healthy);	/* the journal's own bytes as argument */
	ASSERT_ROWS(&j, 3, 4);
	assert_memory_equal(j.healthy, id(4), ID_BYTES);
	cache_journal_drop(&j, id(4));
	ASSERT_ROWS(&j, 3);
	assert_memory_equal(j.healthy, id(0), ID_BYTES);
}

static void
an_id_of_zeros_is_nobodys(void **state)
{
	struct cache_journal j = JOURNAL(1), before = j;

	(void)state;
	cache_journal_put(&j, id(0));
	cache_journal_begun(&j, id(0));
	cache_journal_failed(&j, id(0), EV_load_kernel);
	cache_journal_drop(&j, id(0));
	assert_int_equal(cache_journal_healthy(&j, id(0)), -ENOENT);
	assert_null(cache_journal_find(&j, id(0)));
	assert_memory_equal(&j, &before, sizeof j);
}

/* --- in which order they are proposed --- */
static uint32_t order[SLOTS_MAX], flags[SLOTS_MAX];

/* Slot i holds holds[i], 0: it is empty.  The proposed slots must hold these, in this order. */
static void
assert_order(const struct cache_journal *j, const uint8_t holds[SLOTS_MAX], unsigned n, const uint8_t *expected)
{
	struct cache_slot slots[SLOTS_MAX] = { 0 };
	uint8_t present[SLOTS_MAX] = { 0 };

	for (unsigned i = 0; i < SLOTS_MAX; i++) {
		memcpy(slots[i].id, id(holds[i]), ID_BYTES);
		present[i] = holds[i] != 0;
	}
	assert_int_equal(cache_order(j, slots, present, order, flags), n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(holds[order[i]], expected[i]);
}
#define HOLDS(...) (const uint8_t[SLOTS_MAX]){ __VA_ARGS__ }
#define ASSERT_ORDER(j, holds, ...) assert_order(j, holds, sizeof(const uint8_t[]){ __VA_ARGS__ }, (const uint8_t[]){ __VA_ARGS__ })

static void
row_0_comes_first_then_the_healthy_in_row_order(void **state)
{
	struct cache_journal j = JOURNAL(1, 2, 3, 4);

	(void)state;
	assert_int_equal(cache_journal_healthy(&j, id(2)), 0);
	assert_int_equal(cache_journal_healthy(&j, id(4)), 0);
	ASSERT_ORDER(&j, HOLDS(4, 3, 0, 2, 1), 1, 2, 4, 3);
	assert_int_equal(flags[0], 0);
	assert_int_equal(flags[1], OFFER_fallback | OFFER_healthy);
	assert_int_equal(flags[2], OFFER_fallback | OFFER_healthy | OFFER_previous);
	assert_int_equal(flags[3], OFFER_fallback);
}

static void
row_0_that_spent_its_attempts_goes_behind_everything_else(void **state)
{
	struct cache_journal j = JOURNAL(1, 2, 3);

	(void)state;
	assert_int_equal(cache_journal_healthy(&j, id(2)), 0);
	for (unsigned i = 0; i < CACHE_ATTEMPTS_MAX - 1; i++)
		cache_journal_begun(&j, id(1));
	ASSERT_ORDER(&j, HOLDS(1, 2, 3, 9), 1, 2, 3, 9);
	cache_journal_begun(&j, id(1));
	ASSERT_ORDER(&j, HOLDS(1, 2, 3, 9), 2, 3, 9, 1);
}

static void
spent_attempts_are_still_proposed_when_there_is_nothing_else(void **state)
{
	struct cache_journal j = JOURNAL(1, 2);

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		cache_journal_begun(&j, id(1));
		cache_journal_begun(&j, id(2));
	}
	ASSERT_ORDER(&j, HOLDS(2, 1), 1, 2);
}

static void
who_was_healthy_never_spends_its_attempts(void **state)
{
	struct cache_journal j = JOURNAL(1, 2);

	(void)state;
	assert_int_equal(cache_journal_healthy(&j, id(1)), 0);
	for (unsigned i = 0; i < 200; i++)
		cache_journal_begun(&j, id(1));
	ASSERT_ORDER(&j, HOLDS(2, 1), 1, 2);
}

static void
a_failed_load_comes_behind_all_others_and_says_so_until_it_is_put_anew(void **state)
{
	struct cache_journal j = JOURNAL(1, 2, 3);

	(void)state;
	assert_int_equal(cache_journal_healthy(&j, id(2)), 0);
	for (unsigned i = 0; i < CACHE_ATTEMPTS_MAX; i++)
		cache_journal_begun(&j, id(3));
	cache_journal_failed(&j, id(1), EV_load_kernel);
	ASSERT_ORDER(&j, HOLDS(1, 2, 3, 9), 2, 9, 3, 1);
	assert_int_equal(flags[3], OFFER_failed | OFFER_fallback);	/* row 0 though it is */
	assert_int_equal(cache_journal_last_failure(&j, id(1)), EV_load_kernel);
	assert_int_equal(cache_journal_last_failure(&j, id(2)), EV_load_kernel);
	cache_journal_failed(&j, id(2), EV_load_memory);
	ASSERT_ORDER(&j, HOLDS(1, 2, 3), 3, 1, 2);
	assert_int_equal(flags[0], OFFER_fallback);
	assert_int_equal(flags[2], OFFER_failed | OFFER_fallback | OFFER_healthy | OFFER_previous);
	assert_int_equal(cache_journal_last_failure(&j, id(2)), EV_load_memory);
	assert_int_equal(cache_journal_last_failure(&j, id(3)), EV_load_kernel);
	cache_journal_put(&j, id(1));
	ASSERT_ORDER(&j, HOLDS(1, 2, 3), 1, 3, 2);
	assert_int_equal(flags[0], 0);
}

static void
without_a_journal_slots_are_proposed_as_they_stand(void **state)
{
	static const struct cache_journal none;

	(void)state;
	ASSERT_ORDER(&none, HOLDS(0, 5, 4, 0, 3, 5), 5, 4, 3, 5);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(flags[i], OFFER_fallback);
	assert_order(&none, HOLDS(0), 0, NULL);
}

static void
slots_that_claim_one_id_follow_one_another_and_a_slot_of_zeros_is_unknown(void **state)
{
	struct cache_journal j = JOURNAL(1, 2);
	struct cache_slot slots[SLOTS_MAX] = { 0 };
	uint8_t present[SLOTS_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	uint32_t seen = 0;

	(void)state;
	ASSERT_ORDER(&j, HOLDS(2, 1, 2, 1), 1, 1, 2, 2);
	assert_int_equal(order[0], 1);
	assert_int_equal(order[1], 3);
	assert_int_equal(cache_order(&j, slots, present, order, flags), SLOTS_MAX);
	for (unsigned i = 0; i < SLOTS_MAX; i++) {
		assert_int_equal(flags[i], OFFER_fallback);
		seen |= 1u << order[i];
	}
	assert_int_equal(seen, 0xff);
}

/* --- many lives --- */
static void
one_thing_happens(struct cache_journal *j, uint8_t *last_healthy)
{
	uint8_t n = (uint8_t)(1 + any(12));

	switch (any(5)) {
	case 0:
		cache_journal_put(j, id(n));
		break;
	case 1:
		cache_journal_begun(j, id(n));
		break;
	case 2:
		cache_journal_failed(j, id(n), EV_load_kernel);
		break;
	case 3:
		if (cache_journal_healthy(j, id(n)) == 0)
			*last_healthy = n;
		break;
	default:
		if (n != *last_healthy)
			cache_journal_drop(j, id(n));
	}
}

static void
ten_thousand_lives_with_power_cuts_keep_the_last_healthy(void **state)
{
	unsigned cuts = 0, lost = 0, kept = 0;
	int fd = *(int *)*state;

	for (unsigned life = 0; life < 10000; life++) {
		struct cache_journal disk = JOURNAL(1), next, got;
		uint8_t healthy_disk = 1, healthy_next;

		assert_int_equal(cache_journal_healthy(&disk, id(1)), 0);
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(ftruncate(fd, MIB), 0);
		assert_int_equal(cache_write_journal(fd, &disk), 0);
		for (unsigned step = any(12) + 1; step > 0; step--) {
			next = disk;
			healthy_next = healthy_disk;
			one_thing_happens(&next, &healthy_next);
			cut_after = any(3) == 0 ? (long)any(CACHE_SECTOR + 1) : NEVER;
			cuts += cut_after != NEVER;
			assert_int_equal(cache_write_journal(fd, &next) == 0, cut_after == NEVER);
			next.sequence = disk.sequence + 1;
			cut_after = NEVER;
			assert_int_equal(cache_read_journal(fd, &got), 0);
			if (memcmp(&got, &next, sizeof got) == 0) {
				disk = next;
				healthy_disk = healthy_next;
				kept++;
			} else {
				assert_memory_equal(&got, &disk, sizeof got);
				lost++;
			}
			assert_memory_equal(got.healthy, id(healthy_disk), ID_BYTES);
			assert_non_null(cache_journal_find(&got, got.healthy));
			assert_int_equal(cache_journal_find(&got, got.healthy)->healthy, 1);
		}
	}
	/* the test itself: power did fail, writes were lost, and others were not */
	assert_true(cuts > 10000 && lost > 1000 && kept > 10000);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_makes_row_0_with_a_clean_history),
		cmocka_unit_test(put_of_a_known_id_keeps_that_it_was_healthy),
		cmocka_unit_test(what_a_ticket_names_comes_first),
		cmocka_unit_test(the_ninth_put_pushes_the_last_row_out),
		cmocka_unit_test(the_last_healthy_is_never_pushed_out),
		cmocka_unit_test(begun_counts_to_255_and_makes_a_row_behind_the_others),
		cmocka_unit_test(healthy_clears_attempts_and_failure_and_needs_a_row),
		cmocka_unit_test(drop_takes_the_row_and_the_next_healthy_one_counts),
		cmocka_unit_test(an_id_of_zeros_is_nobodys),
		cmocka_unit_test(row_0_comes_first_then_the_healthy_in_row_order),
		cmocka_unit_test(row_0_that_spent_its_attempts_goes_behind_everything_else),
		cmocka_unit_test(spent_attempts_are_still_proposed_when_there_is_nothing_else),
		cmocka_unit_test(who_was_healthy_never_spends_its_attempts),
		cmocka_unit_test(a_failed_load_comes_behind_all_others_and_says_so_until_it_is_put_anew),
		cmocka_unit_test(without_a_journal_slots_are_proposed_as_they_stand),
		cmocka_unit_test(slots_that_claim_one_id_follow_one_another_and_a_slot_of_zeros_is_unknown),
		cmocka_unit_test_setup_teardown(ten_thousand_lives_with_power_cuts_keep_the_last_healthy, set_up_disk, tear_down_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
