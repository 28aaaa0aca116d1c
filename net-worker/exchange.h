#ifndef NET_WORKER_EXCHANGE_H
#define NET_WORKER_EXCHANGE_H
/*
 * One request and its answer: what is wanted, and what has come of it so far.
 */
#include "conn.h"
#include "http.h"

enum {
	RATE_WINDOW_MS = 30000,		/* an image must bring RATE_LEAST bytes in each such time: a server that sends one byte a second */
	RATE_LEAST = 30 * 1024,
	PATH_BYTES = 128,		/* of what stands behind a host's own path */
};

struct order {
	const char *path;	/* behind the host's own: "/v1/..." */
	uint64_t bytes;		/* the memfd's size */
	int memfd;		/* takes the answer */
	int body_fd;		/* what is sent, or -1 */
	uint32_t body_bytes;
	uint8_t image;		/* 1: exactly so many bytes, resumed when cut; 0: a document, at most so many */
	uint64_t silence_ms;	/* image: how long no byte may come */
	uint64_t until_ms;	/* image: when it is over in any case */

	/* What has come of it: kept from one try to the next. */
	uint64_t done;				/* bytes in the memfd */
	char etag[HTTP_ETAG_MAX + 1];		/* of the content they are of: then the rest can be asked for */
	uint32_t retry_after_ms;		/* what the host said, at the last try */
	int (*progress)(void *context, uint64_t done);	/* or NULL; 0 or a negative errno, which ends all */
	void *context;
};

/*
 * One try at one host; *p is for connection, request and the answer's head, and for all of a document.
 * 0: it is there, order->done bytes.  -EIO: *why.  Anything else ends this program: -ECANCELED the channel is closed; -EBADF a memfd
 * that cannot be read or written; what progress() returned.
 */
int exchange(struct host *host, struct order *order, const struct patience *p, struct failure *why);
#endif
