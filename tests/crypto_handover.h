#ifndef TESTS_CRYPTO_HANDOVER_H
#define TESTS_CRYPTO_HANDOVER_H
/* The hand-over, at its receiver. */
#include "crypto_play.h"

extern struct handed {
	int kernel, initramfs;
	struct msg_crypto_handover body;
	uint8_t *map;			/* read-only, through the receiver's descriptor */
	size_t tail_at;			/* where our archive begins, once check_archive() has found it */
} handed;

extern const uint8_t *derived_share;	/* the org's, behind the node secret in what keys are from; NULL: none */

/* A generation's key and the PRK that it is from, XORed with 0x5a, so that no copy of them is the test's. */
void masked_key(const uint8_t id[ID_BYTES], uint8_t out[KEY_BYTES], uint8_t prk[KEY_BYTES]);
/* How often a masked string stands in what this process can write.  Planted ones are found: see unit_crypto_load.c. */
unsigned masked_copies(const uint8_t masked[KEY_BYTES]);

/* From power-on to the hand-over; the first slot is chosen. */
void to_handover(struct generation *const slots[], unsigned n, const uint32_t flags[]);
void take_handover(void);	/* one message, by the rules that kexec-worker has */
/* Archive and initramfs as the kernel would see them; prev: whose previous key is due, or NULL. */
void check_archive(const struct generation *g, const struct generation *prev);
void check_cmdline(const struct generation *g);
void loaded(uint32_t error);	/* kexec-worker says so */
void check_wiped_from(size_t at);
void drop_handover(void);
#endif
