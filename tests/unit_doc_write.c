/*
 * Documents' writer: the largest and the smallest of every kind round; and every field of every kind just outside is refused, for the
 * parser could not have made it.  Host-side test; plays whoever fills a struct.
 */
#include <stdio.h>

#include "doc_samples.h"

static union sample_any doc;
static char text[DOC_MAX];

/* The last word of each enumeration. */
#define WORDS(enumeration) enum { LAST_##enumeration = -1
#define IS(prefix, word) + 1
#define ENDWORDS(enumeration) };
#include "doc.def"

static void
fill_text(char *at, char with, size_t len)
{
	while (len-- > 0)
		*at++ = with;
}

static void
fill_keys(struct doc_keys *keys, uint32_t count)
{
	memset(keys, 0, sizeof *keys);
	keys->count = count;
	for (uint32_t i = 0; i < count; i++) {
		keys->key[i].keynum[0] = (uint8_t)(i + 1);
		memset(keys->key[i].key, (int)i + 1, sizeof keys->key[i].key);
	}
}

static void
fill_have(struct doc_have *have, uint32_t count, uint64_t version)
{
	memset(have, 0, sizeof *have);
	have->count = count;
	for (uint32_t i = 0; i < count; i++) {
		have->row[i].id[31] = (uint8_t)(i + 1);
		have->row[i].version = version;
		have->row[i].state = STATE_healthy;
	}
}

/* The last key listed gets the first one's bytes, or its number. */
static void
same_key(struct doc_keys *keys, int number)
{
	struct minisig_pubkey *last = &keys->key[keys->count - 1], first = keys->key[0];

	if (number)
		memcpy(last->keynum, first.keynum, sizeof first.keynum);
	else
		memcpy(last->key, first.key, sizeof first.key);
}

static void
fill_names(char *at, size_t stride, uint32_t count, size_t len)
{
	for (uint32_t i = 0; i < count; i++)
		memset(at + i * stride, 'n', len);
}

/* Every field at its upper end; every field at its lower end. */
#define DOC(kind) static void largest_##kind(struct doc_##kind *d) { memset(d, 0, sizeof *d);
#define NUM(kind, key, least, most) d->key = most;
#define HEX(kind, key, bytes) memset(d->key, 0xff, bytes);
#define BLOB(kind, key, least, most) d->key.bytes = most; memset(d->key.at, 0xff, most);
#define TEXT(kind, key, least, most) fill_text(d->key, '~', most);
#define WORD(kind, key, enumeration) d->key = LAST_##enumeration;
#define KEYS(kind, key, most) fill_keys(&d->key, most);
#define NAMES(kind, key, least, most, lines) d->key.count = lines; fill_names(d->key.at[0], (most) + 1, lines, most);
#define HAVE(kind, key, most) fill_have(&d->key, most, (UINT64_C(1) << 53) - 1);
#define ENDDOC(kind) }
#include "doc.def"
#define DOC(kind) static void smallest_##kind(struct doc_##kind *d) { memset(d, 0, sizeof *d);
#define NUM(kind, key, least, most) d->key = least;
#define BLOB(kind, key, least, most) d->key.bytes = least;
#define TEXT(kind, key, least, most) fill_text(d->key, '!', least);
#define KEYS(kind, key, most) fill_keys(&d->key, 1);
#define ENDDOC(kind) }
#include "doc.def"

/* The same struct, and the same text, again. */
static void
rounds(enum doc_kind kind)
{
	static union sample_any again;
	struct doc_error error;
	long n = doc_write(kind, &doc, text, sizeof text);

	assert_in_range(n, 1, DOC_MAX);
	if (doc_parse(kind, text, (size_t)n, &again, sample_bytes[kind], &error) != 0)
		fail_msg("line %u: %s: '%s'", error.line, doc_why_text(error.why), error.key);
	assert_memory_equal(&again, &doc, sample_bytes[kind]);
	assert_int_equal(parse_round(kind, text, (size_t)n, &error), 0);
}

static void
ends_round(void **state)
{
	(void)state;
#define DOC(kind) largest_##kind(&doc.kind); rounds(DOC_##kind); smallest_##kind(&doc.kind); rounds(DOC_##kind);
#include "doc.def"
	/* a name in the middle of the range, and a version of one digit */
	smallest_config(&doc.config);
	doc.config.mirror.count = 1;
	doc.config.mirror.at[0][0] = 'm';
	rounds(DOC_config);
	smallest_request(&doc.request);
	fill_have(&doc.request.have, 1, 1);
	rounds(DOC_request);
}

static unsigned refusals;

/* Refused, and nothing was written. */
static void
refused(enum doc_kind kind, const char *key, unsigned line)
{
	memset(text, 'x', sizeof text);
	if (doc_write(kind, &doc, text, sizeof text) != -EINVAL)
		fail_msg("%s: written, line %u of this file", key, line);
	for (size_t i = 0; i < sizeof text; i++)
		assert_int_equal(text[i], 'x');
	refusals++;
}
#define REFUSED(kind, key, change) do { smallest_##kind(&doc.kind); change; refused(DOC_##kind, #kind " " #key, __LINE__); } while (0)
#define FULL(kind, key, change) do { largest_##kind(&doc.kind); change; refused(DOC_##kind, #kind " " #key, __LINE__); } while (0)

/* What a text of full length must not be. */
#define TEXT_REFUSED(kind, key, field, most) \
	FULL(kind, key, field[most] = '~');		/* no NUL */ \
	FULL(kind, key, field[0] = ' '); \
	FULL(kind, key, field[(most) - 1] = ' '); \
	FULL(kind, key, field[(most) / 2] = '\n'); \
	FULL(kind, key, field[(most) / 2] = '\x7f'); \
	FULL(kind, key, field[(most) / 2] = (char)0xff);

static void
writer_refuses(void **state)
{
	(void)state;
#define NUM(kind, key, least, most) \
	REFUSED(kind, key, doc.kind.key = (uint64_t)(most) + 1); \
	REFUSED(kind, key, doc.kind.key = UINT64_MAX); \
	if ((uint64_t)(least) > 0) \
		REFUSED(kind, key, doc.kind.key = (uint64_t)(least) - 1);
#define HEX(kind, key, bytes)	/* any bytes */
#define BLOB(kind, key, least, most) \
	REFUSED(kind, key, doc.kind.key.bytes = (most) + 1); \
	REFUSED(kind, key, doc.kind.key.bytes = UINT32_MAX); \
	if ((least) > 0) \
		REFUSED(kind, key, doc.kind.key.bytes = (uint32_t)(least) - 1);
#define TEXT(kind, key, least, most) \
	TEXT_REFUSED(kind, key, doc.kind.key, most) \
	if ((least) > 0) \
		REFUSED(kind, key, doc.kind.key[(least) - 1] = '\0');
#define WORD(kind, key, enumeration) \
	REFUSED(kind, key, doc.kind.key = LAST_##enumeration + 1); \
	REFUSED(kind, key, doc.kind.key = 255);
#define KEYS(kind, key_, most) \
	REFUSED(kind, key_, doc.kind.key_.count = 0); \
	FULL(kind, key_, doc.kind.key_.count = (most) + 1); \
	REFUSED(kind, key_, doc.kind.key_.count = UINT32_MAX); \
	if ((most) > 1) { \
		FULL(kind, key_, same_key(&doc.kind.key_, 0)); \
		FULL(kind, key_, same_key(&doc.kind.key_, 1)); \
	}
#define NAMES(kind, key, least, most, lines) \
	FULL(kind, key, doc.kind.key.count = (lines) + 1); \
	REFUSED(kind, key, doc.kind.key.count = UINT32_MAX); \
	REFUSED(kind, key, doc.kind.key.count = 1);	/* an empty one */ \
	TEXT_REFUSED(kind, key, doc.kind.key.at[0], most) \
	TEXT_REFUSED(kind, key, doc.kind.key.at[(lines) - 1], most)
#define HAVE(kind, key, most) \
	FULL(kind, key, doc.kind.key.count = (most) + 1); \
	REFUSED(kind, key, doc.kind.key.count = UINT32_MAX); \
	FULL(kind, key, doc.kind.key.row[(most) - 1].version = 0); \
	FULL(kind, key, doc.kind.key.row[0].version = UINT64_C(1) << 53); \
	FULL(kind, key, doc.kind.key.row[(most) - 1].state = STATE_failed + 1); \
	FULL(kind, key, doc.kind.key.row[0].state = 255); \
	FULL(kind, key, memcpy(doc.kind.key.row[(most) - 1].id, doc.kind.key.row[0].id, 32)); \
	FULL(kind, key, memcpy(doc.kind.key.row[1].id, doc.kind.key.row[0].id, 32));
#include "doc.def"
	print_message("%u structs refused\n", refusals);
	assert_true(refusals > 200);
}

static void
writer_arguments(void **state)
{
	(void)state;
	assert_int_equal(doc_write(DOC_COUNT, &doc, text, sizeof text), -EINVAL);
	smallest_proof(&doc.proof);
	assert_int_equal(doc_write(DOC_proof, &doc, text, 0), -ENOSPC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_round),
		cmocka_unit_test(writer_refuses),
		cmocka_unit_test(writer_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
