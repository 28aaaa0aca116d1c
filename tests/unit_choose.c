/*
 * Which slot a new generation gets, and what the journal knows of those that are there when it was put.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "event.h"
#include "journal_of.h"

static struct cache_header header;
static struct cache_slot slots[SLOTS_MAX];
static uint8_t present[SLOTS_MAX];

enum { UNREADABLE = 255, N = SLOT_NONE };

/* Slot i holds holds[i], 0: it is empty. */
static void
fill(unsigned n, const uint8_t *holds)
{
	memset(slots, 0, sizeof slots);
	memset(present, CACHE_empty, sizeof present);
	header = (struct cache_header){ .slots = n, .slot_bytes = CACHE_SLOT_MIN };
	for (unsigned i = 0; i < n; i++) {
		memcpy(slots[i].id, id(holds[i]), ID_BYTES);
		present[i] = holds[i] == UNREADABLE ? CACHE_unreadable : holds[i] != 0 ? CACHE_full : CACHE_empty;
	}
}
#define FILL(...) fill(sizeof(const uint8_t[]){ __VA_ARGS__ }, (const uint8_t[]){ __VA_ARGS__ })

static void
assert_chosen(const struct cache_journal *j, uint8_t n, uint32_t in_preboot, uint32_t in_os)
{
	uint32_t old = cache_find_slot(slots, present, id(n));

	assert_int_equal(cache_choose(&header, j, slots, present, old, CACHE_in_preboot), in_preboot);
	assert_int_equal(cache_choose(&header, j, slots, present, old, CACHE_in_os), in_os);
}

static struct cache_journal
with_healthy(struct cache_journal j, unsigned n, const uint8_t *healthy)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(cache_journal_healthy(&j, id(healthy[i])), 0);
	return j;
}
/* The last named is the last that reported healthy. */
#define HEALTHY(j, ...) with_healthy(j, sizeof(const uint8_t[]){ __VA_ARGS__ }, (const uint8_t[]){ __VA_ARGS__ })

static void
an_empty_slot_comes_first_even_before_an_older_copy(void **state)
{
	struct cache_journal j = JOURNAL(1, 2, 3);

	(void)state;
	FILL(0, 0);
	assert_chosen(&j, 9, 0, 0);
	FILL(1, 2, 0, 0);
	assert_chosen(&j, 9, 2, 2);
	assert_chosen(&j, 1, 2, 2);
	FILL(UNREADABLE, 2, 0);		/* what cannot be read may be the last healthy one */
	assert_chosen(&j, 9, 2, 2);
}

static void
the_oldest_goes_and_what_no_row_knows_is_the_oldest(void **state)
{
	struct cache_journal j = JOURNAL(1, 2, 3, 4, 5, 6, 7, 8);

	(void)state;
	FILL(8, 7, 6, 5, 4, 3, 2, 1);
	assert_chosen(&j, 9, 0, 0);
	FILL(1, 8, 2, 7);
	assert_chosen(&j, 9, 1, 1);
	FILL(1, 8, 20, 21);
	assert_chosen(&j, 9, 2, 2);
	FILL(1, UNREADABLE, 2);
	assert_chosen(&j, 9, 2, 2);
	FILL(UNREADABLE, UNREADABLE);
	assert_chosen(&j, 9, N, N);
}

static void
the_last_healthy_never_goes_and_in_the_os_not_what_was_booted_last(void **state)
{
	struct cache_journal j = HEALTHY(JOURNAL(1, 2, 3), 3);

	(void)state;
	FILL(3, 2, 1);
	assert_chosen(&j, 9, 1, 1);
	cache_journal_begun(&j, id(2));
	assert_chosen(&j, 9, 1, 2);
	FILL(3, 2, 3, 2);	/* in two slots */
	assert_chosen(&j, 9, 1, N);
	FILL(3);
	assert_chosen(&j, 9, N, N);
	FILL(3, UNREADABLE);
	assert_chosen(&j, 9, N, N);
	FILL(3, 2);
	assert_chosen(&j, 9, 1, N);
}

static void
the_only_other_fallback_goes_when_nothing_else_can(void **state)
{
	struct cache_journal j = HEALTHY(JOURNAL(1, 2, 3, 4), 4, 3);

	(void)state;
	FILL(1, 2, 3, 4);
	assert_chosen(&j, 9, 1, 1);	/* 4 is older */
	FILL(1, 3, 4);
	assert_chosen(&j, 9, 0, 0);
	FILL(3, 4);
	assert_chosen(&j, 9, 1, 1);
	FILL(4, 3, 4);			/* it twice: nothing else can */
	assert_chosen(&j, 9, 0, 0);
	j = HEALTHY(JOURNAL(1, 2, 3, 4), 4, 2, 3);
	FILL(1, 2, 3, 4);
	assert_chosen(&j, 9, 3, 3);	/* not the only one: 2 was healthy too */
	FILL(1, 3, 4);
	assert_chosen(&j, 9, 0, 0);	/* 2 was, but is not here */
	j = HEALTHY(JOURNAL(1, 2, 3, 4), 4, 2, 3);
	cache_journal_failed(&j, id(2), EV_load_kernel);
	FILL(1, 2, 3, 4);
	assert_chosen(&j, 9, 1, 1);	/* 2 is no fallback any more */
	cache_journal_failed(&j, id(4), EV_load_kernel);
	assert_chosen(&j, 9, 3, 3);	/* nor is 4 */
}

static void
a_copy_is_replaced_where_it_stands_and_in_the_os_only_if_it_may_go(void **state)
{
	struct cache_journal j = HEALTHY(JOURNAL(1, 2, 3), 2);

	(void)state;
	FILL(1, 2, 3);
	assert_chosen(&j, 1, 0, 0);
	assert_chosen(&j, 3, 2, 2);
	assert_chosen(&j, 2, 1, 2);	/* the last healthy: in the OS its copy may be good */
	cache_journal_begun(&j, id(3));
	assert_chosen(&j, 3, 2, 0);
	FILL(2, 3);
	assert_chosen(&j, 2, 0, 0);	/* nothing may go: its own place */
	assert_chosen(&j, 3, 1, 1);
}

/* The rows' ids are these, and nothing else. */
static void
assert_kept(struct cache_journal j, uint8_t n, const uint8_t rows[SLOTS_MAX])
{
	uint8_t last_healthy[ID_BYTES];

	memcpy(last_healthy, j.healthy, ID_BYTES);
	cache_journal_kept(&j, slots, present, id(n));
	for (unsigned i = 0; i < SLOTS_MAX; i++)
		assert_int_equal(j.entry[i].id[0], rows[i]);
	assert_memory_equal(j.healthy, last_healthy, ID_BYTES);
}
#define ROWS(...) (const uint8_t[SLOTS_MAX]){ __VA_ARGS__ }

static void
rows_without_a_slot_go_but_never_the_last_healthy(void **state)
{
	struct cache_journal j = JOURNAL(1, 2, 3, 4, 5, 6, 7, 8);

	(void)state;
	FILL(9, 2, 4);
	assert_kept(j, 9, ROWS(9, 2, 4));
	assert_kept(HEALTHY(j, 7), 9, ROWS(9, 2, 4, 7));
	FILL(2, 4, 0, 0);
	assert_kept(j, 4, ROWS(4, 2));
	FILL(9, 2, UNREADABLE);		/* whose row is whose? */
	assert_kept(j, 9, ROWS(9, 1, 2, 3, 4, 5, 6, 7));
	assert_kept(HEALTHY(j, 8), 9, ROWS(9, 1, 2, 3, 4, 5, 6, 8));
	FILL(9);
	assert_kept((struct cache_journal){ 0 }, 9, ROWS(9));
}

/* A slot was emptied for 9 and power failed: that row is of no use, and the last row's generation, once healthy, is still here. */
static void
what_is_here_does_not_fall_out_for_what_is_not(void **state)
{
	struct cache_journal j = HEALTHY(JOURNAL(1, 2, 3, 4, 5, 6, 7, 8), 8, 1);

	(void)state;
	FILL(1, 2, 3, 4, 5, 6, 9, 8);
	assert_kept(j, 9, ROWS(9, 1, 2, 3, 4, 5, 6, 8));
	cache_journal_kept(&j, slots, present, id(9));
	assert_int_equal(cache_journal_find(&j, id(8))->healthy, 1);
}

static void
a_slot_that_cannot_be_read_is_in_no_order_of_boot(void **state)
{
	const struct cache_journal j = JOURNAL(1, 2);
	uint32_t order[SLOTS_MAX], flags[SLOTS_MAX];

	(void)state;
	FILL(1, 2, 0);
	assert_int_equal(cache_order(&j, slots, present, order, flags), 2);
	present[0] = CACHE_unreadable;
	assert_int_equal(cache_order(&j, slots, present, order, flags), 1);
	assert_int_equal(order[0], 1);
	assert_int_equal(flags[0], OFFER_fallback);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_slot_comes_first_even_before_an_older_copy),
		cmocka_unit_test(the_oldest_goes_and_what_no_row_knows_is_the_oldest),
		cmocka_unit_test(the_last_healthy_never_goes_and_in_the_os_not_what_was_booted_last),
		cmocka_unit_test(the_only_other_fallback_goes_when_nothing_else_can),
		cmocka_unit_test(a_copy_is_replaced_where_it_stands_and_in_the_os_only_if_it_may_go),
		cmocka_unit_test(rows_without_a_slot_go_but_never_the_last_healthy),
		cmocka_unit_test(what_is_here_does_not_fall_out_for_what_is_not),
		cmocka_unit_test(a_slot_that_cannot_be_read_is_in_no_order_of_boot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
