/*
 * The manufacturer's certificate of the endorsement key, from NV.  In crypto-worker.
 * Distrusts index and content: no authorisation is tried that could count as a wrong guess, and only the length is looked at here; what
 * the certificate says is the organisation's to judge.  None is no error: many TPMs have none for this key.
 */
#include <string.h>

#include "tpm_impl.h"

enum {
	CERT_INDEX = 0x01c0000a,	/* EK Credential Profile 2.5, 2.2.1.4: ECC NIST P-256 */
	HEAD_BYTES = 4,
	PART_BYTES = 512,		/* every TPM gives as much at once */
};

/* The length that the DER itself states, its head included.  0: not a certificate, or too long. */
static uint32_t
der_bytes(const uint8_t head[HEAD_BYTES])
{
	uint32_t n;

	if (head[0] != 0x30 || head[1] != 0x82)		/* SEQUENCE, two bytes of length: no certificate is under 256 bytes */
		return 0;
	n = HEAD_BYTES + (uint32_t)wire_get16(head + 2);
	return n > TPM_CERT_MAX ? 0 : n;
}

static TSS2_RC
read_part(struct tpm *tpm, ESYS_TR auth, ESYS_TR index, uint32_t at, uint32_t bytes, uint8_t *out)
{
	TPM2B_MAX_NV_BUFFER *found = NULL;
	TSS2_RC rc;

	rc = Esys_NV_Read(tpm->esys, auth, index, tpm->hmac, ESYS_TR_NONE, ESYS_TR_NONE, (uint16_t)bytes, (uint16_t)at, &found);
	if (rc != 0)
		return rc;
	if (found->size == bytes)
		memcpy(out, found->buffer, bytes);
	else
		rc = TSS2_ESYS_RC_MALFORMED_RESPONSE;
	Esys_Free(found);
	return rc;
}

/* Padding behind the DER is not read at all. */
static TSS2_RC
read_whole(struct tpm *tpm, ESYS_TR auth, ESYS_TR index, uint32_t size, uint8_t cert[TPM_CERT_MAX], uint32_t *bytes)
{
	uint32_t n, part, at;
	TSS2_RC rc;

	*bytes = 0;
	if (size < HEAD_BYTES)
		return 0;
	if ((rc = read_part(tpm, auth, index, 0, HEAD_BYTES, cert)) != 0)
		return rc;
	if ((n = der_bytes(cert)) > size)
		n = 0;
	for (at = HEAD_BYTES; at < n; at += part) {
		part = n - at < PART_BYTES ? n - at : PART_BYTES;
		if ((rc = read_part(tpm, auth, index, at, part, cert + at)) != 0)
			return rc;
	}
	*bytes = n;
	return 0;
}

/* A refusal of the TPM means that there is no certificate for us; any other failure is one. */
static enum event
refused(struct tpm *tpm, TSS2_RC rc)
{
	enum event event = tpm_fail(tpm, rc);

	return tpm_rc_is_tpms(rc) ? tpm_hmac_ready(tpm) : event;
}

/* By the index's own empty authorisation, where a wrong one would not count towards lockout; else by the owner's. */
static enum event
read_by_any(struct tpm *tpm, ESYS_TR index, const TPMS_NV_PUBLIC *pub, uint8_t cert[TPM_CERT_MAX], uint32_t *bytes)
{
	const TPMA_NV free_of_charge = TPMA_NV_AUTHREAD | TPMA_NV_NO_DA;
	enum event event = EV_none;
	TSS2_RC rc = TPM2_RC_NV_AUTHORIZATION;

	if ((pub->attributes & TPMA_NV_WRITTEN) == 0 || (pub->attributes & TPMA_NV_TPM2_NT_MASK) != 0)
		return EV_none;
	if ((pub->attributes & free_of_charge) == free_of_charge) {
		rc = read_whole(tpm, index, index, pub->dataSize, cert, bytes);
		if (rc != 0 && (event = refused(tpm, rc)) != EV_none)
			return event;
	}
	if (rc != 0 && (pub->attributes & TPMA_NV_OWNERREAD) != 0) {
		rc = read_whole(tpm, ESYS_TR_RH_OWNER, index, pub->dataSize, cert, bytes);
		if (rc != 0)
			event = refused(tpm, rc);
	}
	if (rc != 0)
		*bytes = 0;
	return event;
}

/* After tpm_hmac_ready(). */
enum event
tpm_cert_read(struct tpm *tpm, uint8_t cert[TPM_CERT_MAX], uint32_t *bytes)
{
	ESYS_TR index = ESYS_TR_NONE;
	TPM2B_NV_PUBLIC *pub = NULL;
	enum event event;
	TSS2_RC rc;

	*bytes = 0;
	rc = Esys_TR_FromTPMPublic(tpm->esys, CERT_INDEX, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &index);
	if (rc != 0)
		return refused(tpm, rc);
	/* By the session: an index that was shown without OWNERREAD on the way here would pass for a TPM without certificate. */
	rc = Esys_NV_ReadPublic(tpm->esys, index, tpm->hmac, ESYS_TR_NONE, ESYS_TR_NONE, &pub, NULL);
	event = rc != 0 ? refused(tpm, rc) : read_by_any(tpm, index, &pub->nvPublic, cert, bytes);
	Esys_Free(pub);
	tpm_leave(tpm, &index);
	return event;
}
