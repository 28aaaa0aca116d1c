/*
 * The real broker and single faults, each with its one end: programs that fail in every life, answer out of turn, or read nothing.
 * Outside the wall: plays the program at fault.  A test of what was once wrong is named for what went wrong.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker_rig.h"
#include "exits.h"
#include "msg_samples.h"

static void
a_store_that_dies_in_every_life_leaves_a_boot_without_cache(void **state)
{
	(void)state;
	drive(PHASE_NO_SURVEY);
	for (unsigned life = 0; life < RESTARTS_MAX; life++) {
		drop_end(PEER_store);
		settle();
		assert_int_equal(rig.starts[PEER_store], life + 2);
		take(PEER_crypto, MSG_broker_lost);
		assert_int_equal(((const struct msg_broker_lost *)(const void *)got.body)->final, 0);
		take(PEER_store, MSG_broker_survey);
	}
	drop_end(PEER_store);
	settle();
	assert_int_equal(rig.starts[PEER_store], RESTARTS_MAX + 1);
	take(PEER_crypto, MSG_broker_lost);
	assert_int_equal(((const struct msg_broker_lost *)(const void *)got.body)->final, 1);
	assert_true(printed("SP704 store-worker"));
	say(PEER_crypto, MSG_crypto_surveyed);
	to_supply();
	say(PEER_crypto, MSG_crypto_none);
	assert_true(printed("SP605"));
	ends_in_one_reboot();
	close_rig();
}

static void
a_store_that_never_records_does_not_stop_the_boot(void **state)
{
	(void)state;
	drive(PHASE_NO_RECORD);
	for (unsigned life = 0; life < RESTARTS_MAX; life++) {
		silence();
		take(PEER_store, MSG_broker_record);
		assert_true(heard_nothing(PEER_crypto));
	}
	silence();
	assert_int_equal(rig.starts[PEER_store], RESTARTS_MAX + 1);
	assert_true(printed("SP704 store-worker: the attempt is not recorded"));
	take(PEER_crypto, MSG_broker_load);
	close_rig();
}

/* crypto-worker wants a part of the next candidate; somebody must fill it, or it must hear that nobody will. */
static int
the_next_candidate_is_served(void)
{
	int served;

	say(PEER_crypto, MSG_crypto_rejected);
	take(PEER_crypto, MSG_broker_next);
	say(PEER_crypto, MSG_crypto_chosen);
	say(PEER_crypto, MSG_crypto_want);
	served = rig.end[PEER_store] >= 0 && peer_recv(rig.end[PEER_store], &got) == 1;
	if (served)
		frame_close(&got);
	return served || (peer_recv(rig.end[PEER_crypto], &got) == 1 && got.id == MSG_broker_lost);
}

static void
after_a_spent_store_the_next_candidate_waited_for_ever(void **state)
{
	(void)state;
	drive(PHASE_NO_SUPPLY);
	say(PEER_crypto, MSG_crypto_chosen);
	say(PEER_crypto, MSG_crypto_want);
	for (unsigned life = 0; life <= RESTARTS_MAX; life++) {
		drop_end(PEER_store);
		settle();
		take(PEER_crypto, MSG_broker_lost);
	}
	assert_int_equal(((const struct msg_broker_lost *)(const void *)got.body)->final, 1);
	assert_true(the_next_candidate_is_served());
	close_rig();
}

static void
after_a_store_that_died_in_verify_the_next_candidate_waited_for_ever(void **state)
{
	(void)state;
	drive(PHASE_NO_VERIFY);
	drop_end(PEER_store);
	settle();
	assert_true(the_next_candidate_is_served());
	close_rig();
}

static void
a_crypto_worker_that_says_wiped_twice_still_lived_at_the_jump(void **state)
{
	(void)state;
	drive(PHASE_NO_GO);
	say(PEER_crypto, MSG_crypto_wiped);
	assert_true(heard_nothing(PEER_kexec));
	close_rig();
}

static void
the_last_word_of_a_program_that_left_something_unread_was_lost(void **state)
{
	(void)state;
	drive(PHASE_NO_SURVEY);
	say(PEER_store, MSG_store_offer);
	peer_sample(MSG_crypto_failed, &said);
	peer_say(rig.end[PEER_crypto], MSG_crypto_failed, &said);
	drop_end(PEER_crypto);		/* the offer lies there unread: the broker's end reads ECONNRESET first, unix(7) */
	settle();
	assert_true(printed("SP206"));
	close_rig();
}

static void
an_offer_behind_the_last_one_reached_crypto_worker_in_the_next_phase(void **state)
{
	(void)state;
	drive(PHASE_NO_SURVEY);
	say_and_take(PEER_store, MSG_store_offer);
	say_and_take(PEER_store, MSG_store_offered);
	say(PEER_store, MSG_store_offer);
	assert_true(printed("store-worker"));
	assert_int_equal(rig.starts[PEER_store], 2);
	close_rig();
}

static void
a_store_that_answers_for_another_slot_was_not_named(void **state)
{
	(void)state;
	drive(PHASE_NO_SUPPLY);
	say_and_take(PEER_crypto, MSG_crypto_want);
	peer_sample(MSG_store_filled, &said);
	said.store_filled.slot++;
	peer_say(rig.end[PEER_store], MSG_store_filled, &said);
	settle();
	if (rig.starts[PEER_store] == 1)	/* at the latest when nothing more comes */
		silence();
	assert_false(printed("SP703 crypto-worker"));
	assert_true(printed("store-worker"));
	assert_int_equal(rig.starts[PEER_store], 2);
	close_rig();
}

static void
an_init_that_answers_twice_ends_the_boot(void **state)
{
	(void)state;
	drive(PHASE_NO_SURVEY);
	start_answered(PEER_store);
	settle();
	assert_int_equal(rig.ended, EXIT_CLOSED);
	close_rig();
}

static void
a_worker_that_does_not_read_blocks_nobody(void **state)
{
	int small = 1, n = 0;

	(void)state;
	drive(PHASE_NO_SUPPLY);
	assert_int_equal(setsockopt(broker.channel[PEER_store], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	for (unsigned i = 0; i < msg_table[MSG_crypto_want].max; i++)
		say(PEER_crypto, MSG_crypto_want);
	silence();
	assert_true(printed("SP703 store-worker"));
	take(PEER_crypto, MSG_broker_lost);
	close_rig();
	/* the socket was full indeed: not all 80 were there to be read by the one that did not read */
	drive(PHASE_NO_SUPPLY);
	assert_int_equal(setsockopt(broker.channel[PEER_store], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	for (unsigned i = 0; i < msg_table[MSG_crypto_want].max; i++)
		say(PEER_crypto, MSG_crypto_want);
	for (; peer_recv(rig.end[PEER_store], &got) == 1; n++)
		frame_close(&got);
	assert_in_range(n, 1, msg_table[MSG_crypto_want].max - 1);
	close_rig();
}

static void
a_console_that_takes_nothing_stops_no_boot(void **state)
{
	static const char page[4096];

	(void)state;
	drive(PHASE_NO_CLOSE);
	while (write(FD_CONSOLE, page, sizeof page) > 0 || write(FD_CONSOLE, page, 1) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	say(PEER_crypto, MSG_crypto_closed);
	take(PEER_store, MSG_broker_survey);
	say_and_take(PEER_store, MSG_store_offer);
	assert_int_equal(rig.ended, RUNS);
	close_rig();
}

/* Armed or not, told or not: the jump comes once, and never when nobody can jump any more. */
static void
the_watchdog_is_armed_before_the_jump(void **state)
{
	struct msg_init_armed armed = { .seconds = 60 };

	(void)state;
	for (uint32_t error = 0; error <= ENODEV; error += ENODEV) {
		drive(PHASE_NO_GO);
		rig.arm_error = error;
		drop_end(PEER_crypto);
		settle();
		assert_int_equal(rig.arms, 1);
		assert_true(printed(error == 0 ? "watchdog: a reset in 60 s" : "SP606 init"));
		take(PEER_kexec, MSG_broker_go);
		close_rig();
	}
	for (unsigned dies = 0; dies < 2; dies++) {	/* init is slow: it does not answer, or kexec-worker dies before it does */
		drive(PHASE_NO_GO);
		rig.init_is_slow = 1;
		drop_end(PEER_crypto);
		settle();
		assert_true(heard_nothing(PEER_kexec));
		if (dies) {
			drop_end(PEER_kexec);
			settle();
			peer_say(rig.end[PEER_init], MSG_init_armed, &armed);
			ends_in_one_reboot();
		} else {
			silence();
			assert_int_equal(rig.ended, EXIT_PEER);
			assert_true(heard_nothing(PEER_kexec));
		}
		assert_false(printed("[9/9]"));
		close_rig();
	}
}

/* The start was under way when the boot stopped: the step's deadline took the place of the wait's. */
static void
a_store_that_came_up_in_the_stop_cut_the_wait_short(void **state)
{
	(void)state;
	drive(PHASE_NO_SUPPLY);
	rig.init_is_slow = 1;
	drop_end(PEER_store);
	settle();
	drop_end(PEER_crypto);
	settle();
	start_answered(PEER_store);
	settle();
	assert_true(is_closed(PEER_store));
	ends_in_one_reboot();
	close_rig();
}

static void
an_init_that_starts_nothing_was_called_crypto_worker(void **state)
{
	(void)state;
	drive(PHASE_NO_SUPPLY);
	rig.init_is_slow = 1;
	drop_end(PEER_store);
	silence();
	assert_true(printed("SP703 init"));
	assert_false(printed("SP703 crypto-worker"));
	ends_in_one_reboot();
	close_rig();
}

/* With one question open an older number closes it unanswered, and crypto-worker waited for the rest of its time. */
static void
an_answer_to_a_question_long_closed_was_taken(void **state)
{
	struct msg_crypto_want want = sample_crypto_want();

	(void)state;
	drive(PHASE_NO_SUPPLY);
	fill();
	want.number++;
	peer_say(rig.end[PEER_crypto], MSG_crypto_want, &want);
	settle();
	take(PEER_store, MSG_crypto_want);
	rig.init_is_slow = 1;
	say(PEER_store, MSG_store_filled);
	assert_true(printed("SP702 store-worker"));
	assert_true(is_closed(PEER_store));
	assert_true(heard_nothing(PEER_crypto));
	close_rig();
}

/* What is written down is what was asked: "stopped" for "begun" hid the disk's code, "begun" for "stopped" held the stop for minutes. */
static void
a_store_that_records_something_else_is_named(void **state)
{
	const struct msg_store_recorded stopped = { .what = RECORD_stopped, .event = EV_cache_io }, begun = { .what = RECORD_begun };

	(void)state;
	drive(PHASE_NO_RECORD);
	rig.init_is_slow = 1;
	peer_say(rig.end[PEER_store], MSG_store_recorded, &stopped);
	settle();
	assert_true(printed("SP702 store-worker"));
	close_rig();
	drive(PHASE_NO_LOAD);
	drop_end(PEER_crypto);
	settle();
	assert_int_equal(broker.stopping, 0);
	peer_say(rig.end[PEER_store], MSG_store_recorded, &begun);
	settle();
	assert_true(printed("SP702 store-worker"));
	assert_true(is_closed(PEER_store));
	ends_in_one_reboot();
	close_rig();
}

/* It died in VERIFY: what could not be sent to it stayed open, and a silence in LOAD was the fresh one's. */
static void
a_silence_in_load_was_called_the_stores(void **state)
{
	(void)state;
	drive(PHASE_NO_VERIFY);
	rig.init_is_slow = 1;
	drop_end(PEER_store);
	settle();
	say(PEER_crypto, MSG_crypto_verified);
	start_answered(PEER_store);
	settle();
	take(PEER_store, MSG_broker_record);
	assert_true(heard_nothing(PEER_store));
	say(PEER_store, MSG_store_recorded);
	assert_int_equal(broker.state.phase, PHASE(LOAD));
	silence();
	assert_true(printed("SP703 crypto-worker or kexec-worker"));
	assert_false(printed("SP703 store-worker"));
	ends_in_one_reboot();
	close_rig();
}

/* A failed load is written down, and then the stop: else a machine on which every load fails never waits longer. */
static void
a_failed_load_is_a_stop_like_any_other(void **state)
{
	const struct msg_store_recorded failed = { .what = RECORD_failed };

	(void)state;
	drive(PHASE_NO_LOAD);
	say_and_take(PEER_kexec, MSG_kexec_loaded);
	say(PEER_crypto, MSG_crypto_unloaded);
	take(PEER_store, MSG_broker_record);
	peer_say(rig.end[PEER_store], MSG_store_recorded, &failed);
	settle();
	ends_in_one_reboot();
	close_rig();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_store_that_dies_in_every_life_leaves_a_boot_without_cache),
		cmocka_unit_test(a_store_that_never_records_does_not_stop_the_boot),
		cmocka_unit_test(after_a_spent_store_the_next_candidate_waited_for_ever),
		cmocka_unit_test(after_a_store_that_died_in_verify_the_next_candidate_waited_for_ever),
		cmocka_unit_test(a_crypto_worker_that_says_wiped_twice_still_lived_at_the_jump),
		cmocka_unit_test(the_last_word_of_a_program_that_left_something_unread_was_lost),
		cmocka_unit_test(an_offer_behind_the_last_one_reached_crypto_worker_in_the_next_phase),
		cmocka_unit_test(a_store_that_answers_for_another_slot_was_not_named),
		cmocka_unit_test(an_init_that_answers_twice_ends_the_boot),
		cmocka_unit_test(a_worker_that_does_not_read_blocks_nobody),
		cmocka_unit_test(a_store_that_came_up_in_the_stop_cut_the_wait_short),
		cmocka_unit_test(an_init_that_starts_nothing_was_called_crypto_worker),
		cmocka_unit_test(an_answer_to_a_question_long_closed_was_taken),
		cmocka_unit_test(a_store_that_records_something_else_is_named),
		cmocka_unit_test(a_silence_in_load_was_called_the_stores),
		cmocka_unit_test(a_failed_load_is_a_stop_like_any_other),
		cmocka_unit_test(the_watchdog_is_armed_before_the_jump),
		cmocka_unit_test(a_console_that_takes_nothing_stops_no_boot),
	};
	int failed;

	peer_reserve();
	failed = cmocka_run_group_tests_name("without an org", tests, NULL, NULL);
	online = 1;
	return failed + cmocka_run_group_tests_name("with an org", tests, NULL, NULL);
}
