/*
 * The one parser of documents.  Stands on every side of the wall; what it reads is signed, or comes with the image.
 * Distrusts all of it nevertheless: every byte is looked at before any line is, and only one text has one meaning.
 */
#include <errno.h>
#include <string.h>

#include "doc_schema.h"

#define DOC(kind) struct doc_##kind kind;
union doc_any {
#include "doc.def"
};

struct span {
	const char *at;
	size_t bytes;
};

struct cut {
	struct span key, value;
	int has_value;		/* a blank stands behind the key */
};

struct parser {
	const struct doc_schema *schema;
	const char *at, *end;	/* what is not read yet */
	unsigned line;		/* the number of the line that was read last */
	unsigned next;		/* the row that is due: all before it have been seen */
	union doc_any out;
	struct doc_error *error;
};

static int
fail(struct doc_error *error, unsigned line, enum doc_why why, const char *key, size_t key_bytes)
{
	if (key_bytes > DOC_KEY_MAX)
		key_bytes = DOC_KEY_MAX;
	memset(error, 0, sizeof *error);
	error->line = line;
	error->why = why;
	memcpy(error->key, key, key_bytes);
	return -EBADMSG;
}

static int
check_bytes(const char *text, size_t len_bytes, struct doc_error *error)
{
	unsigned line = 1;

	if (len_bytes > DOC_MAX)
		return fail(error, 1, DOC_too_long, "", 0);
	for (size_t i = 0; i < len_bytes; i++) {
		if (text[i] == '\n')
			line++;
		else if (text[i] < ' ' || text[i] > '~')
			return fail(error, line, DOC_byte, "", 0);
	}
	if (len_bytes == 0 || text[len_bytes - 1] != '\n')
		return fail(error, line, DOC_no_end, "", 0);
	return 0;
}

/* The line at *at without its LF, which check_bytes() has seen; *at moves behind it. */
static struct span
take_line(const char **at, const char *end)
{
	const char *lf = memchr(*at, '\n', (size_t)(end - *at));
	struct span line = { *at, (size_t)(lf - *at) };

	*at = lf + 1;
	return line;
}

static struct cut
cut_line(struct span line)
{
	struct cut cut = { .key = line, .value = { line.at + line.bytes, 0 } };
	const char *blank = memchr(line.at, ' ', line.bytes);

	if (blank != NULL) {
		cut.key.bytes = (size_t)(blank - line.at);
		cut.value.at = blank + 1;
		cut.value.bytes = line.bytes - cut.key.bytes - 1;
		cut.has_value = 1;
	}
	return cut;
}

static int
is(struct span span, const char *text)
{
	return span.bytes == strlen(text) && memcmp(span.at, text, span.bytes) == 0;
}

static enum doc_why
take_number(struct span value, uint64_t least, uint64_t most, uint8_t *field)
{
	uint64_t number = 0;
	int over = 0;

	if (value.bytes == 0 || (value.bytes > 1 && value.at[0] == '0'))
		return DOC_number;
	for (size_t i = 0; i < value.bytes; i++) {
		uint64_t digit;

		if (value.at[i] < '0' || value.at[i] > '9')
			return DOC_number;
		digit = (uint64_t)(value.at[i] - '0');
		if (number > (UINT64_MAX - digit) / 10)
			over = 1;	/* and on: a letter further on makes it no number at all */
		number = number * 10 + digit;
	}
	if (over || number < least || number > most)
		return DOC_range;
	memcpy(field, &number, sizeof number);
	return DOC_ok;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static enum doc_why
take_hex(struct span value, uint64_t least, uint64_t most, uint8_t *field)
{
	if (value.bytes % 2 != 0 || value.bytes / 2 < least || value.bytes / 2 > most)
		return DOC_hex;
	for (size_t i = 0; i < value.bytes / 2; i++) {
		int high = hex_digit(value.at[2 * i]), low = hex_digit(value.at[2 * i + 1]);

		if (high < 0 || low < 0)
			return DOC_hex;
		field[i] = (uint8_t)(high << 4 | low);
	}
	return DOC_ok;
}

static enum doc_why
take_word(struct span value, const char *const *words, uint64_t last, uint8_t *field)
{
	for (uint64_t i = 0; i <= last; i++)
		if (is(value, words[i])) {
			*field = (uint8_t)i;
			return DOC_ok;
		}
	return DOC_word;
}

/* The rows of KEYS, NAMES and HAVE, and the length of a BLOB: a number of 32 bits stands before them. */
static uint32_t
get_count(const uint8_t *field)
{
	uint32_t count;

	memcpy(&count, field, sizeof count);
	return count;
}

static void
set_count(uint8_t *field, uint32_t count)
{
	memcpy(field, &count, sizeof count);
}

static enum doc_why
take_blob(const struct doc_line *line, const struct cut *cut, uint8_t *field)
{
	/* As with a text: "key" and "key " must not both mean nothing. */
	if (cut->has_value != (cut->value.bytes > 0) || take_hex(cut->value, line->least, line->most, field + sizeof(uint32_t)) != DOC_ok)
		return DOC_hex;
	set_count(field, (uint32_t)(cut->value.bytes / 2));
	return DOC_ok;
}

static enum doc_why
take_key(struct span value, uint8_t *field)
{
	struct minisig_pubkey key;
	struct doc_keys keys;

	memcpy(&keys, field, sizeof keys);
	if (minisig_parse_pubkey(value.at, value.bytes, &key) != 0 || doc_key_listed(&keys, &key, keys.count))
		return DOC_pubkey;
	keys.key[keys.count++] = key;
	memcpy(field, &keys, sizeof keys);
	return DOC_ok;
}

static enum doc_why
take_name(const struct doc_line *line, struct span value, uint8_t *field)
{
	uint32_t count = get_count(field);

	if (!doc_text_ok(line, value.at, value.bytes))
		return DOC_text;
	memcpy(field + sizeof count + count * (line->most + 1), value.at, value.bytes);	/* its NUL: out was zeroed */
	set_count(field, count + 1);
	return DOC_ok;
}

/* The next word of *rest, which moves behind the blank; a blank too many makes an empty word, which nothing is. */
static struct span
take_part(struct span *rest)
{
	const char *blank = memchr(rest->at, ' ', rest->bytes);
	struct span part = { rest->at, blank != NULL ? (size_t)(blank - rest->at) : rest->bytes };
	size_t used = part.bytes + (blank != NULL ? 1 : 0);

	rest->at += used;
	rest->bytes -= used;
	return part;
}

static enum doc_why
take_have(const struct doc_line *line, struct span value, uint8_t *field)
{
	struct doc_have have;
	struct span rest = value, id = take_part(&rest), version = take_part(&rest);
	uint32_t n = get_count(field);

	memcpy(&have, field, sizeof have);
	if (take_hex(id, sizeof have.row[n].id, sizeof have.row[n].id, have.row[n].id) != DOC_ok ||
	    take_number(version, 1, DOC_VERSION_MAX, (uint8_t *)&have.row[n].version) != DOC_ok ||
	    take_word(rest, line->words, line->most, &have.row[n].state) != DOC_ok)
		return DOC_inventory;
	for (uint32_t i = 0; i < n; i++)	/* one generation has one state */
		if (memcmp(have.row[i].id, have.row[n].id, sizeof have.row[n].id) == 0)
			return DOC_inventory;
	have.count = n + 1;
	memcpy(field, &have, sizeof have);
	return DOC_ok;
}

static enum doc_why
take_value(const struct doc_line *line, const struct cut *cut, uint8_t *out)
{
	uint8_t *field = out + line->offset;

	if (doc_repeats(line) && get_count(field) >= line->lines_most)
		return DOC_too_many;
	switch ((enum doc_type)line->type) {
	case DOC_num:
		return take_number(cut->value, line->least, line->most, field);
	case DOC_hexa:
		return take_hex(cut->value, line->least, line->most, field);
	case DOC_blob:
		return take_blob(line, cut, field);
	case DOC_string:
		/* An empty text is the key alone: "key" and "key " must not both mean it. */
		if (!doc_text_ok(line, cut->value.at, cut->value.bytes) || cut->has_value != (cut->value.bytes > 0))
			return DOC_text;
		memcpy(field, cut->value.at, cut->value.bytes);	/* its NUL: out was zeroed */
		return DOC_ok;
	case DOC_oneof:
		return take_word(cut->value, line->words, line->most, field);
	case DOC_pubkeys:
		return take_key(cut->value, field);
	case DOC_names:
		return take_name(line, cut->value, field);
	case DOC_haves:
		return take_have(line, cut->value, field);
	}
	return DOC_unknown_key;
}

/* Does a line with this key stand in what is not read yet? */
static int
comes_later(const struct parser *p, const char *key)
{
	for (const char *at = p->at; at < p->end;)
		if (is(cut_line(take_line(&at, p->end)).key, key))
			return 1;
	return 0;
}

/* The first row from p->next to end that must stand in a document; end when there is none. */
static unsigned
missing(const struct parser *p, unsigned end)
{
	unsigned i = p->next;

	while (i < end && p->schema->lines[i].lines_least == 0)
		i++;
	return i;
}

/* May row found stand here? */
static enum doc_why
check_order(const struct parser *p, unsigned found)
{
	int repeats = p->schema->lines[found].lines_most > 1;
	unsigned lacks = missing(p, found);

	if (found + 1 == p->next && repeats)
		return DOC_ok;
	if (found < p->next)
		return repeats ? DOC_wrong_order : DOC_repeated_key;
	if (lacks == found)
		return DOC_ok;
	return comes_later(p, p->schema->lines[lacks].key) ? DOC_wrong_order : DOC_missing_key;
}

static int
fail_missing(const struct parser *p, unsigned line, unsigned row)
{
	const char *key = p->schema->lines[row].key;

	return fail(p->error, line, DOC_missing_key, key, strlen(key));
}

static int
parse_line(struct parser *p)
{
	const struct cut cut = cut_line(take_line(&p->at, p->end));
	const struct doc_schema *schema = p->schema;
	enum doc_why why;
	unsigned found = 0;

	p->line++;
	while (found < schema->count && !is(cut.key, schema->lines[found].key))
		found++;
	if (found == schema->count)
		return fail(p->error, p->line, DOC_unknown_key, cut.key.at, cut.key.bytes);
	why = check_order(p, found);
	if (why == DOC_missing_key)
		return fail_missing(p, p->line, missing(p, found));
	if (why == DOC_ok) {
		p->next = found + 1;
		why = take_value(&schema->lines[found], &cut, (uint8_t *)&p->out);
	}
	if (why != DOC_ok)
		return fail(p->error, p->line, why, cut.key.at, cut.key.bytes);
	return 0;
}

int
doc_parse(enum doc_kind kind, const void *text, size_t len_bytes, void *out, size_t out_bytes, struct doc_error *error)
{
	struct parser p = { .schema = doc_schema(kind), .at = text, .error = error };
	struct doc_error ignored;
	int result;

	if (p.schema == NULL || out_bytes != p.schema->bytes)
		return -EINVAL;
	if (error == NULL)
		p.error = &ignored;
	result = check_bytes(text, len_bytes, p.error);
	if (result != 0)
		return result;
	p.end = p.at + len_bytes;
	memset(&p.out, 0, sizeof p.out);
	p.line = 1;
	/* The first line says what is signed: a manifest can never be taken for a ticket. */
	if (!is(take_line(&p.at, p.end), p.schema->first))
		return fail(p.error, 1, DOC_first_line, "", 0);
	while (p.at < p.end) {
		result = parse_line(&p);
		if (result != 0)
			return result;
	}
	if (missing(&p, p.schema->count) < p.schema->count)
		return fail_missing(&p, p.line + 1, missing(&p, p.schema->count));
	memcpy(out, &p.out, out_bytes);
	return 0;
}
