/*
 * Takes the TPM's owner and lockout authorisations, so that root in an operating system can neither undefine our indices nor clear the
 * TPM by them.  In crypto-worker.  Distrusts whoever held the TPM before; and itself: a wrong lockoutAuth, tried once, shuts that
 * authorisation for as long as its recovery time says, or until a reset.
 *
 * So lockoutAuth is only ever set where it is empty, and never tried.  ownerAuth has no such protection and can be tried, hence it goes
 * first, and only where lockoutAuth is empty too: when it is found to be ours, then a lockoutAuth that is set is taken for ours, and one
 * that is empty for what a power cut left.  What that cannot see: somebody who sets lockoutAuth after a cut between the two and before
 * the next boot of preboot.  He gains what he had before (an empty lockoutAuth is anyone's); the other order would stop a node for good
 * that lost power there.
 */
#include <string.h>

#include <sodium.h>

#include "tpm_impl.h"

/* By the session, which audits, for there is nothing to encrypt: what is set decides what is tried. */
static enum event
permanent(struct tpm *tpm, TPMA_PERMANENT *out)
{
	TPMS_CAPABILITY_DATA *cap = NULL;
	enum event event = EV_none;
	TPMI_YES_NO more;
	TSS2_RC rc;

	rc = Esys_TRSess_SetAttributes(tpm->esys, tpm->hmac, TPMA_SESSION_AUDIT, TPMA_SESSION_AUDIT);
	if (rc == 0)
		rc = Esys_GetCapability(tpm->esys, tpm->hmac, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_TPM_PROPERTIES, TPM2_PT_PERMANENT, 1,
		    &more, &cap);
	if (rc != 0)
		return tpm_fail(tpm, rc);
	if (cap->capability == TPM2_CAP_TPM_PROPERTIES && cap->data.tpmProperties.count == 1 &&
	    cap->data.tpmProperties.tpmProperty[0].property == TPM2_PT_PERMANENT)
		*out = cap->data.tpmProperties.tpmProperty[0].value;
	else
		event = EV_tpm_answer;
	Esys_Free(cap);
	return event != EV_none ? event : tpm_hmac_ready(tpm);		/* as it was before */
}

static void
auth_of(TPM2B_AUTH *out, const uint8_t sec_value[TPM_AUTH_BYTES])
{
	memset(out, 0, sizeof *out);
	out->size = TPM_AUTH_BYTES;
	memcpy(out->buffer, sec_value, TPM_AUTH_BYTES);
}

/* TPM2_PolicySecret shows knowledge of it to a session of ours, and does nothing else.  Only an HMAC crosses the bus. */
static enum event
prove_owner(struct tpm *tpm, const uint8_t sec_value[TPM_AUTH_BYTES])
{
	TPM2B_AUTH sec_auth;
	enum event event;
	TSS2_RC rc;

	if ((event = tpm_policy_fresh(tpm)) != EV_none)
		return event;
	auth_of(&sec_auth, sec_value);
	rc = Esys_TR_SetAuth(tpm->esys, ESYS_TR_RH_OWNER, &sec_auth);
	sodium_memzero(&sec_auth, sizeof sec_auth);
	if (rc == 0)
		rc = Esys_PolicySecret(tpm->esys, ESYS_TR_RH_OWNER, tpm->policy, tpm->hmac, ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0,
		    NULL, NULL);
	if (rc == 0)
		return EV_none;
	event = tpm_fail_owner(tpm, rc);
	return event == EV_tpm_owned ? EV_org_escrow : event;
}

/* From empty.  The gate lets this command out encrypted only. */
static enum event
set(struct tpm *tpm, ESYS_TR hierarchy, const uint8_t sec_value[TPM_AUTH_BYTES])
{
	TPM2B_AUTH sec_auth;
	enum event event;
	TSS2_RC rc;

	auth_of(&sec_auth, sec_value);
	rc = Esys_HierarchyChangeAuth(tpm->esys, hierarchy, tpm->hmac, ESYS_TR_NONE, ESYS_TR_NONE, &sec_auth);
	sodium_memzero(&sec_auth, sizeof sec_auth);
	if (rc == 0)
		return EV_none;
	event = tpm_fail_owner(tpm, rc);
	return event == EV_tpm_owned ? EV_org_escrow : event;
}

static enum event
take(struct tpm *tpm, const uint8_t sec_owner[TPM_AUTH_BYTES], const uint8_t sec_lockout[TPM_AUTH_BYTES])
{
	TPMA_PERMANENT bits = 0;
	enum event event;

	if ((event = tpm_hmac_ready(tpm)) != EV_none || (event = permanent(tpm, &bits)) != EV_none)
		return event;
	if ((bits & TPMA_PERMANENT_OWNERAUTHSET) != 0)
		event = prove_owner(tpm, sec_owner);
	else if ((bits & TPMA_PERMANENT_LOCKOUTAUTHSET) != 0)
		event = EV_org_escrow;
	else
		event = set(tpm, ESYS_TR_RH_OWNER, sec_owner);
	if (event == EV_none && (bits & TPMA_PERMANENT_LOCKOUTAUTHSET) == 0)
		event = set(tpm, ESYS_TR_RH_LOCKOUT, sec_lockout);
	return event;
}

enum event
tpm_take_owner(struct tpm *tpm, const uint8_t sec_owner[TPM_AUTH_BYTES], const uint8_t sec_lockout[TPM_AUTH_BYTES])
{
	enum event event = take(tpm, sec_owner, sec_lockout);
	uint32_t detail = tpm->detail;

	/*
	 * ESYS keeps an authorisation with its hierarchy, its sessions and the command's parameters, and has no call to forget it there: all
	 * of ESYS goes, and what is freed is wiped.
	 */
	if (!tpm->broken)
		tpm_session_end(tpm);
	(void)tpm_revive(tpm);	/* if it does not, then the next function will say so */
	tpm->detail = detail;
	return event;
}
