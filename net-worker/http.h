#ifndef NET_WORKER_HTTP_H
#define NET_WORKER_HTTP_H
/*
 * HTTP/1.1 as a client needs it here (RFC 9110, RFC 9112): requests are written, answers parsed by llhttp in its strict mode.  No
 * system call, no allocation.  One answer at a time; bytes behind it are not looked at.
 */
#include <llhttp.h>
#include <stddef.h>
#include <stdint.h>

#include "url.h"

enum {
	HTTP_OVERHEAD_MAX = 16384,	/* bytes of an answer that are not its content: status line, headers, chunks' sizes */
	HTTP_HEADERS_MAX = 64,
	HTTP_INTERIM_MAX = 4,		/* answers of 1xx before the answer */
	HTTP_ETAG_MAX = 128,		/* a longer one is not kept */
	HTTP_VALUE_MAX = 256,		/* of a header that is looked at */
	HTTP_HEAD_MAX = 1024,		/* of a request: path 255 + 98, host 262, ETag 128, the rest is ours */
};

/* What an answer's head says. */
struct http_answer {
	uint64_t length;		/* of its content */
	uint64_t first, last, total;	/* Content-Range, of a 206 */
	uint32_t retry_after_s;		/* 0: not said, or as a date */
	uint16_t status;		/* 200..599 */
	uint8_t has_length, has_range, chunked;
	uint8_t encoded;		/* Content-Encoding: anything but identity */
	uint8_t html;			/* Content-Type: text/html or the like */
	uint8_t keep_alive;		/* another request may follow on this connection */
	char etag[HTTP_ETAG_MAX + 1];	/* a strong one with its quotes; or "" */
};

/* Takes content.  0, or a negative errno that http_feed() then returns. */
typedef int http_sink(void *context, const uint8_t *data, size_t n);

struct http {
	llhttp_t parser;
	struct http_answer answer;
	http_sink *sink;
	void *context;
	int error;			/* why a callback stopped the parser: a negative errno */
	uint32_t overhead, headers, interim;
	uint32_t seen;			/* headers of this answer that may stand there once, a bit each */
	uint32_t body;			/* bytes of content in this call */
	uint8_t head_done, done, name_done;
	uint8_t name_bytes;
	uint16_t value_bytes;
	char name[32], value[HTTP_VALUE_MAX];
};

void http_begin(struct http *h, http_sink *sink, void *context);

enum { HTTP_more, HTTP_head, HTTP_done };
/*
 * Parses n bytes; *used gets how many were looked at.  HTTP_more: all, go on.  HTTP_head: h->answer is there, no content was passed on
 * yet: call again with the rest, or leave it.  HTTP_done: the answer is whole; what stands behind *used belongs to nothing.
 * -EBADMSG: no HTTP, or what is not taken here; -E2BIG: over a limit; what the sink returned.
 */
int http_feed(struct http *h, const uint8_t *data, size_t n, size_t *used);

/*
 * Writes a request's head; its length, or -E2BIG.  path is put behind the URL's own.  from > 0 asks for the bytes from there on, if the
 * content still has that entity tag; body_bytes > 0 makes it a POST of text.
 */
long http_request(char out[HTTP_HEAD_MAX], const struct url *url, const char *path, uint64_t from, const char *etag, uint32_t body_bytes);
#endif
