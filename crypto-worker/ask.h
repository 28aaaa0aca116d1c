#ifndef CRYPTO_WORKER_ASK_H
#define CRYPTO_WORKER_ASK_H
/*
 * What the files of LINK and ASK share: ask.c (the exchange), enrol.c, ticket.c, offline.c.  One exchange is open, or none; a ticket for any
 * other request, or a second one, is none.
 */
#include "crypto.h"

enum { HASH_BYTES = 32, TEXT_MAX = 2 * DOC_MAX };

/* ask.c */
/* Writes document and quote, one behind the other, and posts them; hash gets the document's BLAKE2b-256. */
void ask_quoted(struct crypto *c, uint32_t what, enum doc_kind kind, const void *doc, uint8_t hash[HASH_BYTES]);
/*
 * Is text signed by the org, and a document of this kind?  Parses it.  EV_none; EV_org_signature; wrong: it is none of this kind.
 */
enum event ask_signed(const struct crypto *c, enum doc_kind kind, const uint8_t *text, size_t len_bytes, void *out, size_t out_bytes,
    enum event wrong);
/* Why the org refuses: the code of a reason. */
enum event ask_reason(uint8_t reason);

/* enrol.c */
int enrol_wanted(const struct crypto *c);
void enrol_ask(struct crypto *c, const uint8_t challenge[HASH_BYTES]);
void enrol_answered(struct crypto *c, uint32_t what, const uint8_t *text, size_t len_bytes);

/* ticket.c */
void ticket_ask(struct crypto *c, const uint8_t challenge[HASH_BYTES]);
void ticket_answered(struct crypto *c, const uint8_t *text, size_t len_bytes);
#endif
