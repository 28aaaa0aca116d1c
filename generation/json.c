/*
 * Strict looks into LUKS2 metadata.  In the generation's initramfs.
 * Distrusts the text: whoever holds the disk wrote it, and libcryptsetup's own validation lets much pass that we do not want.
 */
#include <errno.h>
#include <string.h>

#include "json.h"

struct json_object *
json_member(struct json_object *object, const char *key, enum json_type type)
{
	struct json_object *member;

	if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &member) ||
	    !json_object_is_type(member, type))
		return NULL;
	return member;
}

const char *
json_text(struct json_object *object, const char *key)
{
	struct json_object *member = json_member(object, key, json_type_string);
	const char *text;

	if (member == NULL)
		return NULL;
	text = json_object_get_string(member);
	return strlen(text) == (size_t)json_object_get_string_len(member) ? text : NULL;
}

int
json_is(struct json_object *object, const char *key, const char *value)
{
	const char *text = json_text(object, key);

	return text != NULL && strcmp(text, value) == 0;
}

int64_t
json_int(struct json_object *object, const char *key, int64_t least, int64_t most)
{
	struct json_object *member = json_member(object, key, json_type_int);
	int64_t n;

	if (member == NULL)
		return -1;
	n = json_object_get_int64(member);
	return n < least || n > most ? -1 : n;
}

int
json_u64(struct json_object *object, const char *key, uint64_t *out)
{
	const char *p = json_text(object, key);
	uint64_t n = 0;

	if (p == NULL || *p == '\0')
		return -EBADMSG;
	for (; *p != '\0'; p++) {
		if (*p < '0' || *p > '9' || n > (UINT64_MAX - 9) / 10)
			return -EBADMSG;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	*out = n;
	return 0;
}

int
json_listed(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; p != NULL; p = strchr(p, ' ')) {
		p += *p == ' ';
		if (n > 0 && strncmp(p, word, n) == 0 && (p[n] == ' ' || p[n] == '\0'))
			return 1;
	}
	return 0;
}

const char *
json_stranger(struct json_object *object, const char *words)
{
	json_object_object_foreach(object, key, value) {
		(void)value;		/* the macro declares it */
		if (!json_listed(words, key))
			return key;
	}
	return NULL;
}

const char *
json_shown(struct json_object *object, const char *key)
{
	struct json_object *member;

	if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &member) || member == NULL)
		return "nothing";
	return json_object_get_string(member);	/* other types as JSON text, which lives as long as the member */
}

int
json_slot(const char *name)
{
	int n = name[0] - '0';

	if (name[0] < '0' || name[0] > '9')
		return -1;
	if (name[1] != '\0') {
		if (n == 0 || name[1] < '0' || name[1] > '9' || name[2] != '\0')
			return -1;
		n = n * 10 + name[1] - '0';
	}
	return n < KEYSLOTS_MAX ? n : -1;
}

int
json_array_has(struct json_object *array, const char *value)
{
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *item = json_object_array_get_idx(array, i);

		if (json_object_is_type(item, json_type_string) && strcmp(json_object_get_string(item), value) == 0)
			return 1;
	}
	return 0;
}
