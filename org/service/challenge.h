#ifndef ORG_SERVICE_CHALLENGE_H
#define ORG_SERVICE_CHALLENGE_H
/*
 * The challenges that are out, without a table of them: each says by itself when it was made and that this very process made it.
 * Nobody can use up what does not exist.  What was redeemed is recorded by the store, until it would be over anyway.  The key is drawn
 * at the start and never leaves the process, so a restart makes all of them worthless, and the clock behind them cannot be set back.
 * Times are milliseconds of one monotonic clock.
 */
#include <stdint.h>

enum { CHALLENGE_BYTES = 32, CHALLENGE_KEY_BYTES = 32 };

struct challenges {
	uint8_t sec_key[CHALLENGE_KEY_BYTES];
	uint64_t began_ms, good_ms;
};

void challenges_init(struct challenges *challenges, uint64_t now_ms, unsigned good_s);
void challenges_end(struct challenges *challenges);	/* wipes the key */

void challenges_issue(const struct challenges *challenges, uint64_t now_ms, uint8_t out[CHALLENGE_BYTES]);

/* Is it one of ours?  0 with *left_ms, for how long it is still good, 1 or more; -EBADMSG: not ours; -ETIME: over. */
int challenges_judge(const struct challenges *challenges, const uint8_t challenge[CHALLENGE_BYTES], uint64_t now_ms, uint64_t *left_ms);
#endif
