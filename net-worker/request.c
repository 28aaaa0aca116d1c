/*
 * Requests of HTTP/1.1.  In net-worker.
 * All that stands in one is of the config, of this program or checked: a path of url.c, an id in hexadecimal, an entity tag of http.c.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "http.h"

struct text {
	char *at;
	size_t bytes;
	int cut;
};

static void __attribute__((format(printf, 2, 3)))
put(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->at + t->bytes, HTTP_HEAD_MAX - t->bytes, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= HTTP_HEAD_MAX - t->bytes)
		t->cut = 1;
	else
		t->bytes += (size_t)n;
}

long
http_request(char out[HTTP_HEAD_MAX], const struct url *url, const char *path, uint64_t from, const char *etag, uint32_t body_bytes)
{
	struct text t = { .at = out };
	char host[URL_HOST_HEADER];

	url_host_header(url, host);
	put(&t, "%s %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sallyport\r\nAccept-Encoding: identity\r\n", body_bytes > 0 ? "POST" : "GET",
	    url->path, path, host);
	if (body_bytes > 0)
		put(&t, "Content-Type: text/plain\r\nContent-Length: %u\r\n", (unsigned)body_bytes);
	if (from > 0)
		put(&t, "Range: bytes=%llu-\r\nIf-Range: %s\r\n", (unsigned long long)from, etag);
	put(&t, "\r\n");
	return t.cut ? -E2BIG : (long)t.bytes;
}
