#ifndef ORG_SERVICE_CHALLENGE_H
#define ORG_SERVICE_CHALLENGE_H
/*
 * The challenges that are out: 32 random bytes each, good once and not for long.  In memory only, a table of fixed size: a restart
 * makes all of them worthless.  Times are milliseconds of one monotonic clock.
 */
#include "conns.h"

enum { CHALLENGE_BYTES = 32 };

struct challenge {
	uint8_t bytes[CHALLENGE_BYTES];
	struct origin origin;
	uint64_t until_ms;		/* 0: the row is free */
};

struct challenges {
	struct challenge *row;
	unsigned rows, per_origin;
	uint64_t good_ms;
};

int challenges_init(struct challenges *table, unsigned rows, unsigned good_s);	/* 0 or -ENOMEM */
void challenges_free(struct challenges *table);

/* A new one for origin.  0; -EAGAIN: the table is full; -EDQUOT: this origin has its share, a quarter of the table. */
int challenges_issue(struct challenges *table, const struct origin *origin, uint64_t now_ms, const struct challenge **out);

/* Takes it back: it was not given to anyone. */
void challenges_forget(struct challenges *table, const struct challenge *challenge);
#endif
