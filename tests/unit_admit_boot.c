/*
 * admit() and admit_note() over whole boots without an organisation: what is open, what is spent, what is forgotten.
 * unit_admit.c has every single case, unit_admit_net.c the boots with a network.
 */
#include "admit_walk.h"

/* One whole boot, as it was before there was a network: everyone's view of it. */
static void
good_boot(void **state)
{
	struct boot s;

	(void)state;
	boot_begin(&s);
	both_in(&s, "CLOSE");
	say(&s, MSG_broker_survey, ADMIT_phase);
	say(&s, MSG_crypto_closed, ADMIT_ok);
	both_in(&s, "SURVEY");
	say(&s, MSG_crypto_closed, ADMIT_phase);
	say(&s, MSG_init_started, ADMIT_unasked);
	say(&s, MSG_broker_start, ADMIT_ok);
	say(&s, MSG_init_started, ADMIT_ok);
	say(&s, MSG_init_started, ADMIT_unasked);	/* an answer closes its question */
	say(&s, MSG_broker_survey, ADMIT_ok);
	say(&s, MSG_store_offer, ADMIT_ok);
	say(&s, MSG_store_offered, ADMIT_ok);
	say(&s, MSG_store_offered, ADMIT_unasked);
	say(&s, MSG_store_filled, ADMIT_unasked);
	say(&s, MSG_crypto_want, ADMIT_ok);
	say(&s, MSG_crypto_want, ADMIT_ok);
	say(&s, MSG_store_filled, ADMIT_ok);
	say(&s, MSG_store_filled, ADMIT_ok);
	say(&s, MSG_store_filled, ADMIT_unasked);
	say(&s, MSG_crypto_surveyed, ADMIT_ok);
	both_in(&s, "LINK");
	say(&s, MSG_broker_next, ADMIT_phase);
	say(&s, MSG_crypto_offline, ADMIT_ok);	/* of its own accord: the config names no org */
	both_in(&s, "SUPPLY");
	say(&s, MSG_crypto_offline, ADMIT_phase);
	say(&s, MSG_link_lease, ADMIT_phase);
	say(&s, MSG_crypto_ticket, ADMIT_phase);
	say(&s, MSG_crypto_chosen, ADMIT_unasked);
	say(&s, MSG_broker_next, ADMIT_ok);
	say(&s, MSG_broker_next, ADMIT_often);
	say(&s, MSG_crypto_chosen, ADMIT_ok);
	say(&s, MSG_crypto_none, ADMIT_unasked);
	say(&s, MSG_crypto_verified, ADMIT_phase);
	say(&s, MSG_crypto_supplied, ADMIT_ok);
	say(&s, MSG_broker_load, ADMIT_phase);
	say(&s, MSG_crypto_verified, ADMIT_ok);
	say(&s, MSG_crypto_rejected, ADMIT_phase);	/* what is verified stays so */
	say(&s, MSG_broker_record, ADMIT_ok);
	say(&s, MSG_store_recorded, ADMIT_ok);
	say(&s, MSG_kexec_loaded, ADMIT_phase);
	say(&s, MSG_broker_load, ADMIT_ok);
	say(&s, MSG_broker_load, ADMIT_phase);
	say(&s, MSG_crypto_handover, ADMIT_way);
	judged(&s.at[PEER_kexec], MSG_crypto_handover, ADMIT_ok);	/* it came by the lane */
	judged(&s.at[PEER_kexec], MSG_crypto_handover, ADMIT_often);
	say(&s, MSG_crypto_wiped, ADMIT_unasked);
	say(&s, MSG_kexec_loaded, ADMIT_ok);
	say(&s, MSG_broker_go, ADMIT_phase);
	say(&s, MSG_broker_arm, ADMIT_phase);
	say(&s, MSG_crypto_wiped, ADMIT_ok);
	both_in(&s, "GO");
	say(&s, MSG_init_armed, ADMIT_unasked);
	say(&s, MSG_broker_arm, ADMIT_ok);
	say(&s, MSG_init_armed, ADMIT_ok);
	say(&s, MSG_init_armed, ADMIT_often);
	for (uint32_t id = 1; id < MSG_COUNT; id++)	/* nothing but watchdog and jump is left, and what a replaced store-worker is late with */
		assert_true(id == MSG_broker_arm || id == MSG_init_armed || id == MSG_broker_go || id == MSG_init_started ||
		    id == MSG_store_kept || (msg_table[id].phases & s.at[PEER_broker].phase) == 0);
}

/* broker_load needs crypto_verified, not only the phase; a new candidate starts anew, and at most ATTEMPTS_MAX times. */
static void
no_short_cut(void **state)
{
	struct admit_state crypto;
	struct boot s;

	(void)state;
	admit_init(&crypto, PEER_crypto);
	crypto.phase = PHASE(RECORD);
	judged(&crypto, MSG_broker_load, ADMIT_unasked);
	boot_begin(&s);
	ALL(&s, MSG_crypto_closed, MSG_crypto_surveyed, MSG_crypto_offline);
	for (unsigned attempts = 1; attempts < ATTEMPTS_MAX; attempts++) {
		say(&s, MSG_broker_next, ADMIT_ok);
		say(&s, MSG_broker_next, ADMIT_often);
		say(&s, MSG_crypto_chosen, ADMIT_ok);
		if (attempts % 2 == 0) {
			say(&s, MSG_crypto_supplied, ADMIT_ok);
			say(&s, MSG_crypto_supplied, ADMIT_phase);
		}
		say(&s, MSG_crypto_rejected, ADMIT_ok);
		both_in(&s, "SUPPLY");
	}
	/* the ticket's generation from the cache and from the org, every slot, and one to say that there is none left */
	assert_int_equal(s.at[PEER_broker].attempts, 1 + 1 + 8 + 1);
	say(&s, MSG_crypto_rejected, ADMIT_attempts);
	say(&s, MSG_crypto_surveyed, ADMIT_phase);
	ALL(&s, MSG_broker_next, MSG_crypto_none);
	both_in(&s, "STOP");
}

/* A fresh store-worker owes nothing of what was asked of the old one, and cannot answer it. */
static void
forgetting(void **state)
{
	struct admit_state *broker;
	struct boot s;

	(void)state;
	boot_begin(&s);
	broker = &s.at[PEER_broker];
	broker->phase = s.at[PEER_crypto].phase = PHASE(SURVEY);
	ALL(&s, MSG_broker_survey, MSG_crypto_want, MSG_broker_start);
	admit_forget(broker, PEER_store);
	say(&s, MSG_store_offered, ADMIT_unasked);
	say(&s, MSG_store_filled, ADMIT_unasked);
	say(&s, MSG_init_started, ADMIT_ok);	/* init was not replaced */
	admit_note(broker, MSG_none);	/* no such message: no effect, no access outside the table */
	admit_note(broker, MSG_COUNT);
	admit_note(broker, UINT32_MAX);
}

/* The store is replaced while crypto-worker ends the survey: what the fresh one offers meets it later, in whatever phase it is by then. */
static void
survey_ends_meanwhile(void **state)
{
	static const enum msg_id ways[][4] = { { MSG_none }, { MSG_link_lease, MSG_init_linked, MSG_broker_ask, MSG_none },
		{ MSG_crypto_offline, MSG_none } };
	static const char *const phases[] = { "LINK", "ASK", "SUPPLY" };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct boot s;

		boot_begin(&s);
		ALL(&s, MSG_crypto_closed, MSG_broker_start, MSG_init_started, MSG_broker_survey);
		boot_replaced(&s, PEER_store);
		ALL(&s, MSG_broker_lost, MSG_broker_survey, MSG_crypto_surveyed);
		all(&s, ways[i]);
		both_in(&s, phases[i]);
		ALL(&s, MSG_store_offer, MSG_store_offered);
		say(&s, MSG_store_offer, ADMIT_unasked);	/* and no more */
		say(&s, MSG_broker_survey, ADMIT_phase);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_boot),
		cmocka_unit_test(no_short_cut),
		cmocka_unit_test(forgetting),
		cmocka_unit_test(survey_ends_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
