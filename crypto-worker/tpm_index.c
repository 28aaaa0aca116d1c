/*
 * The NV index of the secret: what it must look like, enrolment, reading.  In crypto-worker.
 * Distrusts who held the TPM before: the index is used only when its Name, which covers attributes and policy, is the one computed here.
 */
#include <string.h>

#include <sodium.h>

#include "tpm_impl.h"

enum { INDEX_BYTES = 4 + TPM_NODE_BYTES + TPM_ORG_KEY_BYTES + TPM_SECRET_BYTES };

static const TPMA_NV index_attributes = TPMA_NV_POLICYREAD | TPMA_NV_POLICYWRITE | TPMA_NV_WRITEDEFINE | TPMA_NV_READ_STCLEAR |
    TPMA_NV_NO_DA;
static const TPMA_NV index_finished = TPMA_NV_WRITTEN | TPMA_NV_WRITELOCKED;

static const uint8_t magic[4] = { 'S', 'P', 'Y', 1 };	/* and version of the layout */

static void
expect(const struct tpm *tpm, TPMA_NV state, TPM2B_NV_PUBLIC *out)
{
	uint8_t pcr_digest[TPM_SHA256_BYTES];

	memset(out, 0, sizeof *out);
	out->nvPublic.nvIndex = TPM_NV_SECRET;
	out->nvPublic.nameAlg = TPM2_ALG_SHA256;
	out->nvPublic.attributes = index_attributes | state;
	out->nvPublic.authPolicy.size = TPM_SHA256_BYTES;
	tpm_policy_digest(tpm, POLICY_open, pcr_digest, out->nvPublic.authPolicy.buffer);
	out->nvPublic.dataSize = INDEX_BYTES;
}

/* The Name is not the one: what kind of stranger is this?  A diagnosis only: nothing is read from such an index. */
static enum event
diagnose(struct tpm *tpm)
{
	TPM2B_NV_PUBLIC *found = NULL, ours;
	enum event event = EV_tpm_index_name;
	const TPMS_NV_PUBLIC *pub;
	TSS2_RC rc;

	rc = Esys_NV_ReadPublic(tpm->esys, tpm->index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &found, NULL);
	if (rc != 0)
		return tpm_fail(tpm, rc);
	expect(tpm, 0, &ours);
	pub = &found->nvPublic;
	if (pub->nvIndex == ours.nvPublic.nvIndex && pub->nameAlg == ours.nvPublic.nameAlg && pub->dataSize == ours.nvPublic.dataSize &&
	    (pub->attributes & ~(index_finished | TPMA_NV_READLOCKED)) == ours.nvPublic.attributes &&
	    pub->authPolicy.size == ours.nvPublic.authPolicy.size) {
		if ((pub->attributes & index_finished) != index_finished)
			event = EV_tpm_unfinished;
		else if (memcmp(pub->authPolicy.buffer, ours.nvPublic.authPolicy.buffer, TPM_SHA256_BYTES) != 0)
			event = EV_tpm_policy;
		else if ((pub->attributes & TPMA_NV_READLOCKED) != 0)
			event = EV_tpm_pcr8_used;	/* somebody has closed it before us */
	}
	Esys_Free(found);
	return event;
}

enum event
tpm_index_state(struct tpm *tpm)
{
	static const uint8_t zero[TPM_SHA256_BYTES];
	uint8_t expected[TPM_NAME_BYTES];
	TPM2B_NV_PUBLIC ours;
	TPM2B_NAME name;
	enum event event;

	tpm->index_good = 0;
	if ((event = tpm_nv_find(tpm, TPM_NV_SECRET, &tpm->index, &name)) != EV_none)
		return event;
	expect(tpm, index_finished, &ours);
	tpm_nv_name(&ours.nvPublic, expected);
	if (!tpm_name_is(&name, expected))
		event = diagnose(tpm);
	else if (memcmp(tpm->pcr[TPM_PCR_LATCH], zero, sizeof zero) != 0)
		event = EV_tpm_pcr8_used;
	tpm->index_good = event == EV_none;
	return event;
}

static enum event
define(struct tpm *tpm)
{
	TPM2B_NV_PUBLIC ours;

	expect(tpm, 0, &ours);
	return tpm_nv_define(tpm, &ours, &tpm->index);
}

/* Writes once, then locks for good: by WRITEDEFINE not even a reset opens it again. */
static enum event
write_and_lock(struct tpm *tpm, const TPM2B_MAX_NV_BUFFER *sec_data)
{
	enum event event;
	TSS2_RC rc;

	if ((event = tpm_policy_arm(tpm, POLICY_open)) != EV_none)
		return event;
	rc = Esys_NV_Write(tpm->esys, tpm->index, tpm->index, tpm->policy, ESYS_TR_NONE, ESYS_TR_NONE, sec_data, 0);
	if (rc != 0)
		return tpm_fail(tpm, rc);
	if ((event = tpm_policy_arm(tpm, POLICY_open)) != EV_none)
		return event;
	rc = Esys_NV_WriteLock(tpm->esys, tpm->index, tpm->index, tpm->policy, ESYS_TR_NONE, ESYS_TR_NONE);
	return rc == 0 ? EV_none : tpm_fail(tpm, rc);
}

TSS2_RC
tpm_index_read(struct tpm *tpm, TPM2B_MAX_NV_BUFFER **out)
{
	return Esys_NV_Read(tpm->esys, tpm->index, tpm->index, tpm->policy, ESYS_TR_NONE, ESYS_TR_NONE, INDEX_BYTES, 0, out);
}

/* An index of the right Name is read; data is the whole of it. */
static enum event
fetch(struct tpm *tpm, uint8_t sec_data[INDEX_BYTES])
{
	TPM2B_MAX_NV_BUFFER *sec_found = NULL;
	enum event event;
	TSS2_RC rc;

	if ((event = tpm_policy_arm(tpm, POLICY_open)) != EV_none)
		return event;
	if ((rc = tpm_index_read(tpm, &sec_found)) != 0)
		event = tpm_policy_fail(tpm, rc);
	else if (sec_found->size != INDEX_BYTES)
		event = EV_tpm_answer;
	else
		memcpy(sec_data, sec_found->buffer, INDEX_BYTES);
	if (sec_found != NULL)
		sodium_memzero(sec_found, sizeof *sec_found);
	Esys_Free(sec_found);
	return event;
}

enum event
tpm_enrol(struct tpm *tpm, const struct tpm_secret *secret)
{
	static const uint8_t zero[TPM_SHA256_BYTES];
	TPM2B_MAX_NV_BUFFER sec_data = { .size = INDEX_BYTES };
	uint8_t pcr[TPM_SHA256_BYTES], *p = sec_data.buffer;
	enum event event;

	if ((event = tpm_index_state(tpm)) == EV_none) {
		tpm->detail = TPM2_RC_NV_DEFINED;
		return EV_tpm_error;
	}
	if (event != EV_tpm_not_enrolled)
		return event;
	if ((event = tpm_pcr(tpm, TPM_PCR_LATCH, pcr)) != EV_none)
		return event;
	if (memcmp(pcr, zero, sizeof zero) != 0)
		return EV_tpm_pcr8_used;
	memcpy(p, magic, sizeof magic);
	memcpy(p += sizeof magic, secret->node, TPM_NODE_BYTES);
	memcpy(p += TPM_NODE_BYTES, secret->org_key, TPM_ORG_KEY_BYTES);
	memcpy(p + TPM_ORG_KEY_BYTES, secret->sec_node_secret, TPM_SECRET_BYTES);
	/* The other one first: cut in between, the secret's is not there, and the next enrolment takes what it finds. */
	if ((event = tpm_state_define(tpm)) == EV_none && (event = define(tpm)) == EV_none &&
	    (event = write_and_lock(tpm, &sec_data)) == EV_none)
		event = tpm_index_state(tpm);	/* as the next boot will find it */
	if (event == EV_none)
		tpm->detail = 0;
	sodium_memzero(&sec_data, sizeof sec_data);
	tpm_scrub(tpm);
	return event;
}

enum event
tpm_read(struct tpm *tpm, struct tpm_secret *secret)
{
	uint8_t sec_data[INDEX_BYTES], *p = sec_data;
	enum event event = EV_none;

	if (!tpm->index_good)
		event = tpm_index_state(tpm);
	if (event == EV_none && (event = fetch(tpm, sec_data)) == EV_none && memcmp(p, magic, sizeof magic) != 0)
		event = EV_tpm_index_name;
	if (event == EV_none) {
		memcpy(secret->node, p += sizeof magic, TPM_NODE_BYTES);
		memcpy(secret->org_key, p += TPM_NODE_BYTES, TPM_ORG_KEY_BYTES);
		memcpy(secret->sec_node_secret, p + TPM_ORG_KEY_BYTES, TPM_SECRET_BYTES);
	}
	sodium_memzero(sec_data, sizeof sec_data);
	tpm_scrub(tpm);
	return event;
}
