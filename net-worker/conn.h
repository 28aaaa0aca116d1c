#ifndef NET_WORKER_CONN_H
#define NET_WORKER_CONN_H
/*
 * The one connection to a host: name, TCP, TLS, kept for the next request where that goes to the same host.
 */
#include "dial.h"

struct host {
	struct url url;
	const uint8_t *pin;	/* 32 bytes, or NULL */
	struct address address[ADDRESSES_MAX];
	unsigned count;		/* of addresses; 0: not asked for yet */
	uint8_t stale;		/* 1: none of them answered: asked for again, if there is time */
};

/*
 * Makes sure that there is a connection to the host.  *reused: 1 if it is the former one: then it may turn out to be gone.
 * 0; -EIO and *why; -ECANCELED.
 */
int conn_open(struct host *host, const struct patience *p, int *reused, struct failure *why);

/* See tls_send(), tls_recv(). */
int conn_send(const void *data, size_t n, const struct patience *p);
int conn_recv(void *out, size_t n, const struct patience *p);

/* After an answer that leaves nothing behind: the next request may use it.  Otherwise conn_close(). */
void conn_keep(void);
void conn_close(void);
#endif
