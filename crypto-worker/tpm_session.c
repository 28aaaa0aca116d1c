/*
 * Salted sessions that encrypt parameters both ways, and the policy over the PCRs.  In crypto-worker.
 * Distrusts the bus: nothing secret crosses it outside such a session, and there is no weaker way to fall back to.
 */
#include <string.h>

#include <sodium.h>

#include "tpm_impl.h"

enum {
	SESSION_TRIES = 4,
	CHALLENGE_BYTES = 32,
	SALT_KEY_ATTRIBUTES = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
	    TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
};

/* A TPM that knows the command but not the algorithm says so in format one. */
static enum event
fail_session(struct tpm *tpm, TSS2_RC rc)
{
	enum event event = tpm_fail(tpm, rc);

	return event == EV_tpm_error && (rc & TSS2_RC_LAYER_MASK) == TSS2_TPM_RC_LAYER && (rc & TPM2_RC_FMT1) != 0 ? EV_tpm_session :
	    event;
}

static int
is_salt_key(const TPMT_PUBLIC *pub)
{
	const TPMS_ECC_PARMS *ecc = &pub->parameters.eccDetail;

	return pub->type == TPM2_ALG_ECC && pub->nameAlg == TPM2_ALG_SHA256 && pub->objectAttributes == SALT_KEY_ATTRIBUTES &&
	    ecc->curveID == TPM2_ECC_NIST_P256 && ecc->symmetric.algorithm == TPM2_ALG_AES && ecc->symmetric.keyBits.aes == 128 &&
	    ecc->symmetric.mode.aes == TPM2_ALG_CFB && pub->unique.ecc.x.size <= 32 && pub->unique.ecc.y.size <= 32;
}

/* Also after a command that was refused: ESYS takes off what that one had no use for, and puts it back only when all went well. */
static TSS2_RC
encrypt_both_ways(struct tpm *tpm, ESYS_TR session)
{
	return Esys_TRSess_SetAttributes(tpm->esys, session, TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT,
	    0xff);
}

/*
 * The key that salts are encrypted to: the TCG's storage key template for ECC P-256, in the null hierarchy.  That one has no
 * authorisation that an OS could set and so lock us out, and its seed is new at every reset.
 */
static enum event
make_salt_key(struct tpm *tpm)
{
	const TPM2B_SENSITIVE_CREATE sensitive = { 0 };
	const TPM2B_DATA outside = { 0 };
	const TPML_PCR_SELECTION pcrs = { 0 };
	TPM2B_PUBLIC template = { 0 }, *pub = NULL;
	TPMS_ECC_PARMS *ecc = &template.publicArea.parameters.eccDetail;
	enum event event = EV_none;
	ESYS_TR key = ESYS_TR_NONE;
	TSS2_RC rc;

	template.publicArea.type = TPM2_ALG_ECC;
	template.publicArea.nameAlg = TPM2_ALG_SHA256;
	template.publicArea.objectAttributes = SALT_KEY_ATTRIBUTES;
	ecc->symmetric.algorithm = TPM2_ALG_AES;
	ecc->symmetric.keyBits.aes = 128;
	ecc->symmetric.mode.aes = TPM2_ALG_CFB;
	ecc->scheme.scheme = TPM2_ALG_NULL;
	ecc->curveID = TPM2_ECC_NIST_P256;
	ecc->kdf.scheme = TPM2_ALG_NULL;
	rc = Esys_CreatePrimary(tpm->esys, ESYS_TR_RH_NULL, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template, &outside,
	    &pcrs, &key, &pub, NULL, NULL, NULL);
	if (rc != 0)
		return fail_session(tpm, rc);
	tpm->primary = key;
	if (!is_salt_key(&pub->publicArea))
		event = EV_tpm_session;
	Esys_Free(pub);
	return event;
}

static TSS2_RC
start(struct tpm *tpm, TPM2_SE type, ESYS_TR *session)
{
	TPMT_SYM_DEF aes = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB };
	TSS2_RC rc;

	rc = Esys_StartAuthSession(tpm->esys, tpm->primary, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL, type, &aes,
	    TPM2_ALG_SHA256, session);
	return rc != 0 ? rc : encrypt_both_ways(tpm, *session);
}

/*
 * Has the TPM the same session key, and does it decrypt and encrypt with it?  It is asked for the hash of a number that only an
 * encrypted command tells it; the answer is authenticated and comes encrypted.  1 yes, 0 no.
 */
static int
prove(struct tpm *tpm, ESYS_TR session, TSS2_RC *rc)
{
	TPM2B_MAX_BUFFER challenge = { .size = CHALLENGE_BYTES };
	uint8_t expected[TPM_SHA256_BYTES];
	TPM2B_DIGEST *digest = NULL;
	int good;

	randombytes_buf(challenge.buffer, CHALLENGE_BYTES);
	(void)crypto_hash_sha256(expected, challenge.buffer, CHALLENGE_BYTES);	/* always 0 */
	*rc = Esys_Hash(tpm->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, &challenge, TPM2_ALG_SHA256, ESYS_TR_RH_NULL, &digest, NULL);
	if (*rc != 0)
		return 0;
	good = digest->size == sizeof expected && memcmp(digest->buffer, expected, sizeof expected) == 0;
	Esys_Free(digest);
	return good;
}

/*
 * Bounded tries: TPMs and libraries are known that drop leading zero bytes of the shared point, where the standard keeps them; with
 * such a pair one salt in 200 gives the two sides different keys.  Then the TPM refuses the session's first command, and another
 * salt is tried: not another kind of session.
 */
enum event
tpm_session_open(struct tpm *tpm, TPM2_SE type, ESYS_TR *out)
{
	enum event event = EV_tpm_session;
	TSS2_RC rc;

	if (tpm->primary == ESYS_TR_NONE && (event = make_salt_key(tpm)) != EV_none)
		return event;
	for (int i = 0; i < SESSION_TRIES; i++) {
		ESYS_TR session = ESYS_TR_NONE;

		if ((rc = start(tpm, type, &session)) != 0)
			return fail_session(tpm, rc);
		if (prove(tpm, session, &rc)) {
			*out = session;
			return EV_none;
		}
		if (rc == 0)
			return EV_tpm_session;	/* authenticated and wrong */
		event = tpm_fail(tpm, rc);
		if (tpm_rc_base(rc) != TPM2_RC_BAD_AUTH && tpm_rc_base(rc) != TPM2_RC_AUTH_FAIL)
			return event;
		event = EV_tpm_session;
		if ((rc = Esys_FlushContext(tpm->esys, session)) != 0)
			return tpm_fail(tpm, rc);
	}
	return event;
}

enum event
tpm_hmac_ready(struct tpm *tpm)
{
	enum event event = EV_none;
	TSS2_RC rc;

	tpm->detail = 0;
	if (tpm->broken)
		event = tpm_revive(tpm);
	if (event == EV_none && tpm->hmac == ESYS_TR_NONE)
		event = tpm_session_open(tpm, TPM2_SE_HMAC, &tpm->hmac);
	if (event != EV_none)
		return event;
	rc = encrypt_both_ways(tpm, tpm->hmac);
	return rc == 0 ? EV_none : tpm_fail(tpm, rc);
}

/* H(zeros || H(the text of the latch)): PCR 8 once it has closed. */
static void
closed_value(uint8_t out[TPM_SHA256_BYTES])
{
	uint8_t both[2 * TPM_SHA256_BYTES] = { 0 };

	/* always 0 */
	(void)crypto_hash_sha256(both + TPM_SHA256_BYTES, (const uint8_t *)TPM_CLOSED_TEXT, sizeof TPM_CLOSED_TEXT - 1);
	(void)crypto_hash_sha256(out, both, sizeof both);
}

/* Part 3, 23.7 TPM2_PolicyPCR: policyDigest = H(policyDigest || TPM_CC_PolicyPCR || pcrs || digest of the selected values). */
void
tpm_policy_digest(const struct tpm *tpm, enum tpm_policy which, uint8_t pcr_digest[TPM_SHA256_BYTES], uint8_t policy[TPM_SHA256_BYTES])
{
	static const uint8_t zero[TPM_SHA256_BYTES];
	/* command code; TPML_PCR_SELECTION: one bank, SHA-256, three bytes of bits: 4 and 7, 8 */
	static const uint8_t what[] = { 0, 0, 0x01, 0x7f, 0, 0, 0, 1, 0, 0x0b, 3, 1 << 4 | 1 << 7, 1 << (TPM_PCR_LATCH - 8), 0 };
	uint8_t latch[TPM_SHA256_BYTES] = { 0 };
	crypto_hash_sha256_state state;

	if (which == POLICY_closed)
		closed_value(latch);
	/* libsodium's SHA-256 cannot fail */
	(void)crypto_hash_sha256_init(&state);
	(void)crypto_hash_sha256_update(&state, tpm->pcr[4], TPM_SHA256_BYTES);
	(void)crypto_hash_sha256_update(&state, tpm->pcr[7], TPM_SHA256_BYTES);
	(void)crypto_hash_sha256_update(&state, latch, sizeof latch);
	(void)crypto_hash_sha256_final(&state, pcr_digest);

	(void)crypto_hash_sha256_init(&state);
	(void)crypto_hash_sha256_update(&state, zero, sizeof zero);
	(void)crypto_hash_sha256_update(&state, what, sizeof what);
	(void)crypto_hash_sha256_update(&state, pcr_digest, TPM_SHA256_BYTES);
	(void)crypto_hash_sha256_final(&state, policy);
}

enum event
tpm_policy_fresh(struct tpm *tpm)
{
	enum event event;
	TSS2_RC rc;

	if (tpm->policy == ESYS_TR_NONE && (event = tpm_session_open(tpm, TPM2_SE_POLICY, &tpm->policy)) != EV_none)
		return event;
	if (tpm->policy_used && (rc = Esys_PolicyRestart(tpm->esys, tpm->policy, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE)) != 0)
		return tpm_fail(tpm, rc);
	tpm->policy_used = 1;
	rc = encrypt_both_ways(tpm, tpm->policy);
	return rc == 0 ? EV_none : tpm_fail(tpm, rc);
}

enum event
tpm_policy_fail(struct tpm *tpm, TSS2_RC rc)
{
	enum event event = tpm_fail(tpm, rc);

	return tpm_rc_base(rc) == TPM2_RC_POLICY_FAIL || rc == TPM2_RC_PCR_CHANGED ? EV_tpm_policy : event;
}

/*
 * Brings the policy session to the digest of the PCRs, for one command.  But for POLICY_present the TPM is told what they must be, and
 * refuses (EV_tpm_policy) if they are not.
 */
enum event
tpm_policy_arm(struct tpm *tpm, enum tpm_policy which)
{
	TPML_PCR_SELECTION pcrs = { .count = 1, .pcrSelections = { { .hash = TPM2_ALG_SHA256, .sizeofSelect = 3,
	    .pcrSelect = { TPM_PCRS_POLICY & 0xff, TPM_PCRS_POLICY >> 8, 0 } } } };
	uint8_t policy[TPM_SHA256_BYTES];
	TPM2B_DIGEST must = { 0 };
	enum event event;
	TSS2_RC rc;

	if ((event = tpm_policy_fresh(tpm)) != EV_none)
		return event;
	if (which != POLICY_present) {
		tpm_policy_digest(tpm, which, must.buffer, policy);
		must.size = TPM_SHA256_BYTES;
	}
	rc = Esys_PolicyPCR(tpm->esys, tpm->policy, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &must, &pcrs);
	if (rc == 0)
		return EV_none;
	event = tpm_fail(tpm, rc);
	return tpm_rc_base(rc) == TPM2_RC_VALUE ? EV_tpm_policy : event;
}

/* Nothing of ours stays behind: the device has no resource manager, and the next OS needs the slots. */
void
tpm_session_end(struct tpm *tpm)
{
	TSS2_RC rc = 0;

	if (tpm->policy != ESYS_TR_NONE)
		rc = Esys_FlushContext(tpm->esys, tpm->policy);
	tpm->policy = ESYS_TR_NONE;
	tpm->policy_used = 0;
	if (rc == 0 && tpm->hmac != ESYS_TR_NONE)
		rc = Esys_FlushContext(tpm->esys, tpm->hmac);
	tpm->hmac = ESYS_TR_NONE;
	if (rc == 0 && tpm->primary != ESYS_TR_NONE)
		rc = Esys_FlushContext(tpm->esys, tpm->primary);
	tpm->primary = ESYS_TR_NONE;
	if (rc != 0)
		(void)tpm_fail(tpm, rc);	/* nothing to be done but to keep the code */
}
