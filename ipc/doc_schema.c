/*
 * The table of all documents, from doc.def, and what can be said of it to people.  Stands on every side of the wall.
 * Constant data; distrusts nothing here, the parser does.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "doc_schema.h"

#define WORDS(enumeration) static const char *const words_##enumeration[] = {
#define IS(prefix, word) #word,
#define ENDWORDS(enumeration) };
#include "doc.def"

#define AT(kind, key) offsetof(struct doc_##kind, key)
#define DOC(kind) static const struct doc_line lines_##kind[] = {
#define NUM(kind, key, least, most) { #key, NULL, least, most, AT(kind, key), DOC_num, 1, 1 },
#define HEX(kind, key, bytes) { #key, NULL, bytes, bytes, AT(kind, key), DOC_hexa, 1, 1 },
#define BLOB(kind, key, least, most) { #key, NULL, least, most, AT(kind, key), DOC_blob, 1, 1 },
#define TEXT(kind, key, least, most) { #key, NULL, least, most, AT(kind, key), DOC_string, 1, 1 },
#define WORD(kind, key, enumeration) \
	{ #key, words_##enumeration, 0, sizeof words_##enumeration / sizeof words_##enumeration[0] - 1, AT(kind, key), DOC_oneof, 1, 1 },
#define KEYS(kind, key, most) { #key, NULL, 0, 0, AT(kind, key), DOC_pubkeys, 1, most },
#define NAMES(kind, key, least, most, lines) { #key, NULL, least, most, AT(kind, key), DOC_names, 0, lines },
#define HAVE(kind, key, most) \
	{ #key, words_state, 0, sizeof words_state / sizeof words_state[0] - 1, AT(kind, key), DOC_haves, 0, most },
#define ENDDOC(kind) };
#include "doc.def"

/* What the table's types can hold, and what the error can name. */
#define KEY_FITS(kind, key) static_assert(sizeof #key <= DOC_KEY_MAX + 1, #kind ": " #key);
#define DOC(kind) static_assert(sizeof(struct doc_##kind) <= UINT16_MAX, #kind ": too large");
#define NUM(kind, key, least, most) KEY_FITS(kind, key) static_assert((least) <= (most), #kind ": " #key);
#define HEX(kind, key, bytes) KEY_FITS(kind, key) static_assert((bytes) > 0, #kind ": " #key);
#define BLOB(kind, key, least, most) KEY_FITS(kind, key) static_assert((least) <= (most), #kind ": " #key);
#define TEXT(kind, key, least, most) KEY_FITS(kind, key) static_assert((least) <= (most), #kind ": " #key);
#define WORD(kind, key, enumeration) KEY_FITS(kind, key)
#define KEYS(kind, key, most) KEY_FITS(kind, key) static_assert((most) > 0 && (most) <= DOC_KEYS_MAX, #kind ": " #key);
#define NAMES(kind, key, least, most, lines) KEY_FITS(kind, key) static_assert((least) > 0 && (lines) <= UINT8_MAX, #kind ": " #key);
#define HAVE(kind, key, most) KEY_FITS(kind, key) static_assert((most) <= DOC_HAVE_MAX, #kind ": " #key);
#include "doc.def"

#define DOC(kind) \
	[DOC_##kind] = { "sallyport-" #kind " 1", lines_##kind, sizeof lines_##kind / sizeof lines_##kind[0], sizeof(struct doc_##kind) },
static const struct doc_schema schemas[DOC_COUNT] = {
#include "doc.def"
};

const struct doc_schema *
doc_schema(enum doc_kind kind)
{
	return (unsigned)kind < DOC_COUNT ? &schemas[kind] : NULL;
}

int
doc_text_ok(const struct doc_line *line, const char *text, size_t len_bytes)
{
	if (len_bytes < line->least || len_bytes > line->most)
		return 0;
	for (size_t i = 0; i < len_bytes; i++)
		if (text[i] < ' ' || text[i] > '~')
			return 0;
	/* What nobody sees must not differ between two documents. */
	return len_bytes == 0 || (text[0] != ' ' && text[len_bytes - 1] != ' ');
}

int
doc_key_listed(const struct doc_keys *keys, const struct minisig_pubkey *key, uint32_t count)
{
	/* A key listed twice could be counted twice; two keys with one number could not be told apart by a signature. */
	for (uint32_t i = 0; i < count; i++)
		if (memcmp(keys->key[i].key, key->key, sizeof key->key) == 0 ||
		    memcmp(keys->key[i].keynum, key->keynum, sizeof key->keynum) == 0)
			return 1;
	return 0;
}

/* The offset of the first line that begins with text (and ends there, if whole); len_bytes: no line does. */
static size_t
find_line(const char *at, size_t len_bytes, const char *text, int whole)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < len_bytes;) {
		const char *lf = memchr(at + i, '\n', len_bytes - i);

		if (len_bytes - i > n && memcmp(at + i, text, n) == 0 && (!whole || at[i + n] == '\n'))
			return i;
		i = lf == NULL ? len_bytes : (size_t)(lf - at) + 1;
	}
	return len_bytes;
}

size_t
doc_find(enum doc_kind kind, const void *text, size_t len_bytes)
{
	const struct doc_schema *schema = doc_schema(kind);

	return schema == NULL ? len_bytes : find_line(text, len_bytes, schema->first, 1);
}

size_t
doc_find_signature(const void *text, size_t len_bytes)
{
	return find_line(text, len_bytes, "untrusted comment:", 0);
}

const char *
doc_why_text(enum doc_why why)
{
	switch (why) {
	case DOC_ok:
		return "good";
	case DOC_too_long:
		return "document too long";
	case DOC_no_end:
		return "no line feed at the end";
	case DOC_byte:
		return "a byte that is not printable ASCII";
	case DOC_first_line:
		return "wrong first line";
	case DOC_unknown_key:
		return "unknown key";
	case DOC_repeated_key:
		return "repeated key";
	case DOC_wrong_order:
		return "wrong order";
	case DOC_missing_key:
		return "missing key";
	case DOC_number:
		return "not a number";
	case DOC_range:
		return "number out of range";
	case DOC_hex:
		return "not so many hexadecimal digits";
	case DOC_text:
		return "text too short, too long, or with a blank at an end";
	case DOC_word:
		return "unknown word";
	case DOC_pubkey:
		return "not a minisign public key, or one that is listed already";
	case DOC_too_many:
		return "too many lines of this key";
	case DOC_inventory:
		return "not an id, a version and a state, or an id that is listed already";
	}
	return "?";
}

/* "none or local", "a, b or c"; what does not fit is cut. */
static void
join_words(const struct doc_line *line, char *buf, size_t cap_bytes)
{
	size_t at = 0;

	for (uint64_t i = 0; i <= line->most; i++) {
		const char *glue = i == 0 ? "" : i == line->most ? " or " : ", ";
		int n = snprintf(buf + at, cap_bytes - at, "%s%s", glue, line->words[i]);

		if (n < 0 || (size_t)n >= cap_bytes - at)
			return;
		at += (size_t)n;
	}
}

void
doc_allowed(enum doc_kind kind, const char *key, char *buf, size_t cap_bytes)
{
	const struct doc_schema *schema = doc_schema(kind);
	const struct doc_line *line = NULL;
	unsigned long long least, most;
	char words[64];

	if (cap_bytes == 0)
		return;
	buf[0] = '\0';
	for (unsigned i = 0; schema != NULL && i < schema->count; i++)
		if (strcmp(schema->lines[i].key, key) == 0)
			line = &schema->lines[i];
	if (line == NULL)
		return;
	least = line->least;
	most = line->most;
	switch ((enum doc_type)line->type) {
	case DOC_num:
		(void)snprintf(buf, cap_bytes, "a number from %llu to %llu", least, most);	/* cut at cap_bytes: it is for people */
		return;
	case DOC_hexa:
		(void)snprintf(buf, cap_bytes, "%llu lower-case hexadecimal digits", 2 * most);
		return;
	case DOC_blob:
		(void)snprintf(buf, cap_bytes, "%llu to %llu bytes as lower-case hexadecimal digits", least, most);
		return;
	case DOC_string:
		(void)snprintf(buf, cap_bytes, "%llu to %llu printable ASCII characters, no blank at either end", least, most);
		return;
	case DOC_oneof:
		join_words(line, buf, cap_bytes);
		return;
	case DOC_pubkeys:
		if (line->lines_most == 1)
			(void)snprintf(buf, cap_bytes, "one minisign public key of 56 characters");
		else
			(void)snprintf(buf, cap_bytes, "a minisign public key of 56 characters; 1 to %u such lines, none twice", line->lines_most);
		return;
	case DOC_names:
		(void)snprintf(buf, cap_bytes, "%llu to %llu printable ASCII characters, no blank at either end; at most %u such lines", least, most,
		    line->lines_most);
		return;
	case DOC_haves:
		join_words(line, words, sizeof words);
		(void)snprintf(buf, cap_bytes, "an id of 64 hexadecimal digits, a version and %s; at most %u such lines, no id twice", words,
		    line->lines_most);
		return;
	}
}
