#ifndef CRYPTO_WORKER_TPM_H
#define CRYPTO_WORKER_TPM_H
/*
 * The machine's TPM 2.0, as crypto-worker uses it: two NV indices, one latch, an attestation key.  Over an open descriptor of /dev/tpm0 (or of swtpm's
 * data socket in tests): a command is written whole, the answer is read.  TPM answers are hostile input.
 * TCG TPM 2.0 Library, parts 1 to 3, revision 1.59.
 */
#include <stddef.h>
#include <stdint.h>

#include "event.h"

#define TPM_AK_HANDLE UINT32_C(0x81015350)	/* persistent: the attestation key */

enum {
	TPM_NV_SECRET = 0x01535059,	/* NV index of the secret: owner range, "SPY" */
	TPM_NV_STATE = 0x0153505a,	/* of floor, lease and time */
	TPM_SECRET_BYTES = 32,
	TPM_NODE_BYTES = 16,
	TPM_ORG_KEY_BYTES = 32,
	TPM_BANKS_MAX = 8,
};

/* What the index holds. sec_node_secret is guarded memory of the caller (sodium_malloc). */
struct tpm_secret {
	uint8_t node[TPM_NODE_BYTES];
	uint8_t org_key[TPM_ORG_KEY_BYTES];
	uint8_t *sec_node_secret;	/* TPM_SECRET_BYTES */
};

struct tpm;	/* one per process; static storage inside */

/*
 * Takes the descriptor over.  EV_none, EV_tpm_absent, EV_tpm_answer, EV_tpm_error, EV_tpm_locked_out, EV_tpm_bank, EV_tpm_pcr_unused,
 * EV_tpm_session.  On failure the latch is closed as far as the TPM lets us, and the descriptor too.
 */
enum event tpm_open(int fd, struct tpm **out);

/* The last TPM response code behind an event, for the log; 0 if there was none.  NULL: of the tpm_open() that failed. */
uint32_t tpm_detail(const struct tpm *tpm);
uint32_t tpm_banks(const struct tpm *tpm);	/* active PCR banks */

/*
 * What NV says: EV_none: our index, written, with exactly the Name that this preboot computes for it under the present PCRs 4 and 7
 * and PCR 8 = 0.  EV_tpm_not_enrolled: no such index.  EV_tpm_unfinished: defined, unwritten or not write-locked.  EV_tpm_policy: ours
 * but for PCR 4 or 7.  EV_tpm_pcr8_used: ours, and somebody closed it before us.  EV_tpm_index_name: not ours.
 */
enum event tpm_index_state(struct tpm *tpm);

/*
 * Enrolment: defines TPM_NV_STATE (see below), then the index of the secret, writes this one by an encrypting session and write-locks
 * it for good.  Only when tpm_index_state() said EV_tpm_not_enrolled: else that event, or EV_tpm_error when enrolled.  Refuses
 * (EV_tpm_pcr8_used) when PCR 8 is not zero.  EV_tpm_owned: somebody has set the owner authorisation.  A TPM_NV_STATE that is there
 * already: unwritten and ours it is taken; written it is EV_tpm_unfinished; another is EV_tpm_index_name.
 */
enum event tpm_enrol(struct tpm *tpm, const struct tpm_secret *secret);

/* Reads the secret.  EV_tpm_policy: PCRs are not those of the enrolment. */
enum event tpm_read(struct tpm *tpm, struct tpm_secret *secret);

/*
 * Closes the latch, whether or not anything was read: NV_ReadLock; a read must now fail with exactly TPM_RC_NV_LOCKED (when there is an
 * index of ours); extend PCR 8 in every active bank with the digest of "sallyport closed 1"; read back and compare in every bank.
 * without_index: there is none of ours, extend only.  After that the policy must open nothing any more.  EV_none or EV_tpm_latch; in
 * either case PCR 8 is extended if the TPM takes commands at all.
 */
enum event tpm_close(struct tpm *tpm, int without_index);

/*
 * Extends PCR 8 in every bank with the digest (by the bank's algorithm) of data, reads back and compares.  Only after tpm_close().
 * EV_none or EV_load_measure.
 */
enum event tpm_measure(struct tpm *tpm, const void *data, size_t len_bytes);

/* SHA-256 bank's value of a PCR; EV_tpm_bank when there is no such bank. */
enum event tpm_pcr(struct tpm *tpm, unsigned pcr, uint8_t out[32]);

/* --- floor, lease, time: what must not go back, and what an offline boot is counted by ---------------------------------------- */

struct tpm_state {
	uint64_t floor;			/* no generation of a lower version */
	uint64_t time;			/* of the last ticket, seconds since 1970; 0: there was none yet */
	uint64_t offline;		/* boots without a ticket since then */
	uint64_t offline_max;		/* as the last ticket said */
};

/*
 * Anyone may read the index; only preboot, with PCRs 4 and 7 as at enrolment and the latch closed, may write it.  It holds two records,
 * written in turns, each with a sequence number and a checksum: a write that power cuts leaves the other one.  EV_none; EV_tpm_state: the
 * index is absent, unwritten, not of the Name that this preboot computes, or neither record is whole.
 */
enum event tpm_state_read(struct tpm *tpm, struct tpm_state *out);
/* Only after tpm_close() and before tpm_measure().  Reads back.  EV_none, EV_tpm_state, EV_tpm_policy or what the TPM's answer means. */
enum event tpm_state_write(struct tpm *tpm, const struct tpm_state *state);
/*
 * Right after tpm_close(), in the boot that enrolled: the first record, all zero.  A node whose power was cut before is not a node: an
 * unwritten index is also what somebody leaves who defines it anew, so it is EV_tpm_state for ever after.
 */
enum event tpm_state_begin(struct tpm *tpm);

/* --- the attestation key: restricted, ECDSA P-256 with SHA-256, made in the TPM; and what enrolment with an org takes ---------- */

enum { TPM_ATTEST_MAX = 512, TPM_SIGNATURE_MAX = 256, TPM_PUBLIC_MAX = 512, TPM_CERT_MAX = 2048, TPM_QUOTED = 7, TPM_AUTH_BYTES = 32 };

struct tpm_quote {
	uint8_t attest[TPM_ATTEST_MAX];		/* TPMS_ATTEST, marshalled */
	uint8_t signature[TPM_SIGNATURE_MAX];	/* TPMT_SIGNATURE, marshalled */
	uint32_t attest_bytes, signature_bytes;
	uint8_t pcr[TPM_QUOTED][32];		/* SHA-256 bank: 0, 4, 7, 8, 11, 12, 13 */
};

/*
 * At an org's enrolment, before tpm_close(): makes the key in the endorsement hierarchy and persists it at TPM_AK_HANDLE; what else lay
 * there goes.  EV_tpm_owned: the owner or endorsement authorisation is not empty.
 */
enum event tpm_ak_make(struct tpm *tpm);
/* TPMT_PUBLIC, marshalled; *bytes at most TPM_PUBLIC_MAX.  EV_tpm_ak: nothing there, or no key of our template. */
enum event tpm_ak_public(struct tpm *tpm, uint8_t out[TPM_PUBLIC_MAX], uint32_t *bytes);
/*
 * TPM2_Quote by the attestation key over the seven PCRs of the SHA-256 bank.  The PCR values are read around it, and must hash to what
 * was quoted.  EV_none, EV_tpm_ak, or what the TPM's answer means.
 */
enum event tpm_quote(struct tpm *tpm, const uint8_t qualifying[32], struct tpm_quote *out);

/*
 * The endorsement key by the TCG's template L-2 (ECC NIST P-256; EK Credential Profile 2.5, B.3.4), made anew and not kept: TPMT_PUBLIC,
 * and the certificate of NV index 0x01c0000a where the TPM has one (*cert_bytes 0: none).
 */
enum event tpm_ek_public(struct tpm *tpm, uint8_t out[TPM_PUBLIC_MAX], uint32_t *bytes, uint8_t cert[TPM_CERT_MAX], uint32_t *cert_bytes);
/*
 * TPM2_ActivateCredential: blob is a TPM2B_ID_OBJECT, secret a TPM2B_ENCRYPTED_SECRET, both marshalled; sec_out 32 bytes, untouched unless
 * EV_none.  EV_tpm_error: it was made for another EK or AK (tpm_detail() has the TPM's word), EV_tpm_ak.
 */
enum event tpm_activate(struct tpm *tpm, const uint8_t *blob, uint32_t blob_bytes, const uint8_t *secret, uint32_t secret_bytes,
    uint8_t sec_out[32]);
/*
 * Sets ownerAuth and lockoutAuth, by an encrypting session, where they are empty.  EV_none also when they are these already; EV_org_escrow:
 * somebody else has set one of them.  Cut by power it goes on with the same values at the next call; a lockoutAuth is never tried: see
 * tpm_owner.c.
 */
enum event tpm_take_owner(struct tpm *tpm, const uint8_t sec_owner[TPM_AUTH_BYTES], const uint8_t sec_lockout[TPM_AUTH_BYTES]);

/* Flushes what is left in the TPM and releases ESYS; wipes every buffer of ours that held a secret. */
void tpm_finish(struct tpm *tpm);
#endif
