/* admit() and admit_note() over whole boots: what is open, what is spent, what is forgotten.  unit_admit.c has every single case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "msg.h"

static void
say(struct admit_state *s, enum msg_id id, enum admit_why want)
{
	const struct msg_row *row = &msg_table[id];
	enum admit_why got = admit(s, (enum peer)row->from, (enum way)row->way, id, row->size, fd_kind_count(row->fd));

	if (got != want)
		fail_msg("%s: %s, wanted %s", row->name, admit_text(got), admit_text(want));
	if (got == ADMIT_ok)
		admit_note(s, id);
}

/* The broker's view of one whole boot. */
static void
good_boot(void **state)
{
	struct admit_state s;

	(void)state;
	admit_init(&s, PEER_broker);
	assert_string_equal(phase_name(s.phase), "CLOSE");
	say(&s, MSG_broker_survey, ADMIT_phase);
	say(&s, MSG_crypto_closed, ADMIT_ok);
	assert_string_equal(phase_name(s.phase), "SURVEY");
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
	say(&s, MSG_crypto_wiped, ADMIT_unasked);
	say(&s, MSG_kexec_loaded, ADMIT_ok);
	say(&s, MSG_broker_go, ADMIT_phase);
	say(&s, MSG_broker_arm, ADMIT_phase);
	say(&s, MSG_crypto_wiped, ADMIT_ok);
	assert_string_equal(phase_name(s.phase), "GO");
	say(&s, MSG_init_armed, ADMIT_unasked);
	say(&s, MSG_broker_arm, ADMIT_ok);
	say(&s, MSG_init_armed, ADMIT_ok);
	say(&s, MSG_init_armed, ADMIT_often);
	for (uint32_t id = 1; id < MSG_COUNT; id++)	/* nothing but watchdog and jump is left */
		assert_true(id == MSG_broker_arm || id == MSG_init_armed || id == MSG_broker_go || (msg_table[id].phases & s.phase) == 0);
}

/* broker_load needs crypto_verified, not only the phase; a new candidate starts anew, and at most SLOTS_MAX + 1 times. */
static void
no_short_cut(void **state)
{
	struct admit_state s;

	(void)state;
	admit_init(&s, PEER_crypto);
	s.phase = PHASE(RECORD);
	say(&s, MSG_broker_load, ADMIT_unasked);
	admit_init(&s, PEER_broker);
	say(&s, MSG_crypto_closed, ADMIT_ok);
	say(&s, MSG_crypto_surveyed, ADMIT_ok);
	for (unsigned attempts = 1; attempts <= SLOTS_MAX; attempts++) {
		say(&s, MSG_broker_next, ADMIT_ok);
		say(&s, MSG_broker_next, ADMIT_often);
		say(&s, MSG_crypto_chosen, ADMIT_ok);
		if (attempts % 2 == 0) {
			say(&s, MSG_crypto_supplied, ADMIT_ok);
			say(&s, MSG_crypto_supplied, ADMIT_phase);
		}
		say(&s, MSG_crypto_rejected, ADMIT_ok);
		assert_string_equal(phase_name(s.phase), "SUPPLY");
	}
	assert_int_equal(s.attempts, SLOTS_MAX + 1);	/* so every one of SLOTS_MAX candidates was tried */
	say(&s, MSG_crypto_rejected, ADMIT_attempts);
	say(&s, MSG_crypto_surveyed, ADMIT_phase);
}

/* A fresh store-worker owes nothing of what was asked of the old one, and cannot answer it. */
static void
forgetting(void **state)
{
	struct admit_state s;

	(void)state;
	admit_init(&s, PEER_broker);
	s.phase = PHASE(SURVEY);
	admit_note(&s, MSG_broker_survey);
	admit_note(&s, MSG_crypto_want);
	admit_note(&s, MSG_broker_start);
	admit_forget(&s, PEER_store);
	say(&s, MSG_store_offered, ADMIT_unasked);
	say(&s, MSG_store_filled, ADMIT_unasked);
	say(&s, MSG_init_started, ADMIT_ok);	/* init was not replaced */
	admit_note(&s, MSG_none);	/* no such message: no effect, no access outside the table */
	admit_note(&s, MSG_COUNT);
	admit_note(&s, UINT32_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_boot),
		cmocka_unit_test(no_short_cut),
		cmocka_unit_test(forgetting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
