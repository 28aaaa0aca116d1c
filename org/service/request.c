/*
 * Target, range and entity tags of a request, out of the client's own bytes.  On the organisation's side; pure: no descriptor, no
 * clock, no allocation.  Distrusts every byte: no name that the client chose ever becomes a path.
 */
#include <errno.h>
#include <string.h>

#include "gen.h"
#include "request.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
id_parse(const char *text, uint8_t id[ID_BYTES])
{
	uint8_t bytes[ID_BYTES];

	for (size_t i = 0; i < sizeof bytes; i++) {
		int high = hex_digit(text[2 * i]), low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);

		if (low < 0)	/* a NUL is no digit: nothing behind it is read */
			return -EBADMSG;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(id, bytes, sizeof bytes);
	return 0;
}

void
target_parse(const char *text, struct target *out)
{
	static const struct {
		const char *path;
		enum target_kind kind;
	} whole[] = { { "/v1/challenge", TARGET_challenge }, { "/v1/request", TARGET_request }, { "/v1/enrol", TARGET_enrol },
		{ "/v1/proof", TARGET_proof } };
	static const char generation[] = "/v1/generation/";
	const char *name;
	size_t n = strnlen(text, TARGET_MAX + 1);

	memset(out, 0, sizeof *out);
	out->kind = n > TARGET_MAX ? TARGET_long : TARGET_none;
	if (out->kind == TARGET_long)
		return;
	for (size_t i = 0; i < n; i++)
		if (text[i] < '!' || text[i] > '~')
			out->kind = TARGET_malformed;
	if (n == 0 || text[0] != '/')
		out->kind = TARGET_malformed;
	if (out->kind == TARGET_malformed)
		return;
	for (unsigned i = 0; i < sizeof whole / sizeof whole[0]; i++)
		if (strcmp(text, whole[i].path) == 0)
			out->kind = whole[i].kind;
	if (strncmp(text, generation, sizeof generation - 1) != 0 || id_parse(text + sizeof generation - 1, out->id) != 0)
		return;
	name = text + sizeof generation - 1 + 2 * ID_BYTES;
	for (unsigned part = 1; part <= PART_LAST; part++)
		if (name[0] == '/' && strcmp(name + 1, gen_names[part]) == 0) {
			out->kind = TARGET_part;
			out->part = (enum part)part;
		}
}

int
target_posted(const struct target *target)
{
	return target->kind == TARGET_request || target->kind == TARGET_enrol || target->kind == TARGET_proof;
}

/* Digits at *text as a number; more than 64 bits are the largest number, for a range may end behind every content.  Digits read. */
static size_t
take_number(const char **text, uint64_t *out)
{
	size_t n = 0;

	*out = 0;
	for (; **text >= '0' && **text <= '9'; (*text)++, n++) {
		uint64_t digit = (uint64_t)(**text - '0');

		*out = *out > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *out * 10 + digit;
	}
	return n;
}

enum range_kind
range_parse(const char *value, uint64_t size, struct range *out)
{
	static const char unit[] = "bytes=";
	uint64_t first, last;
	size_t have_first, have_last;

	*out = (struct range){ 0, size };
	if (value == NULL || strncmp(value, unit, sizeof unit - 1) != 0)
		return RANGE_whole;
	value += sizeof unit - 1;
	have_first = take_number(&value, &first);
	if (*value++ != '-')
		return RANGE_whole;
	have_last = take_number(&value, &last);
	if (*value != '\0' || (have_first == 0 && have_last == 0) || (have_first > 0 && have_last > 0 && last < first))
		return RANGE_whole;
	if (have_first == 0) {		/* the last so many */
		if (last == 0)
			return RANGE_none;
		out->bytes = last < size ? last : size;
		out->first = size - out->bytes;
		return RANGE_part;
	}
	if (first >= size)
		return RANGE_none;
	if (have_last == 0 || last >= size)
		last = size - 1;
	*out = (struct range){ first, last - first + 1 };
	return RANGE_part;
}

void
etag_write(const uint8_t blake2b[32], char out[ETAG_TEXT + 1])
{
	out[0] = '"';
	(void)hex_text(blake2b, 32, out + 1);
	memcpy(out + ETAG_TEXT - 1, "\"", 2);
}

int
etag_is(const char *value, const char *etag)
{
	return value != NULL && strcmp(value, etag) == 0;
}

int
etag_listed(const char *value, const char *etag)
{
	size_t n = strlen(etag);

	if (value == NULL)
		return 0;
	if (strcmp(value, "*") == 0)
		return 1;
	for (;;) {
		const char *end;

		value += strspn(value, " \t,");
		if (value[0] == 'W' && value[1] == '/')
			value += 2;
		if (value[0] != '"' || (end = strchr(value + 1, '"')) == NULL)
			return 0;	/* the end, or no list of tags */
		if ((size_t)(end + 1 - value) == n && memcmp(value, etag, n) == 0)
			return 1;
		value = end + 1;
	}
}
