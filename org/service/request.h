#ifndef ORG_SERVICE_REQUEST_H
#define ORG_SERVICE_REQUEST_H
/* What a client asks for, out of its own bytes: target, range, entity tags.  Pure. */
#include <stddef.h>
#include <stdint.h>

#include "bodies.h"

enum { TARGET_MAX = 256, ETAG_TEXT = 2 + 64, BODY_MAX = 16384 };	/* a body: two documents, of which none comes near DOC_MAX */

enum target_kind {
	TARGET_malformed,	/* not a path at all: 400 */
	TARGET_long,		/* over TARGET_MAX bytes: 414 */
	TARGET_none,		/* a path that means nothing here: 404 */
	TARGET_challenge,
	TARGET_part,		/* a file of a generation */
	TARGET_request,		/* these three are posted to */
	TARGET_enrol,
	TARGET_proof,
};

struct target {
	enum target_kind kind;
	enum part part;
	uint8_t id[ID_BYTES];
};

/* The request's target as it came, undecoded: a '%' or a '?' is a byte like any other, and no path has one. */
void target_parse(const char *text, struct target *out);

/* Is there something at it that takes a body?  1 or 0. */
int target_posted(const struct target *target);

/* Exactly 2 * ID_BYTES lower-case hexadecimal digits at text.  0 or -EBADMSG; does not look behind them. */
int id_parse(const char *text, uint8_t id[ID_BYTES]);

enum range_kind {
	RANGE_whole,		/* none, or one that is to be ignored (RFC 9110 section 14.2): 200 */
	RANGE_part,		/* 206 */
	RANGE_none,		/* not satisfiable: 416 */
};

struct range {
	uint64_t first, bytes;	/* RANGE_whole: 0 and size */
};

/* A Range field's value, NULL when there is none, for content of size bytes (1 or more). One range only: several are ignored. */
enum range_kind range_parse(const char *value, uint64_t size, struct range *out);

/* A quoted strong entity tag of a content's BLAKE2b-256. */
void etag_write(const uint8_t blake2b[32], char out[ETAG_TEXT + 1]);

/* If-None-Match (RFC 9110 section 13.1.2, weak comparison): is etag listed in value?  1 or 0. */
int etag_listed(const char *value, const char *etag);

/* If-Range (section 13.1.5): only this very strong tag matches, never a date.  1 or 0. */
int etag_is(const char *value, const char *etag);
#endif
