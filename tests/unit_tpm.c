/*
 * crypto-worker's TPM half against a real software TPM: reading in all banks, the latch, the PCRs.  Outside the wall: tests only.
 * Raw commands at the TPM itself say what is so; the module's own word is not taken for it.
 */
#include <string.h>

#include <sodium.h>

#include "tpm_fixture.h"

static void
assert_latch(struct swtpm *s, uint16_t alg, const char *hex)
{
	uint8_t pcr[64], wanted[64];
	size_t n, m;

	assert_int_equal(sodium_hex2bin(wanted, sizeof wanted, hex, strlen(hex), NULL, &m, NULL), 0);
	n = raw_pcr(s, alg, 8, pcr);
	assert_int_equal(n, m);
	assert_memory_equal(pcr, wanted, n);
}

/* H(0 || H("sallyport closed 1")), and H(that || H("manifest id")), computed by other software. */
static const struct { uint16_t alg; const char *name, *closed, *measured; } latches[] = {
	{ 0x04, "sha1",
	    "e7c43f19644bc02c6ba2d6e40451c12171b572ee",
	    "efb0d4ba06e065e5fd245a5f759a2f33e9a27fae" },
	{ 0x0b, "sha256",
	    "63d39d443a3f26ec1a0e79bcb247dd44069f675bee9f69a0b1c8b999160cc0d2",
	    "18a1bff92782dccc64f55d44978ce167ce5f3f3aea0dc39a136d5a9635c0b3d6" },
	{ 0x0c, "sha384",
	    "018cd25a45e02fb89d18357f5c236c348c78d5289f3e1b9346ffa09d0307890d984ffe05e3b16c30a6ec8811d63fb9cb",
	    "6aaabbdf8830d0c6ff94f2af08f4f43b25f840b3ba144cd47ddea29dfacdf3bfa65383773061a706c1a6bfcfeb30f3b3" },
	{ 0x0d, "sha512",
	    "a5349c0d4cd931fcb9af18fc2537e3101af9470e0b4eda075392da136f53a88ecd5124349066f827f6878209d13958b8"
	    "36ba69a627c5718d7a1c3b392f34312a",
	    "18547e4961b35d331b1ebabc993cf8c0445de2d533b8aef8254324dcf3fd7664195bd39d0e4745ddbfc8d07887384abb"
	    "b9f7587887b1f7b1cef0653fd0ee6367" },
};

static void
try_banks(const char *banks, unsigned count)
{
	struct tpm *tpm;
	struct swtpm s;
	uint8_t pcr[64];
	unsigned seen = 0;

	swtpm_make(&s, banks);
	enrol_and_close(&s);
	tpm = power_on(&s);
	assert_int_equal(tpm_banks(tpm), count);
	clear_found();
	assert_event(tpm_read(tpm, &found), EV_none);
	assert_true(is_found());
	assert_event(tpm_measure(tpm, "manifest id", 11), EV_load_measure);	/* the latch first */
	assert_event(tpm_close(tpm, 0), EV_none);
	for (size_t i = 0; i < 4; i++)
		if (raw_pcr(&s, latches[i].alg, 8, pcr) != 0) {
			assert_latch(&s, latches[i].alg, latches[i].closed);
			seen++;
		}
	assert_int_equal(seen, count);
	assert_event(tpm_close(tpm, 0), EV_none);	/* does nothing again */
	assert_latch(&s, 0x0b, latches[1].closed);
	assert_event(tpm_measure(tpm, "manifest id", 11), EV_none);
	for (size_t i = 0; i < 4; i++)
		if (raw_pcr(&s, latches[i].alg, 8, pcr) != 0)
			assert_latch(&s, latches[i].alg, latches[i].measured);
	tpm_finish(tpm);
	swtpm_remove(&s);
}

static void
reads_again_in_all_banks(void **state)
{
	(void)state;
	try_banks(NULL, 4);
	try_banks("sha256", 1);
	try_banks("sha1,sha256", 2);
	try_banks("sha256,sha384,sha512", 3);
}

static void
refuses_a_tpm_without_sha256(void **state)
{
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, "sha1");
	swtpm_on(&s, 1);
	assert_event(open_beside(&s, &tpm), EV_tpm_bank);
	assert_null(tpm);
	assert_latch(&s, 0x04, latches[0].closed);	/* shut on the way out all the same */
	swtpm_remove(&s);
}

static void
nothing_reads_after_the_latch(void **state)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	enrol_and_close(&s);
	tpm = power_on(&s);
	assert_true(raw_handles(&s) >= 2);	/* the count can see something */
	assert_event(tpm_read(tpm, &found), EV_none);
	assert_event(tpm_close(tpm, 0), EV_none);
	assert_int_equal(tpm_detail(tpm), 0);
	clear_found();
	assert_event(tpm_read(tpm, &found), EV_tpm_pcr8_used);
	assert_true(is_untouched());
	/* past the module's own checks */
	assert_event(tpm_policy_arm(tpm, POLICY_open), EV_tpm_policy);
	assert_event(tpm_policy_arm(tpm, POLICY_present), EV_none);
	assert_int_equal(tpm_index_read(tpm, &data), 0x99d);
	assert_null(data);
	tpm_finish(tpm);
	assert_int_equal(raw_handles(&s), 0);
	/* a second preboot in the same power cycle */
	assert_event(open_beside(&s, &tpm), EV_none);
	assert_event(tpm_read(tpm, &found), EV_tpm_pcr8_used);
	assert_event(tpm_close(tpm, 0), EV_tpm_latch);
	assert_true(is_untouched());
	tpm_finish(tpm);
	swtpm_remove(&s);
}

/* A library that drops leading zero bytes of the shared point disagrees with the TPM about one salt in 200. */
static void
every_salt_gives_a_session(void **state)
{
	enum { SESSIONS = 1000 };
	struct tpm *tpm;
	struct swtpm s;
	uint32_t before;

	(void)state;
	swtpm_make(&s, "sha256");
	tpm = power_on(&s);
	before = tpm->tcti.commands;
	for (int i = 0; i < SESSIONS; i++) {
		ESYS_TR session = ESYS_TR_NONE;

		assert_event(tpm_session_open(tpm, TPM2_SE_HMAC, &session), EV_none);
		assert_int_equal(Esys_FlushContext(tpm->esys, session), 0);
	}
	assert_int_equal(tpm->tcti.commands - before, 3 * SESSIONS);	/* begun, proven, flushed: never twice */
	tpm_finish(tpm);
	swtpm_remove(&s);
}

static void
refuses_other_pcrs(void **state)
{
	const unsigned pcrs[] = { 4, 7 };
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	enrol_and_close(&s);
	clear_found();
	for (size_t i = 0; i < 2; i++) {
		swtpm_on(&s, 1);
		swtpm_extend(&s, pcrs[i], 1);
		assert_event(open_beside(&s, &tpm), EV_none);
		assert_event(tpm_index_state(tpm), EV_tpm_policy);
		assert_event(tpm_read(tpm, &found), EV_tpm_policy);
		assert_event(tpm_enrol(tpm, &written), EV_tpm_policy);
		assert_event(tpm_close(tpm, 1), EV_none);
		tpm_finish(tpm);

		/* changed after it was looked at */
		tpm = power_on(&s);
		assert_event(tpm_index_state(tpm), EV_none);
		swtpm_extend(&s, pcrs[i], 1);
		assert_event(tpm_read(tpm, &found), EV_tpm_policy);
		assert_event(tpm_close(tpm, 0), EV_tpm_latch);
		assert_latch(&s, 0x0b, latches[1].closed);
		tpm_finish(tpm);
	}
	assert_true(is_untouched());
	tpm = power_on(&s);
	assert_event(tpm_read(tpm, &found), EV_none);
	assert_true(is_found());
	tpm_finish(tpm);
	swtpm_remove(&s);
}

static void
refuses_unused_pcrs(void **state)
{
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	for (unsigned without = 0; without < 8; without++) {
		swtpm_on(&s, 0);
		for (unsigned bit = 0; bit < 3; bit++)
			if ((without & 1u << bit) == 0)
				swtpm_extend(&s, bit == 0 ? 0 : bit == 1 ? 4 : 7, 3);
		assert_event(open_beside(&s, &tpm), without == 0 ? EV_none : EV_tpm_pcr_unused);
		if (without == 0)
			tpm_finish(tpm);
		else
			assert_latch(&s, 0x0b, latches[1].closed);
	}
	swtpm_remove(&s);
}

static void
refuses_a_used_latch(void **state)
{
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	swtpm_on(&s, 1);
	swtpm_extend(&s, 8, 9);
	assert_event(open_beside(&s, &tpm), EV_none);
	assert_event(tpm_index_state(tpm), EV_tpm_not_enrolled);
	assert_event(tpm_enrol(tpm, &written), EV_tpm_pcr8_used);
	assert_event(tpm_close(tpm, 1), EV_tpm_latch);
	tpm_finish(tpm);
	enrol_and_close(&s);
	swtpm_on(&s, 1);
	swtpm_extend(&s, 8, 9);
	clear_found();
	assert_event(open_beside(&s, &tpm), EV_none);
	assert_event(tpm_index_state(tpm), EV_tpm_pcr8_used);
	assert_event(tpm_read(tpm, &found), EV_tpm_pcr8_used);
	assert_true(is_untouched());
	tpm_finish(tpm);
	swtpm_remove(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_again_in_all_banks),
		cmocka_unit_test(refuses_a_tpm_without_sha256),
		cmocka_unit_test(nothing_reads_after_the_latch),
		cmocka_unit_test(every_salt_gives_a_session),
		cmocka_unit_test(refuses_other_pcrs),
		cmocka_unit_test(refuses_unused_pcrs),
		cmocka_unit_test(refuses_a_used_latch),
	};

	return cmocka_run_group_tests(tests, fixture_setup, NULL);
}
