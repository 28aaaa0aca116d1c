#ifndef ORG_SERVICE_SERVE_H
#define ORG_SERVICE_SERVE_H
/* The running service: one thread, one loop.  serve.c makes it, http.c runs it, answer.c says what it answers. */
#include <microhttpd.h>

#include "challenge.h"
#include "conns.h"
#include "key.h"
#include "service.h"

enum {
	CONN_MEMORY = 16384,	/* bytes of request line and header fields, and of the answer's */
	BLOCK = 32768,		/* bytes of a file that are handed over at a time */
	RATE = 64,		/* bytes a millisecond: who takes less than this on the average is cut */
	RETRY_S = 5,		/* Retry-After */
};

struct server {
	struct conns conns;
	struct challenges challenges;
	struct store *store;
	struct secret_key org_key;
	int generations;		/* the folder's descriptor: every file is opened beneath it */
	unsigned per_origin;		/* connections of one address */
	unsigned patience_ms;		/* for a request's head, for a TLS handshake, and without any progress of an answer */
	unsigned challenge_s;
};

uint64_t server_now_ms(void);

/* listen.c: sockets and privileges.  A listening socket, or a negative errno. */
int listen_tcp(const char *text);			/* ADDR:PORT; prints where */
int listen_unix(const char *path);			/* takes the place of a dead socket, of nothing else */
int drop_privileges(const char *user);			/* NULL: refuses to go on as root */

/* http.c: serves until SIGTERM or SIGINT.  listener is taken.  The PEM texts are NULL for plain HTTP. */
int http_serve(struct server *server, int listener, const struct bytes *cert, const struct bytes *key);

/* answer.c: is the head such that nothing behind it is to be read?  Then, or at the request's end: queues the answer. */
int answer_at_once(const struct conn *conn, struct MHD_Connection *connection);
enum MHD_Result answer(struct server *server, struct conn *conn, struct MHD_Connection *connection, const char *method);
#endif
