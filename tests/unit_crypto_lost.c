/*
 * crypto-worker and a store-worker that dies: it is asked anew, and what was under way ends nobody.
 * The test plays the broker that says so, and every life of the store.
 */
#include "crypto_play.h"
#include "exits.h"

static void
lost(uint32_t final)
{
	struct msg_broker_lost body = { .program = PEER_store, .final = final };

	play_tell(MSG_broker_lost, &body);
}

static void
a_store_that_dies_in_survey_is_asked_anew(void **state)
{
	(void)state;
	for (unsigned fills = 0; fills < 2; fills++)
		for (uint32_t final = 0; final < 2; final++) {
			play_to_survey();
			play_offers(1, 0);
			play_expect(MSG_crypto_want);
			for (unsigned i = 0; i < fills; i++) {
				play_fill(&newest);
				play_expect(MSG_crypto_want);
			}
			lost(final);
			if (final) {
				play_expect(MSG_crypto_surveyed);
				play_say(MSG_broker_next);
				play_expect(MSG_crypto_none);
				assert_int_equal(play.ended, EXIT_CLOSED);
			} else {
				assert_int_equal(play_hear(), MSG_none);
				play_offers(1, 0);
				assert_int_equal(play_serve(one, 1), MSG_crypto_surveyed);
				assert_int_equal(play_supply(one, 1), MSG_crypto_verified);
			}
			play_close();
		}
}

static void
a_store_that_dies_in_supply_is_asked_for_the_same_again(void **state)
{
	(void)state;
	for (uint32_t part = PART_kernel; part <= PART_initramfs; part++)
		for (uint32_t final = 0; final < 2; final++) {
			play_open();
			assert_int_equal(play_survey(one, 1, NULL), MSG_crypto_surveyed);
			play_say(MSG_broker_next);
			play_expect(MSG_crypto_chosen);
			play_expect(MSG_crypto_want);
			if (part == PART_initramfs) {
				play_fill(&newest);
				play_expect(MSG_crypto_want);
			}
			lost(final);
			if (final) {
				play_expect(MSG_crypto_rejected);
				assert_int_equal(play.event, EV_program_spent);
			} else {
				play_expect(MSG_crypto_want);
				assert_int_equal(play.want.part, part);
				play_fill(&newest);
				assert_int_equal(play_serve(one, 1), MSG_crypto_verified);
			}
			play_close();
		}
}

/* The broker sends it in SUPPLY; crypto-worker, which got the last fill before, is already further. */
static void
a_loss_told_a_moment_late_ended_crypto_worker(void **state)
{
	(void)state;
	play_open();
	assert_int_equal(play_survey(one, 1, NULL), MSG_crypto_surveyed);
	assert_int_equal(play_supply(one, 1), MSG_crypto_verified);
	lost(0);
	assert_int_equal(play.ended, LIVES);
	play_close();
}

/* The want was on its way when the store died: the broker gives it to the fresh one, which answers it. */
static void
an_answer_to_a_want_from_before_the_loss_ended_crypto_worker(void **state)
{
	(void)state;
	play_to_survey();
	play_offers(1, 0);
	play_expect(MSG_crypto_want);
	lost(0);
	play_fill(&newest);
	assert_int_equal(play.ended, LIVES);
	assert_int_equal(play_hear(), MSG_none);	/* and it says nothing */
	play_close();
}

/*
 * The same in SUPPLY: the fresh store-worker gets both questions, about the same memory.  The answer to the first says nothing: what was
 * taken then was still being written for the second, and the candidate was refused for it.
 */
static void
an_answer_to_a_want_from_before_the_loss_cost_a_candidate(void **state)
{
	(void)state;
	for (uint32_t event = EV_none; event <= EV_cache_io; event += EV_cache_io) {
		struct msg_store_filled stale = { .part = PART_kernel, .event = event };

		play_open();
		assert_int_equal(play_survey(one, 1, NULL), MSG_crypto_surveyed);
		play_say(MSG_broker_next);
		play_expect(MSG_crypto_chosen);
		play_expect(MSG_crypto_want);
		stale.number = play.want.number;
		lost(0);
		play_expect(MSG_crypto_want);
		assert_true(play.want.number > stale.number);
		admit_note(&play.view, MSG_crypto_want);	/* the broker has forwarded the first one to the fresh store-worker */
		play_tell(MSG_store_filled, &stale);
		assert_int_equal(play_hear(), MSG_none);
		play_fill(&newest);
		assert_int_equal(play_serve(one, 1), MSG_crypto_verified);
		play_close();
	}
}

/* Four lives of a store, seven refusals in each before it dies: what crypto-worker says is all legal, and yet it was ended for it. */
static void
refusals_of_four_lives_were_more_than_the_table_allows(void **state)
{
	struct generation bad = newest, *const slots[] = { &bad };

	(void)state;
	bad.manifest[30] ^= 1;
	play_to_survey();
	for (unsigned life = 0; life < 4; life++) {
		play_offers(SLOTS_MAX, 0);
		for (unsigned i = 0; i < 2 * SLOTS_MAX - 1; i++) {
			uint32_t id = play_hear();

			if (id == MSG_crypto_refused)
				id = play_hear();
			assert_int_equal(id, MSG_crypto_want);
			play_fill(slots[0]);
		}
		if (life < 3)
			lost(0);
		while (life < 3 && play_hear() != MSG_none)
			;
	}
	play_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_store_that_dies_in_survey_is_asked_anew),
		cmocka_unit_test(a_store_that_dies_in_supply_is_asked_for_the_same_again),
		cmocka_unit_test(a_loss_told_a_moment_late_ended_crypto_worker),
		cmocka_unit_test(an_answer_to_a_want_from_before_the_loss_ended_crypto_worker),
		cmocka_unit_test(an_answer_to_a_want_from_before_the_loss_cost_a_candidate),
		cmocka_unit_test(refusals_of_four_lives_were_more_than_the_table_allows),
	};

	return cmocka_run_group_tests(tests, play_setup, play_teardown);
}
