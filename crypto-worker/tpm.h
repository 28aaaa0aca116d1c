#ifndef CRYPTO_WORKER_TPM_H
#define CRYPTO_WORKER_TPM_H
/*
 * The machine's TPM 2.0, as crypto-worker uses it: one NV index, one latch.  Over an open descriptor of /dev/tpm0 (or of swtpm's
 * data socket in tests): a command is written whole, the answer is read.  TPM answers are hostile input.
 * TCG TPM 2.0 Library, parts 1 to 3, revision 1.59.
 */
#include <stddef.h>
#include <stdint.h>

#include "event.h"

enum {
	TPM_NV_SECRET = 0x01535059,	/* NV index of the secret: owner range, "SPY" */
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
 * Enrolment: defines the index and writes it by an encrypting session, then write-locks it for good.  Only when tpm_index_state() said
 * EV_tpm_not_enrolled: else that event, or EV_tpm_error when enrolled.  Refuses (EV_tpm_pcr8_used) when PCR 8 is not zero.
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

/* Flushes what is left in the TPM and releases ESYS; wipes every buffer of ours that held a secret. */
void tpm_finish(struct tpm *tpm);
#endif
