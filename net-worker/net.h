#ifndef NET_WORKER_NET_H
#define NET_WORKER_NET_H
/*
 * What all of net-worker's files share: how a failure is told, and how long something may be waited for.
 */
#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"

/* Why something did not come: an event of 8xx, or EV_load_memory. */
struct failure {
	uint32_t event;
	uint32_t detail;	/* HTTP status, flags of a certificate, error of the library, errno: for the log only */
	uint8_t lasting;	/* 1: the same host would fail in the same way, it is not asked again for this */
};

/* Every wait has an end, and notices when the broker is gone. */
struct patience {
	int channel;		/* the broker's; -1: nobody's */
	uint8_t first;		/* 1: a name may be asked for even if the answer could come late */
	uint64_t until_ms;	/* of clock_ms() */
};

/* Milliseconds by the monotonic clock, which nobody sets.  UINT64_MAX, all time is over, should it not be readable. */
uint64_t clock_ms(void);

/* Milliseconds until *p ends. */
uint64_t patience_left(const struct patience *p);

enum { WAIT_FDS_MAX = 8 };

/*
 * Waits for one of count <= WAIT_FDS_MAX descriptors, until at_most ms have gone and no longer than *p says; see poll(2).  0: see revents.
 * -ETIMEDOUT; -ECANCELED: the channel is closed; another negative errno.
 */
int wait_for(struct pollfd *fds, unsigned count, const struct patience *p, uint64_t at_most_ms);

/* 0 when the milliseconds have gone, or -ETIMEDOUT, when *p ended before, or -ECANCELED. */
int wait_pause(const struct patience *p, uint64_t ms);

/* Fills a buffer from the kernel, getrandom(2).  0 or a negative errno. */
int random_bytes(void *out, size_t n);

/* ms, and up to a half more or less: what many nodes do at the same time should not come back at the same time. */
uint64_t random_jitter(uint64_t ms);
#endif
