#ifndef CRYPTO_WORKER_CRYPTO_H
#define CRYPTO_WORKER_CRYPTO_H
/*
 * crypto-worker's state, shared by its files: close.c (TPM, latch), survey.c (documents), supply.c (images), load.c (keys, hand-over).
 * The only program that ever sees a secret: all of them are in struct secrets, in one guarded page range.
 */
#include <stdint.h>

#include "chan.h"
#include "doc.h"
#include "event.h"
#include "recv.h"
#include "tpm.h"
#include "verify.h"

/* Descriptors at start, policy/peer.def. */
enum { FD_CHANNEL = 3, FD_CONFIG = 4, FD_TPM = 5, FD_LANE = 6, FD_HEADER = 7 };

enum {
	KEY_BYTES = 32,
	TAIL_BYTES = 16384,		/* room behind the initramfs for our archive: keys and report */
};

struct secrets {			/* sodium_malloc: guard pages, mlock, not dumped */
	uint8_t node_secret[TPM_SECRET_BYTES];
	uint8_t luks_key[KEY_BYTES];
	uint8_t luks_key_prev[KEY_BYTES];
};

struct offer {
	struct msg_store_offer said;	/* hostile */
	struct verified verified;
	uint8_t usable;			/* verified, and not yet tried */
	uint8_t good;			/* verified */
};

struct crypto {
	struct admit_state state;
	struct doc_config config;
	struct secrets *secrets;	/* NULL once wiped */
	struct tpm *tpm;
	uint8_t node[TPM_NODE_BYTES];
	uint8_t org_key[TPM_ORG_KEY_BYTES];
	uint8_t header_knows_node;
	uint8_t enrolled_now;
	uint64_t memory_bytes;

	struct offer offers[SLOTS_MAX];
	uint32_t offered, current;	/* current: the offer that is surveyed or tried */

	/* What store-worker was asked for; -1: nothing. */
	int want_fd;
	struct msg_crypto_want want;
	int manifest_fd, kernel_fd, initramfs_fd;

	/* The hand-over, mapped shared and writable by us alone. */
	int handover_fd;
	uint8_t *handover;
	uint64_t handover_bytes, tail_at;

	uint64_t ms_start, ms_closed, ms_surveyed, ms_supplied, ms_verified;
};

/* main.c */
uint64_t clock_ms(void);
_Noreturn void crypto_exit(struct crypto *c, int status);	/* wipes first */

/* end.c */
void crypto_send(struct crypto *c, uint32_t id, const void *body);
_Noreturn void crypto_fail(struct crypto *c, enum event event, uint32_t detail);
void wipe_secrets(struct crypto *c);	/* the struct */
void crypto_wipe(struct crypto *c);	/* that, the keys in the hand-over, and what the TPM's half holds */

/* dispatch.c: waits for one message and handles it. */
void crypto_receive(struct crypto *c);

/* close.c: the door behind. */
void close_latch(struct crypto *c, enum event config);	/* config: EV_none, or what is wrong with it */

/* want.c: memfds that we make and size, and that a supplier fills. */
void want_part(struct crypto *c, uint32_t slot, enum part part, uint64_t len_bytes);
int want_take(struct crypto *c);			/* the filled memfd; the caller owns it */
void want_drop(struct crypto *c);
void want_again(struct crypto *c);

/* survey.c */
void survey_offer(struct crypto *c, const struct msg_store_offer *offer);
void survey_offered(struct crypto *c, const struct msg_store_offered *body);
void survey_filled(struct crypto *c, const struct msg_store_filled *body);
void survey_lost(struct crypto *c, int final);
void candidate_of(const struct crypto *c, const struct offer *offer, enum event event, struct candidate *out);

/* supply.c */
void supply_next(struct crypto *c);
void supply_filled(struct crypto *c, const struct msg_store_filled *body);
void supply_lost(struct crypto *c, int final);

/* load.c */
void load_generation(struct crypto *c);
void load_loaded(struct crypto *c, const struct msg_kexec_loaded *body);
#endif
