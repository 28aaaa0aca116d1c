/*
 * Floor, lease and time in the TPM against a real software TPM: when they can be written, by whom, what a torn record leaves.
 * Outside the wall: tests only.  Raw commands at the TPM itself say what is in the index.
 */
#include <string.h>

#include <sodium.h>

#include "tpm_fixture.h"

enum { RECORD = 56, STATE = 2 * RECORD };

static const struct tpm_state zero, one = { 7, 1700000000, 3, 16 }, two = { UINT64_MAX, UINT64_MAX - 1, 1u << 31, 0 };

static void
assert_state(struct tpm *tpm, const struct tpm_state *wanted)
{
	struct tpm_state got = { 1, 2, 3, 4 };

	assert_event(tpm_state_read(tpm, &got), EV_none);
	assert_memory_equal(&got, wanted, sizeof got);
	assert_int_equal(tpm_detail(tpm), 0);
}

static void
assert_no_state(struct tpm *tpm, enum event event)
{
	struct tpm_state got = { 1, 2, 3, 4 };

	assert_event(tpm_state_read(tpm, &got), event);
	assert_true(got.floor == 1 && got.time == 2 && got.offline == 3 && got.offline_max == 4);
}

static void
raw_state(struct swtpm *s, uint8_t out[STATE])
{
	assert_int_equal(swtpm_nv_read(s, TPM_NV_STATE, out, STATE), 0);
}

/* A record as the layout says, made here by itself. */
static void
make_record(uint8_t out[RECORD], uint64_t sequence, const struct tpm_state *state)
{
	const uint64_t fields[] = { sequence, state->floor, state->time, state->offline, state->offline_max };
	uint8_t digest[32];

	memcpy(out, "SPZ\1\0\0\0\0", 8);
	for (size_t i = 0; i < 5; i++)
		for (size_t j = 0; j < 8; j++)
			out[8 + 8 * i + j] = (uint8_t)(fields[i] >> 8 * (7 - j));
	assert_int_equal(crypto_generichash(digest, 32, out, 48, NULL, 0), 0);
	memcpy(out + 48, digest, 8);
}

/* Writes by the module's own policy session, armed as told; the TPM's answer. */
static uint32_t
plant(struct tpm *tpm, enum tpm_policy which, uint16_t at, const uint8_t *data, uint16_t len_bytes)
{
	TPM2B_MAX_NV_BUFFER buffer = { .size = len_bytes };
	ESYS_TR index = ESYS_TR_NONE;
	uint32_t rc;

	memcpy(buffer.buffer, data, len_bytes);
	assert_int_equal(Esys_TR_FromTPMPublic(tpm->esys, TPM_NV_STATE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &index), 0);
	assert_event(tpm_policy_arm(tpm, which), EV_none);
	rc = Esys_NV_Write(tpm->esys, index, index, tpm->policy, ESYS_TR_NONE, ESYS_TR_NONE, &buffer, at);
	assert_int_equal(Esys_TR_Close(tpm->esys, &index), 0);
	return rc;
}

static void
is_written_in_turns_and_read_at_any_time(void **state)
{
	uint8_t raw[STATE], before[STATE], record[RECORD];
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	enrol_with_org(&s);
	raw_state(&s, raw);
	make_record(record, 1, &zero);
	assert_memory_equal(raw, record, RECORD);
	tpm = boot(&s);
	assert_state(tpm, &zero);
	for (uint64_t sequence = 2; sequence < 8; sequence++) {
		const struct tpm_state *next = sequence % 2 == 0 ? &one : &two;
		size_t at = sequence % 2 == 0 ? RECORD : 0;

		memcpy(before, raw, sizeof raw);
		assert_event(tpm_state_write(tpm, next), EV_none);
		assert_int_equal(tpm_detail(tpm), 0);
		assert_state(tpm, next);
		raw_state(&s, raw);
		make_record(record, sequence, next);
		assert_memory_equal(raw + at, record, RECORD);
		assert_memory_equal(raw + RECORD - at, before + RECORD - at, RECORD);	/* the other one stays as it was */
	}
	assert_event(tpm_measure(tpm, "manifest id", 11), EV_none);
	assert_state(tpm, &two);
	tpm_finish(tpm);
	assert_int_equal(raw_handles(&s), 0);
	tpm = power_on(&s);
	assert_state(tpm, &two);	/* the latch is open */
	assert_event(tpm_read(tpm, &found), EV_none);
	assert_true(is_found());
	assert_event(tpm_close(tpm, 0), EV_none);
	assert_state(tpm, &two);
	tpm_finish(tpm);
	swtpm_remove(&s);
}

static void
is_written_behind_the_latch_and_before_the_measurement_only(void **state)
{
	uint8_t raw[STATE], after[STATE], junk[RECORD] = { 0 };
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	enrol_with_org(&s);
	raw_state(&s, raw);
	tpm = power_on(&s);
	assert_event(tpm_state_write(tpm, &one), EV_tpm_policy);
	assert_event(tpm_state_begin(tpm), EV_tpm_state);	/* it has begun */
	assert_int_equal(plant(tpm, POLICY_present, 0, junk, RECORD), 0x99d);
	assert_event(tpm_read(tpm, &found), EV_none);
	assert_event(tpm_close(tpm, 0), EV_none);
	assert_event(tpm_measure(tpm, "manifest id", 11), EV_none);
	assert_event(tpm_state_write(tpm, &one), EV_tpm_policy);
	/* past the module's own checks: the TPM itself refuses */
	assert_event(tpm_policy_arm(tpm, POLICY_closed), EV_tpm_policy);
	assert_int_equal(plant(tpm, POLICY_present, 0, junk, RECORD), 0x99d);
	/* anyone else, by the index's own authorisation and by the owner's */
	assert_int_equal(swtpm_nv_write(&s, TPM_NV_STATE, TPM_NV_STATE, junk, RECORD), TPM2_RC_AUTH_UNAVAILABLE);
	assert_int_equal(swtpm_nv_write(&s, TPM2_RH_OWNER, TPM_NV_STATE, junk, RECORD), TPM2_RC_NV_AUTHORIZATION);
	raw_state(&s, after);
	assert_memory_equal(raw, after, STATE);
	tpm_finish(tpm);
	tpm = boot(&s);		/* the twin: in between it goes */
	assert_event(tpm_state_write(tpm, &one), EV_none);
	assert_state(tpm, &one);
	assert_int_equal(plant(tpm, POLICY_closed, 0, junk, RECORD), 0);
	tpm_finish(tpm);
	swtpm_remove(&s);
}

static void
another_preboot_does_not_write(void **state)
{
	const unsigned pcrs[] = { 4, 7 };
	uint8_t junk[RECORD] = { 0 };
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	enrol_with_org(&s);
	for (size_t i = 0; i < 2; i++) {
		/* another firmware or another preboot from the start: not the Name that it computes */
		swtpm_on(&s, 1);
		swtpm_extend(&s, pcrs[i], 1);
		assert_event(open_beside(&s, &tpm), EV_none);
		assert_event(tpm_close(tpm, 1), EV_none);
		assert_no_state(tpm, EV_tpm_state);
		assert_event(tpm_state_write(tpm, &one), EV_tpm_state);
		assert_event(tpm_state_begin(tpm), EV_tpm_state);
		/* past its own checks: not the policy */
		assert_int_equal(plant(tpm, POLICY_present, 0, junk, RECORD), 0x99d);
		assert_int_equal(plant(tpm, POLICY_closed, 0, junk, RECORD), 0x99d);
		tpm_finish(tpm);
		/* changed while it runs */
		tpm = boot(&s);
		assert_state(tpm, i == 0 ? &zero : &one);
		swtpm_extend(&s, pcrs[i], 1);
		assert_event(tpm_state_write(tpm, &two), EV_tpm_policy);
		assert_int_equal(plant(tpm, POLICY_present, 0, junk, RECORD), 0x99d);
		assert_state(tpm, i == 0 ? &zero : &one);
		tpm_finish(tpm);
		tpm = boot(&s);
		assert_event(tpm_state_write(tpm, &one), EV_none);
		tpm_finish(tpm);
	}
	swtpm_remove(&s);
}

/* Defines the index as somebody else might, or as an enrolment does that is cut right after. */
static void
define(struct tpm *tpm, uint32_t flip, uint16_t bytes, enum tpm_policy policy)
{
	const TPM2B_AUTH auth = { 0 };
	TPM2B_NV_PUBLIC pub = { .nvPublic = { .nvIndex = TPM_NV_STATE, .nameAlg = TPM2_ALG_SHA256, .attributes = (TPMA_NV_AUTHREAD |
	    TPMA_NV_POLICYWRITE | TPMA_NV_NO_DA) ^ flip, .authPolicy.size = 32, .dataSize = bytes } };
	ESYS_TR index;
	uint8_t unused[32];

	tpm_policy_digest(tpm, policy, unused, pub.nvPublic.authPolicy.buffer);
	assert_int_equal(Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &auth, &pub,
	    &index), 0);
	assert_int_equal(Esys_TR_Close(tpm->esys, &index), 0);
}

static const struct { uint32_t flip; uint16_t bytes; enum tpm_policy policy; } others[] = {
	{ TPMA_NV_NO_DA, STATE, POLICY_closed }, { TPMA_NV_OWNERWRITE, STATE, POLICY_closed }, { TPMA_NV_AUTHWRITE, STATE, POLICY_closed },
	{ TPMA_NV_OWNERREAD, STATE, POLICY_closed }, { TPMA_NV_POLICYREAD, STATE, POLICY_closed },
	{ TPMA_NV_WRITE_STCLEAR, STATE, POLICY_closed }, { TPMA_NV_CLEAR_STCLEAR, STATE, POLICY_closed },
	{ 0, STATE - 1, POLICY_closed }, { 0, STATE + 1, POLICY_closed }, { 0, STATE, POLICY_open },
};

static void
an_index_defined_anew_is_no_state(void **state)
{
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	enrol_with_org(&s);
	swtpm_on(&s, 1);
	swtpm_undefine(&s, TPM_NV_STATE);
	tpm = boot(&s);
	assert_no_state(tpm, EV_tpm_state);
	assert_event(tpm_state_write(tpm, &one), EV_tpm_state);
	/* unwritten, and every byte of its definition ours */
	define(tpm, 0, STATE, POLICY_closed);
	assert_no_state(tpm, EV_tpm_state);
	assert_event(tpm_state_write(tpm, &one), EV_tpm_state);
	tpm_finish(tpm);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		uint8_t content[STATE] = { 0 };

		swtpm_on(&s, 1);
		swtpm_undefine(&s, TPM_NV_STATE);
		tpm = boot(&s);
		define(tpm, others[i].flip, others[i].bytes, others[i].policy);
		make_record(content, 9, &one);
		/* with contents that would do, where its definition lets anyone write them */
		if ((others[i].flip & (TPMA_NV_OWNERWRITE | TPMA_NV_AUTHWRITE)) != 0)
			assert_int_equal(swtpm_nv_write(&s, (others[i].flip & TPMA_NV_OWNERWRITE) != 0 ? TPM2_RH_OWNER : TPM_NV_STATE,
			    TPM_NV_STATE, content, STATE), 0);
		assert_no_state(tpm, EV_tpm_state);
		assert_event(tpm_state_write(tpm, &one), EV_tpm_state);
		assert_event(tpm_state_begin(tpm), EV_tpm_state);
		tpm_finish(tpm);
	}
	swtpm_remove(&s);
}

static void
enrolment_takes_only_its_own_leavings(void **state)
{
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		tpm = power_on(&s);
		define(tpm, others[i].flip, others[i].bytes, others[i].policy);
		assert_event(tpm_enrol(tpm, &written), EV_tpm_index_name);
		assert_event(tpm_index_state(tpm), EV_tpm_not_enrolled);
		tpm_finish(tpm);
		swtpm_undefine(&s, TPM_NV_STATE);
	}
	tpm = power_on(&s);
	swtpm_set_owner(&s, 7);
	assert_event(tpm_enrol(tpm, &written), EV_tpm_owned);
	assert_int_equal(tpm_detail(tpm), 0x9a2);
	tpm_finish(tpm);
	swtpm_clear(&s);
	tpm = power_on(&s);
	define(tpm, 0, STATE, POLICY_closed);
	tpm_finish(tpm);
	enrol_with_org(&s);	/* the cut enrolment's */
	tpm = boot(&s);
	assert_state(tpm, &zero);
	tpm_finish(tpm);
	swtpm_undefine(&s, TPM_NV_SECRET);	/* a node was here */
	tpm = power_on(&s);
	assert_event(tpm_enrol(tpm, &written), EV_tpm_unfinished);
	assert_event(tpm_index_state(tpm), EV_tpm_not_enrolled);
	tpm_finish(tpm);
	swtpm_remove(&s);
}

static void
a_torn_record_leaves_the_other_one(void **state)
{
	uint8_t raw[STATE], bad[STATE], older[RECORD], newer[RECORD];
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, "sha256");
	enrol_with_org(&s);
	tpm = boot(&s);
	assert_event(tpm_state_write(tpm, &one), EV_none);
	assert_event(tpm_state_write(tpm, &two), EV_none);	/* sequence 3, first place; 2 is in the second */
	raw_state(&s, raw);
	for (size_t at = 0; at < RECORD; at++) {
		memcpy(bad, raw, sizeof raw);
		bad[at] ^= (uint8_t)(1 << at % 8);
		assert_int_equal(plant(tpm, POLICY_closed, 0, bad, STATE), 0);
		assert_state(tpm, &one);
		memcpy(bad + RECORD, raw, RECORD);	/* and the newer whole, wherever it is */
		assert_int_equal(plant(tpm, POLICY_closed, 0, bad, STATE), 0);
		assert_state(tpm, &two);
	}
	/* torn in the middle: written over it goes on from the older one */
	make_record(newer, 4, &zero);
	memcpy(bad, raw, sizeof raw);
	memcpy(bad + RECORD, newer, RECORD / 2);
	assert_int_equal(plant(tpm, POLICY_closed, 0, bad, STATE), 0);
	assert_state(tpm, &two);
	assert_event(tpm_state_write(tpm, &one), EV_none);
	assert_state(tpm, &one);
	/* neither, and two that claim to be the same */
	memset(bad, 0xff, sizeof bad);
	assert_int_equal(plant(tpm, POLICY_closed, 0, bad, STATE), 0);
	assert_no_state(tpm, EV_tpm_state);
	assert_event(tpm_state_write(tpm, &one), EV_tpm_state);
	make_record(older, 5, &one);
	make_record(newer, 5, &two);
	assert_int_equal(plant(tpm, POLICY_closed, 0, older, RECORD), 0);
	assert_int_equal(plant(tpm, POLICY_closed, RECORD, newer, RECORD), 0);
	assert_no_state(tpm, EV_tpm_state);
	tpm_finish(tpm);
	swtpm_remove(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_written_in_turns_and_read_at_any_time),
		cmocka_unit_test(is_written_behind_the_latch_and_before_the_measurement_only),
		cmocka_unit_test(another_preboot_does_not_write),
		cmocka_unit_test(an_index_defined_anew_is_no_state),
		cmocka_unit_test(enrolment_takes_only_its_own_leavings),
		cmocka_unit_test(a_torn_record_leaves_the_other_one),
	};

	return cmocka_run_group_tests(tests, fixture_setup, NULL);
}
