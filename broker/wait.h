#ifndef BROKER_WAIT_H
#define BROKER_WAIT_H
/*
 * How long the machine waits before the reboot after a stop: config's retry_wait_s, doubled by each stop in a row before this one, at
 * most a day.  A machine that stops at every boot does so ever more rarely, and comes back by itself.  The count lies in the cache's
 * journal: without a cache that takes it the wait stays what config says.
 */
#include <stdint.h>

#include "bodies.h"

enum { WAIT_MAX_S = 24 * 60 * 60 };

/* stops: 0..STOPS_MAX.  Milliseconds. */
static inline uint64_t
wait_ms(uint64_t retry_wait_s, uint32_t stops)
{
	uint64_t s = retry_wait_s << (stops < STOPS_MAX ? stops : STOPS_MAX);

	return (s < WAIT_MAX_S ? s : WAIT_MAX_S) * 1000;
}
#endif
