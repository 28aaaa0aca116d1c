/*
 * The one writer of documents.  Stands on every side of the wall.  Refuses a struct that the parser could not have made,
 * so that what is written can always be read, and gives the same bytes.
 */
#include <errno.h>
#include <string.h>

#include "doc_schema.h"

struct sink {
	char *out;	/* NULL: only count */
	size_t at;
};

static void
put(struct sink *sink, const void *bytes, size_t len_bytes)
{
	if (sink->out != NULL)
		memcpy(sink->out + sink->at, bytes, len_bytes);
	sink->at += len_bytes;
}

static void
put_text(struct sink *sink, const char *text)
{
	put(sink, text, strlen(text));
}

static void
put_number(struct sink *sink, uint64_t number)
{
	char digits[20];	/* of 2^64 - 1 */
	size_t at = sizeof digits;

	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) != 0);
	put(sink, digits + at, sizeof digits - at);
}

static void
put_hex(struct sink *sink, const uint8_t *bytes, size_t len_bytes)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len_bytes; i++) {
		const char pair[2] = { digits[bytes[i] >> 4], digits[bytes[i] & 15] };

		put(sink, pair, sizeof pair);
	}
}

static int
put_keys(struct sink *sink, const struct doc_line *line, const uint8_t *field)
{
	char text[MINISIG_PUBKEY_TEXT + 1];
	struct doc_keys keys;

	memcpy(&keys, field, sizeof keys);
	if (keys.count < line->lines_least || keys.count > line->lines_most)
		return -EINVAL;
	for (uint32_t i = 0; i < keys.count; i++) {
		if (doc_key_listed(&keys, &keys.key[i], i))
			return -EINVAL;
		minisig_write_pubkey(&keys.key[i], text);
		put_text(sink, line->key);
		put_text(sink, " ");
		put_text(sink, text);
		put_text(sink, "\n");
	}
	return 0;
}

static int
put_names(struct sink *sink, const struct doc_line *line, const uint8_t *field)
{
	const char *name = (const char *)field + sizeof(uint32_t);
	uint32_t count;

	memcpy(&count, field, sizeof count);
	if (count > line->lines_most)
		return -EINVAL;
	for (uint32_t i = 0; i < count; i++, name += line->most + 1) {
		size_t len_bytes = strnlen(name, line->most + 1);

		if (!doc_text_ok(line, name, len_bytes))
			return -EINVAL;
		put_text(sink, line->key);
		put_text(sink, " ");
		put(sink, name, len_bytes);
		put_text(sink, "\n");
	}
	return 0;
}

static int
put_haves(struct sink *sink, const struct doc_line *line, const uint8_t *field)
{
	struct doc_have have;

	memcpy(&have, field, sizeof have);
	if (have.count > line->lines_most)
		return -EINVAL;
	for (uint32_t i = 0; i < have.count; i++) {
		if (have.row[i].version < 1 || have.row[i].version > DOC_VERSION_MAX || have.row[i].state > line->most)
			return -EINVAL;
		for (uint32_t j = 0; j < i; j++)
			if (memcmp(have.row[i].id, have.row[j].id, sizeof have.row[i].id) == 0)
				return -EINVAL;
		put_text(sink, line->key);
		put_text(sink, " ");
		put_hex(sink, have.row[i].id, sizeof have.row[i].id);
		put_text(sink, " ");
		put_number(sink, have.row[i].version);
		put_text(sink, " ");
		put_text(sink, line->words[have.row[i].state]);
		put_text(sink, "\n");
	}
	return 0;
}

/* The value of a line that stands once, with the blank before it. */
static int
put_value(struct sink *sink, const struct doc_line *line, const uint8_t *field)
{
	const char *text = (const char *)field;
	uint64_t number;
	uint32_t bytes;
	size_t len_bytes;

	switch ((enum doc_type)line->type) {
	case DOC_num:
		memcpy(&number, field, sizeof number);
		if (number < line->least || number > line->most)
			return -EINVAL;
		put_text(sink, " ");
		put_number(sink, number);
		break;
	case DOC_hexa:
		put_text(sink, " ");
		put_hex(sink, field, line->most);
		break;
	case DOC_blob:
		memcpy(&bytes, field, sizeof bytes);
		if (bytes < line->least || bytes > line->most)
			return -EINVAL;
		if (bytes > 0)
			put_text(sink, " ");	/* no line ends in a blank */
		put_hex(sink, field + sizeof bytes, bytes);
		break;
	case DOC_string:
		len_bytes = strnlen(text, line->most + 1);
		if (!doc_text_ok(line, text, len_bytes))
			return -EINVAL;
		if (len_bytes > 0)
			put_text(sink, " ");	/* no line ends in a blank */
		put(sink, text, len_bytes);
		break;
	case DOC_oneof:
		if (*field > line->most)
			return -EINVAL;
		put_text(sink, " ");
		put_text(sink, line->words[*field]);
		break;
	case DOC_pubkeys: case DOC_names: case DOC_haves:
		break;
	}
	return 0;
}

static int
put_line(struct sink *sink, const struct doc_line *line, const uint8_t *field)
{
	int result;

	if (line->type == DOC_pubkeys)
		return put_keys(sink, line, field);
	if (line->type == DOC_names)
		return put_names(sink, line, field);
	if (line->type == DOC_haves)
		return put_haves(sink, line, field);
	put_text(sink, line->key);
	result = put_value(sink, line, field);
	put_text(sink, "\n");
	return result;
}

static int
put_document(struct sink *sink, const struct doc_schema *schema, const uint8_t *in)
{
	put_text(sink, schema->first);
	put_text(sink, "\n");
	for (unsigned i = 0; i < schema->count; i++) {
		int result = put_line(sink, &schema->lines[i], in + schema->lines[i].offset);

		if (result != 0)
			return result;
	}
	return 0;
}

long
doc_write(enum doc_kind kind, const void *in, char *out, size_t cap_bytes)
{
	const struct doc_schema *schema = doc_schema(kind);
	struct sink sink = { 0 };
	int result;

	if (schema == NULL)
		return -EINVAL;
	/* Once to count and judge, once to write: a failure leaves out as it was. */
	result = put_document(&sink, schema, in);
	if (result != 0)
		return result;
	if (sink.at > cap_bytes || sink.at > DOC_MAX)
		return -ENOSPC;
	sink = (struct sink){ .out = out };
	result = put_document(&sink, schema, in);
	return result != 0 ? result : (long)sink.at;
}
