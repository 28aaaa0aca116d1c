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
	TPM_NAME_BYTES = 2 + TPM_SHA256_BYTES,
};

#define TPM_CLOSED_TEXT "sallyport closed 1"	/* what PCR 8 is extended with; measured without its NUL */

/* What PCR 8 must be; 4 and 7 are as at tpm_open(). */
enum tpm_policy {
	POLICY_open,		/* zero: the latch has not closed */
	POLICY_present,		/* as it is; the others too: for proving that this is not enough */
	POLICY_closed,		/* the latch has closed, and nothing was measured since */
};

struct tpm_bank {
	TPM2_ALG_ID alg;
	uint16_t digest_bytes;
	uint8_t latch[TPM_DIGEST_MAX];	/* what PCR 8 must hold */
};

struct tpm {
	struct tcti tcti;
	ESYS_CONTEXT *esys;
	ESYS_TR primary, policy, hmac, index;	/* ESYS_TR_NONE: not there */
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
enum event tpm_fail_owner(struct tpm *tpm, TSS2_RC rc);	/* EV_tpm_owned: an empty authorisation was not the right one */
TSS2_RC tpm_rc_base(TSS2_RC rc);	/* a TPM's code without handle, parameter or session number; else as it is */
int tpm_rc_is_tpms(TSS2_RC rc);		/* a refusal of the TPM's own: no more than that, ESYS goes on */
enum event tpm_revive(struct tpm *tpm);
void tpm_leave(struct tpm *tpm, ESYS_TR *object);	/* ESYS forgets it, the TPM keeps it */
void tpm_scrub(struct tpm *tpm);	/* wipes what the last commands left in ESYS's buffer and on the stack */

/* tpm_session.c */
enum event tpm_session_open(struct tpm *tpm, TPM2_SE type, ESYS_TR *out);
/* Begins every function that comes after tpm_open(): a live ESYS, tpm->hmac open and encrypting both ways, no detail. */
enum event tpm_hmac_ready(struct tpm *tpm);
enum event tpm_policy_fresh(struct tpm *tpm);	/* tpm->policy with an empty digest */
enum event tpm_policy_arm(struct tpm *tpm, enum tpm_policy which);
enum event tpm_policy_fail(struct tpm *tpm, TSS2_RC rc);	/* EV_tpm_policy: it is the PCRs that the TPM dislikes */
void tpm_policy_digest(const struct tpm *tpm, enum tpm_policy which, uint8_t pcr_digest[TPM_SHA256_BYTES],
    uint8_t policy[TPM_SHA256_BYTES]);
void tpm_session_end(struct tpm *tpm);

/* tpm_nv.c: NV indices of SHA-256 and with a policy of its size. EV_tpm_not_enrolled: there is none at that handle. */
void tpm_nv_name(const TPMS_NV_PUBLIC *pub, uint8_t name[TPM_NAME_BYTES]);
enum event tpm_nv_find(struct tpm *tpm, TPM2_HANDLE handle, ESYS_TR *index, TPM2B_NAME *name);
enum event tpm_nv_define(struct tpm *tpm, const TPM2B_NV_PUBLIC *pub, ESYS_TR *index);
int tpm_name_is(const TPM2B_NAME *name, const uint8_t wanted[TPM_NAME_BYTES]);

/* tpm_state.c: defines the index at enrolment, or takes the one that an enrolment left behind which was cut. */
enum event tpm_state_define(struct tpm *tpm);

/* tpm_object.c: keys of the endorsement hierarchy */
int tpm_key_is_like(const TPMT_PUBLIC *key, const TPMT_PUBLIC *template);	/* the same but for the point */
int tpm_key_marshal(const TPMT_PUBLIC *key, uint8_t out[TPM_PUBLIC_MAX], uint32_t *bytes);
enum event tpm_key_make(struct tpm *tpm, const TPMT_PUBLIC *template, ESYS_TR *key, TPMT_PUBLIC *out);
enum event tpm_key_find(struct tpm *tpm, TPM2_HANDLE handle, ESYS_TR *key, TPMT_PUBLIC *out);	/* EV_tpm_ak: nothing there */
void tpm_key_flush(struct tpm *tpm, ESYS_TR *key);

/* tpm_ak.c: the key at TPM_AK_HANDLE */
enum event tpm_ak_find(struct tpm *tpm, ESYS_TR *key, TPMT_PUBLIC *out);

/* tpm_quote.c: the digest of the PCRs in a TPMS_ATTEST; NULL when it is anything but the quote that was asked for. */
const uint8_t *tpm_attest_check(const uint8_t *attest, size_t len_bytes, const uint8_t qualifying[32]);

/* tpm_cert.c */
enum event tpm_cert_read(struct tpm *tpm, uint8_t cert[TPM_CERT_MAX], uint32_t *bytes);

/* tpm_index.c: the raw result of reading the index by the policy session */
TSS2_RC tpm_index_read(struct tpm *tpm, TPM2B_MAX_NV_BUFFER **out);

/* tpm_pcr.c */
enum event tpm_banks_find(struct tpm *tpm);
enum event tpm_pcrs_read(struct tpm *tpm, TPM2_ALG_ID alg, uint16_t digest_bytes, uint32_t bits, uint8_t (*out)[TPM_DIGEST_MAX]);
enum event tpm_latch_extend(struct tpm *tpm, const void *data, size_t len_bytes);
#endif
