#ifndef TESTS_CRYPTO_ORG_H
#define TESTS_CRYPTO_ORG_H
/*
 * The organisation and the net-worker before crypto-worker: the test plays both, honest and hostile.  What the org signs is signed by the key
 * that peer_config() lists, or by a stranger's.
 */
#include "crypto_play.h"

enum { NOW = 1800000000 };

extern struct asked {			/* what crypto-worker has posted last */
	struct doc_request request;
	struct doc_enrol enrol;
	struct doc_proof proof;
	struct doc_quote quote;
	uint8_t hash[32];		/* of the document before the quote */
	char document[DOC_MAX];		/* it */
	size_t document_bytes;
} asked;
extern uint8_t org_share[32];
extern int org_stranger;		/* 1: another key signs than config's */
extern void (*org_spoil)(char *text, size_t *len_bytes);	/* before an answer goes out */

void org_open(void);			/* play_open(), and the config names an org; a ticket was seen before */
void org_to_ask(struct generation *const slots[], unsigned n, const uint32_t flags[]);	/* latch, survey, and net-worker runs */
void org_fill(const void *bytes, size_t len_bytes);	/* what was got is this */
void org_answer(enum doc_kind kind, const void *doc);	/* signed, in answer to what was got or posted */
void org_got_event(enum event event);			/* it did not come */
void org_posted_event(enum event event);
void org_challenge(void);		/* expects the question, answers it */
void org_expect_request(void);		/* takes the post apart: document and quote */
void org_expect_enrol(void);
struct doc_ticket org_ticket(const struct generation *g);	/* the right one for what was asked; NULL: a refusal (revoked) */
struct doc_ticket org_asked_for(const struct generation *g);	/* up to the request, with the newest one in the cache; and that ticket */
void org_give(const struct doc_ticket *ticket);
void org_serve_part(const struct generation *g);	/* expects crypto_get of one of its parts, and fills it */
void org_keep(uint32_t event, uint32_t slot);		/* expects crypto_keep, looks at the memfd, answers; with the last part: in slot */
#endif
