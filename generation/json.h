#ifndef GENERATION_JSON_H
#define GENERATION_JSON_H
/*
 * Strict looks into LUKS2 metadata: what is not there, or of another type, is an answer and no crash.  Pure.
 */
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "persist.h"

/* Member of an object, or NULL; of any type but what is asked for is NULL as well. */
struct json_object *json_member(struct json_object *object, const char *key, enum json_type type);
/* Member string without an embedded NUL, or NULL. */
const char *json_text(struct json_object *object, const char *key);
/* 1: the member is exactly this string. */
int json_is(struct json_object *object, const char *key, const char *value);
/* Member integer within [least, most], or -1. */
int64_t json_int(struct json_object *object, const char *key, int64_t least, int64_t most);
/* Member that is a string of decimal digits, as LUKS2 writes 64-bit numbers.  0 or -EBADMSG. */
int json_u64(struct json_object *object, const char *key, uint64_t *out);
/* 1: word is one of the words, which single blanks part. */
int json_listed(const char *words, const char *word);
/* A key of the object that is not one of the words, or NULL: what is unknown is refused, not ignored. */
const char *json_stranger(struct json_object *object, const char *words);
/* Text for messages: the member as it stands, or "nothing". */
const char *json_shown(struct json_object *object, const char *key);
/* A name of a keyslot, token: "0" to "31" in decimal without a leading zero; else -1. */
int json_slot(const char *name);
/* Whether the array holds that string. */
int json_array_has(struct json_object *array, const char *value);

/* What the checks share. */
struct luks_check {
	const char *device;
	uint64_t device_bytes;
	uint64_t data_at;		/* the segment's offset in bytes */
	uint64_t areas_at;		/* where keyslot areas may begin */
	struct luks_view view;
	struct why *why;
};
enum persist check_digests(struct luks_check *c, struct json_object *digests, struct json_object *keyslots);
enum persist check_keyslots(struct luks_check *c, struct json_object *keyslots);
enum persist check_tokens(struct luks_check *c, struct json_object *tokens);
#endif
