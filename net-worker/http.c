/*
 * Answers of HTTP/1.1: what llhttp calls back, and what is taken of it.  In net-worker, behind TLS.
 * Distrusts every byte: limits on all there is, headers that may stand there once do, and a length is said or the answer is none.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "http.h"

/* Headers that are looked at, each at most once in an answer. */
enum header { H_content_encoding, H_content_range, H_content_type, H_etag, H_retry_after, H_transfer_encoding, H_COUNT };
static const char *const names[H_COUNT] = { "content-encoding", "content-range", "content-type", "etag", "retry-after", "transfer-encoding" };

enum { DIGITS_MAX = 16, RETRY_DIGITS_MAX = 6 };	/* 10^16 bytes is beyond everything here */

static struct http *
of(llhttp_t *parser)
{
	return parser->data;
}

static int
stop(struct http *h, int error)
{
	h->error = error;
	return HPE_USER;
}

/* Decimal digits; *at ends up behind them.  0, or -EBADMSG without any or with too many. */
static int
number(const char **at, const char *end, int most, uint64_t *out)
{
	const char *s = *at;

	for (*out = 0; s < end && *s >= '0' && *s <= '9'; s++) {
		if (s - *at >= most)
			return -EBADMSG;
		*out = 10 * *out + (uint64_t)(*s - '0');
	}
	if (s == *at)
		return -EBADMSG;
	*at = s;
	return 0;
}

/* "bytes FIRST-LAST/TOTAL" */
static int
content_range(struct http_answer *a, const char *s, const char *end)
{
	if (end - s < 6 || strncasecmp(s, "bytes ", 6) != 0)
		return -EBADMSG;
	s += 6;
	if (number(&s, end, DIGITS_MAX, &a->first) != 0 || s == end || *s++ != '-' || number(&s, end, DIGITS_MAX, &a->last) != 0 || s == end ||
	    *s++ != '/' || number(&s, end, DIGITS_MAX, &a->total) != 0 || s != end)
		return -EBADMSG;
	a->has_range = 1;
	return 0;
}

/* A strong one is kept, RFC 9110, 8.8.3; it stands in a later request, so nothing else may be in it. */
static void
etag(struct http_answer *a, const char *s, size_t n)
{
	if (n < 2 || n > HTTP_ETAG_MAX || s[0] != '"' || s[n - 1] != '"')
		return;
	for (size_t i = 1; i < n - 1; i++)
		if (s[i] < '!' || s[i] > '~' || s[i] == '"')
			return;
	memcpy(a->etag, s, n);
	a->etag[n] = '\0';
}

static int
is_word(const char *word, const char *s, size_t n)
{
	return strlen(word) == n && strncasecmp(word, s, n) == 0;
}

static int
begins(const char *word, const char *s, size_t n)
{
	return n >= strlen(word) && strncasecmp(word, s, strlen(word)) == 0;
}

static int
take(struct http *h, enum header which)
{
	struct http_answer *a = &h->answer;
	const char *s = h->value, *end;
	size_t n = h->value_bytes;
	uint64_t seconds;

	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	end = s + n;
	switch (which) {
	case H_content_encoding:
		a->encoded = !is_word("identity", s, n);
		return 0;
	case H_content_range:
		if (content_range(a, s, end) != 0)
			a->has_range = 0;	/* "bytes" and an asterisk of a 416, or nonsense: a 206 without a range refuses */
		return 0;
	case H_content_type:
		a->html = begins("text/html", s, n) || begins("application/xhtml", s, n);
		return 0;
	case H_etag:
		etag(a, s, n);
		return 0;
	case H_retry_after:
		if (number(&s, end, RETRY_DIGITS_MAX, &seconds) == 0 && s == end)
			a->retry_after_s = (uint32_t)seconds;
		return 0;
	case H_transfer_encoding:
		a->chunked = (uint8_t)is_word("chunked", s, n);
		return a->chunked ? 0 : -EBADMSG;
	case H_COUNT:
		break;
	}
	return -EBADMSG;
}

static int
on_field(llhttp_t *parser, const char *at, size_t n)
{
	struct http *h = of(parser);

	if (h->head_done)	/* trailers: nothing here has them */
		return stop(h, -EBADMSG);
	if (h->name_done) {
		h->name_bytes = 0;
		h->value_bytes = 0;
		h->name_done = 0;
	}
	/* What is too long for the array is none of those looked at. */
	for (size_t i = 0; i < n && h->name_bytes < sizeof h->name; i++)
		h->name[h->name_bytes++] = at[i];
	return 0;
}

static int
on_field_complete(llhttp_t *parser)
{
	struct http *h = of(parser);

	h->name_done = 1;
	return ++h->headers > HTTP_HEADERS_MAX ? stop(h, -E2BIG) : 0;
}

static int
on_value(llhttp_t *parser, const char *at, size_t n)
{
	struct http *h = of(parser);

	/* One byte too many is kept count of: a header that is looked at is not cut. */
	for (size_t i = 0; i < n; i++) {
		if (h->value_bytes < sizeof h->value)
			h->value[h->value_bytes] = at[i];
		if (h->value_bytes <= sizeof h->value)
			h->value_bytes++;
	}
	return 0;
}

static int
on_value_complete(llhttp_t *parser)
{
	struct http *h = of(parser);
	int rc = 0;

	for (int i = 0; i < H_COUNT && rc == 0; i++) {
		if (!is_word(names[i], h->name, h->name_bytes))
			continue;
		if ((h->seen & 1U << i) != 0)
			rc = -EBADMSG;
		else
			rc = h->value_bytes > sizeof h->value ? -E2BIG : take(h, (enum header)i);
		h->seen |= 1U << i;
	}
	return rc == 0 ? 0 : stop(h, rc);
}

static int
on_headers_complete(llhttp_t *parser)
{
	struct http *h = of(parser);
	struct http_answer *a = &h->answer;

	a->status = parser->status_code;
	if (parser->http_major != 1 || a->status < 100 || a->status > 599 || parser->upgrade)
		return stop(h, -EBADMSG);
	if (a->status < 200) {
		if ((parser->flags & (F_CONTENT_LENGTH | F_TRANSFER_ENCODING)) != 0)	/* it has no content, RFC 9110, 8.6 */
			return stop(h, -EBADMSG);
		return ++h->interim > HTTP_INTERIM_MAX ? stop(h, -E2BIG) : 1;
	}
	a->has_length = (parser->flags & F_CONTENT_LENGTH) != 0;
	a->length = a->has_length ? parser->content_length : 0;
	a->keep_alive = llhttp_should_keep_alive(parser) != 0;
	h->head_done = 1;
	return HPE_PAUSED;
}

static int
on_body(llhttp_t *parser, const char *at, size_t n)
{
	struct http *h = of(parser);
	int rc;

	if (!h->head_done)	/* never before the head was judged */
		return stop(h, -EBADMSG);
	h->body += (uint32_t)n;
	rc = h->sink(h->context, (const uint8_t *)at, n);
	return rc == 0 ? 0 : stop(h, rc);
}

static int
on_message_complete(llhttp_t *parser)
{
	struct http *h = of(parser);

	if (!h->head_done) {	/* of an interim answer, whose headers say nothing of the answer */
		memset(&h->answer, 0, sizeof h->answer);
		h->seen = 0;
		return 0;
	}
	h->done = 1;
	return HPE_PAUSED;
}

void
http_begin(struct http *h, http_sink *sink, void *context)
{
	static const llhttp_settings_t settings = { .on_header_field = on_field,
		.on_header_field_complete = on_field_complete, .on_header_value = on_value, .on_header_value_complete = on_value_complete,
		.on_headers_complete = on_headers_complete, .on_body = on_body,
		.on_message_complete = on_message_complete };

	memset(h, 0, sizeof *h);
	llhttp_init(&h->parser, HTTP_RESPONSE, &settings);
	h->parser.data = h;
	h->sink = sink;
	h->context = context;
}

int
http_feed(struct http *h, const uint8_t *data, size_t n, size_t *used)
{
	const uint8_t was = h->head_done;
	enum llhttp_errno rc;

	h->body = 0;
	*used = n;
	rc = llhttp_execute(&h->parser, (const char *)data, n);
	if (h->error != 0)
		return h->error;
	if (rc == HPE_PAUSED) {
		*used = (size_t)((const uint8_t *)llhttp_get_error_pos(&h->parser) - data);
		llhttp_resume(&h->parser);
	} else if (rc != HPE_OK)
		return -EBADMSG;
	h->overhead += (uint32_t)*used - h->body;
	if (h->overhead > HTTP_OVERHEAD_MAX)
		return -E2BIG;
	if (h->done)
		return HTTP_done;
	return h->head_done && !was ? HTTP_head : HTTP_more;
}
