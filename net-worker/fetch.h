#ifndef NET_WORKER_FETCH_H
#define NET_WORKER_FETCH_H
/*
 * Something is got, or sent and answered, in as many tries as its time allows.
 *
 * A document: all tries together end after wait_ms; or RESOLVE_MS (dial.h) for each host whose name is asked for, where that is more.
 * An image: over when no new byte came for wait_ms at each host; when less than exchange.h's RATE_LEAST came in RATE_WINDOW_MS, at each host;
 * and after wait_ms at each host and its size at IMAGE_RATE in any case.
 * Both: after TRIES_MOST tries; and when each host has failed in a way that it would fail again.
 */
#include "exchange.h"

enum {
	HOSTS_MAX = 5,			/* mirrors, and the org as the last one */
	IMAGE_RATE = 16,		/* bytes per ms: 16 kB/s over all */
	TRIES_MOST = 256,		/* a line that is cut at every percent is no reason to give up */
	BACK_OFF_MS = 250,		/* before the second try at a host; doubled with each further one up to BACK_OFF_MOST_MS, with jitter */
	BACK_OFF_MOST_MS = 4000,
};

struct fetch {
	int channel;			/* the broker's */
	uint64_t wait_ms;
	unsigned hosts;
	struct host host[HOSTS_MAX];	/* in the order in which they are asked */
	uint8_t bad[HOSTS_MAX];		/* 1: failed the last time that it was asked: asked behind the others */
};

/*
 * order: path, bytes, memfd, body, image, progress.  Hosts from first to last are asked.
 * 0: it is there, order->done bytes.  -EIO: *why.  Anything else ends this program, as exchange() says.
 */
int fetch(struct fetch *f, unsigned first, unsigned last, struct order *order, struct failure *why);
#endif
