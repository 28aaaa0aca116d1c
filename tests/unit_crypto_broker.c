/*
 * crypto-worker against a broker that lies: anything that is not due ends it, and there is no key.
 * The test plays the broker, hostile.  What is due is written here by hand, not asked of admit().
 */
#include <errno.h>

#include "crypto_handover.h"
#include "crypto_org.h"
#include "exits.h"
#include "fake_tpm.h"

/* crypto-worker in each of its phases; whether a message is due there, by hand from DESIGN.md section 3. */
static int
stage(unsigned phase_no)
{
	play_to_survey();
	if (phase_no == PHASE_NO_SURVEY)
		return 1;
	play_offers(1, 0);
	assert_int_equal(play_serve(one, 1), MSG_crypto_surveyed);
	if (phase_no == PHASE_NO_SUPPLY)
		return 1;
	assert_int_equal(play_supply(one, 1), MSG_crypto_verified);
	if (phase_no == PHASE_NO_RECORD)
		return 1;
	play_say(MSG_broker_load);
	take_handover();
	return phase_no == PHASE_NO_LOAD;
}

static void
a_broker_that_lies_ends_crypto_worker_without_a_key(void **state)
{
	static const struct { unsigned phases; uint32_t id; } due[] = { { PHASE(SURVEY) | PHASE(SUPPLY), MSG_store_offer },
		{ PHASE(SURVEY) | PHASE(SUPPLY), MSG_store_offered },	/* SUPPLY: of a store replaced just then, not looked at */
		{ PHASE(SURVEY) | PHASE(SUPPLY) | PHASE(RECORD), MSG_broker_lost },	/* RECORD: has its own test */
		{ PHASE(SUPPLY), MSG_broker_next }, { PHASE(RECORD), MSG_broker_load }, { PHASE(LOAD), MSG_kexec_loaded } };
	static const unsigned phases[] = { PHASE_NO_SURVEY, PHASE_NO_SUPPLY, PHASE_NO_RECORD, PHASE_NO_LOAD };
	unsigned lies = 0;

	(void)state;
	for (unsigned p = 0; p < 4; p++)
		for (uint32_t id = 1; id < MSG_COUNT; id++) {
			struct frame f;
			int is_due = 0;

			for (unsigned i = 0; i < sizeof due / sizeof due[0]; i++)
				is_due |= due[i].id == id && (due[i].phases >> phases[p] & 1) != 0;
			if (is_due)
				continue;
			assert_true(stage(phases[p]));
			play_lie(id);
			lies++;
			assert_int_equal(play.ended, EXIT_PEER);
			assert_null(crypto.secrets);
			assert_int_equal(play_hear(), MSG_none);
			assert_int_equal(peer_recv(play.lane, &f), -EAGAIN);
			if (phases[p] == PHASE_NO_LOAD) {
				check_wiped_from(crypto.tail_at);
				drop_handover();
			}
			play_close();
		}
	assert_in_range(lies, 4 * (MSG_COUNT - 1) - 10, 4 * (MSG_COUNT - 1));
}

static void
a_broker_that_says_it_twice_ends_crypto_worker(void **state)
{
	(void)state;
	stage(PHASE_NO_SUPPLY);
	play_say(MSG_broker_next);
	play_lie(MSG_broker_next);
	assert_int_equal(play.ended, EXIT_PEER);
	play_close();
	stage(PHASE_NO_LOAD);
	play_lie(MSG_broker_load);	/* a replay: no second hand-over */
	assert_int_equal(play.ended, EXIT_PEER);
	assert_int_equal(peer_recv(play.lane, &(struct frame){ .id = 0 }), -EAGAIN);
	drop_handover();
	play_close();
}

/* The same where there is an organisation: waiting for the network, for a challenge, for a ticket. */
static void
a_broker_that_lies_about_the_network_ends_crypto_worker(void **state)
{
	enum { IN_LINK, CHALLENGE_OPEN, REQUEST_OPEN, STAGES };
	static const struct { unsigned stages; uint32_t id; } due[] = { { 7, MSG_store_offer }, { 7, MSG_store_offered }, { 7, MSG_broker_lost },
		{ 1 << IN_LINK, MSG_broker_ask }, { 1 << IN_LINK, MSG_broker_offline }, { 1 << CHALLENGE_OPEN, MSG_net_got },
		{ 1 << REQUEST_OPEN, MSG_net_posted } };
	unsigned lies = 0;

	(void)state;
	for (unsigned stage = 0; stage < STAGES; stage++)
		for (uint32_t id = 1; id < MSG_COUNT; id++) {
			int is_due = 0;

			for (unsigned i = 0; i < sizeof due / sizeof due[0]; i++)
				is_due |= due[i].id == id && (due[i].stages >> stage & 1) != 0;
			if (is_due)
				continue;
			org_open();
			assert_int_equal(play_survey(one, 1, NULL), MSG_crypto_surveyed);
			if (stage != IN_LINK)
				play_say(MSG_broker_ask);
			if (stage == CHALLENGE_OPEN)
				play_expect(MSG_crypto_get);
			if (stage == REQUEST_OPEN) {
				org_challenge();
				org_expect_request();
			}
			play_lie(id);
			lies++;
			assert_int_equal(play.ended, EXIT_PEER);
			assert_null(crypto.secrets);
			assert_int_equal(play_hear(), MSG_none);
			assert_int_equal(fake.writes, 0);	/* nor is a boot counted */
			play_close();
		}
	assert_int_equal(lies, STAGES * (MSG_COUNT - 1) - 13);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broker_that_lies_ends_crypto_worker_without_a_key),
		cmocka_unit_test(a_broker_that_lies_about_the_network_ends_crypto_worker),
		cmocka_unit_test(a_broker_that_says_it_twice_ends_crypto_worker),
	};

	return cmocka_run_group_tests(tests, play_setup, play_teardown);
}
