/*
 * What the NV indices of preboot have in common: finding one, defining one, computing its Name.  In crypto-worker.
 * Distrusts what it finds: a Name covers attributes, size and policy, and every command by a session is bound to it; so the one who asked
 * compares it with the one computed here before anything else.
 */
#include <string.h>

#include <sodium.h>

#include "tpm_impl.h"

/* Part 1, 16: Name = nameAlg || H(TPMS_NV_PUBLIC), here computed by hand: 4 + 2 + 4 + (2 + 32) + 2 bytes. */
void
tpm_nv_name(const TPMS_NV_PUBLIC *pub, uint8_t name[TPM_NAME_BYTES])
{
	const uint8_t head[] = { (uint8_t)(pub->nvIndex >> 24), (uint8_t)(pub->nvIndex >> 16), (uint8_t)(pub->nvIndex >> 8),
	    (uint8_t)pub->nvIndex, (uint8_t)(pub->nameAlg >> 8), (uint8_t)pub->nameAlg, (uint8_t)(pub->attributes >> 24),
	    (uint8_t)(pub->attributes >> 16), (uint8_t)(pub->attributes >> 8), (uint8_t)pub->attributes, 0, TPM_SHA256_BYTES };
	const uint8_t tail[] = { (uint8_t)(pub->dataSize >> 8), (uint8_t)pub->dataSize };
	crypto_hash_sha256_state state;

	name[0] = (uint8_t)(TPM2_ALG_SHA256 >> 8);
	name[1] = (uint8_t)TPM2_ALG_SHA256;
	/* libsodium's SHA-256 cannot fail */
	(void)crypto_hash_sha256_init(&state);
	(void)crypto_hash_sha256_update(&state, head, sizeof head);
	(void)crypto_hash_sha256_update(&state, pub->authPolicy.buffer, TPM_SHA256_BYTES);
	(void)crypto_hash_sha256_update(&state, tail, sizeof tail);
	(void)crypto_hash_sha256_final(&state, name + 2);
}

int
tpm_name_is(const TPM2B_NAME *name, const uint8_t wanted[TPM_NAME_BYTES])
{
	return name->size == TPM_NAME_BYTES && memcmp(name->name, wanted, TPM_NAME_BYTES) == 0;
}

/* Without a session: it is the Name that decides, and the one in the TPM is part of every later command's HMAC. */
enum event
tpm_nv_find(struct tpm *tpm, TPM2_HANDLE handle, ESYS_TR *index, TPM2B_NAME *name)
{
	TPM2B_NAME *found = NULL;
	enum event event;
	TSS2_RC rc;

	tpm_leave(tpm, index);	/* ESYS remembers what it saw there before, and takes a change for an error */
	rc = Esys_TR_FromTPMPublic(tpm->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, index);
	if (rc != 0) {
		*index = ESYS_TR_NONE;
		event = tpm_fail(tpm, rc);
		return tpm_rc_base(rc) == TPM2_RC_HANDLE ? EV_tpm_not_enrolled : event;
	}
	if ((rc = Esys_TR_GetName(tpm->esys, *index, &found)) != 0)
		return tpm_fail(tpm, rc);
	*name = *found;
	Esys_Free(found);
	return EV_none;
}

enum event
tpm_nv_define(struct tpm *tpm, const TPM2B_NV_PUBLIC *pub, ESYS_TR *index)
{
	const TPM2B_AUTH no_auth = { 0 };
	enum event event;
	TSS2_RC rc;

	if ((event = tpm_hmac_ready(tpm)) != EV_none)
		return event;
	tpm_leave(tpm, index);
	rc = Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_OWNER, tpm->hmac, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, pub, index);
	if (rc == 0)
		return EV_none;
	*index = ESYS_TR_NONE;
	return tpm_fail_owner(tpm, rc);
}
