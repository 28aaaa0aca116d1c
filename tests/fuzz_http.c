/*
 * Fuzz target of the answers' path in net-worker: http.c, exchange.c and fetch.c over the fake network.  The first byte says what is asked
 * for and how the bytes arrive; the rest are the answers, one behind the other, each ended by NUL SOH: the first connection gets the first.
 * Whatever they are: it ends, in time, with no byte outside of what was asked for; and how the bytes were cut makes no difference.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_net.h"
#include "fetch.h"
#include "fuzz.h"

enum { IMAGE = 1, IN_PIECES = 2, SILENT = 4, MIRROR = 8, BYTES = 64, WAIT_MS = 30000, ANSWERS_MAX = 16 };

static struct {
	const uint8_t *at;
	size_t bytes;
} answers[ANSWERS_MAX];
static unsigned count, next;
static uint8_t how;

static void
answer(unsigned host, const char *request, struct fake_reply *reply)
{
	(void)host;	/* they come in turn */
	if (request[0] == '\0')
		return;
	MUST(memcmp(request, "GET /", 5) == 0 && strcmp(request + strlen(request) - 4, "\r\n\r\n") == 0);
	for (const char *s = request; *s != '\0'; s++)
		MUST((*s >= ' ' && *s <= '~') || (*s == '\r' && s[1] == '\n') || (*s == '\n' && s > request && s[-1] == '\r'));
	reply->end = (how & SILENT) != 0 ? -ETIMEDOUT : -ECONNRESET;
	if (next == count)
		return;
	reply->data = answers[next].at;
	reply->bytes = answers[next++].bytes;
	reply->piece = (how & IN_PIECES) != 0 ? 1 : 0;
	reply->piece_ms = (how & IN_PIECES) != 0 ? 1 : 0;
}

struct taken {
	size_t bytes;
	uint64_t sum;
};

static int
sink(void *context, const uint8_t *data, size_t n)
{
	struct taken *t = context;

	MUST(n > 0);
	for (size_t i = 0; i < n; i++)
		t->sum = t->sum * 31 + data[i];
	t->bytes += n;
	return 0;
}

/* How it ended: HTTP_done, HTTP_more or an error. */
static int
parse(struct http *h, struct taken *t, const uint8_t *data, size_t size, size_t step)
{
	size_t at = 0;
	int rc = HTTP_more;

	memset(t, 0, sizeof *t);
	http_begin(h, sink, t);
	while (at < size && rc >= 0 && rc != HTTP_done) {
		size_t used, n = size - at < step ? size - at : step;

		rc = http_feed(h, data + at, n, &used);
		MUST(rc < 0 || (used <= n && (rc != HTTP_more || used == n)));
		MUST(rc != HTTP_head || (t->bytes == 0 && h->answer.status >= 200 && h->answer.status <= 599));
		at += rc < 0 ? 0 : used;
	}
	MUST(t->bytes == 0 || h->head_done);
	MUST(rc != HTTP_done || !h->answer.has_length || h->answer.status == 204 || h->answer.status == 304 || t->bytes == h->answer.length);
	MUST(rc < 0 || (h->overhead <= HTTP_OVERHEAD_MAX && h->headers <= HTTP_HEADERS_MAX));
	return rc < 0 ? rc : rc == HTTP_done ? HTTP_done : HTTP_more;
}

static void
cut_makes_no_difference(const uint8_t *data, size_t size)
{
	static struct http whole, bytes;
	struct taken a, b;
	int rc = parse(&whole, &a, data, size, 16384), again = parse(&bytes, &b, data, size, 1);

	/* A limit may be noticed earlier where less comes at once: then it is over one either way, or broken behind that place. */
	if (rc == -E2BIG || again == -E2BIG || rc == -EBADMSG || again == -EBADMSG) {
		MUST(rc < 0 && again < 0);
		return;
	}
	MUST(rc == again && a.bytes == b.bytes && a.sum == b.sum);
	MUST(memcmp(&whole.answer, &bytes.answer, sizeof whole.answer) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fetch f;
	struct order order = { .path = "/v1/x", .bytes = BYTES, .body_fd = -1 };
	struct failure why = { 0 };
	size_t begin = 1;
	int rc;

	if (size < 1)
		return 0;
	how = data[0];
	count = next = 0;
	for (size_t i = 1; i <= size && count < ANSWERS_MAX; i++) {
		if (i < size && (data[i] != 0 || i + 1 == size || data[i + 1] != 1))
			continue;
		answers[count].at = data + begin;
		answers[count++].bytes = i - begin;
		cut_makes_no_difference(data + begin, i - begin);
		begin = i + 2;
	}
	memset(&f, 0, sizeof f);
	f.channel = -1;
	f.wait_ms = WAIT_MS;
	f.hosts = (how & MIRROR) != 0 ? 2 : 1;
	for (unsigned i = 0; i < f.hosts; i++)
		MUST(url_parse("org.example", &f.host[i].url) == 0);
	fake_hosts = f.host;
	fake_host = answer;
	fake_now_ms = 0;
	fake_connections = 0;
	conn_close();
	order.image = (how & IMAGE) != 0;
	order.memfd = memfd_create("fuzz", MFD_CLOEXEC);
	MUST(order.memfd >= 0 && ftruncate(order.memfd, BYTES) == 0);
	rc = fetch(&f, 0, f.hosts - 1, &order, &why);
	MUST(rc == 0 || (rc == -EIO && why.event / 100 == 8));
	MUST(order.done <= BYTES && (rc != 0 || (order.image ? order.done == BYTES : order.done > 0)));
	MUST(lseek(order.memfd, 0, SEEK_END) == BYTES);
	MUST(fake_now_ms <= (order.image ? WAIT_MS * f.hosts + BYTES / IMAGE_RATE : WAIT_MS) && fake_connections <= TRIES_MOST);
	(void)close(order.memfd);
	return 0;
}
