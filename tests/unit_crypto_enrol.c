/*
 * crypto-worker enrols with an org: what it says of itself, what it takes for a credential, and where it stops.
 * The test plays net-worker and the org, honest and hostile.
 */
#include <unistd.h>

#include <sodium.h>

#include "crypto_org.h"
#include "exits.h"
#include "fake_tpm.h"

static struct doc_credential credential;
static uint8_t opened[32];

/* A machine that has never seen a ticket; new: its TPM has no index yet. */
static void
to_enrol(int new)
{
	org_open();
	fake.state = (struct tpm_state){ 0 };
	if (new)
		fake.index[0] = EV_tpm_not_enrolled;
	assert_int_equal(play_survey(one, 1, NULL), MSG_crypto_surveyed);
	play_say(MSG_broker_ask);
	org_challenge();
	org_expect_enrol();
}

static struct doc_credential
a_credential(void)
{
	struct doc_credential c = { .time = NOW };

	for (unsigned i = 0; i < sizeof opened; i++)
		opened[i] = (uint8_t)(i * 3 + 1);
	memcpy(c.node, fake.node, sizeof c.node);
	memcpy(c.enrol, asked.hash, sizeof c.enrol);
	c.blob.bytes = 64;
	memcpy(c.blob.at, opened, sizeof opened);	/* the fake TPM opens it to its first 32 bytes */
	c.secret.bytes = 64;
	return c;
}

static struct doc_membership
a_membership(uint8_t reason)
{
	struct doc_membership m = { .time = NOW, .reason = reason };

	memcpy(m.node, fake.node, sizeof m.node);
	memcpy(m.enrol, credential.enrol, sizeof m.enrol);
	return m;
}

static void
take_proof(void)
{
	static char text[DOC_MAX];
	uint8_t want[32];

	play_expect(MSG_crypto_post);
	assert_int_equal(play.post.what, POST_proof);
	assert_int_equal(pread(play.post_fd, text, sizeof text, 0), (ssize_t)play.post.body_bytes);
	assert_int_equal(doc_parse(DOC_proof, text, play.post.body_bytes, &asked.proof, sizeof asked.proof, NULL), 0);
	assert_memory_equal(asked.proof.node, fake.node, sizeof asked.proof.node);
	assert_memory_equal(asked.proof.enrol, asked.hash, sizeof asked.proof.enrol);
	assert_int_equal(crypto_generichash(want, sizeof want, (const uint8_t *)asked.document, asked.document_bytes, opened,
	    sizeof opened), 0);
	assert_memory_equal(asked.proof.proof, want, sizeof want);
	assert_true(sodium_is_zero(crypto.secrets->credential, 32));
}

static void
to_membership(int new)
{
	to_enrol(new);
	credential = a_credential();
	org_answer(DOC_credential, &credential);
	take_proof();
}

static void
an_enrolment_ends_in_a_ticket(void **state)
{
	struct doc_membership m;
	struct doc_ticket t;

	(void)state;
	for (int new = 0; new < 2; new++) {
		to_membership(new);
		assert_int_equal(fake.aks, new);
		assert_int_equal(fake.enrols, new);
		assert_int_equal(fake.begins, new);
		assert_int_equal(asked.enrol.ek.bytes, FAKE_PUBLIC_BYTES);
		assert_int_equal(asked.enrol.ek.at[0], 'e');
		assert_int_equal(asked.enrol.ek_cert.at[0], 'c');
		assert_int_equal(asked.enrol.ak.at[0], 'a');
		assert_int_equal(asked.enrol.invite.bytes, 32);
		assert_int_equal(asked.enrol.invite.at[31], 'i');
		assert_int_equal(asked.enrol.escrow.bytes, 0);
		assert_string_equal(asked.enrol.hardware, "rack");
		m = a_membership(REASON_none);
		org_answer(DOC_membership, &m);
		play_expect(MSG_crypto_enrolled);
		assert_int_equal(play.enrolled.pending, 0);
		assert_int_equal(fake.owns, 0);		/* config leaves ownership to the OS */
		org_challenge();			/* another one: the first is used up */
		org_expect_request();
		t = org_ticket(&newest);
		org_give(&t);
		play_expect(MSG_crypto_ticket);
		play_close();
	}
}

static void
the_authorisations_go_to_the_escrow_key_alone(void **state)
{
	uint8_t pk[32], sk[32], sec_auths[64];
	struct doc_membership m;

	(void)state;
	org_open();
	fake.state = (struct tpm_state){ 0 };
	assert_int_equal(crypto_box_keypair(pk, sk), 0);
	crypto.config.tpm_owner = OWNER_take;
	crypto.config.escrow_key.bytes = 32;
	memcpy(crypto.config.escrow_key.at, pk, 32);
	assert_int_equal(play_survey(one, 1, NULL), MSG_crypto_surveyed);
	play_say(MSG_broker_ask);
	org_challenge();
	org_expect_enrol();
	assert_int_equal(asked.enrol.escrow.bytes, 112);
	assert_int_equal(crypto_box_seal_open(sec_auths, asked.enrol.escrow.at, 112, pk, sk), 0);
	assert_int_equal(fake.owns, 0);			/* the org has to have it first */
	credential = a_credential();
	org_answer(DOC_credential, &credential);
	take_proof();
	m = a_membership(REASON_none);
	org_answer(DOC_membership, &m);
	play_expect(MSG_crypto_enrolled);
	assert_int_equal(fake.owns, 1);
	assert_memory_equal(fake.owner, sec_auths, 32);
	assert_true(sodium_is_zero(crypto.secrets->auths, sizeof crypto.secrets->auths));
	play_close();
}

/* Wrong answers: the enrolment ends, and before the first ticket there is no boot without one. */
static void
ends_with(enum event detail, const char *what)
{
	if (play_hear() != MSG_crypto_failed || play.event != (uint32_t)EV_org_offline_spent || play.detail != (uint32_t)detail)
		fail_msg("%s: event %u, detail %u", what, play.event, play.detail);
	assert_null(crypto.secrets);
	play_close();
}

static void
no_other_credential_is_opened(void **state)
{
	(void)state;
#define WRONG(detail, change) \
	to_enrol(0); credential = a_credential(); change; org_answer(DOC_credential, &credential); \
	assert_int_equal(fake.activates, 0); ends_with(detail, #change)
	WRONG(EV_org_enrolment, credential.node[15] ^= 1);
	WRONG(EV_org_enrolment, credential.enrol[0] ^= 1);
	WRONG(EV_org_signature, org_stranger = 1);
#undef WRONG
	to_enrol(0);
	fake.activate = EV_tpm_error;
	credential = a_credential();
	org_answer(DOC_credential, &credential);
	ends_with(EV_tpm_error, "the TPM does not open it");
}

static void
no_other_membership_is_one(void **state)
{
	struct doc_membership m;

	(void)state;
#define WRONG(detail, change) \
	to_membership(0); m = a_membership(REASON_none); change; org_answer(DOC_membership, &m); ends_with(detail, #change)
	WRONG(EV_org_enrolment, m.node[0] ^= 1);
	WRONG(EV_org_enrolment, m.enrol[31] ^= 1);
	WRONG(EV_org_signature, org_stranger = 1);
#undef WRONG
	/* Membership without proof: only a refusal may come instead of a credential. */
	to_enrol(0);
	credential = a_credential();
	m = a_membership(REASON_none);
	org_answer(DOC_membership, &m);
	ends_with(EV_org_enrolment, "a member without proof");
}

static void
a_refusal_says_why(void **state)
{
	static const struct { uint8_t reason; enum event event; } rows[] = { { REASON_invite, EV_org_invite }, { REASON_taken, EV_org_taken },
		{ REASON_revoked, EV_org_revoked } };
	struct doc_membership m;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
		if (i % 2 == 0)
			to_enrol(0);
		else
			to_membership(0);
		if (i % 2 == 0)
			credential = a_credential();	/* for its digest */
		m = a_membership(rows[i / 2].reason);
		org_answer(DOC_membership, &m);
		play_expect(MSG_crypto_failed);
		assert_int_equal(play.event, rows[i / 2].event);
		play_close();
	}
	to_membership(0);
	m = a_membership(REASON_pending);
	org_answer(DOC_membership, &m);
	play_expect(MSG_crypto_enrolled);
	assert_int_equal(play.enrolled.pending, 1);
	{
		uint8_t ek[32];

		assert_int_equal(crypto_hash_sha256(ek, asked.enrol.ek.at, asked.enrol.ek.bytes), 0);
		assert_memory_equal(play.enrolled.ek, ek, sizeof ek);
	}
	play_expect(MSG_crypto_failed);
	assert_int_equal(play.event, EV_org_pending);
	play_close();
}

/* It has had tickets, and an operator has forgotten it, or the service lost its records: its word is signed, and for this very request. */
static void
to_unknown(uint8_t enrol)
{
	struct doc_ticket t;

	org_open();
	crypto.config.enrol = enrol;
	org_to_ask(one, 1, NULL);
	org_challenge();
	org_expect_request();
	t = org_ticket(NULL);
	t.reason = REASON_unknown;
	org_give(&t);
}

static void
a_node_that_the_org_has_forgotten_could_never_enrol_again(void **state)
{
	struct doc_membership m;
	struct doc_ticket t;

	(void)state;
	for (int again = 0; again < 2; again++) {
		to_unknown(ENROL_org);
		assert_true(sodium_is_zero(crypto.secrets->share_key, 32));
		org_challenge();
		org_expect_enrol();
		credential = a_credential();
		org_answer(DOC_credential, &credential);
		take_proof();
		m = a_membership(REASON_none);
		org_answer(DOC_membership, &m);
		play_expect(MSG_crypto_enrolled);
		org_challenge();
		org_expect_request();
		t = org_ticket(again ? NULL : &newest);
		if (again)
			t.reason = REASON_unknown;	/* a member just now: not once more */
		org_give(&t);
		play_expect(again ? MSG_crypto_failed : MSG_crypto_ticket);
		if (again)
			assert_int_equal(play.event, EV_org_unknown);
		else
			assert_int_equal(fake.state.offline_max, 4);
		play_close();
	}
	/* Where nobody is to be enrolled it ends there. */
	to_unknown(ENROL_none);
	play_expect(MSG_crypto_failed);
	assert_int_equal(play.event, EV_org_unknown);
	play_close();
	/* And an enrolment that does not come to its end leaves what the refusal left: no boot without a ticket. */
	to_unknown(ENROL_org);
	org_challenge();
	org_expect_enrol();
	org_posted_event(EV_net_slow);
	ends_with(EV_net_slow, "cut after the refusal");
}

static void
a_tpm_that_fails_on_the_way(void **state)
{
	(void)state;
	org_open();
	fake.state = (struct tpm_state){ 0 };
	fake.ek = EV_tpm_error;
	assert_int_equal(play_survey(one, 1, NULL), MSG_crypto_surveyed);
	play_say(MSG_broker_ask);
	org_challenge();
	ends_with(EV_tpm_error, "no EK");
	/* In CLOSE: no attestation key, no enrolment; no first record, no boot. */
	org_open();
	fake.index[0] = EV_tpm_not_enrolled;
	fake.ak = EV_tpm_error;
	play_latch();
	play_expect(MSG_crypto_failed);
	assert_int_equal(play.event, EV_tpm_error);
	assert_int_equal(fake.enrols, 0);
	play_close();
	org_open();
	fake.index[0] = EV_tpm_not_enrolled;
	fake.begin = EV_tpm_state;
	play_latch();
	play_expect(MSG_crypto_failed);
	assert_int_equal(play.event, EV_tpm_state);
	assert_int_equal(fake.closes, 1);
	play_close();
	/* An index of floor and time that is not there: never taken for a new one. */
	org_open();
	fake.state_read = EV_tpm_state;
	play_latch();
	play_expect(MSG_crypto_failed);
	assert_int_equal(play.event, EV_tpm_state);
	play_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_enrolment_ends_in_a_ticket),
		cmocka_unit_test(the_authorisations_go_to_the_escrow_key_alone),
		cmocka_unit_test(no_other_credential_is_opened),
		cmocka_unit_test(no_other_membership_is_one),
		cmocka_unit_test(a_refusal_says_why),
		cmocka_unit_test(a_node_that_the_org_has_forgotten_could_never_enrol_again),
		cmocka_unit_test(a_tpm_that_fails_on_the_way),
	};

	return cmocka_run_group_tests(tests, play_setup, play_teardown);
}
