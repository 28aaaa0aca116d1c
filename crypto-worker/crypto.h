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
	uint8_t org_share[KEY_BYTES];	/* with release org: behind the node's in what keys are derived from */
	uint8_t luks_key[KEY_BYTES];
	uint8_t luks_key_prev[KEY_BYTES];
	uint8_t share_key[KEY_BYTES];	/* X25519, of one request */
	uint8_t credential[KEY_BYTES];	/* an enrolment's */
	uint8_t auths[2 * TPM_AUTH_BYTES];	/* ownerAuth, lockoutAuth */
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

	struct offer offers[SLOTS_MAX + 1];	/* the last: the ticket's generation, from the org */
	uint32_t offered, current;	/* current: the offer that is surveyed or tried */

	/* The org. */
	struct tpm_state nv;
	uint64_t now;			/* it is not earlier: build time or the last ticket's */
	uint8_t share_key[KEY_BYTES];	/* public half */
	uint8_t asked[32];		/* BLAKE2b-256 of the document that is open */
	uint8_t ek[32];			/* SHA-256 of its public area */
	uint8_t enrol_text[DOC_MAX];	/* enrol_bytes of it: the document that a proof is about */
	size_t enrol_bytes;
	uint8_t cause;			/* CHOSEN_* of the present candidate */
	uint8_t open, member, asked_twice, ticketed, offline_counted, org_tried;
	uint8_t unknown;		/* the org has said so of this node, in a ticket */
	uint8_t ticket_id[ID_BYTES];

	/* What net-worker was asked for; -1: nothing.  post_fd: what is posted; get_fd then has room for the answer. */
	int get_fd, post_fd;
	struct msg_crypto_get get;
	struct msg_crypto_post post;
	uint32_t get_number;

	/* What store-worker was asked to keep. */
	struct msg_crypto_keep keep;
	uint8_t keeping;

	/* What store-worker was asked for; -1: nothing. */
	int want_fd;
	struct msg_crypto_want want;
	int manifest_fd, kernel_fd, initramfs_fd;
	uint8_t kernel_sealed;		/* and hashed */
	uint8_t initramfs_copied;	/* into the hand-over, and the copy hashed */

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
uint32_t crypto_detail(const struct crypto *c, enum event event);	/* the TPM's response code, behind an event of its own; else 0 */
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
int want_make(uint64_t len_bytes);			/* a memfd of that size to be filled; -1 */
void want_again(struct crypto *c);

/* get.c: the same of net-worker. */
void get_part(struct crypto *c, uint32_t what, const uint8_t id[ID_BYTES], uint64_t len_bytes);
void get_post(struct crypto *c, uint32_t what, const void *body, size_t body_bytes);
int get_take(struct crypto *c);				/* the filled memfd; the caller owns it */
size_t get_text(struct crypto *c, uint64_t len_bytes, uint8_t text[DOC_MAX]);
void get_drop(struct crypto *c);
void get_again(struct crypto *c);
int fill_with(const void *bytes, size_t len_bytes, enum fd_kind kind);

/* ask.c, offline.c: LINK and ASK. */
void ask_challenge(struct crypto *c);	/* the network is up; or all is asked anew */
void ask_failed(struct crypto *c, enum event event);	/* the org's word does not come, or is not good */
void ask_got(struct crypto *c, const struct msg_net_got *body);
void ask_posted(struct crypto *c, const struct msg_net_posted *body);
void ask_lost(struct crypto *c, int final);
uint64_t offline_most(const struct crypto *c);
/* May this boot do without a ticket?  Counts it, then.  EV_none or EV_org_offline_spent, EV_tpm_state, ... */
enum event offline_count(struct crypto *c);

/* survey.c */
void survey_offer(struct crypto *c, const struct msg_store_offer *offer);
void survey_offered(struct crypto *c, const struct msg_store_offered *body);
void survey_filled(struct crypto *c, const struct msg_store_filled *body);
void survey_lost(struct crypto *c, int final);
enum event survey_judge(struct crypto *c, struct offer *offer, const uint8_t *manifest, size_t manifest_bytes, const uint8_t *minisig,
    size_t minisig_bytes);
void survey_refuse(struct crypto *c, struct offer *offer, enum event event);
void survey_floor(struct crypto *c);	/* the floor has risen */
void candidate_of(const struct crypto *c, const struct offer *offer, enum event event, struct candidate *out);

/* supply.c */
void supply_next(struct crypto *c);
void supply_filled(struct crypto *c, const struct msg_store_filled *body);
void supply_lost(struct crypto *c, int final);
void supply_chosen(struct crypto *c, uint32_t cause);
void supply_images(struct crypto *c);	/* both are there */
void supply_reject(struct crypto *c, enum event event);
enum event supply_seal_kernel(struct crypto *c);	/* and hashes it, once */
enum event supply_copy_initramfs(struct crypto *c, int spend);	/* into the hand-over, hashing the copy, once; spend: the source is given up */

/* download.c: the ticket's generation, from the org into the cache. */
void download_begin(struct crypto *c);
void download_got(struct crypto *c, const struct msg_net_got *body);
void download_lost(struct crypto *c, enum peer peer, int final);
void download_kept(struct crypto *c, const struct msg_store_kept *body);

/* load.c */
void load_generation(struct crypto *c);
void load_loaded(struct crypto *c, const struct msg_kexec_loaded *body);
#endif
