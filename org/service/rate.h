#ifndef ORG_SERVICE_RATE_H
#define ORG_SERVICE_RATE_H
/* So many at once, and then one each so often.  Pure; milliseconds of one monotonic clock. */
#include <stdint.h>

struct rate {
	uint64_t each_ms, burst_ms;	/* burst times each */
	uint64_t empty_ms;		/* when all that was taken is there again */
};

static inline void
rate_init(struct rate *rate, uint64_t now_ms, uint64_t burst, uint64_t each_ms)
{
	*rate = (struct rate){ .each_ms = each_ms, .burst_ms = burst * each_ms, .empty_ms = now_ms };
}

/* 1: one was taken; 0: there is none. */
static inline int
rate_take(struct rate *rate, uint64_t now_ms)
{
	uint64_t from_ms = rate->empty_ms > now_ms ? rate->empty_ms : now_ms;

	if (from_ms + rate->each_ms > now_ms + rate->burst_ms)
		return 0;
	rate->empty_ms = from_ms + rate->each_ms;
	return 1;
}
#endif
