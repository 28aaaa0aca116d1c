#ifndef TESTS_DOC_SAMPLES_H
#define TESTS_DOC_SAMPLES_H
/* The parser as the tests call it: what is accepted must round. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "doc_texts.h"

static const size_t sample_bytes[DOC_COUNT] = { [DOC_config] = sizeof(struct doc_config), [DOC_manifest] = sizeof(struct doc_manifest),
	[DOC_challenge] = sizeof(struct doc_challenge), [DOC_report] = sizeof(struct doc_report) };

union sample_any {
	struct doc_config config;
	struct doc_manifest manifest;
	struct doc_challenge challenge;
	struct doc_report report;
	uint8_t bytes[8192];
};

/* doc_parse(); an accepted text must come back from the writer byte for byte, into a buffer of just that size and into no smaller one. */
static int
parse_round(enum doc_kind kind, const char *text, size_t n, struct doc_error *error)
{
	static char again[DOC_MAX];
	union sample_any out, untouched;
	int r;

	memset(&out, 0xa5, sizeof out);
	memset(&untouched, 0xa5, sizeof untouched);
	memset(error, 0, sizeof *error);
	r = doc_parse(kind, text, n, &out, sample_bytes[kind], error);
	if (r != 0) {
		assert_int_equal(r, -EBADMSG);
		assert_int_not_equal(error->why, DOC_ok);
		assert_in_range(error->line, 1, DOC_MAX + 1);
		assert_memory_equal(&out, &untouched, sizeof out);
		return r;
	}
	memset(again, 'x', sizeof again);
	assert_int_equal(doc_write(kind, &out, again, n - 1), -ENOSPC);
	assert_int_equal(again[0], 'x');
	assert_int_equal(doc_write(kind, &out, again, n), (long)n);
	assert_memory_equal(again, text, n);
	return 0;
}
#endif
