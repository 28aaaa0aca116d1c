#ifndef CRYPTO_WORKER_TPM_IMPL_H
#define CRYPTO_WORKER_TPM_IMPL_H
/* What the files of tpm.h share; nobody else includes this, tests aside. */
#include <tss2/tss2_esys.h>

#include "tcti.h"
#include "tpm.h"

enum {
	TPM_DIGEST_MAX = 64,
	TPM_SHA256_BYTES = 32,
	TPM_PCR_LATCH = 8,
	/* Bits of PCRs 0 to 23. */
	TPM_PCRS_MEASURED = 1 << 0 | 1 << 4 | 1 << 7,	/* filled by the firmware, or it measures nothing */
	TPM_PCRS_POLICY = 1 << 4 | 1 << 7 | 1 << TPM_PCR_LATCH,
};

struct tpm_bank {
	TPM2_ALG_ID alg;
	uint16_t digest_bytes;
	uint8_t latch[TPM_DIGEST_MAX];	/* what PCR 8 must hold */
};

struct tpm {
	struct tcti tcti;
	ESYS_CONTEXT *esys;
	ESYS_TR primary, policy, index;		/* ESYS_TR_NONE: not there */
	int index_good;				/* tpm_index_state() has said EV_none of it */
	int broken;				/* ESYS gave up: tpm_revive() first */
	int policy_used;			/* the session's digest is not fresh */
	int closed;
	uint32_t detail;
	unsigned nbanks;
	struct tpm_bank bank[TPM_BANKS_MAX];
	uint8_t pcr[TPM_PCR_LATCH + 1][TPM_SHA256_BYTES];	/* SHA-256 bank at tpm_open(): 0, 4, 7, 8 */
};

/* tpm.c: keeps the code, says which event it is. */
enum event tpm_fail(struct tpm *tpm, TSS2_RC rc);
TSS2_RC tpm_rc_base(TSS2_RC rc);	/* a TPM's code without handle, parameter or session number; else as it is */
enum event tpm_revive(struct tpm *tpm);
void tpm_scrub(struct tpm *tpm);	/* wipes what the last commands left in ESYS's buffer and on the stack */

/* tpm_session.c */
enum event tpm_session_open(struct tpm *tpm, TPM2_SE type, ESYS_TR *out);
enum event tpm_policy_arm(struct tpm *tpm, int present_pcrs_only);
void tpm_policy_digest(const struct tpm *tpm, uint8_t pcr_digest[TPM_SHA256_BYTES], uint8_t policy[TPM_SHA256_BYTES]);
void tpm_session_end(struct tpm *tpm);

/* tpm_index.c: the raw result of reading the index by the policy session */
TSS2_RC tpm_index_read(struct tpm *tpm, TPM2B_MAX_NV_BUFFER **out);

/* tpm_pcr.c */
enum event tpm_banks_find(struct tpm *tpm);
enum event tpm_pcrs_read(struct tpm *tpm, TPM2_ALG_ID alg, uint16_t digest_bytes, uint32_t bits, uint8_t (*out)[TPM_DIGEST_MAX]);
enum event tpm_latch_extend(struct tpm *tpm, const void *data, size_t len_bytes);
#endif
