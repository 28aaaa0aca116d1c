/*
 * The attestation key and its quotes against a real software TPM, and against tpm2-tools, which know nothing of the module.
 * Outside the wall: tests only.
 */
#include <stdio.h>
#include <string.h>

#include <sodium.h>
#include <tss2/tss2_mu.h>

#include "tpm_fixture.h"
#include "tpm_tools.h"

static const uint8_t qualifying[32] = "the request's BLAKE2b-256 -----", other[32] = "another request's BLAKE2b-256 -";

/* TPMT_PUBLIC of a handle, asked of the TPM itself; 0 bytes: nothing there. */
static size_t
raw_public(struct swtpm *s, uint32_t handle, uint8_t out[TPM_PUBLIC_MAX])
{
	const uint8_t c[] = { 0x80, 0x01, 0, 0, 0, 14, 0, 0, 0x01, 0x73, (uint8_t)(handle >> 24), (uint8_t)(handle >> 16),
	    (uint8_t)(handle >> 8), (uint8_t)handle };
	uint8_t a[SWTPM_BYTES_MAX];
	size_t n;

	if (swtpm_command(s, c, sizeof c, a, &n) != 0)
		return 0;
	assert_true(wire_get16(a + 10) <= TPM_PUBLIC_MAX && n > 12u + wire_get16(a + 10));
	memcpy(out, a + 12, wire_get16(a + 10));
	return wire_get16(a + 10);
}

static void
assert_ak(struct swtpm *s, struct tpm *tpm, const uint8_t *wanted, uint32_t wanted_bytes)
{
	uint8_t pub[TPM_PUBLIC_MAX], raw[TPM_PUBLIC_MAX];
	uint32_t n = 0;

	assert_event(tpm_ak_public(tpm, pub, &n), EV_none);
	assert_int_equal(tpm_detail(tpm), 0);
	assert_int_equal(raw_public(s, TPM_AK_HANDLE, raw), n);
	assert_memory_equal(pub, raw, n);
	if (wanted != NULL) {
		assert_int_equal(n, wanted_bytes);
		assert_memory_equal(pub, wanted, n);
	}
}

static void
is_made_once_and_stays(void **state)
{
	/* type ECC, SHA-256, its attributes, no policy, no symmetric, ECDSA with SHA-256, P-256, no KDF */
	static const uint8_t template[] = { 0x00, 0x23, 0x00, 0x0b, 0x00, 0x05, 0x04, 0x72, 0x00, 0x00, 0x00, 0x10, 0x00, 0x18, 0x00, 0x0b,
	    0x00, 0x03, 0x00, 0x10 };
	uint8_t pub[TPM_PUBLIC_MAX], raw[TPM_PUBLIC_MAX];
	struct tpm *tpm;
	uint32_t n = 77;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	tpm = power_on(&s);
	assert_event(tpm_ak_public(tpm, pub, &n), EV_tpm_ak);
	assert_int_equal(n, 77);
	assert_event(tpm_ak_make(tpm), EV_none);
	assert_int_equal(tpm_detail(tpm), 0);
	assert_event(tpm_ak_public(tpm, pub, &n), EV_none);
	assert_int_equal(n, sizeof template + 2 * 34);
	assert_memory_equal(pub, template, sizeof template);
	tpm_finish(tpm);
	assert_int_equal(raw_handles(&s), 0);
	enrol_with_org(&s);	/* the same again: kept */
	tpm = boot(&s);
	assert_ak(&s, tpm, pub, n);
	assert_event(tpm_measure(tpm, "manifest id", 11), EV_none);
	assert_ak(&s, tpm, pub, n);
	tpm_finish(tpm);
	assert_int_equal(raw_handles(&s), 0);
	/* another TPM has another one */
	swtpm_remove(&s);
	swtpm_make(&s, NULL);
	enrol_with_org(&s);
	tpm = boot(&s);
	assert_ak(&s, tpm, NULL, 0);
	assert_int_equal(raw_public(&s, TPM_AK_HANDLE, raw), n);
	assert_memory_not_equal(raw, pub, n);
	tpm_finish(tpm);
	swtpm_remove(&s);
}

static void
is_told_from_others_by_every_field(void **state)
{
	uint8_t bytes[TPM_PUBLIC_MAX];
	TPMT_PUBLIC ours, key;
	TPMS_ECC_PARMS *ecc = &key.parameters.eccDetail;
	struct tpm *tpm;
	struct swtpm s;
	size_t at = 0;
	uint32_t n;

	(void)state;
	swtpm_make(&s, "sha256");
	tpm = power_on(&s);
	assert_event(tpm_ak_make(tpm), EV_none);
	assert_event(tpm_ak_public(tpm, bytes, &n), EV_none);
	tpm_finish(tpm);
	swtpm_remove(&s);
	assert_int_equal(Tss2_MU_TPMT_PUBLIC_Unmarshal(bytes, n, &at, &ours), 0);
	for (unsigned i = 0; i < 16 + 32; i++) {
		key = ours;
		switch (i) {
		case 0: key.unique.ecc.x.buffer[3] ^= 1; key.unique.ecc.y.size = 31; break;
		case 1: key.type = TPM2_ALG_RSA; break;
		case 2: key.nameAlg = TPM2_ALG_SHA384; break;
		case 3: key.authPolicy.size = 32; break;
		case 4: ecc->symmetric.algorithm = TPM2_ALG_AES; ecc->symmetric.keyBits.aes = 128; ecc->symmetric.mode.aes = TPM2_ALG_CFB; break;
		case 5: ecc->scheme.scheme = TPM2_ALG_ECSCHNORR; break;
		case 6: ecc->scheme.scheme = TPM2_ALG_NULL; break;
		case 7: ecc->scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA1; break;
		case 8: ecc->curveID = TPM2_ECC_NIST_P384; break;
		case 9: ecc->kdf.scheme = TPM2_ALG_MGF1; ecc->kdf.details.mgf1.hashAlg = TPM2_ALG_SHA256; break;
		case 10: key.unique.ecc.x.size = 0; break;
		case 11: key.unique.ecc.x.size = 33; break;
		case 12: key.unique.ecc.y.size = 0; break;
		case 13: key.unique.ecc.y.size = 33; break;
		case 14: key.unique.ecc.x.size = UINT16_MAX; break;
		case 15: key.authPolicy.size = UINT16_MAX; break;
		default: key.objectAttributes ^= UINT32_C(1) << (i - 16); break;
		}
		assert_int_equal(tpm_key_is_like(&key, &ours), i == 0);	/* another point is another TPM's */
	}
	assert_true(tpm_key_is_like(&ours, &ours));
}

/* Makes a key of somebody else's and puts it where ours belongs. */
static void
squat(struct swtpm *s, struct tools *tools, const char *create)
{
	char script[400];

	(void)snprintf(script, sizeof script, "%s -c squatter.ctx && tpm2_evictcontrol -C o -c squatter.ctx 0x%x && tpm2_flushcontext -t",
	    create, TPM_AK_HANDLE);
	assert_int_equal(tools_run(tools, s, script), 0);
}

static void
takes_its_place_from_another_key(void **state)
{
	static const char *const squatters[] = {
		"tpm2_createprimary -C o -G ecc256:ecdsa-sha256 -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|sign'",
		"tpm2_createprimary -C o -G ecc256:null:aes128cfb",
		"tpm2_createprimary -C e -G ecc384:ecdsa-sha256:null -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign'",
		"tpm2_createprimary -C e -G ecc256:ecdsa-sha384:null -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign'",
		"tpm2_createprimary -C o -G rsa2048:rsassa-sha256:null -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign'",
	};
	struct tpm_quote quote;
	struct tools tools;
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	tools_make(&tools);
	for (size_t i = 0; i < sizeof squatters / sizeof squatters[0]; i++) {
		uint8_t pub[TPM_PUBLIC_MAX];
		uint32_t n;

		swtpm_on(&s, 1);
		squat(&s, &tools, squatters[i]);
		assert_event(open_beside(&s, &tpm), EV_none);
		assert_event(tpm_ak_public(tpm, pub, &n), EV_tpm_ak);
		assert_event(tpm_quote(tpm, qualifying, &quote), EV_tpm_ak);
		assert_event(tpm_ak_make(tpm), EV_none);
		assert_ak(&s, tpm, NULL, 0);
		tpm_finish(tpm);
		assert_int_equal(raw_handles(&s), 0);
		swtpm_clear(&s);
	}
	/* one of exactly our template that is not ours: refused only by those who know ours; an enrolment puts ours there */
	swtpm_on(&s, 1);
	squat(&s, &tools, "tpm2_createprimary -C e -G ecc256:ecdsa-sha256:null "
	    "-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign'");
	assert_event(open_beside(&s, &tpm), EV_none);
	{
		uint8_t theirs[TPM_PUBLIC_MAX], ours[TPM_PUBLIC_MAX];
		size_t n = raw_public(&s, TPM_AK_HANDLE, theirs);

		assert_ak(&s, tpm, theirs, (uint32_t)n);
		assert_event(tpm_ak_make(tpm), EV_none);
		assert_int_equal(raw_public(&s, TPM_AK_HANDLE, ours), n);
		assert_memory_not_equal(ours, theirs, n);
	}
	tpm_finish(tpm);
	tools_remove(&tools);
	swtpm_remove(&s);
}

static void
says_when_the_tpm_has_an_owner(void **state)
{
	const uint32_t hierarchies[] = { TPM2_RH_OWNER, TPM2_RH_ENDORSEMENT };
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	for (size_t i = 0; i < 2; i++) {
		uint8_t raw[TPM_PUBLIC_MAX];

		swtpm_on(&s, 1);
		swtpm_set_auth(&s, hierarchies[i], (const uint8_t *)"theirs", 6);
		assert_event(open_beside(&s, &tpm), EV_none);
		assert_event(tpm_ak_make(tpm), EV_tpm_owned);
		assert_int_equal(tpm_rc_base(tpm_detail(tpm)), TPM2_RC_BAD_AUTH);
		assert_int_equal(raw_public(&s, TPM_AK_HANDLE, raw), 0);
		tpm_finish(tpm);
		assert_int_equal(raw_handles(&s), 0);
		assert_int_equal(raw_lockout_counter(&s), 0);
		swtpm_clear(&s);
	}
	/* set after the enrolment it is in nobody's way */
	enrol_with_org(&s);
	for (size_t i = 0; i < 2; i++)
		swtpm_set_auth(&s, hierarchies[i], (const uint8_t *)"theirs", 6);
	tpm = boot(&s);
	assert_ak(&s, tpm, NULL, 0);
	assert_event(tpm_quote(tpm, qualifying, &(struct tpm_quote){ .attest_bytes = 0 }), EV_none);
	tpm_finish(tpm);
	swtpm_remove(&s);
}

static void
put_ak(const struct tools *tools, struct tpm *tpm)
{
	uint8_t pub[TPM_PUBLIC_MAX];
	uint32_t n;

	assert_event(tpm_ak_public(tpm, pub, &n), EV_none);
	tools_put_public(tools, "ak.pub", pub, n);
}

/* What a hostile TPM could sign, were it not for this: every byte of a true quote, and every length. */
static void
a_quote_of_anything_else_is_no_quote(void **state)
{
	struct tpm_quote quote;
	uint8_t bad[TPM_ATTEST_MAX + 1];
	struct tpm *tpm;
	struct swtpm s;
	uint32_t n;

	(void)state;
	swtpm_make(&s, "sha256");
	enrol_with_org(&s);
	tpm = boot(&s);
	assert_event(tpm_quote(tpm, qualifying, &quote), EV_none);
	tpm_finish(tpm);
	n = quote.attest_bytes;
	assert_int_equal(n, 4 + 2 + 2 + 34 + 2 + 32 + 17 + 8 + 4 + 2 + 1 + 3 + 2 + 32);
	memset(bad, 0, sizeof bad);
	memcpy(bad, quote.attest, n);
	assert_ptr_equal(tpm_attest_check(bad, n, qualifying), bad + n - 32);
	assert_null(tpm_attest_check(bad, n, other));
	for (uint32_t at = 0; at <= n + 1; at++)
		if (at != n)
			assert_null(tpm_attest_check(bad, at, qualifying));
	for (uint32_t at = 0; at < n; at++)
		for (int bit = 0; bit < 8; bit++) {
			/* the signer's Name, clock and firmware are for the organisation to judge; the digest is compared by the caller */
			int free = (at >= 8 && at < 42) || (at >= 76 && at < 101) || at >= n - 32;

			bad[at] ^= (uint8_t)(1 << bit);
			assert_true((tpm_attest_check(bad, n, qualifying) != NULL) == free);
			bad[at] ^= (uint8_t)(1 << bit);
		}
	swtpm_remove(&s);
}

static void
a_quote_is_good_for_others(void **state)
{
	static const unsigned numbers[TPM_QUOTED] = { 0, 4, 7, 8, 11, 12, 13 };
	struct tpm_quote quote, late;
	struct tools tools;
	struct tpm *tpm;
	struct swtpm s;
	uint8_t pcr[64];

	(void)state;
	swtpm_make(&s, NULL);
	tools_make(&tools);
	enrol_with_org(&s);
	tpm = boot(&s);
	swtpm_extend(&s, 11, 0x11);
	swtpm_extend(&s, 13, 0x13);
	put_ak(&tools, tpm);
	assert_event(tpm_quote(tpm, qualifying, &quote), EV_none);
	assert_int_equal(tpm_detail(tpm), 0);
	for (size_t i = 0; i < TPM_QUOTED; i++) {
		assert_int_equal(raw_pcr(&s, TPM2_ALG_SHA256, numbers[i], pcr), 32);
		assert_memory_equal(pcr, quote.pcr[i], 32);
	}
	assert_int_equal(tools_checkquote(&tools, &quote, quote.pcr, qualifying), 0);
	assert_int_not_equal(tools_checkquote(&tools, &quote, quote.pcr, other), 0);
	for (size_t at = 0; at < quote.attest_bytes; at += 9) {
		quote.attest[at] ^= 1;
		assert_int_not_equal(tools_checkquote(&tools, &quote, quote.pcr, qualifying), 0);
		quote.attest[at] ^= 1;
	}
	quote.signature[20] ^= 1;
	assert_int_not_equal(tools_checkquote(&tools, &quote, quote.pcr, qualifying), 0);
	quote.signature[20] ^= 1;
	/* made when the latch had moved on, as from the OS: a true quote, but not of these registers */
	assert_event(tpm_measure(tpm, "manifest id", 11), EV_none);
	assert_event(tpm_quote(tpm, qualifying, &late), EV_none);
	assert_int_equal(tools_checkquote(&tools, &late, late.pcr, qualifying), 0);
	assert_int_not_equal(tools_checkquote(&tools, &late, quote.pcr, qualifying), 0);
	assert_memory_not_equal(late.pcr[3], quote.pcr[3], 32);
	assert_int_equal(tools_checkquote(&tools, &quote, quote.pcr, qualifying), 0);
	tpm_finish(tpm);
	assert_int_equal(raw_handles(&s), 0);
	tools_remove(&tools);
	swtpm_remove(&s);
}

/* --- a register that moves between the reading and the quote --- */

struct mover {
	struct swtpm *swtpm;
	unsigned times;		/* that many quotes find PCR 12 moved */
	unsigned quotes;
};

static enum tap
move_pcr(void *context, unsigned n, const uint8_t *command, size_t command_bytes, uint8_t *answer, size_t *answer_bytes)
{
	struct mover *m = context;

	(void)n, (void)command_bytes, (void)answer_bytes;
	if (answer != NULL || wire_get32(command + 6) != TPM2_CC_Quote)
		return TAP_pass;
	if (m->quotes++ < m->times)
		swtpm_extend(m->swtpm, 12, 0x12);
	return TAP_pass;
}

static void
a_register_that_moves_is_quoted_again_and_not_for_ever(void **state)
{
	struct mover mover;
	struct tools tools;
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	tools_make(&tools);
	enrol_with_org(&s);
	for (unsigned times = 0; times <= 2; times++) {
		struct tpm_quote quote = { .attest_bytes = 7 };

		mover = (struct mover){ .swtpm = &s, .times = times };
		tap.hook = move_pcr;
		tap.context = &mover;
		assert_event(open_tapped(&s, &tpm), EV_none);
		put_ak(&tools, tpm);
		assert_event(tpm_quote(tpm, qualifying, &quote), times == 2 ? EV_tpm_answer : EV_none);
		assert_int_equal(mover.quotes, times == 0 ? 1 : 2);
		if (times == 2)
			assert_int_equal(quote.attest_bytes, 7);
		else
			assert_int_equal(tools_checkquote(&tools, &quote, quote.pcr, qualifying), 0);
		finish_tapped(tpm);
	}
	tools_remove(&tools);
	swtpm_remove(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_made_once_and_stays),
		cmocka_unit_test(is_told_from_others_by_every_field),
		cmocka_unit_test(takes_its_place_from_another_key),
		cmocka_unit_test(says_when_the_tpm_has_an_owner),
		cmocka_unit_test(a_quote_of_anything_else_is_no_quote),
		cmocka_unit_test(a_quote_is_good_for_others),
		cmocka_unit_test(a_register_that_moves_is_quoted_again_and_not_for_ever),
	};

	return cmocka_run_group_tests(tests, fixture_setup, NULL);
}
