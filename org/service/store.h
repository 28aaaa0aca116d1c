#ifndef ORG_SERVICE_STORE_H
#define ORG_SERVICE_STORE_H
/*
 * What the service remembers: generations, floor, assignment, the log.  store_sqlite.c is one way to keep it; nothing outside of it
 * knows how.  Every function but store_find() says on stderr what failed and returns a negative errno.
 */
#include <stdint.h>

#include "bodies.h"

struct store;

struct store_part {
	uint64_t bytes;
	uint8_t blake2b[32];
};

struct store_generation {
	uint8_t id[ID_BYTES];
	uint64_t version, issued, added;	/* times in seconds since 1970 */
	uint64_t withdrawn;			/* 0: it is not */
	struct store_part part[PART_LAST + 1];	/* by enum part */
};

struct store_state {
	uint64_t floor;
	int assigned;				/* 1: to all nodes, assigned_id */
	uint8_t assigned_id[ID_BYTES];
};

struct store_entry {
	uint64_t number, time;
	const char *kind, *who, *what;
};

/* path is an empty file that the caller made. */
int store_create(const char *path);
/* How long another's change is waited for; then -EBUSY. */
int store_open(const char *path, unsigned patience_ms, struct store **out);
void store_close(struct store *store);	/* takes NULL */

/* What lies between is done whole or not at all, and nobody else changes anything meanwhile.  abort is silent and takes any state. */
int store_begin(struct store *store);
int store_commit(struct store *store);
void store_abort(struct store *store);

int store_find(struct store *store, const uint8_t id[ID_BYTES], struct store_generation *out);	/* -ENOENT in silence */
int store_put(struct store *store, const struct store_generation *generation);			/* a new one */
int store_withdraw(struct store *store, const uint8_t id[ID_BYTES], uint64_t when);
int store_get_state(struct store *store, struct store_state *out);
int store_set_state(struct store *store, const struct store_state *state);

/* Appends; nothing can change or take away what was appended. */
int store_log(struct store *store, const char *kind, const char *who, const char *what);

/* Newest version first; oldest entry first.  A visitor that returns other than 0 ends it. */
int store_generations(struct store *store, int (*visit)(void *arg, const struct store_generation *generation), void *arg);
int store_entries(struct store *store, int (*visit)(void *arg, const struct store_entry *entry), void *arg);
#endif
