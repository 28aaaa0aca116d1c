/*
 * The real broker in ASK and SUPPLY: what a net-worker at fault costs, and what crosses on the way when it is replaced.  Every boot ends in one
 * jump or one reboot.  Outside the wall: plays whoever is at fault.  A test of what was once wrong is named for what went wrong.
 */
#include <errno.h>

#include "broker_rig.h"
#include "exits.h"
#include "msg_samples.h"

enum fault { DIES, IS_SILENT, LIES, FAULTS };
static const char *const words[FAULTS] = { "net-worker closed its channel", "SP703 net-worker", "SP702 net-worker" };

/* Where a net-worker can be: nothing is asked of it; the challenge, a post; documents, an image. */
enum where { UNASKED, CHALLENGE, POST, IMAGE, WHERES };

static uint32_t number;

/* crypto-worker asks; each question has another number. */
static void
ask(enum where where)
{
	struct msg_crypto_get get = sample_crypto_get();
	struct msg_crypto_post post = sample_crypto_post();

	number++;
	get.number = post.number = number;
	if (where == CHALLENGE) {
		memset(get.id, 0, sizeof get.id);
		get.what = GET_challenge;
		get.len_bytes = DOC_MAX;
	}
	if (where == POST)
		peer_say(rig.end[PEER_crypto], MSG_crypto_post, &post);
	else if (where != UNASKED)
		peer_say(rig.end[PEER_crypto], MSG_crypto_get, &get);
	settle();
}

static void
asked(enum where where)
{
	if (where != UNASKED)
		take(PEER_net, where == POST ? MSG_crypto_post : MSG_crypto_get);
}

static void
answer(enum where where, uint32_t to, uint32_t event)
{
	const struct msg_net_got got_it = { .number = to, .event = event, .len_bytes = event == EV_none ? 400 : 0, .detail = event != EV_none ? 403 : 0 };
	const struct msg_net_posted posted = { .number = to, .event = event, .len_bytes = event == EV_none ? 400 : 0 };

	if (where == POST)
		peer_say(rig.end[PEER_net], MSG_net_posted, &posted);
	else
		peer_say(rig.end[PEER_net], MSG_net_got, &got_it);
	settle();
}

static uint32_t
answer_of(enum where where)
{
	return where == POST ? MSG_net_posted : MSG_net_got;
}

static void
to(enum where where)
{
	number = 10;
	drive(where == IMAGE ? PHASE_NO_SUPPLY : PHASE_NO_ASK);
	ask(where);
	asked(where);
}

static void
commit(enum fault fault)
{
	if (fault == IS_SILENT)
		silence();
	else if (fault == LIES)
		say(PEER_net, MSG_crypto_ticket);	/* crypto-worker's word */
	else {
		drop_end(PEER_net);
		settle();
	}
}

static void
goes_on_without(enum where where)
{
	assert_true(heard_nothing(PEER_crypto));
	if (where == IMAGE) {
		say(PEER_crypto, MSG_crypto_refused);	/* the org's generation; the cache has another one */
		ends_in_one_jump();
		return;
	}
	offline(EV_program_spent);
	assert_true(printed("SP704 offline"));
	ends_in_one_jump();
}

static void
a_net_worker_at_fault_in_every_life_leaves_a_boot_without_it(void **state)
{
	(void)state;
	for (enum where where = UNASKED; where < WHERES; where++)
		for (enum fault fault = DIES; fault < FAULTS; fault++) {
			if (where == UNASKED && fault == IS_SILENT)
				continue;	/* then crypto-worker is: unit_broker.c */
			to(where);
			for (unsigned life = 0; life < RESTARTS_MAX; life++) {
				commit(fault);
				assert_true(printed(words[fault]));
				assert_int_equal(rig.starts[PEER_net], life + 2);
				lost(PEER_net, 0);
				ask(where);
				asked(where);
			}
			assert_false(printed("SP704"));
			commit(fault);
			assert_int_equal(rig.starts[PEER_net], RESTARTS_MAX + 1);
			assert_true(printed("SP704 net-worker"));
			lost(PEER_net, 1);
			goes_on_without(where);
			close_rig();
		}
}

static void
the_third_net_worker_does_it(void **state)
{
	(void)state;
	for (enum where where = CHALLENGE; where < WHERES; where++)
		for (enum fault fault = DIES; fault < FAULTS; fault++) {
			to(where);
			for (unsigned life = 0; life < 2; life++) {
				commit(fault);
				lost(PEER_net, 0);
				ask(where);
				asked(where);
			}
			answer(where, number, EV_none);
			take(PEER_crypto, answer_of(where));
			if (where != IMAGE) {
				say(PEER_crypto, MSG_crypto_ticket);
				take(PEER_crypto, MSG_broker_next);
			}
			ends_in_one_jump();
			close_rig();
		}
}

/* Any number but that of the question; the same twice; in the name of one that was replaced. */
static void
an_answer_to_no_question_is_misbehaviour(void **state)
{
	(void)state;
	for (enum where where = CHALLENGE; where < WHERES; where++) {
		for (unsigned other = 0; other < 3; other++) {
			to(where);
			answer(where, other == 0 ? number - 1 : other == 1 ? number + 1 : 1, EV_none);
			assert_true(printed("SP702 net-worker"));
			lost(PEER_net, 0);
			close_rig();
		}
		to(where);
		answer(where, number, EV_none);
		take(PEER_crypto, answer_of(where));
		answer(where, number, EV_none);
		assert_true(printed("SP702 net-worker"));
		lost(PEER_net, 0);
		close_rig();
		to(where);
		commit(IS_SILENT);
		lost(PEER_net, 0);
		answer(where, number, EV_none);		/* of the fresh one: nothing was asked of it yet */
		assert_true(printed("SP702 net-worker"));
		lost(PEER_net, 0);
		close_rig();
	}
}

/* On its way to one that is gone: the fresh one gets the question twice, answers twice, and that is all it may. */
static void
what_crosses_a_loss_is_no_misbehaviour(void **state)
{
	(void)state;
	for (enum where where = CHALLENGE; where < WHERES; where++) {
		to(where);
		drop_end(PEER_net);
		settle();
		ask(where);		/* before it reads broker_lost */
		asked(where);
		lost(PEER_net, 0);
		ask(where);
		asked(where);
		answer(where, number - 1, EV_none);
		take(PEER_crypto, answer_of(where));
		answer(where, number, EV_none);
		take(PEER_crypto, answer_of(where));
		assert_false(printed("SP702"));
		answer(where, number, EV_none);
		assert_true(printed("SP702 net-worker"));
		assert_int_equal(rig.ended, RUNS);
		close_rig();
	}
}

/* A question for one that is being started was counted as open: a silence of the store's was then net-worker's. */
static void
a_silent_store_was_called_net_worker(void **state)
{
	(void)state;
	to(UNASKED);
	rig.init_is_slow = 1;
	drop_end(PEER_net);
	settle();
	ask(CHALLENGE);		/* nobody is there */
	start_answered(PEER_net);
	settle();
	lost(PEER_net, 0);
	assert_true(heard_nothing(PEER_net));
	ask(CHALLENGE);
	asked(CHALLENGE);
	answer(CHALLENGE, number, EV_none);
	take(PEER_crypto, MSG_net_got);
	say(PEER_crypto, MSG_crypto_ticket);
	take(PEER_crypto, MSG_broker_next);
	say(PEER_crypto, MSG_crypto_chosen);
	say_and_take(PEER_crypto, MSG_crypto_want);
	silence();
	assert_true(printed("SP703 store-worker"));
	assert_false(printed("SP703 net-worker"));
	close_rig();
}

/* The ticket comes while net-worker is being replaced: the download is served. */
static void
a_ticket_crosses_a_loss(void **state)
{
	(void)state;
	to(POST);
	rig.init_is_slow = 1;
	answer(POST, number, EV_none);
	take(PEER_crypto, MSG_net_posted);
	drop_end(PEER_net);
	settle();
	say(PEER_crypto, MSG_crypto_ticket);
	take(PEER_crypto, MSG_broker_next);
	start_answered(PEER_net);
	settle();
	lost(PEER_net, 0);
	ask(IMAGE);
	asked(IMAGE);
	close_rig();
}

/* The ticket's generation is in the cache, and wrong there: now the org is asked for it. */
static void
a_net_worker_that_died_in_verify_left_the_download_waiting(void **state)
{
	(void)state;
	for (unsigned spent = 0; spent < 2; spent++) {
		drive(PHASE_NO_VERIFY);
		for (unsigned life = 0; life <= (spent ? RESTARTS_MAX : 0); life++) {
			drop_end(PEER_net);
			settle();
			lost(PEER_net, life == RESTARTS_MAX);
		}
		say(PEER_crypto, MSG_crypto_rejected);
		take(PEER_crypto, MSG_broker_next);
		ask(IMAGE);
		if (spent)
			lost(PEER_net, 1);
		else
			asked(IMAGE);
		close_rig();
	}
}

/* Offline in ASK: net-worker's part is over, that of one that is being started too; what is asked all the same has its answer. */
static void
offline_is_without_net_worker(void **state)
{
	(void)state;
	for (unsigned dies = 0; dies < 2; dies++) {
		to(CHALLENGE);
		rig.init_is_slow = 1;
		if (dies) {
			drop_end(PEER_net);
			settle();
		} else {
			answer(CHALLENGE, number, EV_net_status);
			take(PEER_crypto, MSG_net_got);
			assert_true(printed("SP811 net-worker: the service refuses (net_status, 403)"));
		}
		offline(EV_net_status);
		assert_true(printed("SP811 offline"));
		if (dies) {
			start_answered(PEER_net);
			settle();
		}
		assert_true(is_closed(PEER_net));
		ask(IMAGE);
		lost(PEER_net, 1);
		rig.init_is_slow = 0;
		ends_in_one_jump();
		close_rig();
	}
}

static void
a_refusal_is_a_stop(void **state)
{
	const struct msg_crypto_failed revoked = { .event = EV_org_revoked };

	(void)state;
	to(POST);
	answer(POST, number, EV_none);
	take(PEER_crypto, MSG_net_posted);
	peer_say(rig.end[PEER_crypto], MSG_crypto_failed, &revoked);
	settle();
	assert_true(printed("SP913"));
	assert_true(is_closed(PEER_net));
	ends_in_one_reboot();
	close_rig();
}

static void
an_enrolment_is_said_with_the_whole_digest(void **state)
{
	struct msg_crypto_enrolled body = sample_crypto_enrolled();

	(void)state;
	to(POST);
	peer_say(rig.end[PEER_crypto], MSG_crypto_enrolled, &body);
	settle();
	assert_true(printed("EK 4c1f09be2a7d0102030405060708090a0b0c0d0e0f101112131415161718191a"));
	assert_true(printed("waits for an operator"));
	close_rig();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_net_worker_at_fault_in_every_life_leaves_a_boot_without_it),
		cmocka_unit_test(the_third_net_worker_does_it),
		cmocka_unit_test(an_answer_to_no_question_is_misbehaviour),
		cmocka_unit_test(what_crosses_a_loss_is_no_misbehaviour),
		cmocka_unit_test(a_silent_store_was_called_net_worker),
		cmocka_unit_test(a_ticket_crosses_a_loss),
		cmocka_unit_test(a_net_worker_that_died_in_verify_left_the_download_waiting),
		cmocka_unit_test(offline_is_without_net_worker),
		cmocka_unit_test(a_refusal_is_a_stop),
		cmocka_unit_test(an_enrolment_is_said_with_the_whole_digest),
	};

	online = 1;
	peer_reserve();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
