#ifndef TESTS_FAKE_NET_H
#define TESTS_FAKE_NET_H
/*
 * A network without a network, for fetch.c and exchange.c: connections whose other end is a function of the test, and a clock that only goes
 * on when somebody waits.
 */
#include "conn.h"

/* What a host does with one request. */
struct fake_reply {
	struct failure refuse;		/* event != 0: no connection, with this reason, */
	uint64_t refuse_ms;		/* after so long (UINT64_MAX: only when the patience ends) */
	const void *data;		/* the answer's bytes */
	size_t bytes;
	size_t piece;			/* so many at a time; 0: as many as are wanted */
	uint64_t piece_ms;		/* a piece takes so long */
	int end;			/* behind it: 0 an announced end, -ECONNRESET, -EPROTO, -ETIMEDOUT silence, -ECANCELED the broker leaves */
};
/* The request that was sent; "" when it is asked whether there is a connection at all. */
extern void (*fake_host)(unsigned host, const char *request, struct fake_reply *reply);

extern const struct host *fake_hosts;	/* host 0 */
extern uint64_t fake_now_ms;
extern unsigned fake_connections, fake_requests;
extern int fake_kept_dies;		/* 1: a kept connection turns out to be gone */
#endif
