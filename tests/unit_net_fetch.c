/*
 * net-worker's fetch.c and exchange.c over a fake network whose clock goes on only when somebody waits: each bound is looked at to the
 * millisecond.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_net.h"
#include "fetch.h"

enum { IMAGE = 100000, WAIT_MS = 30000, ORG = 2 };	/* two mirrors and the org */

static struct fetch f;
static struct order order;
static struct failure why;
static uint8_t image[IMAGE], other[IMAGE];
static char log_text[4096];		/* "0 1 2 ": who was asked, for a connection or on a kept one */

/* --- what a host answers --- */

static char head[1024], big[IMAGE + 1024];

static void
say(struct fake_reply *r, const char *text)
{
	(void)snprintf(head, sizeof head, "%s", text);
	r->data = head;
	r->bytes = strlen(head);
	r->end = -ECONNRESET;
}

static void
refuse(struct fake_reply *r, uint32_t event, uint8_t lasting, uint64_t ms)
{
	r->refuse = (struct failure){ .event = event, .detail = 7, .lasting = lasting };
	r->refuse_ms = ms;
}

static uint64_t
range_of(const char *request)
{
	const char *range = strstr(request, "\r\nRange: bytes=");

	return range != NULL ? strtoull(range + 15, NULL, 10) : 0;
}

/* As a good server does, up to cut bytes of the content. */
static void
serve(struct fake_reply *r, const char *request, const uint8_t *content, const char *etag, size_t cut)
{
	char condition[200];
	uint64_t from = range_of(request);
	int n;

	(void)snprintf(condition, sizeof condition, "\r\nIf-Range: %s\r\n", etag);
	if (strstr(request, condition) == NULL)
		from = 0;
	if (from > 0)
		n = snprintf(big, sizeof big, "HTTP/1.1 206 P\r\nContent-Range: bytes %llu-%d/%d\r\n", (unsigned long long)from, IMAGE - 1, IMAGE);
	else
		n = snprintf(big, sizeof big, "HTTP/1.1 200 OK\r\n");
	n += snprintf(big + n, sizeof big - (size_t)n, "Content-Length: %llu\r\n%s%s%s\r\n", (unsigned long long)(IMAGE - from),
	    etag[0] != '\0' ? "ETag: " : "", etag, etag[0] != '\0' ? "\r\n" : "");
	if (cut < from)
		cut = from;
	memcpy(big + n, content + from, cut - from);
	r->data = big;
	r->bytes = (size_t)n + (cut - from);
	r->end = -ECONNRESET;
}

/* --- asking --- */

static int
ask(int is_image, unsigned first, unsigned hosts)
{
	static uint8_t bytes[IMAGE];
	uint64_t start = fake_now_ms;
	int rc;

	if (order.memfd > 0)
		(void)close(order.memfd);
	order = (struct order){ .path = "/v1/x", .bytes = is_image ? IMAGE : 1000, .body_fd = -1, .image = (uint8_t)is_image };
	order.memfd = memfd_create("answer", MFD_CLOEXEC);
	assert_true(order.memfd > 0 && ftruncate(order.memfd, (off_t)order.bytes) == 0);
	conn_close();
	fake_connections = fake_requests = 0;
	log_text[0] = '\0';
	f.channel = -1;
	f.wait_ms = WAIT_MS;
	f.hosts = hosts;
	fake_hosts = f.host;
	memset(&why, 0x55, sizeof why);
	rc = fetch(&f, first, hosts - 1, &order, &why);
	fake_now_ms -= start;	/* what it took */
	if (rc == 0 && is_image) {
		assert_int_equal(order.done, IMAGE);
		assert_int_equal(pread(order.memfd, bytes, IMAGE, 0), IMAGE);
		assert_true(memcmp(bytes, image, IMAGE) == 0 || memcmp(bytes, other, IMAGE) == 0);
	}
	return rc;
}

static int
setup(void **state)
{
	(void)state;
	for (int i = 0; i < IMAGE; i++) {
		image[i] = (uint8_t)(i * 7 + i / 251);
		other[i] = (uint8_t)(i * 11 + i / 241);
	}
	memset(&f, 0, sizeof f);
	fake_now_ms = 0;
	fake_kept_dies = 0;
	return 0;
}

static void
note_host(unsigned host)
{
	size_t n = strlen(log_text);

	if (n + 3 < sizeof log_text)
		(void)snprintf(log_text + n, sizeof log_text - n, "%u ", host);
}

/* --- the tests --- */

static void
good(unsigned host, const char *request, struct fake_reply *r)
{
	if (request[0] == '\0')
		note_host(host);
	else if (order.image)
		serve(r, request, image, "\"e\"", IMAGE);
	else
		say(r, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
}

static void
the_first_host_answers(void **state)
{
	(void)state;
	fake_host = good;
	assert_int_equal(ask(1, 0, 3), 0);
	assert_string_equal(log_text, "0 ");
	assert_int_equal(ask(0, ORG, 3), 0);
	assert_string_equal(log_text, "2 ");
	assert_int_equal(order.done, 5);
	assert_int_equal(fake_now_ms, 0);
}

static void
silent(unsigned host, const char *request, struct fake_reply *r)
{
	if (request[0] == '\0') {
		note_host(host);
		refuse(r, EV_net_connect, 0, UINT64_MAX);
	}
}

static void
mute(unsigned host, const char *request, struct fake_reply *r)
{
	if (request[0] == '\0')
		note_host(host);
	r->end = -ETIMEDOUT;
}

/* A network that says nothing at all: a document costs net_wait_s in all, an image that at each host, and each host is asked once. */
static void
silence_has_an_end(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		fake_host = i == 0 ? silent : mute;
		for (unsigned hosts = 1; hosts <= 3; hosts++) {
			memset(&f, 0, sizeof f);
			fake_now_ms = 0;
			assert_int_equal(ask(0, 0, hosts), -EIO);
			assert_int_equal(why.event, i == 0 ? EV_net_connect : EV_net_slow);
			assert_int_equal(fake_now_ms, WAIT_MS);
			assert_int_equal(fake_connections, hosts);	/* its share of the time is what each gets */
			memset(&f, 0, sizeof f);
			fake_now_ms = 0;
			assert_int_equal(ask(1, 0, hosts), -EIO);
			assert_int_equal(why.event, i == 0 ? EV_net_connect : EV_net_slow);
			assert_int_equal(fake_now_ms, WAIT_MS * hosts);
			assert_int_equal(fake_connections, hosts);
		}
	}
}

static void
only_the_org(unsigned host, const char *request, struct fake_reply *r)
{
	if (host == ORG)
		good(host, request, r);
	else
		silent(host, request, r);
}

static void
a_silent_mirror_costs_its_share_once(void **state)
{
	(void)state;
	fake_host = only_the_org;
	assert_int_equal(ask(0, 0, 3), 0);
	assert_string_equal(log_text, "0 1 2 ");
	assert_int_equal(fake_now_ms, 20000);
	fake_now_ms = 0;
	assert_int_equal(ask(0, 0, 3), 0);	/* the next time those that failed stand behind */
	assert_string_equal(log_text, "2 ");
	assert_int_equal(fake_now_ms, 0);
	fake_host = good;
	assert_int_equal(ask(1, 0, 3), 0);
	assert_string_equal(log_text, "2 ");
	memset(f.bad, 0, sizeof f.bad);
	fake_host = only_the_org;
	fake_now_ms = 0;
	assert_int_equal(ask(1, 0, 3), 0);
	assert_int_equal(fake_now_ms, 2 * WAIT_MS);
}

static uint64_t asked_at[300];
static unsigned asked;

static void
in_trouble(unsigned host, const char *request, struct fake_reply *r)
{
	if (request[0] == '\0') {
		note_host(host);
		return;
	}
	asked_at[asked++] = fake_now_ms;
	say(r, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
}

/* Each pause is twice the one before, up to the most, and the last one does not go beyond the end. */
static void
back_off_grows(void **state)
{
	static const uint64_t pauses[] = { 250, 500, 1000, 2000, 4000, 4000 };

	(void)state;
	for (int is_image = 0; is_image <= 1; is_image++) {
		asked = 0;
		fake_now_ms = 0;
		fake_host = in_trouble;
		assert_int_equal(ask(is_image, 0, 1), -EIO);
		assert_true(why.event == EV_net_status && why.detail == 503);
		assert_true(fake_now_ms <= WAIT_MS && fake_now_ms > WAIT_MS - 5000);
		assert_int_equal(asked, 11);
		for (unsigned i = 1; i < asked; i++)
			assert_int_equal(asked_at[i] - asked_at[i - 1], pauses[i - 1 < 6 ? i - 1 : 5]);
	}
	/* two hosts: a round without a pause, then each with its own */
	asked = 0;
	fake_now_ms = 0;
	memset(f.bad, 0, sizeof f.bad);
	assert_int_equal(ask(0, 0, 2), -EIO);
	assert_memory_equal(log_text, "0 1 0 1 0 1 ", 12);
	assert_true(asked_at[1] == 0 && asked_at[2] == 250 && asked_at[3] == 500);
}

static const char *status_line;
static unsigned status_times;

static void
status_then_good(unsigned host, const char *request, struct fake_reply *r)
{
	char text[200];

	if (request[0] == '\0' || (host == 0 && status_times == 0) || host != 0) {
		good(host, request, r);
		return;
	}
	status_times--;
	(void)snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", status_line);
	say(r, text);
}

static int
status(const char *line, unsigned times, unsigned hosts)
{
	status_line = line;
	status_times = times;
	memset(f.bad, 0, sizeof f.bad);
	fake_now_ms = 0;
	fake_host = status_then_good;
	return ask(0, 0, hosts);
}

static void
statuses(void **state)
{
	static const char *const passing[] = { "500 E", "502 E", "503 E", "504 E", "599 E", "429 E", "408 E", "425 E" };
	static const char *const lasting[] = { "400 E", "401 E", "403 E", "404 E", "410 E", "416 E", "499 E" };
	static const char *const odd[] = { "201 E", "204 E", "206 E", "301 E", "302 E", "304 E", "307 E", "399 E" };

	(void)state;
	for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
		assert_int_equal(status(passing[i], 2, 1), 0);
		assert_int_equal(fake_now_ms, 750);
		assert_int_equal(fake_requests, 3);
	}
	for (size_t i = 0; i < sizeof lasting / sizeof lasting[0]; i++) {
		assert_int_equal(status(lasting[i], 1, 1), -EIO);
		assert_true(why.event == EV_net_status && why.detail == (uint32_t)atoi(lasting[i]) && fake_now_ms == 0 && fake_requests == 1);
		assert_int_equal(status(lasting[i], 1, 2), 0);	/* the next host is asked at once */
		assert_true(fake_now_ms == 0 && fake_requests == 2);
	}
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		assert_int_equal(status(odd[i], 1, 1), -EIO);
		assert_true(why.event == EV_net_http && why.detail == (uint32_t)atoi(odd[i]) && fake_now_ms == 0);
	}
	/* Retry-After: waited for; not waited for where that is too late; not longer than a minute */
	assert_int_equal(status("503 E\r\nRetry-After: 7", 1, 1), 0);
	assert_int_equal(fake_now_ms, 7000);
	assert_int_equal(status("503 E\r\nRetry-After: 31", 9, 1), -EIO);
	assert_true(why.event == EV_net_status && fake_now_ms == 0 && fake_requests == 1);
	assert_int_equal(status("503 E\r\nRetry-After: 7", 1, 2), 0);
	assert_int_equal(fake_now_ms, 0);	/* another host meanwhile */
	f.bad[0] = 0;
	status_times = 1;
	status_line = "429 E\r\nRetry-After: 86400";
	fake_now_ms = 0;
	assert_int_equal(ask(1, 0, 1), -EIO);
	assert_int_equal(fake_now_ms, 0);
}

/* --- cut and resumed --- */

static size_t step, cut_at;
static unsigned cuts;
static const char *tag_of[3];

static void
cutting(unsigned host, const char *request, struct fake_reply *r)
{
	if (request[0] == '\0') {
		note_host(host);
		return;
	}
	if (cuts > 0) {
		cuts--;
		serve(r, request, image, tag_of[host], range_of(request) + step < IMAGE ? range_of(request) + step : IMAGE);
	} else
		serve(r, request, image, tag_of[host], cut_at);
}

static void
resumed_as_long_as_it_goes_on(void **state)
{
	(void)state;
	fake_host = cutting;
	tag_of[0] = tag_of[1] = "\"e\"";
	/* at every percent, without a pause */
	step = IMAGE / 100;
	cuts = 99;
	cut_at = IMAGE;
	assert_int_equal(ask(1, 0, 1), 0);
	assert_int_equal(fake_requests, 100);
	assert_int_equal(fake_now_ms, 0);
	/* a byte each time: tries have an end */
	step = 1;
	cuts = 1000;
	assert_int_equal(ask(1, 0, 1), -EIO);
	assert_true(why.event == EV_net_short && fake_requests == TRIES_MOST);
	assert_int_equal(order.done, TRIES_MOST);
	/* nothing new any more: over when net_wait_s have gone without a byte */
	step = 1000;
	cuts = 3;
	cut_at = 3000;
	fake_now_ms = 0;
	assert_int_equal(ask(1, 0, 1), -EIO);
	assert_true(why.event == EV_net_short && fake_now_ms <= WAIT_MS && fake_now_ms > WAIT_MS - 5000);
	/* without a strong entity tag it begins anew, and to come as far as before is nothing new */
	tag_of[0] = "";
	cuts = 0;
	cut_at = IMAGE / 2;
	fake_now_ms = 0;
	assert_int_equal(ask(1, 0, 1), -EIO);
	assert_true(why.event == EV_net_short && fake_now_ms <= WAIT_MS && fake_now_ms > WAIT_MS - 5000);
	assert_int_equal(fake_requests, 12);
}

static void
first_cut_then_gone(unsigned host, const char *request, struct fake_reply *r)
{
	if (host == 0 && fake_requests > 0 && request[0] == '\0') {
		note_host(host);
		refuse(r, EV_net_connect, 0, 0);
	} else if (request[0] == '\0')
		note_host(host);
	else
		serve(r, request, host == 0 ? image : other, tag_of[host], host == 0 ? 40000 : IMAGE);
}

static void
another_host_goes_on_only_with_the_same_content(void **state)
{
	static uint8_t bytes[IMAGE];

	(void)state;
	fake_host = first_cut_then_gone;
	/* another entity tag: the host sends all of it */
	tag_of[0] = "\"e\"";
	tag_of[1] = "\"f\"";
	assert_int_equal(ask(1, 0, 2), 0);
	assert_string_equal(log_text, "0 0 1 ");
	assert_int_equal(pread(order.memfd, bytes, IMAGE, 0), IMAGE);
	assert_memory_equal(bytes, other, IMAGE);
	/* the same one: the rest; whether that is true is what the signed digest says */
	tag_of[1] = "\"e\"";
	memcpy(other, image, IMAGE);
	memset(f.bad, 0, sizeof f.bad);
	assert_int_equal(ask(1, 0, 2), 0);
	assert_string_equal(log_text, "0 0 1 ");
}

static const char *lie;

static void
liar(unsigned host, const char *request, struct fake_reply *r)
{
	if (request[0] == '\0')
		note_host(host);
	else if (range_of(request) > 0 && host == 0)
		say(r, lie);
	else
		serve(r, request, image, "\"e\"", host == 0 ? 40000 : IMAGE);
}

static void
a_rest_that_does_not_fit(void **state)
{
	static const char *const rows[] = {
		"Content-Length: 60000\r\n", "Content-Range: bytes 40001-99999/100000\r\nContent-Length: 60000\r\n",
		"Content-Range: bytes 39999-99999/100000\r\nContent-Length: 60001\r\n", "Content-Range: bytes 40000-99998/100000\r\nContent-Length: 59999\r\n",
		"Content-Range: bytes 40000-99999/100001\r\nContent-Length: 60000\r\n", "Content-Range: bytes 40000-99999/100000\r\nContent-Length: 59999\r\n",
		"Content-Range: bytes 40000-99999/100000\r\nTransfer-Encoding: chunked\r\n", "Content-Range: bytes 40000-99999/100000\r\n",
		"Content-Range: bytes 40000-99999/100000\r\nContent-Length: 60000\r\nETag: \"f\"\r\n",
		"Content-Range: bytes 0-99999/100000\r\nContent-Length: 100000\r\n",
		"Content-Type: text/html\r\nContent-Range: bytes 40000-99999/100000\r\nContent-Length: 60000\r\n",
	};

	(void)state;
	fake_host = liar;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[300];

		(void)snprintf(text, sizeof text, "HTTP/1.1 206 P\r\n%s\r\nxxxxxxxx", rows[i]);
		lie = text;
		memset(f.bad, 0, sizeof f.bad);
		fake_now_ms = 0;
		assert_int_equal(ask(1, 0, 1), -EIO);
		assert_true(why.event == EV_net_http && why.detail == 206 && fake_now_ms == 0 && fake_requests == 2);
		memset(f.bad, 0, sizeof f.bad);
		assert_int_equal(ask(1, 0, 2), 0);	/* and nothing of it is left in what the next one gives */
	}
	lie = "HTTP/1.1 416 R\r\nContent-Range: bytes */5\r\nContent-Length: 0\r\n\r\n";
	memset(f.bad, 0, sizeof f.bad);
	assert_int_equal(ask(1, 0, 2), 0);
}

/* --- lengths, time, faults --- */

static const char *text_of;
static size_t slow_piece;
static uint64_t slow_ms;

static void
says_text(unsigned host, const char *request, struct fake_reply *r)
{
	if (request[0] == '\0')
		note_host(host);
	else
		say(r, text_of);
}

static void
lengths(void **state)
{
	static const struct {
		int is_image;
		const char *text;
		uint32_t event;
	} rows[] = {
		{ 1, "Content-Length: 99999\r\n\r\n", EV_net_size }, { 1, "Content-Length: 100001\r\n\r\n", EV_net_size },
		{ 1, "Content-Length: 0\r\n\r\n", EV_net_size }, { 1, "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", EV_net_http },
		{ 1, "\r\nx", EV_net_http },
		{ 0, "Content-Length: 1001\r\n\r\n", EV_net_size }, { 0, "Content-Length: 0\r\n\r\n", EV_net_size }, { 0, "\r\nx", EV_net_http },
		{ 0, "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", EV_net_size }, { 0, "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", EV_net_http },
		{ 0, "Content-Type: text/html\r\nContent-Length: 1\r\n\r\nx", EV_net_http },
	};
	char text[2000];

	(void)state;
	fake_host = says_text;
	text_of = text;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		(void)snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%s", rows[i].text);
		assert_int_equal(ask(rows[i].is_image, 0, 1), -EIO);
		assert_true(why.event == rows[i].event && fake_requests == 1 && fake_now_ms == 0);
	}
	/* chunks that go beyond */
	(void)snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxx\r\n3e8\r\n%0500d", 0);
	assert_int_equal(ask(0, 0, 1), -EIO);
	assert_int_equal(why.event, EV_net_short);
	assert_true(order.done <= order.bytes);
}

static void
slow(unsigned host, const char *request, struct fake_reply *r)
{
	if (request[0] == '\0') {
		note_host(host);
		return;
	}
	serve(r, request, image, "\"e\"", IMAGE);
	r->piece = slow_piece;
	r->piece_ms = slow_ms;
}

static void
slow_servers(void **state)
{
	(void)state;
	fake_host = slow;
	/* a byte a second: the head, which has net_wait_s, is not even there */
	slow_piece = 1;
	slow_ms = 1000;
	assert_int_equal(ask(1, 0, 1), -EIO);
	assert_true(why.event == EV_net_slow && fake_now_ms == WAIT_MS && fake_connections == 1);
	/* a head, then under 1 KiB/s: over after one window */
	slow_piece = 900;
	fake_now_ms = 0;
	assert_int_equal(ask(1, 0, 1), -EIO);
	assert_true(why.event == EV_net_slow && fake_now_ms >= RATE_WINDOW_MS && fake_now_ms <= RATE_WINDOW_MS + 2000 && fake_connections == 1);
	/* just enough for the window, not enough over all: net_wait_s and the size at IMAGE_RATE */
	slow_piece = 1100;
	fake_now_ms = 0;
	assert_int_equal(ask(1, 0, 1), -EIO);
	assert_true(why.event == EV_net_slow && fake_now_ms == WAIT_MS + IMAGE / IMAGE_RATE);
	/* enough */
	slow_piece = 4000;
	fake_now_ms = 0;
	assert_int_equal(ask(1, 0, 1), 0);
	/* a pause of just under, and of net_wait_s */
	slow_piece = 60000;
	slow_ms = WAIT_MS - 1;
	fake_now_ms = 0;
	assert_int_equal(ask(1, 0, 1), -EIO);
	assert_int_equal(fake_now_ms, WAIT_MS + IMAGE / IMAGE_RATE);
	slow_ms = WAIT_MS;
	fake_now_ms = 0;
	assert_int_equal(ask(1, 0, 1), -EIO);
	assert_int_equal(fake_now_ms, WAIT_MS);
}

static int progress_rc;

static int
progress(void *context, uint64_t done)
{
	(void)context;
	(void)done;
	return progress_rc;
}

static void
leaves(unsigned host, const char *request, struct fake_reply *r)
{
	if (request[0] == '\0')
		note_host(host);
	else
		r->end = -ECANCELED;
}

static void
what_ends_the_program(void **state)
{
	uint64_t now = 0;

	(void)state;
	fake_host = leaves;
	assert_int_equal(ask(0, 0, 1), -ECANCELED);
	/* a memfd that cannot be written */
	fake_host = good;
	assert_int_equal(ask(0, 0, 1), 0);
	(void)close(order.memfd);
	order.memfd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	f.hosts = 1;
	fake_now_ms = now;
	assert_int_equal(fetch(&f, 0, 0, &order, &why), -EBADF);
	(void)close(order.memfd);
	/* memory that is gone is the world's */
	order.memfd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(order.memfd >= 0);
	assert_int_equal(fetch(&f, 0, 0, &order, &why), -EIO);
	assert_int_equal(why.event, EV_load_memory);
	(void)close(order.memfd);
	order.memfd = memfd_create("answer", MFD_CLOEXEC);
	order.progress = progress;
	progress_rc = -EPIPE;
	assert_int_equal(fetch(&f, 0, 0, &order, &why), -EPIPE);
	progress_rc = 0;
	assert_int_equal(fetch(&f, 0, 0, &order, &why), 0);
	/* a body that cannot be read, or is not as long as was said */
	order.body_fd = memfd_create("body", MFD_CLOEXEC);
	order.body_bytes = 10;
	assert_int_equal(fetch(&f, 0, 0, &order, &why), -EBADF);
	assert_int_equal(pwrite(order.body_fd, "0123456789", 10, 0), 10);
	assert_int_equal(fetch(&f, 0, 0, &order, &why), 0);
	(void)close(order.body_fd);
}

/* A kept connection that is gone costs another one, no pause and no try. */
static void
kept_connections(void **state)
{
	(void)state;
	fake_host = good;
	assert_int_equal(ask(0, 0, 1), 0);
	assert_int_equal(fetch(&f, 0, 0, &order, &why), 0);
	assert_true(fake_connections == 1 && fake_requests == 2);
	fake_kept_dies = 1;
	assert_int_equal(fetch(&f, 0, 0, &order, &why), 0);
	assert_true(fake_connections == 2 && fake_requests == 4 && fake_now_ms == 0);
	/* one that died answering is no kept one that was gone */
	fake_kept_dies = 0;
	fake_host = says_text;
	text_of = "HTTP/1.1 200 OK\r\nContent-";
	assert_int_equal(fetch(&f, 0, 0, &order, &why), -EIO);
	assert_int_equal(why.event, EV_net_short);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_first_host_answers, setup),
		cmocka_unit_test_setup(silence_has_an_end, setup),
		cmocka_unit_test_setup(a_silent_mirror_costs_its_share_once, setup),
		cmocka_unit_test_setup(back_off_grows, setup),
		cmocka_unit_test_setup(statuses, setup),
		cmocka_unit_test_setup(resumed_as_long_as_it_goes_on, setup),
		cmocka_unit_test_setup(another_host_goes_on_only_with_the_same_content, setup),
		cmocka_unit_test_setup(a_rest_that_does_not_fit, setup),
		cmocka_unit_test_setup(lengths, setup),
		cmocka_unit_test_setup(slow_servers, setup),
		cmocka_unit_test_setup(what_ends_the_program, setup),
		cmocka_unit_test_setup(kept_connections, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
