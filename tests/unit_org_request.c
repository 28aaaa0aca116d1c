/*
 * Targets, ranges and entity tags of requests.  Host-side test; the hostile texts are those of real path and range attacks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "request.h"

#define ID "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff"
#define GEN "/v1/generation/"

static enum target_kind
kind_of(const char *text)
{
	struct target t;

	target_parse(text, &t);
	return t.kind;
}

static void
targets(void **state)
{
	static const char *const names[PART_LAST + 1] = { [PART_manifest] = "manifest", [PART_minisig] = "manifest.minisig",
		[PART_kernel] = "kernel", [PART_initramfs] = "initramfs" };
	struct target t;
	char text[400];

	(void)state;
	assert_int_equal(kind_of("/v1/challenge"), TARGET_challenge);
	assert_int_equal(kind_of("/v1/request"), TARGET_request);
	assert_int_equal(kind_of("/v1/enrol"), TARGET_enrol);
	assert_int_equal(kind_of("/v1/proof"), TARGET_proof);
	assert_int_equal(kind_of("/v1/proof/"), TARGET_none);
	for (unsigned kind = 0; kind <= TARGET_proof; kind++) {
		t.kind = (enum target_kind)kind;
		assert_int_equal(target_posted(&t), kind >= TARGET_request);
	}
	for (unsigned part = 1; part <= PART_LAST; part++) {
		(void)snprintf(text, sizeof text, GEN ID "/%s", names[part]);
		target_parse(text, &t);
		assert_int_equal(t.kind, TARGET_part);
		assert_int_equal(t.part, part);
		assert_int_equal(t.id[0], 0);
		assert_int_equal(t.id[1], 1);
		assert_int_equal(t.id[31], 0xff);
		for (size_t n = 0; n < strlen(text); n++) {	/* cut anywhere: never another file */
			char cut[400];

			memcpy(cut, text, n);
			cut[n] = '\0';
			target_parse(cut, &t);
			if (t.kind == TARGET_part)	/* "manifest" is the begin of "manifest.minisig" */
				assert_string_equal(cut + strlen(GEN ID "/"), "manifest");
			else
				assert_int_equal(t.kind, n == 0 ? TARGET_malformed : TARGET_none);
		}
	}
}

static void
wrong_targets(void **state)
{
	static const char *const none[] = { "/", "/v1", "/v1/", "/v1/challenge/", "/v1/challenge?", "/v1/challenge?x=1", "/v1/challenge#",
		"//v1/challenge", "/v1//challenge", "/V1/challenge", "/v2/challenge", "/v1/challeng", "/v1/challenges", "/%76%31/challenge",
		GEN, GEN ID, GEN ID "/", GEN ID "//kernel", GEN ID "/kernel/", GEN ID "/Kernel", GEN ID "/kernel?", GEN ID "/../kernel",
		GEN ID "/..%2fkernel", GEN ID "/../../org.key", GEN ID "/%2e%2e/%2e%2e/org.key", GEN "../org.key", GEN "..", GEN "../../etc/passwd",
		GEN "/etc/passwd", GEN ID "0/kernel", GEN ID "kernel", GEN "00/kernel", GEN ID "/org.key", GEN ID "/service.db", GEN ID "/kernel%00",
		GEN "0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff/kernel",
		GEN "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1EFF/kernel",
		GEN "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1ef/kernel",
		GEN "+00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff/kernel" };
	static const char *const malformed[] = { "", "v1/challenge", "*", "http://host/v1/challenge", "/v1/ challenge", "/v1/challenge ", "/v1/\x01",
		"/v1/\x7f", "/v1/\x80", "/v1/challenge\n", "/v1/challenge\t" };
	char text[TARGET_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		if (kind_of(none[i]) != TARGET_none)
			fail_msg("\"%s\" is %d", none[i], (int)kind_of(none[i]));
	for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
		if (kind_of(malformed[i]) != TARGET_malformed)
			fail_msg("\"%s\" is %d", malformed[i], (int)kind_of(malformed[i]));
	memset(text, 'a', sizeof text);
	text[0] = '/';
	text[TARGET_MAX + 1] = '\0';
	assert_int_equal(kind_of(text), TARGET_long);
	text[TARGET_MAX] = '\0';
	assert_int_equal(kind_of(text), TARGET_none);
}

static const struct {
	const char *value;
	enum range_kind kind;
	uint64_t first, bytes;
} ranges[] = {	/* of 1000 bytes */
	{ NULL, RANGE_whole, 0, 1000 },
	{ "bytes=0-0", RANGE_part, 0, 1 },
	{ "bytes=0-999", RANGE_part, 0, 1000 },
	{ "bytes=0-", RANGE_part, 0, 1000 },
	{ "bytes=500-", RANGE_part, 500, 500 },
	{ "bytes=999-", RANGE_part, 999, 1 },
	{ "bytes=999-999", RANGE_part, 999, 1 },
	{ "bytes=10-19", RANGE_part, 10, 10 },
	{ "bytes=10-1000", RANGE_part, 10, 990 },
	{ "bytes=10-18446744073709551615", RANGE_part, 10, 990 },
	{ "bytes=10-99999999999999999999999", RANGE_part, 10, 990 },
	{ "bytes=-1", RANGE_part, 999, 1 },
	{ "bytes=-1000", RANGE_part, 0, 1000 },
	{ "bytes=-1001", RANGE_part, 0, 1000 },
	{ "bytes=-18446744073709551616", RANGE_part, 0, 1000 },
	{ "bytes=1000-", RANGE_none, 0, 0 },
	{ "bytes=1000-1001", RANGE_none, 0, 0 },
	{ "bytes=18446744073709551615-", RANGE_none, 0, 0 },
	{ "bytes=18446744073709551616-", RANGE_none, 0, 0 },
	{ "bytes=18446744073709552116-", RANGE_none, 0, 0 },	/* 500 mod 2^64 */
	{ "bytes=-0", RANGE_none, 0, 0 },
	{ "bytes=20-10", RANGE_whole, 0, 1000 },
	{ "bytes=0-1,5-6", RANGE_whole, 0, 1000 },
	{ "bytes=0-1,", RANGE_whole, 0, 1000 },
	{ "bytes=", RANGE_whole, 0, 1000 },
	{ "bytes=-", RANGE_whole, 0, 1000 },
	{ "bytes=--1", RANGE_whole, 0, 1000 },
	{ "bytes=1", RANGE_whole, 0, 1000 },
	{ "bytes=+1-2", RANGE_whole, 0, 1000 },
	{ "bytes=0x1-2", RANGE_whole, 0, 1000 },
	{ "bytes= 1-2", RANGE_whole, 0, 1000 },
	{ "bytes=1-2 ", RANGE_whole, 0, 1000 },
	{ "bytes=1-2-3", RANGE_whole, 0, 1000 },
	{ "Bytes=1-2", RANGE_whole, 0, 1000 },
	{ "lines=1-2", RANGE_whole, 0, 1000 },
	{ "", RANGE_whole, 0, 1000 },
};

static void
one_range(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
		struct range r;
		enum range_kind kind = range_parse(ranges[i].value, 1000, &r);

		if (kind != ranges[i].kind || (kind != RANGE_none && (r.first != ranges[i].first || r.bytes != ranges[i].bytes)))
			fail_msg("\"%s\": kind %d, %llu bytes from %llu", ranges[i].value, (int)kind, (unsigned long long)r.bytes,
			    (unsigned long long)r.first);
	}
	/* whatever it is, it lies within */
	for (uint64_t size = 1; size < 12; size++)
		for (unsigned a = 0; a < 14; a++)
			for (unsigned b = 0; b < 14; b++) {
				char value[64];
				struct range r;

				(void)snprintf(value, sizeof value, "bytes=%u-%u", a, b);
				if (range_parse(value, size, &r) != RANGE_none)
					assert_true(r.bytes > 0 && r.first < size && r.bytes <= size - r.first);
			}
}

static void
etags(void **state)
{
	static const uint8_t hash[32] = { 1, 2, 3 };
	char etag[ETAG_TEXT + 1], list[300];

	(void)state;
	etag_write(hash, etag);
	assert_string_equal(etag, "\"0102030000000000000000000000000000000000000000000000000000000000\"");
	assert_true(etag_is(etag, etag));
	assert_false(etag_is(NULL, etag));
	assert_false(etag_is("", etag));
	assert_false(etag_is("*", etag));
	assert_false(etag_is("Mon, 23 Nov 2026 13:37:03 GMT", etag));
	(void)snprintf(list, sizeof list, "W/%s", etag);
	assert_false(etag_is(list, etag));	/* a weak one says nothing of bytes */
	assert_true(etag_listed(list, etag));
	assert_true(etag_listed("*", etag));
	assert_false(etag_listed(NULL, etag));
	assert_false(etag_listed("", etag));
	assert_false(etag_listed("\"", etag));
	assert_false(etag_listed("\"x\", \"y\"", etag));
	(void)snprintf(list, sizeof list, "\"x\", W/\"y\" ,\t%s", etag);
	assert_true(etag_listed(list, etag));
	(void)snprintf(list, sizeof list, "x%s", etag);
	assert_false(etag_listed(list, etag));
	(void)snprintf(list, sizeof list, "%.*s", ETAG_TEXT - 1, etag);
	assert_false(etag_listed(list, etag));
	(void)snprintf(list, sizeof list, "%.*s0\"", ETAG_TEXT - 1, etag);
	assert_false(etag_listed(list, etag));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets),
		cmocka_unit_test(wrong_targets),
		cmocka_unit_test(one_range),
		cmocka_unit_test(etags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
