/*
 * The real broker and a generation of the org's: fetched, kept or not, booted.  What a store-worker at fault costs then, and an init that is
 * slow to start another.  Every boot ends in one jump or one reboot.  Outside the wall: plays whoever is at fault.
 */
#include <errno.h>

#include "broker_rig.h"
#include "exits.h"
#include "msg_samples.h"

/* crypto-worker says what is to be done with the generation of the org's. */
static void
chosen(void)
{
	struct msg_crypto_chosen body = sample_crypto_chosen();

	body.c.slot = SLOT_NONE;
	body.cause = CHOSEN_ticket;
	peer_say(rig.end[PEER_crypto], MSG_crypto_chosen, &body);
	settle();
	assert_true(printed("from the org: 67000001 bytes to fetch"));
}

static void
verified(uint32_t slot)
{
	struct msg_crypto_verified body = sample_crypto_verified();

	body.c.slot = slot;
	peer_say(rig.end[PEER_crypto], MSG_crypto_verified, &body);
	settle();
}

static void
keep(uint32_t part, uint32_t number)
{
	struct msg_crypto_keep body = sample_crypto_keep();

	body.part = part;
	body.number = number;
	peer_say(rig.end[PEER_crypto], MSG_crypto_keep, &body);
	settle();
}

static void
kept(uint32_t part, uint32_t number, uint32_t event)
{
	const struct msg_store_kept body = { .slot = event == EV_none ? 2 : SLOT_NONE, .part = part, .number = number, .event = event };

	peer_say(rig.end[PEER_store], MSG_store_kept, &body);
	settle();
}

/* Everything is fetched; nothing is kept yet. */
static void
fetched(void)
{
	drive(PHASE_NO_SUPPLY);
	say_and_take(PEER_crypto, MSG_crypto_get);
	say_and_take(PEER_net, MSG_net_got);
	chosen();
	say_and_take(PEER_crypto, MSG_crypto_get);
	say_and_take(PEER_net, MSG_net_got);
}

/* From there on without the cache. */
static void
boots_unrecorded(void)
{
	say(PEER_crypto, MSG_crypto_supplied);
	verified(SLOT_NONE);
	assert_true(printed("[7/9] attempt not recorded"));
	take(PEER_crypto, MSG_broker_load);
	loads_and_jumps();
}

static void
what_was_fetched_is_kept_and_booted(void **state)
{
	(void)state;
	fetched();
	for (uint32_t part = PART_manifest; part <= PART_LAST; part++) {
		keep(part, part);
		take(PEER_store, MSG_crypto_keep);
		kept(part, part, EV_none);
		take(PEER_crypto, MSG_store_kept);
	}
	say(PEER_crypto, MSG_crypto_supplied);
	assert_true(printed("[5/9] supplied from the org"));
	verified(2);
	take(PEER_store, MSG_broker_record);
	assert_int_equal(((const struct msg_broker_record *)(const void *)got.body)->slot, 2);
	assert_int_equal(((const struct msg_broker_record *)(const void *)got.body)->what, RECORD_ticket);
	peer_say(rig.end[PEER_store], MSG_store_recorded, &(struct msg_store_recorded){ .what = RECORD_ticket });
	settle();
	take(PEER_crypto, MSG_broker_load);
	loads_and_jumps();
	close_rig();
}

static void
a_cache_that_keeps_nothing_is_said_and_stops_no_boot(void **state)
{
	(void)state;
	fetched();
	keep(PART_manifest, 1);
	take(PEER_store, MSG_crypto_keep);
	kept(PART_manifest, 1, EV_cache_full);
	take(PEER_crypto, MSG_store_kept);
	assert_true(printed("SP307 store-worker: not kept, the boot goes on"));
	boots_unrecorded();
	close_rig();
}

/* Another part, another number, twice: named and replaced, and crypto-worker goes on without it. */
static void
a_store_that_says_it_kept_something_else_is_named(void **state)
{
	(void)state;
	for (unsigned lie = 0; lie < 4; lie++) {
		fetched();
		keep(PART_manifest, 5);
		take(PEER_store, MSG_crypto_keep);
		if (lie == 3) {
			kept(PART_manifest, 5, EV_none);
			take(PEER_crypto, MSG_store_kept);
		}
		kept(lie == 0 ? PART_kernel : PART_manifest, lie == 1 ? 4 : lie == 2 ? 6 : 5, EV_none);
		assert_true(printed("SP702 store-worker"));
		assert_int_equal(rig.starts[PEER_store], 2);
		lost(PEER_store, 0);
		boots_unrecorded();
		close_rig();
	}
}

static void
a_store_at_fault_while_it_keeps_stops_no_boot(void **state)
{
	(void)state;
	for (unsigned hangs = 0; hangs < 2; hangs++)
		for (uint32_t part = PART_manifest; part <= PART_LAST; part++) {
			fetched();
			keep(part, 1);
			take(PEER_store, MSG_crypto_keep);
			if (!hangs)
				drop_end(PEER_store);
			else
				silence();
			settle();
			assert_true(printed(hangs ? "SP703 store-worker" : "store-worker closed its channel"));
			assert_int_equal(rig.starts[PEER_store], 2);
			lost(PEER_store, 0);
			boots_unrecorded();
			close_rig();
		}
}

static void
a_spent_store_keeps_nothing_and_stops_no_boot(void **state)
{
	(void)state;
	fetched();
	for (unsigned life = 0; life <= RESTARTS_MAX; life++) {
		drop_end(PEER_store);
		settle();
		lost(PEER_store, life == RESTARTS_MAX);
	}
	keep(PART_manifest, 1);
	lost(PEER_store, 1);
	boots_unrecorded();
	close_rig();
}

/*
 * On its way to one that is gone: crypto-worker has given it up and is far ahead when the fresh one answers.  That was misbehaviour, and what
 * replaced the fresh one came up in LOAD.
 */
static void
an_answer_of_a_fresh_store_was_called_misbehaviour(void **state)
{
	(void)state;
	for (unsigned phase = PHASE_NO_VERIFY; phase <= PHASE_NO_GO; phase++) {
		fetched();
		drop_end(PEER_store);
		settle();
		keep(PART_manifest, 1);		/* before it reads broker_lost */
		take(PEER_store, MSG_crypto_keep);
		lost(PEER_store, 0);
		say(PEER_crypto, MSG_crypto_supplied);
		if (phase >= PHASE_NO_RECORD) {
			verified(phase == PHASE_NO_RECORD ? 1 : SLOT_NONE);
			assert_true(phase == PHASE_NO_RECORD || peer_recv(rig.end[PEER_crypto], &got) == 1);
		}
		if (phase == PHASE_NO_GO) {
			say_and_take(PEER_kexec, MSG_kexec_loaded);
			say(PEER_crypto, MSG_crypto_wiped);
		}
		assert_int_equal(broker.state.phase, 1u << phase);
		kept(PART_manifest, 1, EV_cache_io);
		take(PEER_crypto, MSG_store_kept);
		assert_false(printed("SP702"));
		assert_false(printed("SP303"));		/* of no use to anyone now */
		assert_int_equal(rig.starts[PEER_store], 2);
		close_rig();
	}
}

/* What was asked of a store-worker that is gone is about whatever it was about; with the numbers compared, slot and part of it say nothing. */
static void
an_answer_to_a_former_question_was_called_misbehaviour(void **state)
{
	struct msg_crypto_want want = sample_crypto_want();
	struct msg_store_filled filled = sample_store_filled();

	(void)state;
	drive(PHASE_NO_SURVEY);
	drop_end(PEER_store);
	settle();
	take(PEER_store, MSG_broker_survey);
	say_and_take(PEER_crypto, MSG_crypto_want);	/* before it reads broker_lost */
	lost(PEER_store, 0);
	want.slot = 0;
	want.part = PART_manifest;
	want.number++;
	want.len_bytes = 400;
	peer_say(rig.end[PEER_crypto], MSG_crypto_want, &want);
	settle();
	peer_say(rig.end[PEER_store], MSG_store_filled, &filled);
	settle();
	take(PEER_crypto, MSG_store_filled);
	assert_false(printed("SP702"));
	assert_int_equal(rig.starts[PEER_store], 2);
	close_rig();
}

/* init had no word in LOAD and GO: that it was slow to start a store-worker which nobody waits for was its misbehaviour, and a reboot. */
static void
an_init_that_was_slow_to_start_a_program_ended_the_boot(void **state)
{
	static const enum peer programs[] = { PEER_store, PEER_net };

	(void)state;
	for (unsigned p = 0; p < 2; p++)
		for (unsigned phase = PHASE_NO_LOAD; phase <= PHASE_NO_GO; phase++) {
			fetched();
			rig.init_is_slow = 1;
			drop_end(programs[p]);
			settle();
			say(PEER_crypto, MSG_crypto_supplied);
			verified(SLOT_NONE);
			take(PEER_crypto, MSG_broker_load);
			if (phase == PHASE_NO_GO) {
				say_and_take(PEER_kexec, MSG_kexec_loaded);
				say(PEER_crypto, MSG_crypto_wiped);
			}
			start_answered(programs[p]);
			settle();
			assert_int_equal(rig.ended, RUNS);
			assert_true(heard_nothing(PEER_crypto));
			if (programs[p] == PEER_net)
				assert_true(is_closed(PEER_net));
			rig.init_is_slow = 0;
			if (phase == PHASE_NO_LOAD)
				loads_and_jumps();
			else {
				drop_end(PEER_crypto);
				settle();
				take(PEER_kexec, MSG_broker_go);
			}
			close_rig();
		}
}

/* The failure cannot be recorded of what is in no slot, but the stop can: it was not, and the wait did not grow. */
static void
a_failed_load_of_what_was_not_kept_was_no_stop(void **state)
{
	(void)state;
	fetched();
	say(PEER_crypto, MSG_crypto_supplied);
	verified(SLOT_NONE);
	take(PEER_crypto, MSG_broker_load);
	say_and_take(PEER_kexec, MSG_kexec_loaded);
	say(PEER_crypto, MSG_crypto_unloaded);
	take(PEER_store, MSG_broker_record);
	assert_int_equal(((const struct msg_broker_record *)(const void *)got.body)->what, RECORD_stopped);
	ends_in_one_reboot();
	close_rig();
}

static void
what_is_wrong_with_the_orgs_is_said(void **state)
{
	struct msg_crypto_refused refused = sample_crypto_refused();

	(void)state;
	drive(PHASE_NO_SUPPLY);
	refused.c.slot = SLOT_NONE;
	peer_say(rig.end[PEER_crypto], MSG_crypto_refused, &refused);
	settle();
	assert_true(printed("SP401 the org's generation 4c1f09be2a7d line 4"));
	ends_in_one_jump();
	close_rig();
}

/* Everyone fails as often as may be, and the machine boots: init counts what it is asked to start, and had ended the boot at the 13th. */
static void
init_starts_as_many_as_may_be_lost(void **state)
{
	struct admit_state init;

	(void)state;
	drive(PHASE_NO_LINK);
	for (unsigned life = 0; life < RESTARTS_MAX; life++) {
		drop_end(PEER_store);
		drop_end(PEER_link);
		settle();
		lost(PEER_store, 0);
	}
	say(PEER_link, MSG_link_lease);
	take(PEER_crypto, MSG_broker_ask);
	for (unsigned life = 0; life < RESTARTS_MAX; life++) {
		drop_end(PEER_net);
		settle();
		lost(PEER_net, 0);
	}
	say(PEER_crypto, MSG_crypto_ticket);
	take(PEER_crypto, MSG_broker_next);
	ends_in_one_jump();
	assert_int_equal(broker.state.open[MSG_broker_start], 0);
	admit_init(&init, PEER_init);
	for (unsigned p = PEER_store; p < PEER_COUNT; p++)
		for (unsigned n = 0; n < rig.starts[p]; n++) {
			assert_int_equal(admit(&init, PEER_broker, WAY_hub, MSG_broker_start, sizeof(struct msg_broker_start), 0), ADMIT_ok);
			admit_note(&init, MSG_broker_start);
		}
	assert_int_equal(init.count[MSG_broker_start], 2 + 3 * (1 + RESTARTS_MAX));
	assert_int_equal(admit(&init, PEER_broker, WAY_hub, MSG_broker_start, sizeof(struct msg_broker_start), 0), ADMIT_often);
	close_rig();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_fetched_is_kept_and_booted),
		cmocka_unit_test(a_cache_that_keeps_nothing_is_said_and_stops_no_boot),
		cmocka_unit_test(a_store_that_says_it_kept_something_else_is_named),
		cmocka_unit_test(a_store_at_fault_while_it_keeps_stops_no_boot),
		cmocka_unit_test(a_spent_store_keeps_nothing_and_stops_no_boot),
		cmocka_unit_test(an_answer_of_a_fresh_store_was_called_misbehaviour),
		cmocka_unit_test(an_answer_to_a_former_question_was_called_misbehaviour),
		cmocka_unit_test(an_init_that_was_slow_to_start_a_program_ended_the_boot),
		cmocka_unit_test(a_failed_load_of_what_was_not_kept_was_no_stop),
		cmocka_unit_test(what_is_wrong_with_the_orgs_is_said),
		cmocka_unit_test(init_starts_as_many_as_may_be_lost),
	};

	online = 1;
	peer_reserve();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
