#ifndef TESTS_PEERS_H
#define TESTS_PEERS_H
/*
 * What the tests need to play the other programs: sockets, frames as wrong as one likes, a legal body for every message,
 * signed generations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "chan.h"
#include "doc.h"
#include "msg.h"

/* In every byte array of every sample: whoever prints a worker's bytes prints this, and clears the screen. */
#define PEER_EVIL "EVIL\033[2J%n\r\n\tEVIL"

union peer_body {
	uint64_t align;
	uint8_t bytes[MSG_HANDOVER_MAX + 64];
#define MSG(name, id, from, to, way, answers, under, max, fd, phases, next) struct msg_##name name;
#include "msg.def"
};

/* Descriptors 3 to 8 are taken, so that the tested program's numbers stay free for it; a test that blocks is ended by SIGALRM. */
void peer_reserve(void);
void peer_place(int fd, int at);		/* moves fd to that number */
void peer_pair(int pair[2]);			/* SOCK_SEQPACKET; [0] the test's, non-blocking; [1] the tested program's */
unsigned peer_fds(void);			/* how many descriptors are open */

int peer_recv(int fd, struct frame *frame);	/* 1, 0: closed (or reset), -EAGAIN: nothing there */
/* nfds descriptors of /dev/null go along.  0 or a negative errno of sendmsg(2). */
int peer_say_raw(int fd, uint32_t id, uint32_t zero, const void *body, size_t body_bytes, unsigned nfds);
void peer_say(int fd, uint32_t id, const void *body);	/* as the row says */

void peer_sample(uint32_t id, union peer_body *body);	/* passes msg_check() */

#ifdef CRYPTO_WORKER_CRYPTO_H
/* A generation, signed by release keys 0..signers-1 of three that peer_config() lists with a threshold of two. */
struct generation {
	char manifest[DOC_MAX], minisig[MINISIG_MAX];
	uint32_t manifest_bytes, minisig_bytes;
	uint8_t *kernel, *initramfs;		/* of the test */
	uint64_t kernel_bytes, initramfs_bytes;
	uint8_t id[ID_BYTES];
};
void peer_config(struct doc_config *config);
void peer_sign(struct generation *g, unsigned signers);	/* manifest -> minisig, id */
void peer_generation(struct generation *g, uint64_t version, uint64_t kernel_bytes, uint64_t initramfs_bytes);
void peer_generation_free(struct generation *g);
const void *peer_part(const struct generation *g, uint32_t part, uint64_t *len_bytes);

/* --- fake_tpm.c: what stands around the modules of crypto-worker; main.c's functions are there as well --- */
extern struct fake_tpm {
	enum event open, index[2], read, enrol, close, measure, pcr;	/* what the next call says; index[1]: after an enrolment */
	unsigned opens, indexes, reads, enrols, closes, measures, finishes;
	int open_leaves_one;		/* 1: a failed open still gives a TPM */
	int without_index;		/* what tpm_close() was told */
	uint8_t node[TPM_NODE_BYTES], org_key[TPM_ORG_KEY_BYTES], measured[ID_BYTES];
} fake;
uint8_t fake_secret(unsigned i);	/* computed, so that the test keeps no copy */

enum { LIVES = -1 };

extern struct crypto crypto;
extern struct play {
	int hub, lane, ended;		/* ended: LIVES or crypto-worker's exit status */
	struct admit_state view;	/* the broker's: what crypto-worker sends must be legal there */
	struct msg_crypto_want want;	/* the last one, with its memfd */
	int want_fd;
	struct candidate about;		/* of the last message about one */
	uint32_t event;			/* of the last message that has one */
	unsigned refused;
	void (*spoil)(int fd, const struct msg_crypto_want *want);	/* before it is said to be filled */
} play;

void play_open(void);			/* before the latch; header: valid, blank */
void play_header(int valid, const uint8_t node[TPM_NODE_BYTES]);
void play_close(void);
void play_latch(void);			/* close_latch() */
void play_tell(uint32_t id, const void *body);	/* store, broker or kexec says; crypto-worker handles it */
void play_say(uint32_t id);		/* a sample of peer_sample() */
void play_lie(uint32_t id);		/* the same, but the broker's view takes no note */
uint32_t play_hear(void);		/* the next message, judged by the broker's view; 0: nothing there */
void play_expect(uint32_t id);
void play_fill(const struct generation *g);		/* fills what is wanted, and says so */
uint32_t play_serve(struct generation *const slots[], unsigned n);	/* fills until something else is said; its id */
uint32_t play_survey(struct generation *const slots[], unsigned n, const uint32_t flags[]);	/* latch to the end of SURVEY */
uint32_t play_supply(struct generation *const slots[], unsigned n);	/* broker_next, to crypto_verified, _rejected or _none */
#endif
#endif
