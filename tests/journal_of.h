#ifndef TESTS_JOURNAL_OF_H
#define TESTS_JOURNAL_OF_H
/* Ids and journals, for the tests of what the cache remembers. */
#include <stdint.h>
#include <string.h>

#include "cache.h"

/* Ids to play with, and a journal into which they were put so that the first named is row 0. */
static const uint8_t *
id(uint8_t n)
{
	static uint8_t ids[256][ID_BYTES];

	ids[n][0] = n;
	ids[n][31] = n;
	return ids[n];
}

static struct cache_journal
journal_of(unsigned n, const uint8_t *rows)
{
	struct cache_journal j = { 0 };

	while (n > 0)
		cache_journal_put(&j, id(rows[--n]));
	return j;
}
#define JOURNAL(...) journal_of(sizeof(const uint8_t[]){ __VA_ARGS__ }, (const uint8_t[]){ __VA_ARGS__ })
#endif
