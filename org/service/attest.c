/*
 * Judges a quote.  On the organisation's side; pure.
 * Distrusts every byte but the document's own digest, which it makes: key, attested structure and signature are the node's.
 */
#include <string.h>

#include <mbedtls/ecdsa.h>
#include <sodium.h>
#include <tss2/tss2_mu.h>

#include "attest.h"

enum { SELECT_BYTES = 3 };

/* PCRs 0, 4, 7, 8, 11, 12, 13, as the bits of TPMS_PCR_SELECTION. */
static const uint8_t selected[SELECT_BYTES] = { 1 << 0 | 1 << 4 | 1 << 7, 1 << 0 | 1 << 3 | 1 << 4 | 1 << 5, 0 };

static const char *const texts[ATTEST_COUNT] = {
	[ATTEST_ok] = "the quote is good\n",
	[ATTEST_key] = "the attestation key is not a restricted ECDSA P-256 key with SHA-256 that was made in its TPM\n",
	[ATTEST_form] = "the quote is no TPMS_ATTEST\n",
	[ATTEST_type] = "what was signed is not a quote made by a TPM\n",
	[ATTEST_document] = "the quote is of another document\n",
	[ATTEST_selection] = "the quote is not of PCRs 0, 4, 7, 8, 11, 12, 13 of the SHA-256 bank\n",
	[ATTEST_digest] = "the PCRs are not those that were quoted\n",
	[ATTEST_algorithm] = "the signature is not ECDSA with SHA-256\n",
	[ATTEST_signature] = "the attestation key did not sign this quote\n",
	[ATTEST_latch] = "PCR 8 is not as preboot leaves it\n",
	[ATTEST_unused] = "PCR 0, 4 or 7 was never extended: the firmware measures nothing\n",
};

const char *
attest_text(enum attest_why why)
{
	return texts[why];
}

/* TPM2B_ECC_PARAMETER: leading zeros may be left out.  0 or -1. */
static int
take_number(const TPM2B_ECC_PARAMETER *from, uint8_t out[ATTEST_POINT_BYTES])
{
	if (from->size == 0 || from->size > ATTEST_POINT_BYTES)
		return -1;
	memset(out, 0, ATTEST_POINT_BYTES);
	memcpy(out + ATTEST_POINT_BYTES - from->size, from->buffer, from->size);
	return 0;
}

static int
is_template(const TPMT_PUBLIC *public)
{
	const TPMA_OBJECT must = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_RESTRICTED |
	    TPMA_OBJECT_SIGN_ENCRYPT;
	const TPMA_OBJECT may = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_NODA;	/* who may use it is its node's affair */
	const TPMS_ECC_PARMS *ecc = &public->parameters.eccDetail;

	return public->type == TPM2_ALG_ECC && public->nameAlg == TPM2_ALG_SHA256 && (public->objectAttributes & ~may) == must &&
	    ecc->symmetric.algorithm == TPM2_ALG_NULL && ecc->scheme.scheme == TPM2_ALG_ECDSA &&
	    ecc->scheme.details.ecdsa.hashAlg == TPM2_ALG_SHA256 && ecc->curveID == TPM2_ECC_NIST_P256 && ecc->kdf.scheme == TPM2_ALG_NULL;
}

/* Is it a point of the curve?  Mbed TLS's verification would find that out as well; then it would be the signature that is wrong. */
static int
is_point(const struct attest_key *key)
{
	uint8_t raw[1 + 2 * ATTEST_POINT_BYTES] = { 4 };	/* uncompressed: SEC 1, 2.3.3 */
	mbedtls_ecp_group group;
	mbedtls_ecp_point point;
	int good;

	memcpy(raw + 1, key->x, sizeof key->x);
	memcpy(raw + 1 + sizeof key->x, key->y, sizeof key->y);
	mbedtls_ecp_group_init(&group);
	mbedtls_ecp_point_init(&point);
	good = mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1) == 0 &&
	    mbedtls_ecp_point_read_binary(&group, &point, raw, sizeof raw) == 0 && mbedtls_ecp_check_pubkey(&group, &point) == 0;
	mbedtls_ecp_point_free(&point);
	mbedtls_ecp_group_free(&group);
	return good;
}

enum attest_why
attest_key(const void *public, size_t len_bytes, struct attest_key *out)
{
	uint8_t again[sizeof(TPMT_PUBLIC)];
	struct attest_key key;
	TPMT_PUBLIC parsed;
	size_t at = 0, n = 0;

	memset(&parsed, 0, sizeof parsed);
	/* marshalled again it must be the same: what is hashed into the name is then what was looked at, and nothing behind it */
	if (Tss2_MU_TPMT_PUBLIC_Unmarshal(public, len_bytes, &at, &parsed) != TSS2_RC_SUCCESS || at != len_bytes ||
	    Tss2_MU_TPMT_PUBLIC_Marshal(&parsed, again, sizeof again, &n) != TSS2_RC_SUCCESS || n != len_bytes ||
	    memcmp(again, public, n) != 0 || !is_template(&parsed) || take_number(&parsed.unique.ecc.x, key.x) != 0 ||
	    take_number(&parsed.unique.ecc.y, key.y) != 0 || !is_point(&key))
		return ATTEST_key;
	key.name[0] = TPM2_ALG_SHA256 >> 8;
	key.name[1] = TPM2_ALG_SHA256 & 0xff;
	(void)crypto_hash_sha256(key.name + 2, public, len_bytes);	/* never fails */
	*out = key;
	return ATTEST_ok;
}

static enum attest_why
judge_attested(const TPMS_ATTEST *attested, const void *document, size_t len_bytes, const uint8_t (*const pcr[ATTEST_PCRS])[32])
{
	const TPML_PCR_SELECTION *selection = &attested->attested.quote.pcrSelect;
	const TPM2B_DIGEST *digest = &attested->attested.quote.pcrDigest;
	crypto_hash_sha256_state state;
	uint8_t want[32];

	if (attested->magic != TPM2_GENERATED_VALUE || attested->type != TPM2_ST_ATTEST_QUOTE)
		return ATTEST_type;
	(void)crypto_generichash(want, sizeof want, document, len_bytes, NULL, 0);	/* sizes are fixed, no key: never fails */
	if (attested->extraData.size != sizeof want || memcmp(attested->extraData.buffer, want, sizeof want) != 0)
		return ATTEST_document;
	if (selection->count != 1 || selection->pcrSelections[0].hash != TPM2_ALG_SHA256 ||
	    selection->pcrSelections[0].sizeofSelect != SELECT_BYTES || memcmp(selection->pcrSelections[0].pcrSelect, selected, SELECT_BYTES) != 0)
		return ATTEST_selection;
	(void)crypto_hash_sha256_init(&state);
	for (unsigned i = 0; i < ATTEST_PCRS; i++)
		(void)crypto_hash_sha256_update(&state, *pcr[i], sizeof *pcr[i]);
	(void)crypto_hash_sha256_final(&state, want);
	return digest->size == sizeof want && memcmp(digest->buffer, want, sizeof want) == 0 ? ATTEST_ok : ATTEST_digest;
}

static int
verifies(const struct attest_key *key, const uint8_t hash[32], const uint8_t r_bytes[ATTEST_POINT_BYTES],
    const uint8_t s_bytes[ATTEST_POINT_BYTES])
{
	uint8_t raw[1 + 2 * ATTEST_POINT_BYTES] = { 4 };
	mbedtls_ecp_group group;
	mbedtls_ecp_point point;
	mbedtls_mpi r, s;
	int good;

	memcpy(raw + 1, key->x, sizeof key->x);
	memcpy(raw + 1 + sizeof key->x, key->y, sizeof key->y);
	mbedtls_ecp_group_init(&group);
	mbedtls_ecp_point_init(&point);
	mbedtls_mpi_init(&r);
	mbedtls_mpi_init(&s);
	good = mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1) == 0 &&
	    mbedtls_ecp_point_read_binary(&group, &point, raw, sizeof raw) == 0 && mbedtls_mpi_read_binary(&r, r_bytes, ATTEST_POINT_BYTES) == 0 &&
	    mbedtls_mpi_read_binary(&s, s_bytes, ATTEST_POINT_BYTES) == 0 && mbedtls_ecdsa_verify(&group, hash, 32, &point, &r, &s) == 0;
	mbedtls_mpi_free(&s);
	mbedtls_mpi_free(&r);
	mbedtls_ecp_point_free(&point);
	mbedtls_ecp_group_free(&group);
	return good;
}

static enum attest_why
judge_signature(const struct attest_key *key, const struct doc_quote *quote)
{
	uint8_t hash[32], r[ATTEST_POINT_BYTES], s[ATTEST_POINT_BYTES], again[sizeof(TPMT_SIGNATURE)];
	const TPMS_SIGNATURE_ECDSA *ecdsa;
	TPMT_SIGNATURE signature;
	size_t at = 0, n = 0;

	memset(&signature, 0, sizeof signature);
	if (Tss2_MU_TPMT_SIGNATURE_Unmarshal(quote->signature.at, quote->signature.bytes, &at, &signature) != TSS2_RC_SUCCESS ||
	    at != quote->signature.bytes || Tss2_MU_TPMT_SIGNATURE_Marshal(&signature, again, sizeof again, &n) != TSS2_RC_SUCCESS ||
	    n != at || memcmp(again, quote->signature.at, n) != 0)
		return ATTEST_algorithm;
	ecdsa = &signature.signature.ecdsa;
	if (signature.sigAlg != TPM2_ALG_ECDSA || ecdsa->hash != TPM2_ALG_SHA256 || take_number(&ecdsa->signatureR, r) != 0 ||
	    take_number(&ecdsa->signatureS, s) != 0)
		return ATTEST_algorithm;
	(void)crypto_hash_sha256(hash, quote->attest.at, quote->attest.bytes);
	return verifies(key, hash, r, s) ? ATTEST_ok : ATTEST_signature;
}

static int
is_all(const uint8_t pcr[32], uint8_t byte)
{
	for (unsigned i = 0; i < 32; i++)
		if (pcr[i] != byte)
			return 0;
	return 1;
}

/* The latch: PCR 8, zero at reset, extended once by SHA-256 of the constant. */
static void
closed_value(uint8_t out[32])
{
	static const char closed[] = "sallyport closed 1";
	uint8_t both[64] = { 0 };

	(void)crypto_hash_sha256(both + 32, (const unsigned char *)closed, sizeof closed - 1);
	(void)crypto_hash_sha256(out, both, sizeof both);
}

enum attest_why
attest_judge(const struct attest_key *key, const void *document, size_t len_bytes, const struct doc_quote *quote, struct attest_clock *out)
{
	const uint8_t (*const pcr[ATTEST_PCRS])[32] = { &quote->pcr0, &quote->pcr4, &quote->pcr7, &quote->pcr8, &quote->pcr11, &quote->pcr12,
		&quote->pcr13 };
	uint8_t again[sizeof(TPMS_ATTEST)], closed[32];
	TPMS_ATTEST attested;
	enum attest_why why;
	size_t at = 0, n = 0;

	memset(&attested, 0, sizeof attested);
	if (Tss2_MU_TPMS_ATTEST_Unmarshal(quote->attest.at, quote->attest.bytes, &at, &attested) != TSS2_RC_SUCCESS ||
	    at != quote->attest.bytes || Tss2_MU_TPMS_ATTEST_Marshal(&attested, again, sizeof again, &n) != TSS2_RC_SUCCESS || n != at ||
	    memcmp(again, quote->attest.at, n) != 0)
		return ATTEST_form;
	why = judge_attested(&attested, document, len_bytes, pcr);
	if (why == ATTEST_ok)
		why = judge_signature(key, quote);
	if (why != ATTEST_ok)
		return why;
	closed_value(closed);
	if (memcmp(quote->pcr8, closed, sizeof closed) != 0)
		return ATTEST_latch;
	for (unsigned i = 0; i < 3; i++)
		if (is_all(*pcr[i], 0) || is_all(*pcr[i], 0xff))
			return ATTEST_unused;
	*out = (struct attest_clock){ .clock_ms = attested.clockInfo.clock, .firmware = attested.firmwareVersion,
		.reset_count = attested.clockInfo.resetCount, .restart_count = attested.clockInfo.restartCount,
		.safe = attested.clockInfo.safe == TPM2_YES };
	return ATTEST_ok;
}
