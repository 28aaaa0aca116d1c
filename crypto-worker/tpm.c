/*
 * Opens and leaves the TPM, and turns the response codes of four layers into events.  In crypto-worker, over ESYS of tpm2-tss.
 * Distrusts every answer; a TPM that measures nothing, lacks a bank or cannot encrypt its parameters is refused here.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <sodium.h>

#include "tpm_impl.h"

static struct tpm the_tpm;

uint32_t
tpm_detail(const struct tpm *tpm)
{
	return tpm != NULL ? tpm->detail : the_tpm.detail;
}

uint32_t
tpm_banks(const struct tpm *tpm)
{
	return tpm->nbanks;
}

/* Part 2, 6.6: bit 7 marks format one, whose bits 6 and 8 to 11 say which handle, parameter or session. */
TSS2_RC
tpm_rc_base(TSS2_RC rc)
{
	if ((rc & TSS2_RC_LAYER_MASK) != TSS2_TPM_RC_LAYER || (rc & TPM2_RC_FMT1) == 0)
		return rc;
	return rc & (TPM2_RC_FMT1 | 0x3f);
}

int
tpm_rc_is_tpms(TSS2_RC rc)
{
	return rc != 0 && (rc & TSS2_RC_LAYER_MASK) == TSS2_TPM_RC_LAYER;
}

enum event
tpm_fail(struct tpm *tpm, TSS2_RC rc)
{
	tpm->detail = rc;
	if (tpm_rc_is_tpms(rc))
		return rc == TPM2_RC_LOCKOUT ? EV_tpm_locked_out : EV_tpm_error;
	tpm->broken = 1;	/* ESYS may take no further command after an error of its own */
	if (rc == TSS2_ESYS_RC_RSP_AUTH_FAILED)
		return EV_tpm_session;
	switch (rc & ~(TSS2_RC)TSS2_RC_LAYER_MASK) {
	case TSS2_BASE_RC_IO_ERROR:
	case TSS2_BASE_RC_MEMORY:
		return EV_tpm_error;
	default:
		return EV_tpm_answer;
	}
}

enum event
tpm_fail_owner(struct tpm *tpm, TSS2_RC rc)
{
	enum event event = tpm_fail(tpm, rc);

	return tpm_rc_base(rc) == TPM2_RC_BAD_AUTH || tpm_rc_base(rc) == TPM2_RC_AUTH_FAIL ? EV_tpm_owned : event;
}

enum event
tpm_revive(struct tpm *tpm)
{
	TSS2_ABI_VERSION abi = TSS2_ABI_VERSION_CURRENT;
	TSS2_RC rc;

	/* What is left in the TPM stays there: an ESYS that gave up cannot flush, and such a boot ends in a reset. */
	if (tpm->esys != NULL) {
		tpm_scrub(tpm);
		Esys_Finalize(&tpm->esys);
	}
	tpm->primary = tpm->policy = tpm->hmac = tpm->index = ESYS_TR_NONE;
	tpm->policy_used = tpm->index_good = 0;
	tpm->broken = 0;
	rc = Esys_Initialize(&tpm->esys, (TSS2_TCTI_CONTEXT *)&tpm->tcti, &abi);
	return rc == 0 ? EV_none : tpm_fail(tpm, rc);
}

void
tpm_leave(struct tpm *tpm, ESYS_TR *object)
{
	if (*object != ESYS_TR_NONE && !tpm->broken)
		(void)Esys_TR_Close(tpm->esys, object);	/* fails for what ESYS has forgotten already */
	*object = ESYS_TR_NONE;
}

void
tpm_scrub(struct tpm *tpm)
{
	tcti_wipe(&tpm->tcti);
	sodium_stackzero(32768);	/* ESYS decrypts through arrays on its stack */
}

/* The first command: is anything there, and is it a TPM 2.0? */
static enum event
check_family(struct tpm *tpm)
{
	TPMS_CAPABILITY_DATA *cap = NULL;
	enum event event = EV_none;
	TPMI_YES_NO more;
	TSS2_RC rc;

	rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_TPM_PROPERTIES, TPM2_PT_FAMILY_INDICATOR, 1,
	    &more, &cap);
	if (rc != 0) {
		event = tpm_fail(tpm, rc);
		return tpm->tcti.error != 0 && rc != TSS2_TCTI_RC_MALFORMED_RESPONSE ? EV_tpm_absent :
		    tpm->tcti.error == -ENOTSUP ? EV_tpm_absent : event;
	}
	if (cap->capability != TPM2_CAP_TPM_PROPERTIES || cap->data.tpmProperties.count != 1 ||
	    cap->data.tpmProperties.tpmProperty[0].property != TPM2_PT_FAMILY_INDICATOR)
		event = EV_tpm_answer;
	else if (cap->data.tpmProperties.tpmProperty[0].value != 0x322e3000)	/* "2.0" */
		event = EV_tpm_absent;
	Esys_Free(cap);
	return event;
}

/* PCR 0, 4 and 7 untouched: whoever boots this machine can set them to what he likes. */
static enum event
check_measured(struct tpm *tpm)
{
	uint8_t value[TPM_PCR_LATCH + 1][TPM_DIGEST_MAX];
	const unsigned pcrs[] = { 0, 4, 7, TPM_PCR_LATCH };
	enum event event;

	event = tpm_pcrs_read(tpm, TPM2_ALG_SHA256, TPM_SHA256_BYTES, TPM_PCRS_MEASURED | 1 << TPM_PCR_LATCH, value);
	if (event != EV_none)
		return event;
	for (size_t i = 0; i < sizeof pcrs / sizeof pcrs[0]; i++) {
		uint8_t *v = value[pcrs[i]];
		size_t same = 1;

		while (same < TPM_SHA256_BYTES && v[same] == v[0])
			same++;
		if (pcrs[i] != TPM_PCR_LATCH && same == TPM_SHA256_BYTES && (v[0] == 0 || v[0] == 0xff))
			return EV_tpm_pcr_unused;
		memcpy(tpm->pcr[pcrs[i]], v, TPM_SHA256_BYTES);
	}
	return EV_none;
}

/* Where there is no TPM, init gives us the null device. */
static int
is_null_device(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

enum event
tpm_open(int fd, struct tpm **out)
{
	struct tpm *tpm = &the_tpm;
	enum event event;

	if (is_null_device(fd))
		return EV_tpm_absent;
	memset(tpm, 0, sizeof *tpm);
	tcti_init(&tpm->tcti, fd, TCTI_TIMEOUT_MS);
	tpm->primary = tpm->policy = tpm->hmac = tpm->index = ESYS_TR_NONE;
	if (sodium_init() < 0)
		event = EV_tpm_error;
	else if ((event = tpm_revive(tpm)) == EV_none && (event = check_family(tpm)) == EV_none &&
	    (event = tpm_banks_find(tpm)) == EV_none && (event = check_measured(tpm)) == EV_none)
		event = tpm_session_open(tpm, TPM2_SE_POLICY, &tpm->policy);
	if (event == EV_none) {
		*out = tpm;
		return EV_none;
	}
	/* Close the latch here as well, as far as the TPM lets us: nobody else can once this fails.  The event is what counts. */
	if (tpm->nbanks > 0)
		(void)tpm_close(tpm, 1);
	tpm_finish(tpm);
	return event;
}

void
tpm_finish(struct tpm *tpm)
{
	if (tpm->esys != NULL) {
		if (!tpm->broken)
			tpm_session_end(tpm);
		tpm_scrub(tpm);
		Esys_Finalize(&tpm->esys);
	}
	if (tpm->tcti.fd >= 0)
		(void)close(tpm->tcti.fd);	/* every command was answered: no error to lose */
	sodium_memzero(&tpm->tcti, sizeof tpm->tcti);
	tpm->tcti.fd = -1;
}
