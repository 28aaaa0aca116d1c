/*
 * crypto-worker's TPM half with somebody on the bus: what can be overheard, the order of things, power failing at any command, a line
 * that is dead.  Outside the wall: tests only.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "tpm_fixture.h"
#include "tpm_tools.h"

static void
the_secret_never_passes_in_clear(void **state)
{
	uint8_t command[14 + 2 + TPM_SECRET_BYTES + 6] = { 0x80, 0x01, 0, 0, 0, 12 + TPM_SECRET_BYTES + 6, 0, 0, 0x01, 0x7d, 0, 32 };
	uint8_t answer[SWTPM_BYTES_MAX], policy[32], pcr_digest[32];
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	/* The search can find: the same bytes in a TPM2_Hash without a session. */
	swtpm_on(&s, 1);
	tap.hook = NULL;
	tap_start(&tap, &s);
	memcpy(command + 12, written.sec_node_secret, TPM_SECRET_BYTES);
	memcpy(command + 12 + TPM_SECRET_BYTES, "\x00\x0b\x40\x00\x00\x07", 6);
	assert_int_equal(write(tap.client, command, 12 + TPM_SECRET_BYTES + 6), 12 + TPM_SECRET_BYTES + 6);
	assert_true(read(tap.client, answer, sizeof answer) > 32);
	assert_int_equal(wire_get32(answer + 6), 0);
	(void)close(tap.client);
	tap_stop(&tap);
	assert_int_equal(overheard(written.sec_node_secret, TPM_SECRET_BYTES), TPM_SECRET_BYTES - 7);

	for (int boot = 0; boot < 2; boot++) {
		assert_event(open_tapped(&s, &tpm), EV_none);
		if (boot == 0)
			assert_event(tpm_enrol(tpm, &written), EV_none);
		memset(found.sec_node_secret, 0, TPM_SECRET_BYTES);
		assert_event(tpm_read(tpm, &found), EV_none);
		assert_true(is_found());
		tpm_policy_digest(tpm, POLICY_open, pcr_digest, policy);
		assert_event(tpm_close(tpm, 0), EV_none);
		finish_tapped(tpm);
		assert_int_equal(overheard(pcr_digest, sizeof pcr_digest), 25);	/* this one is meant to pass in clear */
		assert_int_equal(overheard(written.sec_node_secret, TPM_SECRET_BYTES), 0);
		assert_int_equal(overheard(written.org_key, TPM_ORG_KEY_BYTES), 0);
		assert_int_equal(overheard(written.node, TPM_NODE_BYTES), 0);
	}
	swtpm_remove(&s);
}

static void
nor_do_authorisations_and_the_credential(void **state)
{
	uint8_t ek[TPM_PUBLIC_MAX], ak[TPM_PUBLIC_MAX], cert[TPM_CERT_MAX], name[34] = { 0, 0x0b }, value[32], got[32], blob[514], secret[514];
	uint8_t sec_owner[TPM_AUTH_BYTES], sec_lockout[TPM_AUTH_BYTES];
	uint32_t nek, nak, ncert, nblob, nsecret;
	struct tools tools;
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	tools_make(&tools);
	enrol_with_org(&s);
	randombytes_buf(value, sizeof value);
	randombytes_buf(sec_owner, sizeof sec_owner);
	randombytes_buf(sec_lockout, sizeof sec_lockout);
	tap.hook = NULL;
	assert_event(open_tapped(&s, &tpm), EV_none);
	assert_event(tpm_close(tpm, 0), EV_none);
	assert_event(tpm_ak_public(tpm, ak, &nak), EV_none);
	assert_event(tpm_ek_public(tpm, ek, &nek, cert, &ncert), EV_none);
	assert_int_equal(crypto_hash_sha256(name + 2, ak, nak), 0);
	tools_credential(&tools, ek, nek, name, value, sizeof value, blob, &nblob, secret, &nsecret);
	assert_event(tpm_activate(tpm, blob, nblob, secret, nsecret, got), EV_none);
	assert_memory_equal(got, value, sizeof value);
	for (int i = 0; i < 2; i++)	/* set, and then shown to be known */
		assert_event(tpm_take_owner(tpm, sec_owner, sec_lockout), EV_none);
	finish_tapped(tpm);
	assert_int_equal(overheard(secret, nsecret), nsecret - 7);	/* encrypted by the org, and not once more: this one is seen */
	assert_int_equal(overheard(value, sizeof value), 0);
	assert_int_equal(overheard(sec_owner, sizeof sec_owner), 0);
	assert_int_equal(overheard(sec_lockout, sizeof sec_lockout), 0);
	tools_remove(&tools);
	swtpm_remove(&s);
}

/* As a library would send them that thinks this TPM cannot encrypt: by a session that has its attributes taken, or by a password. */
static TSS2_RC
send_in_clear(struct tpm *tpm, unsigned which)
{
	static const TPM2B_MAX_NV_BUFFER data = { .size = 84 };
	static const TPM2B_AUTH auth = { .size = 32 };
	static const TPM2B_ID_OBJECT id = { .size = 68 };
	static const TPM2B_ENCRYPTED_SECRET seed = { .size = 68 };
	TPM2B_MAX_NV_BUFFER *back = NULL;
	TPM2B_DIGEST *digest = NULL;
	ESYS_TR ak = ESYS_TR_NONE;
	TPMT_PUBLIC pub;

	assert_event(tpm_policy_arm(tpm, POLICY_open), EV_none);
	assert_event(tpm_hmac_ready(tpm), EV_none);
	assert_event(tpm_ak_find(tpm, &ak, &pub), EV_none);
	assert_int_equal(Esys_TRSess_SetAttributes(tpm->esys, tpm->policy, 0, TPMA_SESSION_ENCRYPT | TPMA_SESSION_DECRYPT), 0);
	assert_int_equal(Esys_TRSess_SetAttributes(tpm->esys, tpm->hmac, 0, TPMA_SESSION_ENCRYPT | TPMA_SESSION_DECRYPT), 0);
	switch (which) {
	case 0:
		return tpm_index_read(tpm, &back);
	case 1:
		return Esys_NV_Write(tpm->esys, tpm->index, tpm->index, tpm->policy, ESYS_TR_NONE, ESYS_TR_NONE, &data, 0);
	case 2:
		return Esys_HierarchyChangeAuth(tpm->esys, ESYS_TR_RH_OWNER, tpm->hmac, ESYS_TR_NONE, ESYS_TR_NONE, &auth);
	case 3:
		return Esys_HierarchyChangeAuth(tpm->esys, ESYS_TR_RH_LOCKOUT, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &auth);
	case 4:
		return Esys_ActivateCredential(tpm->esys, ak, ak, tpm->hmac, tpm->policy, ESYS_TR_NONE, &id, &seed, &digest);
	case 5:
		return Esys_ActivateCredential(tpm->esys, ak, ak, ESYS_TR_PASSWORD, tpm->policy, ESYS_TR_NONE, &id, &seed, &digest);
	default:	/* not one of ours */
		return Esys_GetRandom(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, 8, &digest);
	}
}

static void
the_gate_lets_nothing_out_in_clear(void **state)
{
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	enrol_with_org(&s);
	tap.hook = NULL;
	for (unsigned i = 0; i < 7; i++) {
		assert_event(open_tapped(&s, &tpm), EV_none);
		assert_event(tpm_read(tpm, &found), EV_none);	/* the twin: encrypted, it passes */
		assert_int_equal(send_in_clear(tpm, i), TSS2_TCTI_RC_BAD_VALUE);
		assert_int_equal(tpm->tcti.error, -EPERM);
		assert_int_equal(tpm->tcti.commands, tap.commands);	/* nothing went out */
		finish_tapped(tpm);
	}
	swtpm_remove(&s);
}

/* An answer as TPM2_NV_Read gives it: 6 bytes of data, one session that encrypts. */
static void
the_gate_knows_a_whole_answer(void **state)
{
	static const uint8_t good[] = { 0x80, 0x02, 0, 0, 0, 31, 0, 0, 0, 0, 0, 0, 0, 6, 0, 4, 1, 2, 3, 4, 0, 4, 9, 9, 9, 9, 0x41, 0, 2, 7, 7 };
	const struct wire_command cmd = { .code = TPM2_CC_NV_Read, .tag = TPM2_ST_SESSIONS, .sessions = 1, .attributes = { 0x41 } };
	struct wire_command two = cmd;
	uint8_t bad[sizeof good + 1];

	(void)state;
	assert_int_equal(wire_answer(&cmd, good, sizeof good), 0);
	/* every length but the right one, with a header that admits it and one that does not */
	for (size_t n = 0; n <= sizeof bad; n++)
		for (int admit = 0; admit < 2; admit++) {
			memset(bad, 0, sizeof bad);
			memcpy(bad, good, n < sizeof good ? n : sizeof good);
			if (admit)
				bad[5] = (uint8_t)n;
			if (n != sizeof good)
				assert_int_equal(wire_answer(&cmd, bad, n), -EBADMSG);
		}
	/* every length field, one more and one less; the tag; the attribute that says it is encrypted; a code of 13 bits */
	for (size_t at = 0; at < sizeof good; at++) {
		const int is_length = at == 5 || at == 13 || at == 21 || at == 28;

		for (int step = -1; step <= 1; step += 2) {
			memcpy(bad, good, sizeof good);
			bad[at] = (uint8_t)(bad[at] + step);
			if (is_length || at == 1)
				assert_int_equal(wire_answer(&cmd, bad, sizeof good), -EBADMSG);
		}
	}
	memcpy(bad, good, sizeof good);
	bad[15] = 5;	/* the parameter claims a byte of the session area */
	assert_int_equal(wire_answer(&cmd, bad, sizeof good), -EBADMSG);
	memcpy(bad, good, sizeof good);
	bad[26] = 0x01;
	assert_int_equal(wire_answer(&cmd, bad, sizeof good), -EBADMSG);
	two.sessions = 2;
	assert_int_equal(wire_answer(&two, good, sizeof good), -EBADMSG);
	assert_int_equal(wire_answer(&cmd, (const uint8_t *)"\x80\x01\0\0\0\x0a\0\0\x0f\xff", 10), 0);
	assert_int_equal(wire_answer(&cmd, (const uint8_t *)"\x80\x01\0\0\0\x0a\0\0\x10\0", 10), -EBADMSG);
}

/* --- the order of things on the wire --- */

struct order {
	uint32_t code[128], rc[128];
};

static enum tap
note_order(void *context, unsigned n, const uint8_t *command, size_t command_bytes, uint8_t *answer, size_t *answer_bytes)
{
	struct order *o = context;

	(void)command_bytes, (void)answer_bytes;
	if (n >= 128)
		return TAP_cut;
	o->code[n] = wire_get32(command + 6);
	if (answer != NULL)
		o->rc[n] = wire_get32(answer + 6);
	return TAP_pass;
}

static void
the_latch_closes_in_order(void **state)
{
	static const struct { uint32_t code, rc; } wanted[] = {	/* policy commands left out */
		{ TPM2_CC_NV_Read, 0 }, { TPM2_CC_NV_ReadLock, 0 }, { TPM2_CC_NV_Read, TPM2_RC_NV_LOCKED }, { TPM2_CC_PCR_Extend, 0 },
		{ TPM2_CC_PCR_Read, 0 }, { TPM2_CC_PCR_Read, 0 }, { TPM2_CC_PCR_Read, 0 }, { TPM2_CC_PCR_Read, 0 },
		{ TPM2_CC_NV_Read, 0x99d }, { TPM2_CC_FlushContext, 0 }, { TPM2_CC_FlushContext, 0 },
	};
	struct order order = { 0 };
	size_t at = 0, i = 0;
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	enrol_and_close(&s);
	tap.hook = note_order;
	tap.context = &order;
	assert_event(open_tapped(&s, &tpm), EV_none);
	assert_event(tpm_index_state(tpm), EV_none);
	i = tap.commands;
	assert_event(tpm_read(tpm, &found), EV_none);
	assert_event(tpm_close(tpm, 0), EV_none);
	finish_tapped(tpm);
	for (; i < tap.commands; i++) {
		if (order.code[i] == TPM2_CC_PolicyPCR || order.code[i] == TPM2_CC_PolicyRestart)
			continue;
		assert_true(at < sizeof wanted / sizeof wanted[0]);
		assert_int_equal(order.code[i], wanted[at].code);
		assert_int_equal(order.rc[i], wanted[at].rc);
		at++;
	}
	assert_int_equal(at, sizeof wanted / sizeof wanted[0]);
	swtpm_remove(&s);
}

/* --- power failures --- */

static void
power_fails_at_every_command_of_enrolment(void **state)
{
	unsigned seen_none = 0, seen_unfinished = 0, seen_enrolled = 0;
	enum event event, after;
	struct tpm *tpm;
	struct cut cut;
	struct swtpm s;
	int whole = 0;

	(void)state;
	for (cut.at = 0; !whole; cut.at++)
		for (cut.after = 0; cut.after < 2 && !whole; cut.after++) {
			swtpm_make(&s, NULL);
			tap.hook = cut_power;
			tap.context = &cut;
			if ((event = open_tapped(&s, &tpm)) == EV_none)
				event = tpm_enrol(tpm, &written);
			whole = event == EV_none;
			swtpm_off(&s);
			finish_tapped(tpm);

			tap.hook = NULL;
			assert_event(open_tapped(&s, &tpm), EV_none);
			after = tpm_index_state(tpm);
			seen_none += after == EV_tpm_not_enrolled;
			seen_unfinished += after == EV_tpm_unfinished;
			if (after == EV_none) {
				seen_enrolled++;
				assert_event(tpm_read(tpm, &found), EV_none);
				assert_true(is_found());
			} else if (after == EV_tpm_not_enrolled)
				/* nothing is in the way of the next one, whether or not the index of floor and lease is there */
				assert_event(tpm_enrol(tpm, &written), EV_none);
			else
				assert_int_equal(after, EV_tpm_unfinished);
			assert_true(!whole || after == EV_none);
			finish_tapped(tpm);
			swtpm_remove(&s);
		}
	/* the table of what was seen: each end must have come up, so the cuts were real */
	assert_true(cut.at > 15 && seen_none > 10 && seen_unfinished > 3 && seen_enrolled > 1);
}

/* About 30 unclean stops lock a TPM whose objects have dictionary-attack protection.  Every stop here is one: swtpm_off(). */
static void
a_hundred_power_cuts_do_not_count_towards_lockout(void **state)
{
	enum { CUTS = 100 };
	unsigned total, whole = 0;
	struct tpm *tpm;
	struct cut cut;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, "sha256");
	enrol_and_close(&s);
	tap.hook = NULL;
	assert_event(open_tapped(&s, &tpm), EV_none);
	assert_event(tpm_read(tpm, &found), EV_none);
	assert_event(tpm_close(tpm, 0), EV_none);
	finish_tapped(tpm);
	total = tap.commands;
	for (unsigned i = 0; i < CUTS; i++) {
		cut = (struct cut){ .at = i * 37 % (total + 1), .after = i & 1 };
		tap.hook = cut_power;
		tap.context = &cut;
		if (open_tapped(&s, &tpm) == EV_none && tpm_read(tpm, &found) == EV_none)
			whole += tpm_close(tpm, 0) == EV_none;
		swtpm_off(&s);
		finish_tapped(tpm);
	}
	assert_true(whole < CUTS / 2);		/* most were cut on the way */
	tap.hook = NULL;
	tpm = power_on(&s);
	assert_int_equal(raw_lockout_counter(&s), 0);
	clear_found();
	assert_event(tpm_read(tpm, &found), EV_none);
	assert_true(is_found());
	assert_event(tpm_close(tpm, 0), EV_none);
	tpm_finish(tpm);
	swtpm_remove(&s);
}

static void
a_dead_or_silent_line_is_no_tpm(void **state)
{
	uint8_t buf[64], command[] = { 0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x65, 0, 0 };
	struct tpm *tpm = NULL;
	struct tcti tcti;
	size_t n = sizeof buf;
	int pair[2];

	(void)state;
	assert_event(tpm_open(open("/dev/null", O_RDWR | O_CLOEXEC), &tpm), EV_tpm_absent);
	assert_event(tpm_open(-1, &tpm), EV_tpm_absent);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	(void)close(pair[1]);
	assert_event(tpm_open(pair[0], &tpm), EV_tpm_absent);
	assert_null(tpm);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	tcti_init(&tcti, pair[0], 50);
	assert_int_equal(tcti.common.v1.transmit((TSS2_TCTI_CONTEXT *)&tcti, sizeof command, command), 0);
	assert_int_equal(tcti.common.v1.receive((TSS2_TCTI_CONTEXT *)&tcti, &n, NULL, -1), TSS2_TCTI_RC_IO_ERROR);
	assert_int_equal(tcti.error, -ETIMEDOUT);
	/* an answer before the question */
	assert_int_equal(write(pair[1], "\x80\x01\x00\x00\x00\x0a\x00\x00\x00\x00", 10), 10);
	assert_int_equal(tcti.common.v1.transmit((TSS2_TCTI_CONTEXT *)&tcti, sizeof command, command), TSS2_TCTI_RC_MALFORMED_RESPONSE);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_secret_never_passes_in_clear),
		cmocka_unit_test(nor_do_authorisations_and_the_credential),
		cmocka_unit_test(the_gate_lets_nothing_out_in_clear),
		cmocka_unit_test(the_gate_knows_a_whole_answer),
		cmocka_unit_test(the_latch_closes_in_order),
		cmocka_unit_test(power_fails_at_every_command_of_enrolment),
		cmocka_unit_test(a_hundred_power_cuts_do_not_count_towards_lockout),
		cmocka_unit_test(a_dead_or_silent_line_is_no_tpm),
	};

	return cmocka_run_group_tests(tests, fixture_setup, NULL);
}
