/*
 * PCR banks, reading PCRs, extending PCR 8 in all banks at once and checking that it took.  In crypto-worker.
 * Distrusts the TPM's own list and answers: a bank that cannot be computed here is refused, a register is compared with what it must hold.
 */
#include <string.h>

#include <mbedtls/md.h>

#include "tpm_impl.h"

static const struct alg_row {
	TPM2_ALG_ID alg;
	uint16_t digest_bytes;
	mbedtls_md_type_t md;
} algs[] = {
	{ TPM2_ALG_SHA1, 20, MBEDTLS_MD_SHA1 },
	{ TPM2_ALG_SHA256, TPM_SHA256_BYTES, MBEDTLS_MD_SHA256 },
	{ TPM2_ALG_SHA384, 48, MBEDTLS_MD_SHA384 },
	{ TPM2_ALG_SHA512, 64, MBEDTLS_MD_SHA512 },
};

static const struct alg_row *
find_alg(TPM2_ALG_ID alg)
{
	for (size_t i = 0; i < sizeof algs / sizeof algs[0]; i++)
		if (algs[i].alg == alg)
			return &algs[i];
	return NULL;
}

static uint32_t
selected(const TPMS_PCR_SELECTION *s)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < s->sizeofSelect && i < sizeof s->pcrSelect; i++)
		bits |= (uint32_t)s->pcrSelect[i] << 8 * i;
	return bits;
}

/* One row of the TPM's list. */
static enum event
take_bank(struct tpm *tpm, const TPMS_PCR_SELECTION *s)
{
	const struct alg_row *row = find_alg(s->hash);

	if (selected(s) == 0)
		return EV_none;	/* a bank that is not active */
	/* PCR 8 elsewhere but not here would leave this bank's policies open: every active bank must have it. */
	if (row == NULL || (selected(s) & 1 << TPM_PCR_LATCH) == 0)
		return EV_tpm_bank;
	if (s->hash == TPM2_ALG_SHA256 && (selected(s) & (TPM_PCRS_MEASURED | TPM_PCRS_POLICY)) != (TPM_PCRS_MEASURED | TPM_PCRS_POLICY))
		return EV_tpm_bank;
	for (unsigned i = 0; i < tpm->nbanks; i++)
		if (tpm->bank[i].alg == s->hash)
			return EV_tpm_answer;
	if (tpm->nbanks == TPM_BANKS_MAX)
		return EV_tpm_bank;
	tpm->bank[tpm->nbanks++] = (struct tpm_bank){ .alg = row->alg, .digest_bytes = row->digest_bytes };
	return EV_none;
}

enum event
tpm_banks_find(struct tpm *tpm)
{
	TPMS_CAPABILITY_DATA *cap = NULL;
	enum event event = EV_none;
	TPMI_YES_NO more = 0;
	int sha256 = 0;
	TSS2_RC rc;

	rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_PCRS, 0, TPM2_MAX_CAP_BUFFER, &more, &cap);
	if (rc != 0)
		return tpm_fail(tpm, rc);
	if (cap->capability != TPM2_CAP_PCRS || more != 0 || cap->data.assignedPCR.count > TPM2_NUM_PCR_BANKS)
		event = EV_tpm_answer;
	/* To the end even after a bad one: those that are known are closed on the way out. */
	for (unsigned i = 0; event != EV_tpm_answer && i < cap->data.assignedPCR.count; i++) {
		enum event one = take_bank(tpm, &cap->data.assignedPCR.pcrSelections[i]);

		event = one == EV_none ? event : one;
	}
	for (unsigned i = 0; i < tpm->nbanks; i++)
		sha256 |= tpm->bank[i].alg == TPM2_ALG_SHA256;
	if (event == EV_none && !sha256)
		event = EV_tpm_bank;
	Esys_Free(cap);
	return event;
}

/* Takes what the TPM gave of those that were asked for; returns their bits, 0 if it is not what an answer may be. */
static uint32_t
take_digests(const TPML_PCR_SELECTION *got, const TPML_DIGEST *values, TPM2_ALG_ID alg, uint16_t digest_bytes, uint32_t bits,
    uint8_t (*out)[TPM_DIGEST_MAX])
{
	uint32_t have, n = 0;

	if (got->count != 1 || got->pcrSelections[0].hash != alg)
		return 0;
	have = selected(&got->pcrSelections[0]);
	if ((have & ~bits) != 0)
		return 0;
	for (unsigned pcr = 0; pcr < 24; pcr++) {
		if ((have & 1u << pcr) == 0)
			continue;
		if (n == values->count || n == sizeof values->digests / sizeof values->digests[0] ||
		    values->digests[n].size != digest_bytes)
			return 0;
		memcpy(out[pcr], values->digests[n++].buffer, digest_bytes);
	}
	return n == values->count ? have : 0;
}

/* Values of the PCRs in bits (of 0 to 23) into out[number].  A TPM may give fewer than asked: the rest is asked for again. */
enum event
tpm_pcrs_read(struct tpm *tpm, TPM2_ALG_ID alg, uint16_t digest_bytes, uint32_t bits, uint8_t (*out)[TPM_DIGEST_MAX])
{
	while (bits != 0) {
		TPML_PCR_SELECTION ask = { .count = 1, .pcrSelections = { { .hash = alg, .sizeofSelect = 3,
		    .pcrSelect = { (uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16) } } } }, *got = NULL;
		TPML_DIGEST *values = NULL;
		uint32_t have, counter;
		TSS2_RC rc;

		rc = Esys_PCR_Read(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &ask, &counter, &got, &values);
		if (rc != 0)
			return tpm_fail(tpm, rc);
		have = take_digests(got, values, alg, digest_bytes, bits, out);
		Esys_Free(got);
		Esys_Free(values);
		if (have == 0)
			return EV_tpm_answer;
		bits &= ~have;
	}
	return EV_none;
}

enum event
tpm_pcr(struct tpm *tpm, unsigned pcr, uint8_t out[32])
{
	uint8_t value[24][TPM_DIGEST_MAX];
	enum event event;

	if (pcr >= 24)
		return EV_tpm_bank;
	if ((event = tpm_pcrs_read(tpm, TPM2_ALG_SHA256, TPM_SHA256_BYTES, 1u << pcr, value)) == EV_none)
		memcpy(out, value[pcr], TPM_SHA256_BYTES);
	return event;
}

/* H(old || H(data)) of one bank, and H(data) by itself for the TPM. */
static int
compute(const struct tpm_bank *bank, const void *data, size_t len_bytes, uint8_t digest[TPM_DIGEST_MAX], uint8_t after[TPM_DIGEST_MAX])
{
	const mbedtls_md_info_t *md = mbedtls_md_info_from_type(find_alg(bank->alg)->md);
	uint8_t both[2 * TPM_DIGEST_MAX];

	if (md == NULL || mbedtls_md(md, data, len_bytes, digest) != 0)
		return -1;
	memcpy(both, bank->latch, bank->digest_bytes);
	memcpy(both + bank->digest_bytes, digest, bank->digest_bytes);
	return mbedtls_md(md, both, 2u * bank->digest_bytes, after) == 0 ? 0 : -1;
}

/* Extends PCR 8 in every bank by one command, reads every bank back.  A bank's latch moves on only when it was seen to. */
enum event
tpm_latch_extend(struct tpm *tpm, const void *data, size_t len_bytes)
{
	TPML_DIGEST_VALUES digests = { .count = tpm->nbanks };
	uint8_t after[TPM_BANKS_MAX][TPM_DIGEST_MAX], value[TPM_PCR_LATCH + 1][TPM_DIGEST_MAX];
	enum event event;
	TSS2_RC rc;

	for (unsigned i = 0; i < tpm->nbanks; i++) {
		digests.digests[i].hashAlg = tpm->bank[i].alg;
		/* the digests are a union that begins at one place for every algorithm */
		if (compute(&tpm->bank[i], data, len_bytes, digests.digests[i].digest.sha512, after[i]) != 0)
			return EV_tpm_error;
	}
	rc = Esys_PCR_Extend(tpm->esys, ESYS_TR_PCR8, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &digests);
	if (rc != 0)
		return tpm_fail(tpm, rc);
	for (unsigned i = 0; i < tpm->nbanks; i++) {
		struct tpm_bank *bank = &tpm->bank[i];

		event = tpm_pcrs_read(tpm, bank->alg, bank->digest_bytes, 1u << TPM_PCR_LATCH, value);
		if (event != EV_none)
			return event;
		if (memcmp(value[TPM_PCR_LATCH], after[i], bank->digest_bytes) != 0)
			return EV_tpm_latch;
		memcpy(bank->latch, after[i], bank->digest_bytes);
	}
	return EV_none;
}
