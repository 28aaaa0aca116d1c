#ifndef ORG_SERVICE_RATE_H
#define ORG_SERVICE_RATE_H
/* So many at once, and then one each so often.  Pure; milliseconds of one monotonic clock. */
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>

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

/*
 * The same of each of many, in a table of fixed size: some share a place with others, and none can choose with whom, for the key behind it is
 * drawn at the start.
 */
enum { RATES = 8192 };

struct rates {
	uint64_t each_ms, burst_ms;
	uint64_t empty_ms[RATES];
	uint8_t sec_key[crypto_shorthash_KEYBYTES];
};

static inline void
rates_init(struct rates *rates, uint64_t burst, uint64_t each_ms)
{
	*rates = (struct rates){ .each_ms = each_ms, .burst_ms = burst * each_ms };
	crypto_shorthash_keygen(rates->sec_key);
}

/* who: by these bytes. */
static inline int
rates_take(struct rates *rates, const void *who, size_t len_bytes, uint64_t now_ms)
{
	uint8_t hash[crypto_shorthash_BYTES];
	struct rate rate = { .each_ms = rates->each_ms, .burst_ms = rates->burst_ms };
	size_t at;

	(void)crypto_shorthash(hash, who, len_bytes, rates->sec_key);	/* never fails */
	at = ((size_t)hash[0] << 8 | hash[1]) % RATES;
	rate.empty_ms = rates->empty_ms[at];
	if (!rate_take(&rate, now_ms))
		return 0;
	rates->empty_ms[at] = rate.empty_ms;
	return 1;
}
#endif
