/*
 * net-worker's http.c and request.c: every answer is fed whole, byte by byte, and cut in two at every place: the outcome is the same.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define ONE "Content-Length: 1\r\n\r\nx"
#define CHUNKED "Transfer-Encoding: chunked\r\n\r\n"

struct got {
	uint8_t body[100000];
	size_t bytes;
	size_t refuse;		/* the sink refuses what goes beyond */
};

static struct got got;

static int
sink(void *context, const uint8_t *data, size_t n)
{
	struct got *g = context;

	if (n > g->refuse - g->bytes)
		return -EMSGSIZE;
	memcpy(g->body + g->bytes, data, n);
	g->bytes += n;
	return 0;
}

/* Feeds pieces of step bytes, the first one of first bytes.  What http_feed() said last; *used gets how far it came. */
static int
feed(struct http *h, const char *text, size_t n, size_t first, size_t step, size_t *used)
{
	size_t at = 0, piece = first, part;
	int rc = HTTP_more, heads = 0;

	got.bytes = 0;
	if (got.refuse == 0)
		got.refuse = sizeof got.body;
	http_begin(h, sink, &got);
	while (at < n && rc >= 0 && rc != HTTP_done) {
		size_t end = at + piece < n ? at + piece : n;

		while (at < end && rc >= 0 && rc != HTTP_done) {
			rc = http_feed(h, (const uint8_t *)text + at, end - at, &part);
			assert_true(part <= end - at);
			at += part;
			if (rc == HTTP_head) {
				assert_int_equal(heads++, 0);
				assert_int_equal(got.bytes, 0);	/* nothing is passed on before the head was judged */
			}
		}
		piece = step;
	}
	*used = at;
	assert_true(rc != HTTP_done || heads == 1);
	return rc;
}

/* In every way that a network can deliver it. */
static int
feed_all(struct http *h, const char *text, size_t n, size_t *used)
{
	size_t also, bytes;
	int rc = feed(h, text, n, n, n, used);

	bytes = got.bytes;
	for (size_t first = 1; first < n; first += n > 3000 ? 97 : 1) {
		int again = feed(h, text, n, first, n, &also);

		if (rc == HTTP_done ? again != rc || also != *used || got.bytes != bytes : (again < 0) != (rc < 0))
			fail_msg("cut at %zu: %d, %zu used, %zu bytes, not %d, %zu, %zu", first, again, also, got.bytes, rc, *used, bytes);
	}
	assert_int_equal(feed(h, text, n, 1, 1, &also) < 0, rc < 0);
	return rc;
}

static void
good_answers(void **state)
{
	static const struct {
		const char *text, *body;
		uint16_t status;
		uint8_t keep_alive, chunked;
	} rows[] = {
		{ OK ONE, "x", 200, 1, 0 },
		{ OK "content-length:1\r\n\r\nx", "x", 200, 1, 0 },
		{ OK "Content-Length: 0\r\n\r\n", "", 200, 1, 0 },
		{ OK "Connection: close\r\n" ONE, "x", 200, 0, 0 },
		{ "HTTP/1.0 200 OK\r\n" ONE, "x", 200, 0, 0 },
		{ "HTTP/1.1 200 \r\n" ONE, "x", 200, 1, 0 },
		{ OK CHUNKED "1\r\nx\r\n2\r\nyz\r\n0\r\n\r\n", "xyz", 200, 1, 1 },
		{ OK CHUNKED "A;a=b\r\n0123456789\r\n00\r\n\r\n", "0123456789", 200, 1, 1 },
		{ "HTTP/1.1 100 Continue\r\n\r\n" OK ONE, "x", 200, 1, 0 },
		{ "HTTP/1.1 103 E\r\nETag: \"no\"\r\nContent-Type: text/html\r\n\r\n" OK ONE, "x", 200, 1, 0 },
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n", "no\n", 404, 1, 0 },
		{ OK "X-Empty:\r\nX-Blank: \t \r\n" ONE, "x", 200, 1, 0 },
	};
	static struct http h;

	(void)state;
	got.refuse = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[2000];
		size_t n = strlen(rows[i].text), used;

		/* what stands behind it is left alone */
		(void)snprintf(text, sizeof text, "%s%s", rows[i].text, OK ONE);
		if (feed_all(&h, text, strlen(text), &used) != HTTP_done)
			fail_msg("not done: %s", rows[i].text);
		assert_int_equal(used, n);
		assert_int_equal(got.bytes, strlen(rows[i].body));
		assert_memory_equal(got.body, rows[i].body, got.bytes);
		assert_int_equal(h.answer.status, rows[i].status);
		assert_int_equal(h.answer.keep_alive, rows[i].keep_alive);
		assert_int_equal(h.answer.chunked, rows[i].chunked);
		assert_int_equal(h.answer.has_length, !rows[i].chunked);
		assert_true(h.answer.etag[0] == '\0' && !h.answer.html && !h.answer.encoded && !h.answer.has_range);
		/* any less is not all of it */
		for (size_t less = 0; less < n; less++)
			assert_true(feed(&h, text, less, less > 0 ? less : 1, 1, &used) != HTTP_done);
	}
}

static void
bad_answers(void **state)
{
	static const char *const rows[] = {
		"nonsense\r\n\r\n", "\r\nHTTP/1.1 200 OK\n\n", "ICY 200 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n" ONE, "HTTP/0.9 200 OK\r\n" ONE,
		"HTTP/1.2 200 OK\r\n" ONE, "HTTP/11 200 OK\r\n" ONE, "HTTP/1.1 2000 OK\r\n" ONE, "HTTP/1.1 20 OK\r\n" ONE, "HTTP/1.1 099 OK\r\n" ONE,
		"HTTP/1.1 600 OK\r\n" ONE, "HTTP/1.1 -20 OK\r\n" ONE, "HTTP/1.1  200 OK\r\n" ONE, "http/1.1 200 OK\r\n" ONE, "GET / HTTP/1.1\r\n\r\n",
		OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", OK "Content-Length: 1, 1\r\n\r\nx", OK "Content-Length: -1\r\n\r\nx",
		OK "Content-Length: +1\r\n\r\nx", OK "Content-Length: 0x1\r\n\r\nx", OK "Content-Length: 1 1\r\n\r\nx", OK "Content-Length:\r\n\r\nx",
		OK "Content-Length: 18446744073709551616\r\n\r\nx", OK "Content-Length : 1\r\n\r\nx", OK " Content-Length: 1\r\n\r\nx",
		OK "Content-Length: 1\r\n" CHUNKED "1\r\nx\r\n0\r\n\r\n", OK "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\nx\r\n0\r\n\r\n",
		OK "Transfer-Encoding: gzip\r\n\r\nx", OK "Transfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
		OK "Transfer-Encoding: chunked, identity\r\n\r\n1\r\nx\r\n0\r\n\r\n", OK "Transfer-Encoding: xchunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
		OK "Transfer-Encoding: chunked\r\n" CHUNKED "1\r\nx\r\n0\r\n\r\n", OK CHUNKED "x\r\n", OK CHUNKED "-1\r\nx\r\n",
		OK CHUNKED "1\r\nxx\r\n0\r\n\r\n",
		OK CHUNKED "1 \r\nx\r\n0\r\n\r\n", OK CHUNKED "\r\n", OK CHUNKED "10000000000000000\r\nx", OK CHUNKED "1\nx\n0\n\n",
		OK CHUNKED "1\r\nx\r\n0\r\nTrailer: x\r\n\r\n", OK "A: b\r\n c\r\n" ONE, OK "A b\r\n" ONE, OK ": b\r\n" ONE, OK "A: b\x01\r\n" ONE,
		OK "A(: b\r\n" ONE, OK "A: b\rC: d\r\n" ONE, OK "A: b\nContent-Length: 1\n\nx", "HTTP/1.1 200 OK\rContent-Length: 1\r\n\r\nx",
		OK "ETag: \"a\"\r\nETag: \"a\"\r\n" ONE, OK "Content-Range: bytes 0-0/1\r\nContent-Range: bytes 0-0/1\r\n" ONE,
		OK "Content-Type: a\r\nContent-Type: b\r\n" ONE, "HTTP/1.1 101 S\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n" OK ONE,
	};
	static struct http h;

	(void)state;
	got.refuse = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t used;
		int rc = feed_all(&h, rows[i], strlen(rows[i]), &used);

		if (rc != -EBADMSG)
			fail_msg("%d: %s", rc, rows[i]);
	}
	/* a NUL anywhere in the head */
	for (size_t at = 0; at < sizeof OK - 1; at++) {
		char text[] = OK ONE;
		size_t used;

		text[at] = '\0';
		if (at < 12 || at == 15 || at == 16)
			assert_int_equal(feed_all(&h, text, sizeof text - 1, &used), -EBADMSG);
	}
}

/* An answer without an end of its own: it is never done, whatever comes. */
static void
an_end_must_be_said(void **state)
{
	static const char *const rows[] = { OK "\r\n", "HTTP/1.0 200 OK\r\n\r\n", OK "Connection: close\r\n\r\n" };
	static struct http h;

	(void)state;
	got.refuse = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[200];
		size_t used;

		(void)snprintf(text, sizeof text, "%sa body that ends when it ends", rows[i]);
		assert_int_not_equal(feed(&h, text, strlen(text), strlen(text), 1, &used), HTTP_done);
		assert_true(!h.answer.has_length && !h.answer.chunked);		/* by which exchange() refuses it */
	}
}

/* Each limit: at it, and one over it. */
static void
limits(void **state)
{
	static char text[200000];
	static struct http h;
	size_t used, n;

	(void)state;
	got.refuse = 0;
	for (unsigned headers = HTTP_HEADERS_MAX - 1; headers <= HTTP_HEADERS_MAX; headers++) {	/* and Content-Length */
		n = (size_t)sprintf(text, OK);
		for (unsigned i = 0; i < headers; i++)
			n += (size_t)sprintf(text + n, "X-%u: y\r\n", i);
		n += (size_t)sprintf(text + n, ONE);
		assert_int_equal(feed_all(&h, text, n, &used), headers < HTTP_HEADERS_MAX ? HTTP_done : -E2BIG);
	}
	for (unsigned interim = HTTP_INTERIM_MAX; interim <= HTTP_INTERIM_MAX + 1; interim++) {
		n = 0;
		for (unsigned i = 0; i < interim; i++)
			n += (size_t)sprintf(text + n, "HTTP/1.1 100 C\r\n\r\n");
		n += (size_t)sprintf(text + n, OK ONE);
		assert_int_equal(feed_all(&h, text, n, &used), interim <= HTTP_INTERIM_MAX ? HTTP_done : -E2BIG);
	}
	/* one long header: status line, name and the empty line are overhead too */
	for (int over = 0; over <= 1; over++) {
		const int rest = (int)strlen(OK "X: \r\n" ONE) - 1, y = HTTP_OVERHEAD_MAX - rest + over;

		n = (size_t)sprintf(text, OK "X: %0*d\r\n" ONE, y, 0);
		assert_int_equal(feed_all(&h, text, n, &used), over == 0 ? HTTP_done : -E2BIG);
	}
	/* an answer that is all overhead, in one piece larger than what is ever fed, and without an end */
	n = (size_t)sprintf(text, OK "X: %0100000d", 0);
	assert_int_equal(feed(&h, text, n, 16384, 16384, &used), -E2BIG);
	assert_true(used <= 2 * 16384);
	n = (size_t)sprintf(text, OK CHUNKED);
	for (unsigned i = 0; i < 4000; i++)
		n += (size_t)sprintf(text + n, "1\r\nx\r\n");
	assert_int_equal(feed(&h, text, n, 16384, 16384, &used), -E2BIG);
	/* a header that is looked at is not cut */
	n = (size_t)sprintf(text, OK "Retry-After: %0*d\r\n" ONE, HTTP_VALUE_MAX + 1, 7);
	assert_int_equal(feed_all(&h, text, n, &used), -E2BIG);
	/* what the sink says is passed on */
	got.refuse = 2;
	assert_int_equal(feed_all(&h, OK "Content-Length: 3\r\n\r\nabc", strlen(OK "Content-Length: 3\r\n\r\nabc"), &used), -EMSGSIZE);
	got.refuse = 3;
	assert_int_equal(feed_all(&h, OK "Content-Length: 3\r\n\r\nabc", strlen(OK "Content-Length: 3\r\n\r\nabc"), &used), HTTP_done);
	got.refuse = 0;
}

static const struct http_answer *
answer(const char *headers)
{
	static struct http h;
	static char text[4000];
	size_t used;

	(void)snprintf(text, sizeof text, "HTTP/1.1 206 Partial\r\n%s\r\nContent-Length: 5\r\n\r\n12345", headers);
	assert_int_equal(feed_all(&h, text, strlen(text), &used), HTTP_done);
	return &h.answer;
}

static void
headers_that_are_looked_at(void **state)
{
	static const char *const no_etags[] = { "W/\"a\"", "a", "\"a", "a\"", "\"", "\"a\"b\"", "\"a b\"", "\"a\x80\"", "\"a\"; x" };
	static const char *const no_ranges[] = { "bytes */5", "bytes 1-2/*", "bytes 1-2", "bytes -2/5", "bytes 1-/5", "items 1-2/5", "bytes=1-2/5",
		"bytes 1-2/5, 3-4/5", "bytes 1-2/5x", "bytes 1 -2/5", "bytes 12345678901234567-2/5", "bytes", "bytes ", "1-2/5", "multipart/byteranges" };
	char text[600];
	const struct http_answer *a = answer("Content-Range: bytes 12-16/17\r\nETag: \"a!#~b\"\r\nRetry-After: 120\r\nContent-Type: text/plain");

	(void)state;
	assert_true(a->has_range && a->first == 12 && a->last == 16 && a->total == 17 && a->length == 5 && a->status == 206);
	assert_string_equal(a->etag, "\"a!#~b\"");
	assert_int_equal(a->retry_after_s, 120);
	assert_true(!a->html && !a->encoded);
	for (size_t i = 0; i < sizeof no_etags / sizeof no_etags[0]; i++) {
		(void)snprintf(text, sizeof text, "ETag: %s", no_etags[i]);
		assert_string_equal(answer(text)->etag, "");
	}
	for (size_t i = 0; i < sizeof no_ranges / sizeof no_ranges[0]; i++) {
		(void)snprintf(text, sizeof text, "Content-Range: %s", no_ranges[i]);
		assert_int_equal(answer(text)->has_range, 0);
	}
	for (int n = HTTP_ETAG_MAX - 2; n <= HTTP_ETAG_MAX - 1; n++) {
		(void)snprintf(text, sizeof text, "ETag: \"%0*d\"", n, 0);
		assert_int_equal(strlen(answer(text)->etag), n == HTTP_ETAG_MAX - 2 ? HTTP_ETAG_MAX : 0);
	}
	assert_true(answer("content-range: BYTES 1-2/5 ")->has_range);
	assert_true(answer("Content-Type: Text/HTML; charset=utf-8")->html);
	assert_true(answer("Content-Type: application/xhtml+xml")->html);
	assert_true(answer("Content-Encoding: gzip")->encoded);
	assert_true(answer("Content-Encoding: br, gzip")->encoded);
	assert_false(answer("Content-Encoding: identity")->encoded);
	assert_int_equal(answer("Retry-After: Mon, 23 Nov 2026 13:37:03 GMT")->retry_after_s, 0);
	assert_int_equal(answer("Retry-After: 1234567")->retry_after_s, 0);
	assert_int_equal(answer("Retry-After: -1")->retry_after_s, 0);
	/* a name that is longer, or only begins so, is another */
	assert_string_equal(answer("ETagETagETagETagETagETagETagETagETagETag: \"a\"\r\nETa: \"b\"\r\nX-Empty:\r\nETags: \"c\"")->etag, "");
	assert_string_equal(answer("X-Empty:\r\nETag: \"a\"")->etag, "\"a\"");
}

static void
requests(void **state)
{
	char out[HTTP_HEAD_MAX], etag[HTTP_ETAG_MAX + 1], path[101], text[600];
	struct url url;
	long n;

	(void)state;
	assert_int_equal(url_parse("[2001:db8::9]:444/os", &url), 0);
	n = http_request(out, &url, "/v1/challenge", 0, "\"a\"", 0);
	assert_int_equal(n, strlen(out));
	assert_string_equal(out, "GET /os/v1/challenge HTTP/1.1\r\nHost: [2001:db8::9]:444\r\nUser-Agent: sallyport\r\n"
	    "Accept-Encoding: identity\r\n\r\n");
	n = http_request(out, &url, "/x", UINT64_C(1) << 40, "\"a\"", 0);
	assert_int_equal(n, strlen(out));
	assert_non_null(strstr(out, "\r\nRange: bytes=1099511627776-\r\nIf-Range: \"a\"\r\n\r\n"));
	n = http_request(out, &url, "/x", 0, "", 32768);
	assert_int_equal(n, strlen(out));
	assert_memory_equal(out, "POST /os/x HTTP/1.1\r\n", 21);
	assert_non_null(strstr(out, "\r\nContent-Type: text/plain\r\nContent-Length: 32768\r\n\r\n"));
	/* the longest of everything fits */
	memset(text, 'a', sizeof text);
	for (int i = 1; i < 253; i += 2)
		text[i] = '.';
	(void)snprintf(text + 253, sizeof text - 253, ":65535/%0254d", 0);
	assert_int_equal(url_parse(text, &url), 0);
	memset(etag, '"', HTTP_ETAG_MAX);
	etag[HTTP_ETAG_MAX] = '\0';
	(void)snprintf(path, sizeof path, "/%099d", 0);
	assert_true(http_request(out, &url, path, UINT64_MAX, etag, UINT32_MAX) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_answers),
		cmocka_unit_test(bad_answers),
		cmocka_unit_test(an_end_must_be_said),
		cmocka_unit_test(limits),
		cmocka_unit_test(headers_that_are_looked_at),
		cmocka_unit_test(requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
