#ifndef TESTS_DOC_SAMPLES_H
#define TESTS_DOC_SAMPLES_H
/* The parser as the tests call it: what is accepted must round. */
#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc_texts.h"

#define DOC(kind) [DOC_##kind] = sizeof(struct doc_##kind),
static const size_t sample_bytes[DOC_COUNT] = {
#include "doc.def"
};

#define DOC(kind) struct doc_##kind kind;
union sample_any {
#include "doc.def"
};

/* doc_parse(); an accepted text must come back from the writer byte for byte, into a buffer of just that size and into no smaller one. */
static inline int
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

/* Puts put for the first old of the kind's base document.  Its length. */
static inline size_t
replaced(enum doc_kind kind, const char *old, const char *put, char out[DOC_MAX])
{
	const char *at = strstr(sample[kind], old);
	size_t head;

	if (at == NULL)
		fail_msg("\"%s\" is not in %s", old, sample[kind]);
	head = (size_t)(at - sample[kind]);
	assert_true(strlen(sample[kind]) - strlen(old) + strlen(put) <= DOC_MAX);
	memcpy(out, sample[kind], head);
	memcpy(out + head, put, strlen(put));
	memcpy(out + head + strlen(put), at + strlen(old), strlen(at + strlen(old)));
	return head + strlen(put) + strlen(at + strlen(old));
}
#endif
