#ifndef TESTS_CRYPTO_PLAY_H
#define TESTS_CRYPTO_PLAY_H
/*
 * crypto-worker's modules (close, want, survey, supply, load, verify, cmdline) on a fake TPM, with real memfds and signatures.
 * The test plays broker, store-worker and kexec-worker, honest and hostile.
 */
#include "crypto.h"
#include "peer_generation.h"
#include "peers.h"

enum { LIVES = -1, KERNEL_BYTES = 5000, INITRAMFS_BYTES = 3000 };

/* Two signed generations, versions 42 and 41, of those sizes and of one byte more each. */
extern struct generation newest, older;
extern struct generation *const both[2], *const one[1];		/* newest comes first */

/* For cmocka_run_group_tests(): makes and frees them, and reserves crypto-worker's descriptors. */
int play_setup(void **state);
int play_teardown(void **state);

extern struct crypto crypto;
extern struct play {
	int hub, lane, ended;		/* ended: LIVES or crypto-worker's exit status */
	struct admit_state view;	/* the broker's: what crypto-worker sends must be legal there */
	struct msg_crypto_want want;	/* the last one, with its memfd */
	int want_fd;
	struct msg_crypto_get get;	/* likewise; get_fd: to be filled with it, or with the answer to post, which post_fd holds */
	struct msg_crypto_post post;
	struct msg_crypto_keep keep;
	int get_fd, post_fd, keep_fd;
	struct msg_crypto_ticket ticket;
	struct msg_crypto_offline offline;
	struct msg_crypto_enrolled enrolled;
	struct candidate about;		/* of the last message about one */
	uint32_t event, detail;		/* of the last message that has one */
	uint32_t cause;			/* of crypto_chosen */
	unsigned refused;
	enum event config;		/* what read_config() says */
	void (*spoil)(int fd, const struct msg_crypto_want *want);	/* before it is said to be filled */
} play;

void play_open(void);			/* before the latch; header: valid, blank */
void play_header(int valid, const uint8_t node[TPM_NODE_BYTES]);
void play_close(void);
void play_latch(void);			/* close_latch() */
void play_to_survey(void);		/* play_open(), the latch, and crypto-worker has said so */
void play_tell(uint32_t id, const void *body);	/* store, broker or kexec says; crypto-worker handles it */
void play_say(uint32_t id);		/* a sample of peer_sample() */
void play_lie(uint32_t id);		/* the same, but the broker's view takes no note */
uint32_t play_hear(void);		/* the next message, judged by the broker's view; 0: nothing there */
void play_expect(uint32_t id);
void play_fill(const struct generation *g);		/* fills what is wanted, and says so */
uint32_t play_serve(struct generation *const slots[], unsigned n);	/* fills until something else is said; its id */
void play_offers(unsigned n, uint32_t slot);		/* the newest one in that slot, n times; and no more are offered */
uint32_t play_survey(struct generation *const slots[], unsigned n, const uint32_t flags[]);	/* latch to the end of SURVEY */
uint32_t play_supply(struct generation *const slots[], unsigned n);	/* broker_next, to crypto_verified, _rejected or _none */
#endif
