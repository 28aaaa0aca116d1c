#ifndef ORG_SERVICE_SERVE_H
#define ORG_SERVICE_SERVE_H
/*
 * The running service: one thread, one loop.  serve.c makes it, http.c runs it, head.c judges a request's head, answer.c says what it answers,
 * ticket.c and enrol.c what nodes are answered, reply.c makes the bytes.
 */
#include <microhttpd.h>

#include "challenge.h"
#include "conns.h"
#include "credential.h"
#include "key.h"
#include "rate.h"
#include "service.h"

enum {
	CONN_MEMORY = 16384,	/* bytes of request line and header fields, and of the answer's */
	BLOCK = 32768,		/* bytes of a file that are handed over at a time */
	RATE = 64,		/* bytes a millisecond: who takes less than this on the average is cut */
	RETRY_S = 5,		/* Retry-After */
	ENROL_S = 300,		/* from the credential to the proof */
	REPLY_MAX = 4096,	/* bytes of what is signed, with its signature: a credential is the longest */
};

struct server {
	struct conns conns;
	struct challenges challenges;
	struct rate refusals;		/* signed answers to who has proved nothing */
	struct rates answers;		/* to each node, and for each invite: a program that plays a TPM quotes as fast as it likes */
	struct store *store;
	struct secret_key org_key;
	struct ek_roots *ek_roots;	/* NULL: none */
	int require_ek_cert;
	int generations;		/* the folder's descriptor: every file is opened beneath it */
	unsigned per_origin;		/* connections of one address */
	unsigned patience_ms;		/* for a request's head and body, for a TLS handshake, and without any progress of an answer */
	unsigned challenge_s;
	uint64_t offline_max;		/* boots without another ticket */
	uint64_t began_ms, began_s;	/* of both clocks */
};

uint64_t server_now_ms(void);
/* Seconds since 1970 as they were at the start, and on by the monotonic clock: never back, while the process lives. */
uint64_t server_steady_s(const struct server *server);

/* listen.c: sockets and privileges.  A listening socket, or a negative errno. */
int listen_tcp(const char *text);				/* ADDR:PORT; prints where */
int listen_unix(const char *path, const char *group);		/* takes the place of a dead socket, of nothing else; group: NULL, or whose it is */
int drop_privileges(const char *user);				/* NULL: refuses to go on as root */
void loosen_stderr(void);					/* whoever does not read it loses lines, instead of stopping the service */

/* http.c: serves until SIGTERM or SIGINT.  listener is taken.  The PEM texts are NULL for plain HTTP. */
int http_serve(struct server *server, int listener, const struct bytes *cert, const struct bytes *key);

/* head.c: 0 and the body's length, at most BODY_MAX; or the status of its refusal, and nothing behind the head is to be read. */
unsigned head_judge(struct MHD_Connection *connection, const struct target *target, const char *method, size_t *body_bytes);
const char *head_text(unsigned status);

/* answer.c: queues the answer, at the request's end or, with status other than 0, at once. */
enum MHD_Result answer(struct server *server, struct conn *conn, struct MHD_Connection *connection, const char *method, unsigned status);

/* What is answered to a node: made whole before anything of it is sent. */
struct reply {
	unsigned status;
	int later;			/* 1: with Retry-After */
	size_t bytes, document_bytes;	/* of text; of these the document, without its signature: 0 for a line */
	char text[REPLY_MAX];
};

void reply_line(struct reply *reply, unsigned status, const char *line);	/* line ends with LF */
void reply_later(struct reply *reply, unsigned status, const char *line);
/* Document and signature, one behind the other; name is for the trusted comment.  0 or a negative errno. */
int reply_signed(const struct server *server, struct reply *reply, enum doc_kind kind, const char *name, const void *doc, uint64_t time);
enum MHD_Result reply_send(const struct server *server, struct conn *conn, struct MHD_Connection *connection, const struct reply *reply);
/* Queues response, which is released; NULL cuts the connection. */
enum MHD_Result reply_queue(const struct server *server, struct conn *conn, struct MHD_Connection *connection, unsigned status, uint64_t bytes,
    struct MHD_Response *response);
struct MHD_Response *reply_text(const char *text, size_t len_bytes);

/* ticket.c, enrol.c: the bodies' answers. */
struct asked {
	const uint8_t *document;	/* the first of the body */
	size_t document_bytes;
	uint64_t until_s;		/* server_steady_s() when its challenge is over */
	const char *who;		/* the client's address */
};

void answer_request(struct server *server, const struct conn *conn, struct reply *reply);
void answer_enrol(struct server *server, const struct conn *conn, struct reply *reply);
void answer_proof(struct server *server, const struct conn *conn, struct reply *reply);
/* -EBADMSG, and the reply names document, line and key. */
int asked_parse(struct reply *reply, enum doc_kind kind, const char *name, const void *text, size_t len_bytes, void *out, size_t out_bytes);
/* Is the challenge one of ours, and for how long?  -ETIME with its reply. */
int asked_fresh(const struct server *server, const uint8_t challenge[CHALLENGE_BYTES], struct asked *asked, struct reply *reply);
/* The reply of what went wrong in a transaction, which ends: -EEXIST is a used challenge. */
void asked_failed(struct server *server, struct reply *reply, int rc);
void asked_measured(const struct doc_quote *quote, const struct attest_clock *clock, struct store_measured *out);
#endif
