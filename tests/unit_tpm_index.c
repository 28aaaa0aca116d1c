/*
 * crypto-worker's TPM half against a real software TPM: enrolment, and every state that an index can be in.
 * Outside the wall: tests only.
 */
#include "tpm_fixture.h"

static void
enrols_once_and_never_silently_again(void **state)
{
	struct tpm_secret other = { .sec_node_secret = found.sec_node_secret };
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	enrol_and_close(&s);
	tpm = power_on(&s);
	assert_event(tpm_enrol(tpm, &other), EV_tpm_error);
	assert_int_equal(tpm_detail(tpm), 0x14c);
	assert_event(tpm_read(tpm, &found), EV_none);
	assert_true(is_found());
	tpm_finish(tpm);

	/* The OS takes ownership: this must not lock us out. */
	swtpm_on(&s, 1);
	swtpm_set_owner(&s, 7);
	tpm = power_on(&s);
	clear_found();
	assert_event(tpm_read(tpm, &found), EV_none);
	assert_true(is_found());
	assert_event(tpm_close(tpm, 0), EV_none);
	tpm_finish(tpm);

	swtpm_on(&s, 1);
	swtpm_clear(&s);
	assert_event(open_beside(&s, &tpm), EV_none);
	clear_found();
	assert_event(tpm_index_state(tpm), EV_tpm_not_enrolled);
	assert_event(tpm_read(tpm, &found), EV_tpm_not_enrolled);
	assert_true(is_untouched());
	assert_event(tpm_close(tpm, 1), EV_none);
	tpm_finish(tpm);
	swtpm_remove(&s);
}

/* Defines an index as somebody else might. */
static void
define(struct tpm *tpm, uint32_t flip, uint16_t bytes, TPM2_ALG_ID name_alg)
{
	const TPM2B_AUTH auth = { 0 };
	TPM2B_NV_PUBLIC pub = { .nvPublic = { .nvIndex = TPM_NV_SECRET, .nameAlg = name_alg, .attributes = (TPMA_NV_POLICYREAD |
	    TPMA_NV_POLICYWRITE | TPMA_NV_WRITEDEFINE | TPMA_NV_READ_STCLEAR | TPMA_NV_NO_DA) ^ flip, .dataSize = bytes } };
	uint8_t unused[32];

	pub.nvPublic.authPolicy.size = name_alg == TPM2_ALG_SHA1 ? 20 : 32;
	tpm_policy_digest(tpm, POLICY_open, unused, pub.nvPublic.authPolicy.buffer);
	assert_int_equal(Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &auth, &pub,
	    &tpm->index), 0);
}

static void
refuses_an_index_of_somebody_else(void **state)
{
	const struct { uint32_t flip; uint16_t bytes; TPM2_ALG_ID alg; enum event event; } other[] = {
		{ 0, 84, TPM2_ALG_SHA256, EV_tpm_unfinished },
		{ TPMA_NV_READ_STCLEAR, 84, TPM2_ALG_SHA256, EV_tpm_index_name },
		{ TPMA_NV_WRITEDEFINE, 84, TPM2_ALG_SHA256, EV_tpm_index_name },
		{ TPMA_NV_NO_DA, 84, TPM2_ALG_SHA256, EV_tpm_index_name },
		{ TPMA_NV_OWNERREAD, 84, TPM2_ALG_SHA256, EV_tpm_index_name },
		{ TPMA_NV_AUTHWRITE, 84, TPM2_ALG_SHA256, EV_tpm_index_name },
		{ 0, 83, TPM2_ALG_SHA256, EV_tpm_index_name },
		{ 0, 85, TPM2_ALG_SHA256, EV_tpm_index_name },
		{ 0, 84, TPM2_ALG_SHA1, EV_tpm_index_name },
	};
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	clear_found();
	for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
		tpm = power_on(&s);
		define(tpm, other[i].flip, other[i].bytes, other[i].alg);
		tpm_finish(tpm);
		tpm = power_on(&s);
		assert_event(tpm_index_state(tpm), other[i].event);
		assert_event(tpm_read(tpm, &found), other[i].event);
		assert_event(tpm_enrol(tpm, &written), other[i].event);
		assert_event(tpm_close(tpm, 1), EV_none);
		tpm_finish(tpm);
		swtpm_undefine(&s, TPM_NV_SECRET);
	}
	/* written and not locked: the power failed in between */
	tpm = power_on(&s);
	define(tpm, 0, 84, TPM2_ALG_SHA256);
	assert_event(tpm_policy_arm(tpm, POLICY_open), EV_none);
	assert_int_equal(Esys_NV_Write(tpm->esys, tpm->index, tpm->index, tpm->policy, ESYS_TR_NONE, ESYS_TR_NONE,
	    &(TPM2B_MAX_NV_BUFFER){ .size = 84 }, 0), 0);
	tpm_finish(tpm);
	tpm = power_on(&s);
	assert_event(tpm_index_state(tpm), EV_tpm_unfinished);
	/* the right Name, but not our content */
	assert_event(tpm_policy_arm(tpm, POLICY_open), EV_none);
	assert_int_equal(Esys_NV_WriteLock(tpm->esys, tpm->index, tpm->index, tpm->policy, ESYS_TR_NONE, ESYS_TR_NONE), 0);
	assert_event(tpm_index_state(tpm), EV_none);
	assert_event(tpm_read(tpm, &found), EV_tpm_index_name);
	assert_true(is_untouched());
	tpm_finish(tpm);
	swtpm_remove(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enrols_once_and_never_silently_again),
		cmocka_unit_test(refuses_an_index_of_somebody_else),
	};

	return cmocka_run_group_tests(tests, fixture_setup, NULL);
}
