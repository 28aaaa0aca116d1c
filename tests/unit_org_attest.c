/*
 * Quotes, and the keys behind them: a recorded one of a software TPM, and ones of our own making, so that everything else is good when one
 * thing is not.  Host-side test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <mbedtls/ecdsa.h>
#include <sodium.h>

#include "attest.h"
#include "credential.h"
#include "quote_vector.h"

/* A key of the template whose other half we have. */
static mbedtls_ecp_group group;
static mbedtls_mpi secret;
static uint8_t ours[sizeof vector_ak];

static int
random_bytes(void *arg, unsigned char *out, size_t n)
{
	(void)arg;
	randombytes_buf(out, n);
	return 0;
}

static int
setup(void **state)
{
	uint8_t raw[65];
	mbedtls_ecp_point point;
	size_t n;

	(void)state;
	assert_true(sodium_init() >= 0);
	mbedtls_ecp_group_init(&group);
	mbedtls_ecp_point_init(&point);
	mbedtls_mpi_init(&secret);
	assert_int_equal(mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1), 0);
	assert_int_equal(mbedtls_ecp_gen_keypair(&group, &secret, &point, random_bytes, NULL), 0);
	assert_int_equal(mbedtls_ecp_point_write_binary(&group, &point, MBEDTLS_ECP_PF_UNCOMPRESSED, &n, raw, sizeof raw), 0);
	memcpy(ours, vector_ak, sizeof ours);
	memcpy(ours + sizeof ours - 66, raw + 1, 32);
	memcpy(ours + sizeof ours - 32, raw + 33, 32);
	mbedtls_ecp_point_free(&point);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	mbedtls_mpi_free(&secret);
	mbedtls_ecp_group_free(&group);
	return 0;
}

static void
stated(struct doc_quote *quote)
{
	uint8_t *const pcr[] = { quote->pcr0, quote->pcr4, quote->pcr7, quote->pcr8, quote->pcr11, quote->pcr12, quote->pcr13 };

	memset(quote, 0, sizeof *quote);
	for (unsigned i = 0; i < 7; i++)
		memcpy(pcr[i], vector_pcr[i], 32);
	memcpy(quote->attest.at, vector_attest, sizeof vector_attest);
	quote->attest.bytes = sizeof vector_attest;
	memcpy(quote->signature.at, vector_signature, sizeof vector_signature);
	quote->signature.bytes = sizeof vector_signature;
}

/* Signs what is attested, whatever it is, by our own key. */
static void
sign(struct doc_quote *quote)
{
	mbedtls_mpi r, s;
	uint8_t hash[32];

	(void)crypto_hash_sha256(hash, quote->attest.at, quote->attest.bytes);
	mbedtls_mpi_init(&r);
	mbedtls_mpi_init(&s);
	assert_int_equal(mbedtls_ecdsa_sign(&group, &r, &s, &secret, hash, sizeof hash, random_bytes, NULL), 0);
	memcpy(quote->signature.at, vector_signature, sizeof vector_signature);
	assert_int_equal(mbedtls_mpi_write_binary(&r, quote->signature.at + 6, 32), 0);
	assert_int_equal(mbedtls_mpi_write_binary(&s, quote->signature.at + 40, 32), 0);
	quote->signature.bytes = sizeof vector_signature;
	mbedtls_mpi_free(&s);
	mbedtls_mpi_free(&r);
}

/* The stated PCRs, hashed into what is attested: what a TPM with these PCRs would have said. */
static void
rehash(struct doc_quote *quote)
{
	const uint8_t *const pcr[] = { quote->pcr0, quote->pcr4, quote->pcr7, quote->pcr8, quote->pcr11, quote->pcr12, quote->pcr13 };
	crypto_hash_sha256_state state;

	(void)crypto_hash_sha256_init(&state);
	for (unsigned i = 0; i < 7; i++)
		(void)crypto_hash_sha256_update(&state, pcr[i], 32);
	(void)crypto_hash_sha256_final(&state, quote->attest.at + quote->attest.bytes - 32);
}

static enum attest_why
judge(const void *public, const struct doc_quote *quote)
{
	struct attest_clock clock;
	struct attest_key key;

	assert_int_equal(attest_key(public, sizeof vector_ak, &key), ATTEST_ok);
	return attest_judge(&key, vector_document, sizeof vector_document - 1, quote, &clock);
}

static void
recorded(void **state)
{
	struct attest_clock clock;
	struct doc_quote quote;
	struct attest_key key;

	(void)state;
	stated(&quote);
	assert_int_equal(attest_key(vector_ak, sizeof vector_ak, &key), ATTEST_ok);
	assert_int_equal(attest_judge(&key, vector_document, sizeof vector_document - 1, &quote, &clock), ATTEST_ok);
	/* magic 4, type 2, qualifiedSigner 36, extraData 34; clockInfo: clock 8, resetCount 4, restartCount 4, safe 1; firmwareVersion 8 */
	assert_int_equal(clock.reset_count, vector_attest[84 + 3] | vector_attest[84 + 2] << 8);
	assert_int_equal(clock.safe, 1);
	assert_int_equal(attest_judge(&key, vector_document, sizeof vector_document - 2, &quote, &clock), ATTEST_document);
}

static void
every_bit_counts(void **state)
{
	struct doc_quote quote;
	uint8_t *pcr[7] = { quote.pcr0, quote.pcr4, quote.pcr7, quote.pcr8, quote.pcr11, quote.pcr12, quote.pcr13 };

	(void)state;
	for (unsigned i = 0; i < 8 * sizeof vector_attest; i++) {
		stated(&quote);
		quote.attest.at[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(judge(vector_ak, &quote), ATTEST_ok);
	}
	for (unsigned i = 0; i < 8 * sizeof vector_signature; i++) {
		stated(&quote);
		quote.signature.at[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(judge(vector_ak, &quote), ATTEST_ok);
	}
	for (unsigned i = 0; i < 7 * 256; i++) {
		stated(&quote);
		pcr[i / 256][i % 256 / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(judge(vector_ak, &quote), ATTEST_digest);
	}
	stated(&quote);
	assert_int_equal(judge(vector_ak, &quote), ATTEST_ok);
	assert_int_equal(judge(ours, &quote), ATTEST_signature);	/* of another key */
}

static void
each_reason(void **state)
{
	enum { EXTRA = 6 + 36, TYPE = 4, TIME_BYTES = 101 + 33, SELECTION = sizeof vector_attest - 34 - 10 };
	struct doc_quote quote;

	(void)state;
	stated(&quote);
	sign(&quote);
	assert_int_equal(judge(ours, &quote), ATTEST_ok);	/* the twin of all that follows */
#define ALTERED(what, why) stated(&quote); what; sign(&quote); assert_int_equal(judge(ours, &quote), why)
	ALTERED(quote.attest.at[0] ^= 1, ATTEST_form);			/* not TPM_GENERATED: the one thing that a restricted key never signs */
	ALTERED(quote.attest.at[TYPE + 1] = 0x19; quote.attest.bytes = TIME_BYTES, ATTEST_type);	/* TPM2_GetTime, by the same key */
	ALTERED(quote.attest.at[EXTRA + 5] ^= 1, ATTEST_document);
	ALTERED(quote.attest.at[SELECTION + 5] = 0x04, ATTEST_selection);	/* the SHA-1 bank */
	ALTERED(quote.attest.at[SELECTION + 7] = 0x90, ATTEST_selection);	/* without PCR 0 */
	ALTERED(quote.attest.at[SELECTION + 9] = 0x01, ATTEST_selection);	/* with PCR 16 */
	ALTERED(quote.attest.at[SELECTION + 6] = 4, ATTEST_form);
	ALTERED(quote.attest.at[quote.attest.bytes - 1] ^= 1, ATTEST_digest);
	ALTERED(quote.attest.bytes++, ATTEST_form);			/* a byte behind it */
	ALTERED(quote.attest.bytes--, ATTEST_form);
	ALTERED(quote.pcr8[3] ^= 1; rehash(&quote), ATTEST_latch);
	ALTERED(memset(quote.pcr8, 0, 32); rehash(&quote), ATTEST_latch);	/* before preboot */
	ALTERED(memset(quote.pcr0, 0, 32); rehash(&quote), ATTEST_unused);
	ALTERED(memset(quote.pcr4, 0, 32); rehash(&quote), ATTEST_unused);
	ALTERED(memset(quote.pcr7, 0xff, 32); rehash(&quote), ATTEST_unused);
	ALTERED(quote.pcr11[0] ^= 1; rehash(&quote), ATTEST_ok);		/* what is measured is for the registry to judge */
#undef ALTERED
#define ALTERED(what, why) stated(&quote); sign(&quote); what; assert_int_equal(judge(ours, &quote), why)
	ALTERED(quote.signature.at[1] = 0x14, ATTEST_algorithm);		/* RSASSA */
	ALTERED(quote.signature.at[3] = 0x04, ATTEST_algorithm);		/* SHA-1 */
	ALTERED(quote.signature.bytes++, ATTEST_algorithm);
	ALTERED(quote.signature.bytes--, ATTEST_algorithm);
	ALTERED(memset(quote.signature.at + 6, 0, 32), ATTEST_signature);	/* r = 0 */
	ALTERED(memset(quote.signature.at + 40, 0, 32), ATTEST_signature);
	ALTERED(memset(quote.signature.at + 6, 0xff, 32), ATTEST_signature);	/* over the group's order */
#undef ALTERED
}

/* A signer may leave leading zeros out: one signature in 128 is shorter. */
static void
short_numbers(void **state)
{
	struct doc_quote quote;

	(void)state;
	do {
		stated(&quote);
		sign(&quote);
	} while (quote.signature.at[6] != 0);
	assert_int_equal(judge(ours, &quote), ATTEST_ok);
	memmove(quote.signature.at + 6, quote.signature.at + 7, quote.signature.bytes - 7);
	quote.signature.at[5] = 31;
	quote.signature.bytes--;
	assert_int_equal(judge(ours, &quote), ATTEST_ok);
}

static void
attestation_keys(void **state)
{
	static const uint8_t may[] = { 6, 7, 10 };	/* bits of TPMA_OBJECT: userWithAuth, adminWithPolicy, noDA */
	uint8_t altered[sizeof vector_ak + 1];
	struct attest_key key;
	unsigned good = 0;

	(void)state;
	for (unsigned bit = 0; bit < 32; bit++) {
		memcpy(altered, vector_ak, sizeof vector_ak);
		altered[7 - bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (attest_key(altered, sizeof vector_ak, &key) == ATTEST_ok) {
			assert_non_null(memchr(may, (int)bit, sizeof may));
			good++;
		}
	}
	assert_int_equal(good, sizeof may);
	/* 10: symmetric, 12: scheme, 14: its hash, 16: curve, 18: kdf, 20: x, 54: y */
	for (unsigned at = 0; at < sizeof vector_ak; at++) {
		memcpy(altered, vector_ak, sizeof vector_ak);
		altered[at] ^= 1;
		if (at < 4 || at > 7)
			assert_int_equal(attest_key(altered, sizeof vector_ak, &key), ATTEST_key);	/* x and y: no point of the curve */
	}
	memcpy(altered, vector_ak, sizeof vector_ak);
	altered[sizeof vector_ak] = 0;
	assert_int_equal(attest_key(altered, sizeof altered, &key), ATTEST_key);
	for (size_t n = 0; n < sizeof vector_ak; n++)
		assert_int_equal(attest_key(vector_ak, n, &key), ATTEST_key);
	assert_int_equal(attest_key(vector_ek, sizeof vector_ek, &key), ATTEST_key);
}

static void
endorsement_keys(void **state)
{
	const uint8_t sec[CREDENTIAL_BYTES] = { 1, 2, 3 };
	struct doc_credential first, second;
	uint8_t altered[sizeof vector_ek + 1], digest[32];
	struct attest_key ak;
	struct ek ek;

	(void)state;
	assert_int_equal(ek_parse(vector_ek, sizeof vector_ek, &ek), 0);
	(void)crypto_hash_sha256(digest, vector_ek, sizeof vector_ek);
	assert_memory_equal(ek.digest, digest, sizeof digest);
	for (unsigned bit = 0; bit < 8 * sizeof vector_ek; bit++) {
		memcpy(altered, vector_ek, sizeof vector_ek);
		altered[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(ek_parse(altered, sizeof vector_ek, &ek), -EBADMSG);
	}
	memcpy(altered, vector_ek, sizeof vector_ek);
	altered[sizeof vector_ek] = 0;
	assert_int_equal(ek_parse(altered, sizeof altered, &ek), -EBADMSG);
	for (size_t n = 0; n < sizeof vector_ek; n++)
		assert_int_equal(ek_parse(vector_ek, n, &ek), -EBADMSG);
	assert_int_equal(ek_parse(vector_ak, sizeof vector_ak, &ek), -EBADMSG);
	assert_int_equal(ek_parse(vector_ek, sizeof vector_ek, &ek), 0);
	assert_int_equal(attest_key(vector_ak, sizeof vector_ak, &ak), ATTEST_ok);
	memset(&first, 0, sizeof first);
	memset(&second, 0, sizeof second);
	assert_int_equal(credential_make(&ek, ak.name, sec, &first), 0);
	assert_int_equal(credential_make(&ek, ak.name, sec, &second), 0);
	assert_int_equal(first.blob.bytes, 2 + 34 + 34);
	assert_int_equal(first.secret.bytes, 2 + 68);
	assert_memory_not_equal(first.secret.at, second.secret.at, first.secret.bytes);	/* a key of one time */
	assert_memory_not_equal(first.blob.at, second.blob.at, first.blob.bytes);
	ek.x[3] ^= 1;
	assert_int_equal(credential_make(&ek, ak.name, sec, &first), -EBADMSG);	/* no point: nothing is given away */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(each_reason),
		cmocka_unit_test(short_numbers),
		cmocka_unit_test(attestation_keys),
		cmocka_unit_test(endorsement_keys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
