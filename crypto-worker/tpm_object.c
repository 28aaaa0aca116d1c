/*
 * Keys that the TPM makes for an organisation: made in the endorsement hierarchy from a template, looked at, put into bytes.  In
 * crypto-worker.  Distrusts the answer: a key is what the template says or it is refused, and its Name is computed here.
 */
#include <string.h>

#include <sodium.h>
#include <tss2/tss2_mu.h>

#include "tpm_impl.h"

enum { POINT_BYTES = 32 };	/* P-256 */

int
tpm_key_marshal(const TPMT_PUBLIC *key, uint8_t out[TPM_PUBLIC_MAX], uint32_t *bytes)
{
	size_t at = 0;

	if (Tss2_MU_TPMT_PUBLIC_Marshal(key, out, TPM_PUBLIC_MAX, &at) != 0)
		return -1;
	*bytes = (uint32_t)at;
	return 0;
}

int
tpm_key_is_like(const TPMT_PUBLIC *key, const TPMT_PUBLIC *template)
{
	const TPMS_ECC_POINT *point = &key->unique.ecc;
	uint8_t have[TPM_PUBLIC_MAX], want[TPM_PUBLIC_MAX];
	TPMT_PUBLIC same = *key;
	uint32_t nhave, nwant;

	/* Chips are known that drop leading zeros of a coordinate. */
	if (key->type != TPM2_ALG_ECC || point->x.size == 0 || point->x.size > POINT_BYTES || point->y.size == 0 ||
	    point->y.size > POINT_BYTES)
		return 0;
	same.unique = template->unique;
	return tpm_key_marshal(&same, have, &nhave) == 0 && tpm_key_marshal(template, want, &nwant) == 0 && nhave == nwant &&
	    memcmp(have, want, nwant) == 0;
}

/* Part 1, 16: Name = nameAlg || H(TPMT_PUBLIC).  1: that is what ESYS has it under. */
static int
has_its_name(struct tpm *tpm, ESYS_TR key, const TPMT_PUBLIC *pub)
{
	uint8_t bytes[TPM_PUBLIC_MAX], expected[TPM_NAME_BYTES] = { (uint8_t)(TPM2_ALG_SHA256 >> 8), (uint8_t)TPM2_ALG_SHA256 };
	TPM2B_NAME *name = NULL;
	uint32_t n;
	int good;

	if (pub->nameAlg != TPM2_ALG_SHA256 || tpm_key_marshal(pub, bytes, &n) != 0)
		return 0;
	(void)crypto_hash_sha256(expected + 2, bytes, n);	/* always 0 */
	if (Esys_TR_GetName(tpm->esys, key, &name) != 0)
		return 0;
	good = tpm_name_is(name, expected);
	Esys_Free(name);
	return good;
}

/* Nothing of ours stays behind; after an error of ESYS's own it cannot be helped, and such a boot ends in a reset. */
void
tpm_key_flush(struct tpm *tpm, ESYS_TR *key)
{
	TSS2_RC rc = 0;

	if (*key != ESYS_TR_NONE && !tpm->broken)
		rc = Esys_FlushContext(tpm->esys, *key);
	*key = ESYS_TR_NONE;
	if (rc != 0)
		(void)tpm_fail(tpm, rc);	/* keeps the code */
}

/* In the endorsement hierarchy, whose authorisation must be empty; after tpm_hmac_ready(). */
enum event
tpm_key_make(struct tpm *tpm, const TPMT_PUBLIC *template, ESYS_TR *key, TPMT_PUBLIC *out)
{
	const TPM2B_PUBLIC public = { .publicArea = *template };
	const TPM2B_SENSITIVE_CREATE sensitive = { 0 };
	const TPM2B_DATA outside = { 0 };
	const TPML_PCR_SELECTION pcrs = { 0 };
	TPM2B_PUBLIC *made = NULL;
	enum event event = EV_none;
	TSS2_RC rc;

	rc = Esys_CreatePrimary(tpm->esys, ESYS_TR_RH_ENDORSEMENT, tpm->hmac, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &public, &outside,
	    &pcrs, key, &made, NULL, NULL, NULL);
	if (rc != 0) {
		*key = ESYS_TR_NONE;
		return tpm_fail_owner(tpm, rc);
	}
	if (tpm_key_is_like(&made->publicArea, template) && has_its_name(tpm, *key, &made->publicArea))
		*out = made->publicArea;
	else
		event = EV_tpm_answer;
	Esys_Free(made);
	if (event != EV_none)
		tpm_key_flush(tpm, key);
	return event;
}

/* A persistent key, whatever it is.  Read by the session: nobody between here and the TPM can show another. */
enum event
tpm_key_find(struct tpm *tpm, TPM2_HANDLE handle, ESYS_TR *key, TPMT_PUBLIC *out)
{
	TPM2B_PUBLIC *found = NULL;
	enum event event = EV_none;
	TSS2_RC rc;

	rc = Esys_TR_FromTPMPublic(tpm->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, key);
	if (rc != 0) {
		*key = ESYS_TR_NONE;
		event = tpm_fail(tpm, rc);
		return tpm_rc_base(rc) == TPM2_RC_HANDLE ? EV_tpm_ak : event;
	}
	rc = Esys_ReadPublic(tpm->esys, *key, tpm->hmac, ESYS_TR_NONE, ESYS_TR_NONE, &found, NULL, NULL);
	if (rc != 0)
		event = tpm_fail(tpm, rc);
	else
		*out = found->publicArea;
	Esys_Free(found);
	if (event != EV_none)
		tpm_leave(tpm, key);
	return event;
}
