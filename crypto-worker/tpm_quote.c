/*
 * A quote of the PCRs by the attestation key.  In crypto-worker.
 * Distrusts the TPM's answer: what was signed is taken apart here, and is handed on only when it says what was asked.
 */
#include <string.h>

#include <sodium.h>
#include <tss2/tss2_mu.h>

#include "tpm_impl.h"

enum {
	PCRS_QUOTED = 1 << 0 | 1 << 4 | 1 << 7 | 1 << TPM_PCR_LATCH | 1 << 11 | 1 << 12 | 1 << 13,
	QUOTE_TRIES = 2,
	POINT_BYTES = 32,	/* P-256 */
	QUALIFYING_BYTES = 32,
};

static const uint8_t quoted_pcrs[TPM_QUOTED] = { 0, 4, 7, TPM_PCR_LATCH, 11, 12, 13 };

/* Takes n bytes off the front. NULL: that many are not there. */
static const uint8_t *
take(const uint8_t **p, size_t *left, size_t n)
{
	const uint8_t *at = *p;

	if (*left < n)
		return NULL;
	*p += n;
	*left -= n;
	return at;
}

static const uint8_t *
take_2b(const uint8_t **p, size_t *left, size_t *n)
{
	const uint8_t *size = take(p, left, 2);

	if (size == NULL)
		return NULL;
	*n = wire_get16(size);
	return take(p, left, *n);
}

/*
 * Part 2, 10.12.12 TPMS_ATTEST: magic, type, qualifiedSigner, extraData, clockInfo (17 bytes), firmwareVersion (8), then TPMS_QUOTE_INFO.
 * Returns the digest of the PCRs; NULL when this is anything but the quote that was asked for.
 */
const uint8_t *
tpm_attest_check(const uint8_t *p, size_t left, const uint8_t qualifying[32])
{
	static const uint8_t head[] = { 0xff, 'T', 'C', 'G', 0x80, 0x18 };	/* TPM_GENERATED_VALUE, TPM_ST_ATTEST_QUOTE */
	/* TPML_PCR_SELECTION: one bank, SHA-256, three bytes of bits */
	static const uint8_t what[] = { 0, 0, 0, 1, 0, 0x0b, 3, PCRS_QUOTED & 0xff, PCRS_QUOTED >> 8 & 0xff, PCRS_QUOTED >> 16 };
	const uint8_t *at;
	size_t n;

	if ((at = take(&p, &left, sizeof head)) == NULL || memcmp(at, head, sizeof head) != 0)
		return NULL;
	if (take_2b(&p, &left, &n) == NULL || n != TPM_NAME_BYTES)
		return NULL;
	if ((at = take_2b(&p, &left, &n)) == NULL || n != QUALIFYING_BYTES || memcmp(at, qualifying, n) != 0)
		return NULL;
	if (take(&p, &left, 17 + 8) == NULL)
		return NULL;
	if ((at = take(&p, &left, sizeof what)) == NULL || memcmp(at, what, sizeof what) != 0)
		return NULL;
	at = take_2b(&p, &left, &n);
	return at != NULL && n == TPM_SHA256_BYTES && left == 0 ? at : NULL;
}

static void
digest_pcrs(uint8_t (*pcr)[TPM_DIGEST_MAX], uint8_t out[TPM_SHA256_BYTES])
{
	crypto_hash_sha256_state state;

	/* libsodium's SHA-256 cannot fail */
	(void)crypto_hash_sha256_init(&state);
	for (size_t i = 0; i < TPM_QUOTED; i++)
		(void)crypto_hash_sha256_update(&state, pcr[quoted_pcrs[i]], TPM_SHA256_BYTES);
	(void)crypto_hash_sha256_final(&state, out);
}

/* One answer into out.  Only the organisation can say that the signature is by the key it knows; here it has to look like one. */
static enum event
take_quote(const TPM2B_ATTEST *attest, const TPMT_SIGNATURE *signature, const uint8_t qualifying[QUALIFYING_BYTES],
    uint8_t (*pcr)[TPM_DIGEST_MAX], struct tpm_quote *out, int *is_present)
{
	const TPMS_SIGNATURE_ECC *ecdsa = &signature->signature.ecdsa;
	uint8_t expected[TPM_SHA256_BYTES];
	const uint8_t *digest;
	size_t n = 0;

	if (attest->size > sizeof out->attest || (digest = tpm_attest_check(attest->attestationData, attest->size, qualifying)) == NULL)
		return EV_tpm_answer;
	if (signature->sigAlg != TPM2_ALG_ECDSA || ecdsa->hash != TPM2_ALG_SHA256 || ecdsa->signatureR.size == 0 ||
	    ecdsa->signatureR.size > POINT_BYTES || ecdsa->signatureS.size == 0 || ecdsa->signatureS.size > POINT_BYTES)
		return EV_tpm_answer;
	if (Tss2_MU_TPMT_SIGNATURE_Marshal(signature, out->signature, sizeof out->signature, &n) != 0)
		return EV_tpm_answer;
	out->signature_bytes = (uint32_t)n;
	memcpy(out->attest, attest->attestationData, attest->size);
	out->attest_bytes = attest->size;
	for (size_t i = 0; i < TPM_QUOTED; i++)
		memcpy(out->pcr[i], pcr[quoted_pcrs[i]], TPM_SHA256_BYTES);
	digest_pcrs(pcr, expected);
	*is_present = memcmp(digest, expected, sizeof expected) == 0;
	return EV_none;
}

static enum event
quote_once(struct tpm *tpm, ESYS_TR key, const uint8_t qualifying[QUALIFYING_BYTES], struct tpm_quote *out, int *is_present)
{
	const TPML_PCR_SELECTION pcrs = { .count = 1, .pcrSelections = { { .hash = TPM2_ALG_SHA256, .sizeofSelect = 3,
	    .pcrSelect = { PCRS_QUOTED & 0xff, PCRS_QUOTED >> 8 & 0xff, PCRS_QUOTED >> 16 } } } };
	const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };	/* the key's own */
	TPM2B_DATA data = { .size = QUALIFYING_BYTES };
	uint8_t pcr[24][TPM_DIGEST_MAX];
	TPMT_SIGNATURE *signature = NULL;
	TPM2B_ATTEST *attest = NULL;
	enum event event;
	TSS2_RC rc;

	memcpy(data.buffer, qualifying, QUALIFYING_BYTES);
	if ((event = tpm_pcrs_read(tpm, TPM2_ALG_SHA256, TPM_SHA256_BYTES, PCRS_QUOTED, pcr)) != EV_none)
		return event;
	rc = Esys_Quote(tpm->esys, key, tpm->hmac, ESYS_TR_NONE, ESYS_TR_NONE, &data, &scheme, &pcrs, &attest, &signature);
	if (rc != 0)
		return tpm_fail(tpm, rc);
	event = take_quote(attest, signature, qualifying, pcr, out, is_present);
	Esys_Free(attest);
	Esys_Free(signature);
	return event;
}

enum event
tpm_quote(struct tpm *tpm, const uint8_t qualifying[32], struct tpm_quote *out)
{
	struct tpm_quote quote = { 0 };
	ESYS_TR key = ESYS_TR_NONE;
	TPMT_PUBLIC pub;
	enum event event;
	int is_present = 0;

	if ((event = tpm_hmac_ready(tpm)) == EV_none)
		event = tpm_ak_find(tpm, &key, &pub);
	/* A register that moved between the reading and the quote: once more, and then it is not that. */
	for (int i = 0; event == EV_none && !is_present && i < QUOTE_TRIES; i++)
		event = quote_once(tpm, key, qualifying, &quote, &is_present);
	if (event == EV_none && !is_present)
		event = EV_tpm_answer;
	if (event == EV_none)
		*out = quote;
	tpm_leave(tpm, &key);
	return event;
}
