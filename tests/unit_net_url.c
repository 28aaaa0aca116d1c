/*
 * net-worker's url.c: where a host is, as the config says; and what of it stands in a request.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "url.h"

static void
good_ones(void **state)
{
	static const struct {
		const char *text;
		enum host_kind kind;
		const char *host;
		uint16_t port;
		const char *path, *header;
	} rows[] = {
		{ "org.example", HOST_name, "org.example", 443, "", "org.example" },
		{ "o", HOST_name, "o", 443, "", "o" },
		{ "ORG-1.example:8443", HOST_name, "ORG-1.example", 8443, "", "ORG-1.example:8443" },
		{ "org.example:443", HOST_name, "org.example", 443, "", "org.example" },
		{ "org.example:65535", HOST_name, "org.example", 65535, "", "org.example:65535" },
		{ "1.example", HOST_name, "1.example", 443, "", "1.example" },
		{ "192.0.2.7", HOST_ipv4, "192.0.2.7", 443, "", "192.0.2.7" },
		{ "192.0.2.7:1/a", HOST_ipv4, "192.0.2.7", 1, "/a", "192.0.2.7:1" },
		{ "[2001:db8::9]", HOST_ipv6, "2001:db8::9", 443, "", "[2001:db8::9]" },
		{ "[2001:db8::9]:444/os", HOST_ipv6, "2001:db8::9", 444, "/os", "[2001:db8::9]:444" },
		{ "m.example/", HOST_name, "m.example", 443, "", "m.example" },
		{ "m.example/os/x86_64/v1.2~3-4", HOST_name, "m.example", 443, "/os/x86_64/v1.2~3-4", "m.example" },
		{ "m.example/os/", HOST_name, "m.example", 443, "/os", "m.example" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char header[URL_HOST_HEADER];
		struct url url;

		if (url_parse(rows[i].text, &url) != 0)
			fail_msg("%s refused", rows[i].text);
		assert_int_equal(url.kind, rows[i].kind);
		assert_string_equal(url.host, rows[i].host);
		assert_int_equal(url.port, rows[i].port);
		assert_string_equal(url.path, rows[i].path);
		url_host_header(&url, header);
		assert_string_equal(header, rows[i].header);
	}
}

static void
bad_ones(void **state)
{
	static const char *const rows[] = { "", ":443", "/path", ".", "a..b", ".a", "a.", "-a", "a-", "a.-b", "a-.b", "a_b", "a b", "a\tb", "a\r\nb",
		"a\x80", "a@b", "user@org.example", "https://org.example", "a?b", "a#b", "a%41", "a:", "a:0", "a:00443", "a:65536", "a:99999",
		"a:100000", "a:4294967739", "a:-1", "a:+1", "a:4x", "a:443x", "a: 443", "1.2.3", "1.2.3.4.5", "1.2.3.256", "192.0.2.07", "12345",
		"[::1", "::1", "2001:db8::9", "[]", "[::1]x", "[::g]", "[1.2.3.4]", "[::1]:", "[org.example]", "[fe80::1%eth0]", "a//b", "a/b//c",
		"a/../b", "a/./b", "a/.hidden", "a/b?c", "a/b#c", "a/%2e", "a/b c", "a/b\r\nX: y", "a/b\x7f", "a/b\\c", "a//" };
	char text[600];
	struct url url, before;

	(void)state;
	memset(&before, 0x5a, sizeof before);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		url = before;
		if (url_parse(rows[i], &url) != -EINVAL)
			fail_msg("taken: %s", rows[i]);
		assert_memory_equal(&url, &before, sizeof url);
	}
	/* labels, names and paths of the greatest length, and one more */
	memset(text, 'a', sizeof text);
	text[63] = '\0';
	assert_int_equal(url_parse(text, &url), 0);
	text[63] = 'a';
	text[64] = '\0';
	assert_int_equal(url_parse(text, &url), -EINVAL);
	for (int i = 0; i < 300; i++)
		text[i] = i % 2 == 0 ? 'a' : '.';
	text[253] = '\0';
	assert_int_equal(url_parse(text, &url), 0);
	assert_int_equal(strlen(url.host), HOST_MAX);
	text[253] = '.';
	text[255] = '\0';
	assert_int_equal(url_parse(text, &url), -EINVAL);
	memset(text, 'a', sizeof text);
	text[1] = '/';
	text[256] = '\0';
	assert_int_equal(url_parse(text, &url), 0);
	assert_int_equal(strlen(url.path), PATH_MAX_BYTES);
	text[256] = 'a';
	text[257] = '\0';
	assert_int_equal(url_parse(text, &url), -EINVAL);
}

/* Every byte, at every place of a good one: what is taken has only what may stand in a request's line and header. */
static void
no_byte_gets_into_a_request(void **state)
{
	static const char good[] = "org.example:8443/os/a";
	unsigned taken = 0;

	(void)state;
	for (size_t at = 0; at < sizeof good - 1; at++)
		for (int byte = 1; byte < 256; byte++) {
			char text[sizeof good], header[URL_HOST_HEADER];
			struct url url;

			memcpy(text, good, sizeof text);
			text[at] = (char)byte;
			if (url_parse(text, &url) != 0)
				continue;
			taken++;
			url_host_header(&url, header);
			for (const char *s = header; *s != '\0'; s++)
				assert_true((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || strchr("-.:", *s) != NULL);
			for (const char *s = url.path; *s != '\0'; s++)
				assert_true((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || strchr("-._~/", *s) != NULL);
		}
	assert_true(taken > 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ones),
		cmocka_unit_test(bad_ones),
		cmocka_unit_test(no_byte_gets_into_a_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
