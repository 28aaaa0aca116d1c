/*
 * The endorsement key: which chip this is, and the proof to the organisation that the attestation key sits in it.  In crypto-worker.
 * Distrusts the organisation's bytes (the TPM judges them) and the TPM's answers.
 */
#include <string.h>

#include <sodium.h>

#include "tpm_impl.h"

enum { POINT_BYTES = 32, CREDENTIAL_BYTES = 32 };

/* PolicyA of the profile: PolicySecret(TPM_RH_ENDORSEMENT).  Part 3, 23.4: H(H(zeros || command code || Name) || empty policyRef). */
static void
policy_a(uint8_t out[TPM_SHA256_BYTES])
{
	static const uint8_t what[TPM_SHA256_BYTES + 8] = { [TPM_SHA256_BYTES] = 0, 0, 0x01, 0x51, 0x40, 0, 0, 0x0b };

	/* always 0 */
	(void)crypto_hash_sha256(out, what, sizeof what);
	(void)crypto_hash_sha256(out, out, TPM_SHA256_BYTES);
}

static void
template(TPMT_PUBLIC *out)
{
	TPMS_ECC_PARMS *ecc = &out->parameters.eccDetail;

	memset(out, 0, sizeof *out);
	out->type = TPM2_ALG_ECC;
	out->nameAlg = TPM2_ALG_SHA256;
	out->objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
	    TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
	out->authPolicy.size = TPM_SHA256_BYTES;
	policy_a(out->authPolicy.buffer);
	ecc->symmetric.algorithm = TPM2_ALG_AES;
	ecc->symmetric.keyBits.aes = 128;
	ecc->symmetric.mode.aes = TPM2_ALG_CFB;
	ecc->scheme.scheme = TPM2_ALG_NULL;
	ecc->curveID = TPM2_ECC_NIST_P256;
	ecc->kdf.scheme = TPM2_ALG_NULL;
	out->unique.ecc.x.size = out->unique.ecc.y.size = POINT_BYTES;
}

static enum event
make(struct tpm *tpm, ESYS_TR *key, TPMT_PUBLIC *out)
{
	TPMT_PUBLIC l2;
	enum event event;

	if ((event = tpm_hmac_ready(tpm)) != EV_none)
		return event;
	template(&l2);
	return tpm_key_make(tpm, &l2, key, out);
}

enum event
tpm_ek_public(struct tpm *tpm, uint8_t out[TPM_PUBLIC_MAX], uint32_t *bytes, uint8_t cert[TPM_CERT_MAX], uint32_t *cert_bytes)
{
	uint8_t found[TPM_CERT_MAX];
	ESYS_TR key = ESYS_TR_NONE;
	uint32_t nfound;
	TPMT_PUBLIC pub;
	enum event event;

	if ((event = make(tpm, &key, &pub)) != EV_none)
		return event;
	tpm_key_flush(tpm, &key);
	if ((event = tpm_cert_read(tpm, found, &nfound)) != EV_none)
		return event;
	if (tpm_key_marshal(&pub, out, bytes) != 0)
		return EV_tpm_answer;
	memcpy(cert, found, nfound);
	*cert_bytes = nfound;
	tpm->detail = 0;	/* that there is no certificate */
	return EV_none;
}

/* A TPM2B, whole and nothing behind it, of at most max bytes. */
static int
take_2b(const uint8_t *p, uint32_t bytes, uint8_t *out, size_t max, uint16_t *size)
{
	if (bytes < 2 || wire_get16(p) != bytes - 2 || bytes - 2 > max)
		return -1;
	*size = wire_get16(p);
	memcpy(out, p + 2, *size);
	return 0;
}

/* The policy session shows that endorsementAuth is known: it is empty.  It authorises only; the other session encrypts. */
static enum event
arm_endorsement(struct tpm *tpm)
{
	enum event event;
	TSS2_RC rc;

	if ((event = tpm_policy_fresh(tpm)) != EV_none)
		return event;
	rc = Esys_PolicySecret(tpm->esys, ESYS_TR_RH_ENDORSEMENT, tpm->policy, tpm->hmac, ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0,
	    NULL, NULL);
	if (rc != 0)
		return tpm_fail_owner(tpm, rc);
	rc = Esys_TRSess_SetAttributes(tpm->esys, tpm->policy, 0, TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT);
	return rc == 0 ? EV_none : tpm_fail(tpm, rc);
}

static enum event
activate(struct tpm *tpm, ESYS_TR ak, ESYS_TR ek, const TPM2B_ID_OBJECT *id, const TPM2B_ENCRYPTED_SECRET *seed,
    uint8_t sec_out[CREDENTIAL_BYTES])
{
	TPM2B_DIGEST *sec_found = NULL;
	enum event event = EV_none;
	TSS2_RC rc;

	rc = Esys_ActivateCredential(tpm->esys, ak, ek, tpm->hmac, tpm->policy, ESYS_TR_NONE, id, seed, &sec_found);
	if (rc != 0)
		event = tpm_fail(tpm, rc);
	else if (sec_found->size != CREDENTIAL_BYTES)
		event = EV_tpm_answer;
	else
		memcpy(sec_out, sec_found->buffer, CREDENTIAL_BYTES);
	if (sec_found != NULL)
		sodium_memzero(sec_found, sizeof *sec_found);
	Esys_Free(sec_found);
	tpm_scrub(tpm);		/* now: the next answer, shorter, would only hide this one's rest */
	return event;
}

enum event
tpm_activate(struct tpm *tpm, const uint8_t *blob, uint32_t blob_bytes, const uint8_t *secret, uint32_t secret_bytes, uint8_t sec_out[32])
{
	ESYS_TR ak = ESYS_TR_NONE, ek = ESYS_TR_NONE;
	TPM2B_ENCRYPTED_SECRET seed = { 0 };
	TPM2B_ID_OBJECT id = { 0 };
	TPMT_PUBLIC unused;
	enum event event;

	if (take_2b(blob, blob_bytes, id.credential, sizeof id.credential, &id.size) != 0 ||
	    take_2b(secret, secret_bytes, seed.secret, sizeof seed.secret, &seed.size) != 0) {
		tpm->detail = TPM2_RC_SIZE;	/* as the TPM would say */
		return EV_tpm_error;
	}
	if ((event = make(tpm, &ek, &unused)) == EV_none && (event = tpm_ak_find(tpm, &ak, &unused)) == EV_none &&
	    (event = arm_endorsement(tpm)) == EV_none)
		event = activate(tpm, ak, ek, &id, &seed, sec_out);
	tpm_leave(tpm, &ak);
	tpm_key_flush(tpm, &ek);
	return event;
}
