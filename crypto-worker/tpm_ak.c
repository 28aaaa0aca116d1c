/*
 * The attestation key: made at an organisation's enrolment, found again in every boot.  In crypto-worker.
 * Distrusts what lies at the handle: anyone with the owner authorisation may have put it there.
 */
#include <string.h>

#include "tpm_impl.h"

enum { POINT_BYTES = 32 };	/* P-256 */

/* A primary key of our own: the point that its template begins with is nobody else's. */
static void
template(TPMT_PUBLIC *out)
{
	static const char label[POINT_BYTES] = "sallyport attestation key 1";
	TPMS_ECC_PARMS *ecc = &out->parameters.eccDetail;

	memset(out, 0, sizeof *out);
	out->type = TPM2_ALG_ECC;
	out->nameAlg = TPM2_ALG_SHA256;
	out->objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
	    TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT;
	ecc->symmetric.algorithm = TPM2_ALG_NULL;
	ecc->scheme.scheme = TPM2_ALG_ECDSA;
	ecc->scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
	ecc->curveID = TPM2_ECC_NIST_P256;
	ecc->kdf.scheme = TPM2_ALG_NULL;
	out->unique.ecc.x.size = out->unique.ecc.y.size = POINT_BYTES;
	memcpy(out->unique.ecc.x.buffer, label, sizeof label);
}

enum event
tpm_ak_find(struct tpm *tpm, ESYS_TR *key, TPMT_PUBLIC *out)
{
	TPMT_PUBLIC ours;
	enum event event;

	template(&ours);
	event = tpm_key_find(tpm, TPM_AK_HANDLE, key, out);
	return event == EV_none && !tpm_key_is_like(out, &ours) ? EV_tpm_ak : event;
}

/* A persistent key goes, a transient one comes to stay. */
static enum event
evict(struct tpm *tpm, ESYS_TR key)
{
	ESYS_TR persistent = ESYS_TR_NONE;
	TSS2_RC rc;

	rc = Esys_EvictControl(tpm->esys, ESYS_TR_RH_OWNER, key, tpm->hmac, ESYS_TR_NONE, ESYS_TR_NONE, TPM_AK_HANDLE, &persistent);
	if (rc != 0)
		return tpm_fail_owner(tpm, rc);
	tpm_leave(tpm, &persistent);
	return EV_none;
}

static int
is_same(const TPMT_PUBLIC *a, const TPMT_PUBLIC *b)
{
	uint8_t one[TPM_PUBLIC_MAX], other[TPM_PUBLIC_MAX];
	uint32_t none, nother;

	return tpm_key_marshal(a, one, &none) == 0 && tpm_key_marshal(b, other, &nother) == 0 && none == nother &&
	    memcmp(one, other, none) == 0;
}

/* Whatever lies there is ours or goes: the handle is out of the range that others use, and an enrolment begins from nothing. */
static enum event
persist(struct tpm *tpm, ESYS_TR made, const TPMT_PUBLIC *pub)
{
	ESYS_TR key = ESYS_TR_NONE;
	TPMT_PUBLIC found;
	enum event event;

	event = tpm_key_find(tpm, TPM_AK_HANDLE, &key, &found);
	if (event == EV_none && is_same(&found, pub)) {
		tpm_leave(tpm, &key);
		return EV_none;
	}
	if (event == EV_none)
		event = evict(tpm, key);
	tpm_leave(tpm, &key);
	if (event != EV_none && event != EV_tpm_ak)
		return event;
	/* As every later boot will find it. */
	if ((event = evict(tpm, made)) != EV_none || (event = tpm_key_find(tpm, TPM_AK_HANDLE, &key, &found)) != EV_none)
		return event;
	tpm_leave(tpm, &key);
	return is_same(&found, pub) ? EV_none : EV_tpm_ak;
}

enum event
tpm_ak_make(struct tpm *tpm)
{
	ESYS_TR key = ESYS_TR_NONE;
	TPMT_PUBLIC ours, made;
	enum event event;

	template(&ours);
	if ((event = tpm_hmac_ready(tpm)) == EV_none && (event = tpm_key_make(tpm, &ours, &key, &made)) == EV_none)
		event = persist(tpm, key, &made);
	tpm_key_flush(tpm, &key);
	if (event == EV_none)
		tpm->detail = 0;	/* that nothing was there */
	return event;
}

enum event
tpm_ak_public(struct tpm *tpm, uint8_t out[TPM_PUBLIC_MAX], uint32_t *bytes)
{
	ESYS_TR key = ESYS_TR_NONE;
	TPMT_PUBLIC found;
	enum event event;

	if ((event = tpm_hmac_ready(tpm)) == EV_none && (event = tpm_ak_find(tpm, &key, &found)) == EV_none &&
	    tpm_key_marshal(&found, out, bytes) != 0)
		event = EV_tpm_ak;
	tpm_leave(tpm, &key);
	return event;
}
