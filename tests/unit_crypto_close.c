/*
 * crypto-worker closes the latch whatever the TPM says, and enrols only where nothing was.  The test plays the TPM.
 * Distrusts what the cache's header says of this machine.
 */
#include <string.h>

#include "crypto_play.h"
#include "exits.h"
#include "fake_tpm.h"

static const uint8_t no_node[TPM_NODE_BYTES], other_node[TPM_NODE_BYTES] = { 'x' };
static const enum event events[] = { EV_none,
#define EVENT(name, code, text, todo) EV_##name,
#include "events.def"
};

static void
latch_is_closed_and_says(enum event event)
{
	assert_int_equal(fake.closes, crypto.tpm != NULL);
	if (event == EV_none) {
		play_expect(MSG_crypto_closed);
		assert_int_equal(play.ended, LIVES);
	} else {
		play_expect(MSG_crypto_failed);
		assert_int_equal(play.event, event);
		assert_int_equal(play.ended, EXIT_CLOSED);
		assert_null(crypto.secrets);
	}
	assert_int_equal(play_hear(), MSG_none);
	play_close();
}

static void
every_answer_of_the_tpm_at_every_step_closes_the_latch(void **state)
{
	enum { OPEN, OPEN_HALF, INDEX, READ, CLOSE, INDEX_NEW, ENROL, INDEX_AGAIN, READ_AGAIN, CLOSE_NEW, STEPS };

	(void)state;
	for (unsigned step = 0; step < STEPS; step++)
		for (unsigned i = 0; i < sizeof events / sizeof events[0]; i++) {
			enum event e = events[i];

			if (step == INDEX && e == EV_tpm_not_enrolled)
				continue;	/* the way to an enrolment: the steps behind it */
			play_open();
			if (step >= INDEX_NEW)
				fake.index[0] = EV_tpm_not_enrolled;
			fake.open_leaves_one = step == OPEN_HALF;
			*(step <= OPEN_HALF ? &fake.open : step == INDEX ? &fake.index[0] :
			    step == READ || step == READ_AGAIN ? &fake.read : step == CLOSE || step == CLOSE_NEW ? &fake.close :
			    step == ENROL ? &fake.enrol : &fake.index[1]) = e;
			play_latch();
			assert_int_equal(fake.opens, 1);
			assert_int_equal(fake.enrols, step >= INDEX_NEW);
			if (fake.closes != 0 && step > OPEN_HALF && e == EV_none)
				assert_int_equal(fake.without_index, 0);
			latch_is_closed_and_says(e);
		}
}

/* Nothing is read and nobody enrolled for it, but the latch is closed, by lock and by PCR. */
static void
a_config_that_is_not_understood_left_the_latch_open(void **state)
{
	(void)state;
	for (unsigned enrolled = 0; enrolled < 2; enrolled++) {
		play_open();
		play.config = EV_config_invalid;
		fake.index[0] = enrolled ? EV_none : EV_tpm_not_enrolled;
		fake.read = EV_tpm_error;	/* it is not asked */
		play_latch();
		assert_int_equal(fake.enrols, 0);
		assert_int_equal(fake.without_index, !enrolled);
		latch_is_closed_and_says(EV_config_invalid);
	}
}

static void
enrolment_happens_only_where_nothing_was(void **state)
{
	static const enum event indexes[] = { EV_none, EV_tpm_not_enrolled, EV_tpm_unfinished, EV_tpm_index_name, EV_tpm_error,
		EV_tpm_policy };

	(void)state;
	for (unsigned x = 0; x < sizeof indexes / sizeof indexes[0]; x++)
		for (unsigned header = 0; header < 3; header++)		/* invalid, blank, knows another node */
			for (unsigned enrol = 0; enrol < 2; enrol++) {
				int absent = indexes[x] == EV_tpm_not_enrolled, may = absent && header == 1 && enrol == 1;
				enum event due = may ? EV_none :
				    !absent ? indexes[x] == EV_none && header == 2 ? EV_tpm_exchanged : indexes[x] :
				    header == 2 ? EV_tpm_cleared : enrol == 0 ? EV_tpm_not_enrolled : EV_cache_format;

				play_open();
				fake.index[0] = indexes[x];
				crypto.config.enrol = enrol ? ENROL_local : ENROL_none;
				play_header(header != 0, header == 2 ? other_node : no_node);
				play_latch();
				assert_int_equal(fake.enrols, may);
				if (may)
					assert_memory_equal(fake.org_key, crypto.config.org_key.key[0].key, sizeof fake.org_key);
				latch_is_closed_and_says(due);
			}
	/* the positive twin of "exchanged" */
	play_open();
	play_header(1, fake.node);
	play_latch();
	assert_int_equal(crypto.header_knows_node, 1);
	latch_is_closed_and_says(EV_none);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_of_the_tpm_at_every_step_closes_the_latch),
		cmocka_unit_test(a_config_that_is_not_understood_left_the_latch_open),
		cmocka_unit_test(enrolment_happens_only_where_nothing_was),
	};

	return cmocka_run_group_tests(tests, play_setup, play_teardown);
}
