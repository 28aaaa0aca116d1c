/*
 * The latch: after this nobody reads the secret until the TPM is reset, not even the program that just did.  In crypto-worker.
 * Distrusts success: each step is proven by the TPM refusing, with exactly the code that only a closed latch gives.
 */
#include <string.h>

#include <sodium.h>

#include "tpm_impl.h"

/* The read must fail with one code and no other.  wanted is without session number. */
static int
read_fails_with(struct tpm *tpm, TSS2_RC wanted)
{
	TPM2B_MAX_NV_BUFFER *sec_found = NULL;
	TSS2_RC rc = tpm_index_read(tpm, &sec_found);

	if (sec_found != NULL)
		sodium_memzero(sec_found, sizeof *sec_found);
	Esys_Free(sec_found);
	if (rc == 0) {
		tpm->detail = 0;
		return 0;
	}
	(void)tpm_fail(tpm, rc);	/* the code decides here, not the event */
	return tpm_rc_base(rc) == wanted;
}

/* Needs the read authorisation, hence the PCRs as they were: to be done before PCR 8 moves. */
static int
lock_index(struct tpm *tpm)
{
	TSS2_RC rc;

	if (tpm->broken && tpm_revive(tpm) != EV_none)
		return 0;
	if (!tpm->index_good && tpm_index_state(tpm) != EV_none)
		return 0;
	if (tpm_policy_arm(tpm, POLICY_open) != EV_none)
		return 0;
	tpm->index_good = 0;	/* its Name changes now */
	rc = Esys_NV_ReadLock(tpm->esys, tpm->index, tpm->index, tpm->policy, ESYS_TR_NONE, ESYS_TR_NONE);
	if (rc != 0) {
		(void)tpm_fail(tpm, rc);	/* keeps the code */
		return 0;
	}
	return tpm_policy_arm(tpm, POLICY_open) == EV_none && read_fails_with(tpm, TPM2_RC_NV_LOCKED);
}

static int
extend(struct tpm *tpm)
{
	if (tpm->broken && tpm_revive(tpm) != EV_none)
		return 0;
	return tpm_latch_extend(tpm, TPM_CLOSED_TEXT, sizeof TPM_CLOSED_TEXT - 1) == EV_none;
}

enum event
tpm_close(struct tpm *tpm, int without_index)
{
	int good = 1;

	if (tpm->closed)
		return EV_none;
	if (!without_index)
		good = lock_index(tpm);
	if (!extend(tpm)) {
		/* Once more, in case the command was lost: it no longer counts as closed, but may well be. */
		(void)extend(tpm);
		good = 0;
	}
	/* With the PCRs as they are now the policy opens nothing. */
	if (good && !without_index)
		good = tpm_policy_arm(tpm, POLICY_present) == EV_none && read_fails_with(tpm, TPM2_RC_POLICY_FAIL);
	/* The sessions stay for what comes: with what they can do now nothing is lost, and a chip takes its time to make their key. */
	tpm->closed = good && !tpm->broken;
	if (tpm->closed)
		tpm->detail = 0;	/* the refusals that were wanted */
	tpm_scrub(tpm);
	return tpm->closed ? EV_none : EV_tpm_latch;
}

enum event
tpm_measure(struct tpm *tpm, const void *data, size_t len_bytes)
{
	if (!tpm->closed || tpm->broken)
		return EV_load_measure;
	return tpm_latch_extend(tpm, data, len_bytes) == EV_none ? EV_none : EV_load_measure;
}
