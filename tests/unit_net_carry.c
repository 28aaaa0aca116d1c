/*
 * net-worker's carry.c between a broker of the test's and the fake network: what is asked and answered, what memfds must be, what a config
 * that cannot be used means.
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
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "doc_texts.h"
#include "fake_net.h"
#include "recv.h"
#include "carry.h"
#include "tls.h"

enum { MIB = 1 << 20, IMAGE_BYTES = 30 * MIB, SEALS_FILL = F_SEAL_GROW | F_SEAL_SHRINK, SEALS_BODY = SEALS_FILL | F_SEAL_SEAL | F_SEAL_WRITE };

static struct net net;
static struct doc_config config;
static int broker = -1;
static uint64_t time_set;
static int tls_rc;
static char last_request[70000], last_host[300];
static unsigned last_index;
static uint64_t piece_ms;	/* an image's 16 KiB take so long */

/* --- what tls.c would do --- */

int
tls_init(const uint8_t *ca, size_t ca_bytes)
{
	(void)ca;
	(void)ca_bytes;
	return tls_rc;
}

void
tls_set_time(uint64_t seconds)
{
	time_set = seconds;
}

/* --- the host --- */

static void
host(unsigned index, const char *request, struct fake_reply *r)
{
	static char *text;
	int n;

	if (request[0] == '\0')
		return;
	last_index = index;
	(void)snprintf(last_host, sizeof last_host, "%s", fake_hosts[index].url.host);
	(void)snprintf(last_request, sizeof last_request, "%s", request);
	if (text == NULL)
		text = malloc(IMAGE_BYTES + 1000);
	assert_non_null(text);
	if (strstr(request, "/kernel ") != NULL || strstr(request, "/initramfs ") != NULL) {
		n = sprintf(text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", IMAGE_BYTES);
		memset(text + n, 'k', IMAGE_BYTES);
		n += IMAGE_BYTES;
		r->piece_ms = piece_ms;
	} else
		n = sprintf(text, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	r->data = text;
	r->bytes = (size_t)n;
}

/* --- the broker --- */

static int
memfd(size_t bytes, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	if ((seals & F_SEAL_WRITE) != 0 && bytes > 0)
		assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void
begin(void)
{
	struct doc_error error;
	int pair[2];

	if (broker >= 0) {
		(void)close(broker);
		(void)close(net.channel);
	}
	assert_int_equal(doc_parse(DOC_config, sample_config, sizeof sample_config - 1, &config, sizeof config, &error), 0);
	config.net_wait_s = 30;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	broker = pair[0];
	conn_close();
	fake_host = host;
	tls_rc = 0;
	net_init(&net, pair[1], (uint32_t)getuid(), &config);
	fake_hosts = net.fetch.host;
	fake_now_ms = 0;
	piece_ms = 0;
}

static int
setup(void **state)
{
	(void)state;
	begin();
	return 0;
}

static struct msg_crypto_get
get_of(uint32_t what, uint64_t bytes)
{
	struct msg_crypto_get get = { .time = 1234, .len_bytes = bytes, .what = what, .number = 9 };

	if (what != GET_challenge)
		memset(get.id, 0xa5, sizeof get.id);
	return get;
}

/* Asks; what net_receive() said.  The memfd stays the test's. */
static int
ask(const struct msg_crypto_get *get, int fd)
{
	assert_int_equal(chan_send(broker, MSG_crypto_get, get, &fd), 0);
	return net_receive(&net);
}

static struct msg_net_got
answer(unsigned *progress)
{
	static struct frame frame;
	struct msg_net_got got;

	*progress = 0;
	for (;;) {
		assert_int_equal(chan_recv(broker, &frame), 1);
		assert_int_equal(msg_check(frame.id, frame.body), 0);
		if (frame.id != MSG_net_progress)
			break;
		++*progress;
	}
	assert_int_equal(frame.id, MSG_net_got);
	memcpy(&got, frame.body, sizeof got);
	return got;
}

static void
what_is_got(void **state)
{
	static const char *const parts[] = { NULL, "manifest", "manifest.minisig", "kernel", "initramfs" };

	(void)state;
	for (uint32_t what = PART_manifest; what <= GET_LAST; what++) {
		const int is_image = what == PART_kernel || what == PART_initramfs;
		struct msg_crypto_get get = get_of(what, is_image ? IMAGE_BYTES : 1000);
		int fd = memfd(get.len_bytes, SEALS_FILL);
		struct msg_net_got got;
		char want[200], bytes[5];
		unsigned progress;

		assert_int_equal(ask(&get, fd), 1);
		got = answer(&progress);
		assert_true(got.event == 0 && got.number == 9 && got.len_bytes == (is_image ? IMAGE_BYTES : 5));
		assert_int_equal(progress, is_image ? 3 : 0);
		assert_int_equal(pread(fd, bytes, 5, 0), 5);
		assert_memory_equal(bytes, is_image ? "kkkkk" : "hello", 5);
		assert_int_equal(time_set, 1234);
		if (what == GET_challenge)
			(void)snprintf(want, sizeof want, "GET /v1/challenge HTTP/1.1\r\nHost: sally.example:8443\r\n");
		else
			(void)snprintf(want, sizeof want, "GET /v1/generation/%s%s/%s HTTP/1.1\r\nHost: mirror-1.example\r\n",
			    "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5", "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5", parts[what]);
		assert_memory_equal(last_request, want, strlen(want));
		(void)close(fd);
	}
}

/*
 * A host that is slow and steady is told of while the broker waits (STEP_MS and some, for at most 20 minutes), not only every 8 MiB: a
 * net-worker that seems to hang is killed, and the next one begins anew.
 */
static void
slow_is_not_silent(void **state)
{
	const struct msg_crypto_get get = get_of(PART_initramfs, IMAGE_BYTES);
	int fd = memfd(IMAGE_BYTES, SEALS_FILL);
	struct msg_net_got got;
	unsigned progress;

	(void)state;
	piece_ms = 600;		/* 27 kB/s: 8 MiB take 5 minutes */
	assert_int_equal(ask(&get, fd), 1);
	got = answer(&progress);
	assert_true(got.event == 0 && got.len_bytes == IMAGE_BYTES);
	assert_in_range(fake_now_ms, 1000 * 1000, 20 * 60 * 1000);
	assert_in_range(progress, fake_now_ms / 60000, fake_now_ms / 30000 + 3);	/* each minute at least; and few: they are counted */
	(void)close(fd);
}

static void
what_is_posted(void **state)
{
	static const char *const paths[] = { NULL, "/v1/request", "/v1/enrol", "/v1/proof" };
	static struct frame frame;

	(void)state;
	for (uint32_t what = POST_request; what <= POST_LAST; what++) {
		struct msg_crypto_post post = { .time = 77, .what = what, .number = 4, .body_bytes = 2 * DOC_MAX, .answer_bytes = DOC_MAX };
		int fds[2] = { memfd(2 * DOC_MAX, SEALS_BODY), memfd(DOC_MAX, SEALS_FILL) };
		struct msg_net_posted posted;
		char want[100];

		assert_int_equal(chan_send(broker, MSG_crypto_post, &post, fds), 0);
		assert_int_equal(net_receive(&net), 1);
		assert_int_equal(chan_recv(broker, &frame), 1);
		assert_int_equal(frame.id, MSG_net_posted);
		assert_int_equal(msg_check(frame.id, frame.body), 0);
		memcpy(&posted, frame.body, sizeof posted);
		assert_true(posted.event == 0 && posted.number == 4 && posted.len_bytes == 5 && time_set == 77);
		(void)snprintf(want, sizeof want, "POST %s HTTP/1.1\r\nHost: sally.example:8443\r\n", paths[what]);
		assert_memory_equal(last_request, want, strlen(want));
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
}

/* What nobody sends by mistake ends the program. */
static void
memfds_that_are_none(void **state)
{
	const struct msg_crypto_get get = get_of(GET_challenge, 1000);
	const struct msg_crypto_post post = { .time = 1, .what = POST_request, .number = 1, .body_bytes = 10, .answer_bytes = 1000 };
	struct {
		int fds[2], rc;
	} posts[] = {
		{ { memfd(10, SEALS_FILL), memfd(1000, SEALS_FILL) }, -EACCES },	/* what is sent could still be changed */
		{ { memfd(11, SEALS_BODY), memfd(1000, SEALS_FILL) }, -EMSGSIZE },
		{ { memfd(10, SEALS_BODY), memfd(1000, 0) }, -EACCES },
		{ { memfd(10, SEALS_BODY), memfd(999, SEALS_FILL) }, -EMSGSIZE },
		{ { memfd(10, SEALS_BODY), memfd(1000, SEALS_BODY) }, -EBADF },
		{ { open("/dev/null", O_RDWR | O_CLOEXEC), memfd(1000, SEALS_FILL) }, -EBADF },
	};
	struct {
		int fd, rc;
	} gets[] = {
		{ memfd(1000, F_SEAL_GROW), -EACCES }, { memfd(1000, F_SEAL_SHRINK), -EACCES }, { memfd(1001, SEALS_FILL), -EMSGSIZE },
		{ memfd(1000, SEALS_BODY), -EBADF }, { open("/dev/null", O_RDWR | O_CLOEXEC), -EBADF },
	};
	int good;

	(void)state;
	for (size_t i = 0; i < sizeof gets / sizeof gets[0]; i++) {
		begin();
		assert_int_equal(ask(&get, gets[i].fd), gets[i].rc);
		(void)close(gets[i].fd);
	}
	for (size_t i = 0; i < sizeof posts / sizeof posts[0]; i++) {
		begin();
		assert_int_equal(chan_send(broker, MSG_crypto_post, &post, posts[i].fds), 0);
		assert_int_equal(net_receive(&net), posts[i].rc);
		(void)close(posts[i].fds[0]);
		(void)close(posts[i].fds[1]);
	}
	begin();
	net.maker_uid++;
	good = memfd(1000, SEALS_FILL);
	assert_int_equal(ask(&get, good), -EPERM);
	(void)close(good);
}

static struct msg_net_got
ask_and_answer(uint32_t what)
{
	const struct msg_crypto_get get = get_of(what, 1000);
	int fd = memfd(1000, SEALS_FILL);
	struct msg_net_got got;
	unsigned progress;

	last_host[0] = '\0';
	assert_int_equal(ask(&get, fd), 1);
	got = answer(&progress);
	(void)close(fd);
	return got;
}

/* Nobody is asked by a config that does not say whom, or whom to believe; a mirror that cannot be read costs itself alone. */
static void
configs(void **state)
{
	struct msg_net_got got;

	(void)state;
	for (int i = 0; i < 5; i++) {
		begin();
		if (i == 0)
			config.org[0] = '\0';
		if (i == 1)
			(void)snprintf(config.org, sizeof config.org, "org.example/path");
		if (i == 2)
			(void)snprintf(config.org, sizeof config.org, "https://org.example");
		if (i == 3)
			config.org_pin.bytes = 31;
		tls_rc = i == 4 ? -EBADMSG : 0;
		net_init(&net, net.channel, net.maker_uid, &config);
		for (uint32_t what = PART_manifest; what <= GET_LAST; what += GET_LAST - 1) {
			got = ask_and_answer(what);
			assert_true(got.event == (i < 3 ? EV_net_name : EV_net_certificate) && got.detail == EINVAL && got.len_bytes == 0);
			assert_string_equal(last_host, "");
		}
	}
	begin();
	(void)snprintf(config.mirror.at[0], sizeof config.mirror.at[0], "no such//thing");
	net_init(&net, net.channel, net.maker_uid, &config);
	assert_int_equal(net.fetch.hosts, 2);
	got = ask_and_answer(PART_manifest);
	assert_int_equal(got.event, 0);
	assert_string_equal(last_host, "2001:db8::9");
	assert_non_null(strstr(last_request, "GET /os/v1/generation/a5"));
	/* the pin is the org's alone */
	assert_true(net.fetch.host[0].pin == NULL && net.fetch.host[1].pin == net.pin);
	config.org_pin.bytes = 0;
	net_init(&net, net.channel, net.maker_uid, &config);
	assert_null(net.fetch.host[1].pin);
	assert_int_equal(net.fetch.wait_ms, 30000);
}

static void
a_broker_that_leaves_or_lies(void **state)
{
	const struct msg_crypto_get get = get_of(GET_challenge, 1000);
	const struct msg_broker_go go = { 0 };
	int fd = memfd(1000, SEALS_FILL);

	(void)state;
	assert_int_equal(chan_send(broker, MSG_broker_go, &go, NULL), 0);
	assert_int_equal(net_receive(&net), -EPROTO);
	begin();
	assert_int_equal(chan_send(broker, MSG_crypto_get, &get, &fd), 0);
	(void)close(broker);		/* before it is answered */
	broker = -1;
	assert_int_equal(net_receive(&net), 0);
	(void)close(net.channel);
	begin();
	(void)shutdown(broker, SHUT_RDWR);
	assert_int_equal(net_receive(&net), 0);
	(void)close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_got, setup),
		cmocka_unit_test_setup(slow_is_not_silent, setup),
		cmocka_unit_test_setup(what_is_posted, setup),
		cmocka_unit_test_setup(memfds_that_are_none, setup),
		cmocka_unit_test_setup(configs, setup),
		cmocka_unit_test_setup(a_broker_that_leaves_or_lies, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
