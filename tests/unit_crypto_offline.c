/*
 * crypto-worker without a ticket: refused, not answered, or not able to remember; which boots are left then, and how they are counted.
 * The test plays net-worker and the org, honest and hostile.
 */
#include <sodium.h>

#include "crypto_org.h"
#include "exits.h"
#include "fake_tpm.h"

static void
a_refusal_stops_and_leaves_no_boot_without_a_ticket(void **state)
{
	static const struct { uint8_t reason; enum event event; } rows[] = { { REASON_unknown, EV_org_unknown },
		{ REASON_pending, EV_org_pending }, { REASON_revoked, EV_org_revoked }, { REASON_measured, EV_org_measured },
		{ REASON_unassigned, EV_org_unassigned }, { REASON_invite, EV_org_invite }, { REASON_taken, EV_org_taken } };
	struct msg_broker_offline cut = { .event = EV_net_no_link };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct doc_ticket t = org_asked_for(NULL);
		struct tpm_state kept;

		crypto.config.invite.bytes = 0;		/* with one, unknown is an enrolment: below */
		t.reason = rows[i].reason;
		crypto.config.enrol = ENROL_none;	/* or who is not known would enrol: unit_crypto_enrol.c */
		org_give(&t);
		play_expect(MSG_crypto_failed);
		assert_int_equal(play.event, rows[i].event);
		assert_int_equal(play.ended, EXIT_CLOSED);
		kept = fake.state;
		assert_int_equal(kept.time, NOW + 2);
		play_close();
		/* The next boot, with the cable cut. */
		org_open();
		fake.state = kept;
		assert_int_equal(play_survey(one, 1, NULL), MSG_crypto_surveyed);
		play_tell(MSG_broker_offline, &cut);
		play_expect(MSG_crypto_failed);
		assert_int_equal(play.event, EV_org_offline_spent);
		assert_int_equal(play.detail, EV_net_no_link);
		play_close();
	}
}

static void
who_is_unknown_and_invited_enrols(void **state)
{
	struct doc_ticket t = org_asked_for(NULL);

	(void)state;
	t.reason = REASON_unknown;
	org_give(&t);
	org_challenge();
	org_expect_enrol();
	assert_int_equal(fake.state.offline_max, 0);	/* the refusal is remembered all the same */
	org_posted_event(EV_net_short);
	play_expect(MSG_crypto_failed);
	assert_int_equal(play.event, EV_org_offline_spent);
	play_close();
}

static void
without_network(enum event event)
{
	struct msg_broker_offline body = { .event = event };

	assert_int_equal(play_survey(both, 2, (const uint32_t[]){ OFFER_failed | OFFER_fallback, 0 }), MSG_crypto_surveyed);
	play_tell(MSG_broker_offline, &body);
}

static void
boots_without_a_ticket_are_counted(void **state)
{
	(void)state;
	org_open();
	without_network(EV_net_no_lease);
	play_expect(MSG_crypto_offline);
	assert_int_equal(play.offline.event, EV_net_no_lease);
	assert_int_equal(play.offline.boots, 2);
	assert_int_equal(play.offline.most, 3);		/* the ticket's, less than config's 5 */
	assert_int_equal(fake.state.offline, 2);
	/* What failed is for a ticket alone. */
	assert_int_equal(play_supply(both, 2), MSG_crypto_verified);
	assert_int_equal(play.about.slot, 1);
	play_close();
	for (unsigned i = 0; i < 6; i++) {
		org_open();
		if (i == 0)
			fake.state.offline = 3;			/* spent */
		else if (i == 1)
			crypto.config.offline_max = 1;		/* config says less */
		else if (i == 2)
			fake.state.time = 0;			/* no ticket ever */
		else if (i == 3)
			crypto.config.release = RELEASE_org;	/* no share, no key */
		else if (i == 4)
			fake.state_write = EV_tpm_state;	/* what cannot be counted is not done */
		else
			crypto.config.offline_max = 0;
		without_network(EV_net_no_link);
		play_expect(MSG_crypto_failed);
		assert_int_equal(play.event, i == 4 ? EV_tpm_state : EV_org_offline_spent);
		assert_null(crypto.secrets);
		play_close();
	}
}

static void
what_does_not_come_ends_offline(void **state)
{
	(void)state;
	org_open();
	org_to_ask(one, 1, NULL);
	play_expect(MSG_crypto_get);
	org_got_event(EV_net_connect);
	play_expect(MSG_crypto_offline);
	assert_int_equal(play.offline.event, EV_net_connect);
	play_close();
	(void)org_asked_for(&newest);
	assert_false(sodium_is_zero(crypto.secrets->share_key, 32));
	org_posted_event(EV_net_slow);
	play_expect(MSG_crypto_offline);
	assert_int_equal(play.offline.event, EV_net_slow);
	assert_true(sodium_is_zero(crypto.secrets->share_key, 32));	/* nothing more is sealed to it */
	play_close();
	org_open();
	fake.quote = EV_tpm_ak;
	org_to_ask(one, 1, NULL);
	org_challenge();
	play_expect(MSG_crypto_offline);
	assert_int_equal(play.offline.event, EV_tpm_ak);
	play_close();
}

static void
what_cannot_be_remembered_is_not_done(void **state)
{
	struct doc_ticket t = org_asked_for(&newest);

	(void)state;
	fake.state_write = EV_tpm_error;
	org_give(&t);
	play_expect(MSG_crypto_failed);
	assert_int_equal(play.event, EV_tpm_error);
	assert_int_equal(play.detail, 0x99d);		/* the TPM's own word: the code alone says nothing */
	assert_null(crypto.secrets);
	play_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refusal_stops_and_leaves_no_boot_without_a_ticket),
		cmocka_unit_test(who_is_unknown_and_invited_enrols),
		cmocka_unit_test(boots_without_a_ticket_are_counted),
		cmocka_unit_test(what_does_not_come_ends_offline),
		cmocka_unit_test(what_cannot_be_remembered_is_not_done),
	};

	return cmocka_run_group_tests(tests, play_setup, play_teardown);
}
