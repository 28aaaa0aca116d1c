#ifndef ORG_SERVICE_CONNS_H
#define ORG_SERVICE_CONNS_H
/*
 * The connections, in a table of fixed size, and until when each may take its time.  Pure but for shutdown(2) in conns_cut().
 * Times are milliseconds of one monotonic clock.
 */
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "request.h"

/* Who counts as one: an IPv4 address, an IPv6 /64 (who has one has all of it), or everyone behind the proxy's socket. */
struct origin {
	uint8_t bytes[8];
	uint8_t kind;		/* 4, 6; 0: the proxy */
};

void origin_of(const struct sockaddr *addr, struct origin *out);
int origin_same(const struct origin *a, const struct origin *b);

struct conn {
	uint64_t due_ms;		/* is cut then */
	uint64_t since_ms;		/* request line seen */
	uint64_t bytes;			/* of the answer's content, handed to the client's connection */
	int fd;				/* -1: the row is free; MHD's, never closed here */
	unsigned status;		/* 0: no answer yet */
	int headed;			/* the request's head was looked at */
	int answering;
	int said;			/* the running request's line was logged */
	struct origin origin;
	char address[INET6_ADDRSTRLEN];
	struct target wanted;
	uint8_t *body;			/* BODY_MAX bytes of this row */
	size_t body_bytes, body_want;	/* so many are there, of so many */
	char method[16], target[128];	/* for the log: printable, cut */
};

struct conns {
	struct conn *conn;
	uint8_t *bodies;
	unsigned rows, used;
};

int conns_init(struct conns *conns, unsigned rows);	/* 0 or -ENOMEM */
void conns_free(struct conns *conns);

/* NULL: full. */
struct conn *conns_begin(struct conns *conns, int fd, const struct sockaddr *addr, uint64_t due_ms);
void conns_end(struct conns *conns, struct conn *conn);

/* More of a body.  0, or -EMSGSIZE: more than it was to be.  And its end: an invite may be in it. */
int conns_take(struct conn *conn, const void *data, size_t len_bytes);
void conns_wipe(struct conn *conn);
unsigned conns_of(const struct conns *conns, const struct origin *origin);

/* Milliseconds until the next row is due; -1: none is. */
int conns_wait(const struct conns *conns, uint64_t now_ms);

/* Shuts down what is due, and with idle_too what has no answer under way; the owner then sees them end.  How many. */
unsigned conns_cut(struct conns *conns, uint64_t now_ms, int idle_too);

/* Copies for the log: what is not printable becomes '?', what does not fit is cut. */
void conns_text(char *out, size_t cap_bytes, const char *text);
#endif
