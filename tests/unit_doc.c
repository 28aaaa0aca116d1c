/*
 * Documents: every refusal by its own reason, line and key; and whatever is accepted comes out of the writer byte for byte.
 * Host-side test; plays whoever writes a document.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "doc_samples.h"

/* Puts put for the first old of the kind's base document. */
static size_t
replaced(enum doc_kind kind, const char *old, const char *put, char *out)
{
	const char *at = strstr(sample[kind], old);
	size_t head;

	assert_non_null(at);
	head = (size_t)(at - sample[kind]);
	memcpy(out, sample[kind], head);
	memcpy(out + head, put, strlen(put));
	memcpy(out + head + strlen(put), at + strlen(old), strlen(at + strlen(old)));
	return head + strlen(put) + strlen(at + strlen(old));
}

static void
good_documents(void **state)
{
	struct doc_config c;
	struct doc_manifest m;
	struct doc_challenge q;
	struct doc_report r;
	struct doc_error error;

	(void)state;
	for (unsigned k = 0; k < DOC_COUNT; k++)
		assert_int_equal(parse_round((enum doc_kind)k, sample[k], strlen(sample[k]), &error), 0);
	assert_int_equal(doc_parse(DOC_config, sample_config, strlen(sample_config), &c, sizeof c, NULL), 0);
	assert_int_equal(c.build_time, 1760000000);
	assert_int_equal(c.enrol, ENROL_local);
	assert_int_equal(c.release, RELEASE_local);
	assert_string_equal(c.cache, "vda1");
	assert_string_equal(c.console, "ttyS0");
	assert_int_equal(c.threshold, 2);
	assert_int_equal(c.release_key.count, 2);
	assert_int_equal(c.release_key.key[0].keynum[0], 1);
	assert_int_equal(c.release_key.key[1].keynum[0], 0x81);
	assert_int_equal(c.org_key.count, 1);
	assert_int_equal(doc_parse(DOC_manifest, sample_manifest, strlen(sample_manifest), &m, sizeof m, NULL), 0);
	assert_int_equal(m.version, 42);
	assert_int_equal(m.kernel_blake2b[1], 1);
	assert_int_equal(m.kernel_blake2b[31], 0xff);
	assert_true(m.unpacked_size == UINT64_C(17179869184));
	assert_string_equal(m.cmdline, "console=ttyS0 quiet");
	assert_int_equal(doc_parse(DOC_challenge, sample_challenge, strlen(sample_challenge), &q, sizeof q, NULL), 0);
	assert_int_equal(q.challenge[1], 1);
	assert_int_equal(q.challenge[31], 0xff);
	assert_int_equal(q.time, 1760000000);
	assert_int_equal(q.seconds, 60);
	assert_int_equal(doc_parse(DOC_report, sample_report, strlen(sample_report), &r, sizeof r, NULL), 0);
	assert_int_equal(r.cause, CAUSE_fallback);
	assert_int_equal(r.node[15], 0xff);
	assert_true(r.ms_loading == UINT32_MAX);
}

static const struct wrong {
	enum doc_kind kind;
	const char *old, *put;
	enum doc_why why;
	unsigned line;
	const char *key;
} wrongs[] = {
	{ DOC_manifest, "sallyport-manifest 1", "sallyport-manifest 2", DOC_first_line, 1, "" },
	{ DOC_manifest, "sallyport-manifest 1", "sallyport-manifest 1 ", DOC_first_line, 1, "" },
	{ DOC_manifest, "sallyport-manifest 1", "sallyport-config 1", DOC_first_line, 1, "" },
	{ DOC_manifest, "sallyport-manifest 1\n", "", DOC_first_line, 1, "" },
	{ DOC_manifest, "sallyport", "\nsallyport", DOC_first_line, 1, "" },
	{ DOC_manifest, "quiet\n", "quiet", DOC_no_end, 10, "" },
	{ DOC_manifest, "quiet\n", "quiet\r\n", DOC_byte, 10, "" },
	{ DOC_manifest, "issued", "issu\x80" "ed", DOC_byte, 3, "" },
	{ DOC_manifest, "issued ", "issued\t", DOC_byte, 3, "" },
	{ DOC_manifest, "quiet", "qui\x7f" "et", DOC_byte, 10, "" },
	{ DOC_manifest, "issued", "issue", DOC_unknown_key, 3, "issue" },
	{ DOC_manifest, "issued", "issuedd", DOC_unknown_key, 3, "issuedd" },
	{ DOC_manifest, "issued", "Issued", DOC_unknown_key, 3, "Issued" },
	{ DOC_manifest, "issued", " issued", DOC_unknown_key, 3, "" },
	{ DOC_manifest, "issued", "\nissued", DOC_unknown_key, 3, "" },
	{ DOC_manifest, "issued", "# a comment\nissued", DOC_unknown_key, 3, "#" },
	{ DOC_manifest, "issued", "abcdefghijklmnopqrstuvwxyz0123456789", DOC_unknown_key, 3, "abcdefghijklmnopqrstuvwxyz01234" },
	{ DOC_manifest, "quiet\n", "quiet\nextra 1\n", DOC_unknown_key, 11, "extra" },
	{ DOC_manifest, "quiet\n", "quiet\n\n", DOC_unknown_key, 11, "" },
	{ DOC_manifest, "issued", "version 42\nissued", DOC_repeated_key, 3, "version" },
	{ DOC_manifest, "quiet\n", "quiet\nversion 43\n", DOC_repeated_key, 11, "version" },
	{ DOC_manifest, "quiet\n", "quiet\ncmdline debug\n", DOC_repeated_key, 11, "cmdline" },
	{ DOC_manifest, "version 42\nissued 1760000000\n", "issued 1760000000\nversion 42\n", DOC_wrong_order, 2, "issued" },
	{ DOC_manifest, "issued", "watchdog 0\nissued", DOC_wrong_order, 3, "watchdog" },
	{ DOC_manifest, "version 42\n", "", DOC_missing_key, 2, "version" },
	{ DOC_manifest, "watchdog 0\n", "", DOC_missing_key, 9, "watchdog" },
	{ DOC_manifest, "cmdline console=ttyS0 quiet\n", "", DOC_missing_key, 10, "cmdline" },
	{ DOC_manifest, "version 42\nissued 1760000000\n", "kernel_size 1\n", DOC_missing_key, 2, "version" },
	{ DOC_manifest, "version 42", "version 042", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version +42", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version -1", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version 0x2a", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version 4 2", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version  42", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version 42 ", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version ", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version 00", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version 99999999999999999999a", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version 0", DOC_range, 2, "version" },
	{ DOC_manifest, "version 42", "version 9007199254740992", DOC_range, 2, "version" },
	{ DOC_manifest, "version 42", "version 18446744073709551615", DOC_range, 2, "version" },
	{ DOC_manifest, "version 42", "version 18446744073709551616", DOC_range, 2, "version" },
	{ DOC_manifest, "version 42", "version 18446744073709551658", DOC_range, 2, "version" },	/* 42 mod 2^64 */
	{ DOC_manifest, "version 42", "version 340282366920938463463374607431768211498", DOC_range, 2, "version" },	/* and mod 2^128 */
	{ DOC_manifest, "kernel_size 7000000", "kernel_size 2147483647", DOC_range, 4, "kernel_size" },
	{ DOC_manifest, "kernel_size 7000000", "kernel_size 2147483648", DOC_range, 4, "kernel_size" },
	{ DOC_manifest, "kernel_size 7000000", "kernel_size 4294967296", DOC_range, 4, "kernel_size" },
	{ DOC_manifest, "kernel_size 7000000", "kernel_size 9223372036854775808", DOC_range, 4, "kernel_size" },
	{ DOC_manifest, "initramfs_size 1073741824", "initramfs_size 1073741825", DOC_range, 6, "initramfs_size" },
	{ DOC_manifest, "watchdog 0", "watchdog 3601", DOC_range, 9, "watchdog" },
	{ DOC_manifest, "1eff\ninit", "1efF\ninit", DOC_hex, 5, "kernel_blake2b" },
	{ DOC_manifest, "1eff\ninit", "1ef\ninit", DOC_hex, 5, "kernel_blake2b" },
	{ DOC_manifest, "1eff\ninit", "1eff0\ninit", DOC_hex, 5, "kernel_blake2b" },
	{ DOC_manifest, "1eff\ninit", "1eff00\ninit", DOC_hex, 5, "kernel_blake2b" },
	{ DOC_manifest, "1eff\ninit", "1efg\ninit", DOC_hex, 5, "kernel_blake2b" },
	{ DOC_manifest, "1eff\ninit", "1eff \ninit", DOC_hex, 5, "kernel_blake2b" },
	{ DOC_manifest, "kernel_blake2b " HEX32, "kernel_blake2b", DOC_hex, 5, "kernel_blake2b" },
	{ DOC_manifest, "cmdline console=ttyS0 quiet", "cmdline ", DOC_text, 10, "cmdline" },
	{ DOC_manifest, "quiet\n", "quiet \n", DOC_text, 10, "cmdline" },
	{ DOC_manifest, "cmdline ", "cmdline  ", DOC_text, 10, "cmdline" },
	{ DOC_config, "cache vda1", "cache", DOC_text, 5, "cache" },
	{ DOC_config, "cache vda1", "cache abcdefghijklmnopqrstuvwxyz012345", DOC_text, 5, "cache" },
	{ DOC_config, "enrol local", "enrol Local", DOC_word, 3, "enrol" },
	{ DOC_config, "enrol local", "enrol loca", DOC_word, 3, "enrol" },
	{ DOC_config, "enrol local", "enrol locals", DOC_word, 3, "enrol" },
	{ DOC_config, "enrol local", "enrol", DOC_word, 3, "enrol" },
	{ DOC_config, "enrol local", "enrol newest", DOC_word, 3, "enrol" },
	{ DOC_config, "release local", "release none", DOC_word, 4, "release" },
	{ DOC_config, "release_key " KEY_A "\nrelease_key " KEY_B "\n", "", DOC_missing_key, 11, "release_key" },
	{ DOC_config, "org_key " KEY_A "\n", "", DOC_missing_key, 13, "org_key" },
	{ DOC_config, "org_key " KEY_A "\n", "org_key " KEY_A "\norg_key " KEY_B "\n", DOC_repeated_key, 14, "org_key" },
	{ DOC_config, "org_key " KEY_A "\n", "org_key " KEY_A "\nrelease_key " KEY_A "\n", DOC_wrong_order, 14, "release_key" },
	{ DOC_config, "release_key " KEY_B, "release_key " KEY_A, DOC_pubkey, 12, "release_key" },
	{ DOC_config, "release_key RWSB", "release_key RWQB", DOC_pubkey, 12, "release_key" },	/* same number */
	{ DOC_config, "BUWFxgZGhscHR4fICEiIyQlJico\nrel", "BUWFxgZGhscHR4fICEiIyQlJic\nrel", DOC_pubkey, 11, "release_key" },
	{ DOC_config, "BUWFxgZGhscHR4fICEiIyQlJico\nrel", "BUWFxgZGhscHR4fICEiIyQlJi==\nrel", DOC_pubkey, 11, "release_key" },
	{ DOC_config, "release_key RWQB", "release_key RUQB", DOC_pubkey, 11, "release_key" },	/* algorithm "ED" */
	{ DOC_challenge, "sallyport-challenge 1", "sallyport-challenge 2", DOC_first_line, 1, "" },
	{ DOC_challenge, "1eff\n", "1ef\n", DOC_hex, 2, "challenge" },
	{ DOC_challenge, "1eff\n", "1eff00\n", DOC_hex, 2, "challenge" },
	{ DOC_challenge, "time 1760000000", "time 0", DOC_range, 3, "time" },
	{ DOC_challenge, "seconds 60", "seconds 0", DOC_range, 4, "seconds" },
	{ DOC_challenge, "seconds 60", "seconds 3601", DOC_range, 4, "seconds" },
	{ DOC_challenge, "seconds 60\n", "", DOC_missing_key, 4, "seconds" },
	{ DOC_challenge, "seconds 60\n", "seconds 60\nuntrusted comment: x\n", DOC_unknown_key, 5, "untrusted" },	/* its signature */
	{ DOC_report, "slot 7", "slot 8", DOC_range, 5, "slot" },
	{ DOC_report, "0eff\n", "0eff00\n", DOC_hex, 8, "node" },
	{ DOC_report, "ms_loading 4294967295", "ms_loading 4294967296", DOC_range, 20, "ms_loading" },
};

static void
wrong_documents(void **state)
{
	static char text[DOC_MAX];
	struct doc_error error;

	(void)state;
	for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
		const struct wrong *w = &wrongs[i];
		size_t n = replaced(w->kind, w->old, w->put, text);

		if (parse_round(w->kind, text, n, &error) == 0 || error.why != w->why || error.line != w->line || strcmp(error.key, w->key) != 0)
			fail_msg("\"%s\" -> \"%s\": line %u: %s: '%s'", w->old, w->put, error.line, doc_why_text(error.why), error.key);
	}
	print_message("%zu refusals, each with its reason, line and key\n", sizeof wrongs / sizeof wrongs[0]);
}

/* Lengths, bytes and kinds that no replacement of text shows. */
static void
whole_documents(void **state)
{
	static char text[DOC_MAX + 1];
	struct doc_error error;
	struct doc_manifest m;
	size_t n;

	(void)state;
	memset(text, '\n', sizeof text);
	assert_int_equal(parse_round(DOC_manifest, text, sizeof text, &error), -EBADMSG);
	assert_int_equal(error.why, DOC_too_long);
	assert_int_equal(parse_round(DOC_manifest, text, DOC_MAX, &error), -EBADMSG);
	assert_int_equal(error.why, DOC_first_line);
	text[DOC_MAX - 1] = '\0';	/* a late wrong byte is found before the early wrong line */
	assert_int_equal(parse_round(DOC_manifest, text, DOC_MAX, &error), -EBADMSG);
	assert_int_equal(error.why, DOC_byte);
	assert_int_equal(error.line, DOC_MAX);
	assert_int_equal(parse_round(DOC_manifest, "", 0, &error), -EBADMSG);
	assert_int_equal(error.why, DOC_no_end);
	assert_int_equal(parse_round(DOC_manifest, sample_manifest, strlen(sample_manifest) + 1, &error), -EBADMSG);	/* a NUL behind the end */
	assert_int_equal(error.why, DOC_byte);
	assert_int_equal(error.line, 11);
	for (n = 0; n < strlen(sample_manifest); n++)	/* cut anywhere: never good */
		assert_int_equal(parse_round(DOC_manifest, sample_manifest, n, &error), -EBADMSG);
	assert_int_equal(doc_parse(DOC_manifest, sample_manifest, strlen(sample_manifest), &m, sizeof m - 1, &error), -EINVAL);
	assert_int_equal(doc_parse(DOC_COUNT, sample_manifest, strlen(sample_manifest), &m, sizeof m, &error), -EINVAL);
	assert_int_equal(doc_write(DOC_COUNT, &m, text, sizeof text), -EINVAL);
	/* Neither kind is ever taken for the other. */
	for (unsigned a = 0; a < DOC_COUNT; a++)
		for (unsigned b = 0; b < DOC_COUNT; b++)
			assert_int_equal(parse_round((enum doc_kind)a, sample[b], strlen(sample[b]), &error), a == b ? 0 : -EBADMSG);
}

static void
edges(void **state)
{
	static char text[DOC_MAX], line[2100];
	static const char *const good[][2] = { { "version 42", "version 1" }, { "version 42", "version 9007199254740991" },
		{ "watchdog 0", "watchdog 3600" }, { "kernel_size 7000000", "kernel_size 1" },
		{ "cmdline console=ttyS0 quiet", "cmdline" }, { "cmdline console=ttyS0 quiet", "cmdline -" },
		{ "cmdline console", "cmdline !a  b~ console" } };
	struct doc_error error;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_int_equal(parse_round(DOC_manifest, text, replaced(DOC_manifest, good[i][0], good[i][1], text), &error), 0);
	for (size_t n = 1849; n <= 1851; n++) {
		memset(line, 'x', sizeof line);
		memcpy(line, "cmdline ", 8);
		line[8 + n] = '\0';
		assert_int_equal(parse_round(DOC_manifest, text, replaced(DOC_manifest, "cmdline console=ttyS0 quiet", line, text), &error),
		    n <= 1850 ? 0 : -EBADMSG);
	}
	assert_int_equal(error.why, DOC_text);
	for (unsigned n = 15; n <= 17; n++) {	/* release keys, threshold and all */
		char lines[17 * 80] = "release_key " KEY_A;
		size_t at = strlen(lines);

		for (unsigned i = 1; i < n; i++) {
			struct minisig_pubkey key = { .keynum = { 0, (uint8_t)i }, .key = { (uint8_t)i } };
			char b64[MINISIG_PUBKEY_TEXT + 1];

			minisig_write_pubkey(&key, b64);
			at += (size_t)snprintf(lines + at, sizeof lines - at, "\nrelease_key %s", b64);
		}
		assert_int_equal(parse_round(DOC_config, text, replaced(DOC_config, "release_key " KEY_A "\nrelease_key " KEY_B, lines, text),
		    &error), n <= 16 ? 0 : -EBADMSG);
	}
	assert_int_equal(error.why, DOC_too_many);
	assert_int_equal(error.line, 27);
}

/* The writer makes nothing that the parser would refuse. */
static void
writer_refuses(void **state)
{
	static char out[DOC_MAX];
	struct doc_manifest m, bad_m;
	struct doc_config c, bad_c;

	(void)state;
	assert_int_equal(doc_parse(DOC_manifest, sample_manifest, strlen(sample_manifest), &m, sizeof m, NULL), 0);
	assert_int_equal(doc_parse(DOC_config, sample_config, strlen(sample_config), &c, sizeof c, NULL), 0);
	assert_true(doc_write(DOC_manifest, &m, out, sizeof out) > 0);
	memset(out, 'x', sizeof out);
#define REFUSED(kind, from, bad, change) \
	do { bad = from; change; assert_int_equal(doc_write(kind, &bad, out, sizeof out), -EINVAL); } while (0)
	REFUSED(DOC_manifest, m, bad_m, bad_m.version = 0);
	REFUSED(DOC_manifest, m, bad_m, bad_m.version = UINT64_C(1) << 53);
	REFUSED(DOC_manifest, m, bad_m, bad_m.kernel_size = UINT64_MAX);
	REFUSED(DOC_manifest, m, bad_m, bad_m.cmdline[3] = '\n');
	REFUSED(DOC_manifest, m, bad_m, bad_m.cmdline[3] = (char)0x80);
	REFUSED(DOC_manifest, m, bad_m, bad_m.cmdline[0] = ' ');
	REFUSED(DOC_manifest, m, bad_m, bad_m.cmdline[strlen(bad_m.cmdline) - 1] = ' ');
	REFUSED(DOC_manifest, m, bad_m, memset(bad_m.cmdline, 'x', sizeof bad_m.cmdline));	/* no NUL */
	REFUSED(DOC_config, c, bad_c, bad_c.cache[0] = '\0');
	REFUSED(DOC_config, c, bad_c, bad_c.enrol = ENROL_local + 1);
	REFUSED(DOC_config, c, bad_c, bad_c.release = 255);
	REFUSED(DOC_config, c, bad_c, bad_c.release_key.count = 0);
	REFUSED(DOC_config, c, bad_c, bad_c.release_key.count = 17);
	REFUSED(DOC_config, c, bad_c, bad_c.org_key.count = 2);
	REFUSED(DOC_config, c, bad_c, bad_c.release_key.key[1] = bad_c.release_key.key[0]);
	for (size_t i = 0; i < sizeof out; i++)
		assert_int_equal(out[i], 'x');
}

static void
allowed_texts(void **state)
{
	char buf[128], tiny[8];

	(void)state;
#define ALLOWED(kind, key, text) do { doc_allowed(kind, key, buf, sizeof buf); assert_string_equal(buf, text); } while (0)
	ALLOWED(DOC_manifest, "watchdog", "a number from 0 to 3600");
	ALLOWED(DOC_manifest, "kernel_blake2b", "64 lower-case hexadecimal digits");
	ALLOWED(DOC_manifest, "cmdline", "0 to 1850 printable ASCII characters, no blank at either end");
	ALLOWED(DOC_config, "enrol", "none or local");
	ALLOWED(DOC_config, "release", "local");
	ALLOWED(DOC_report, "cause", "newest or fallback");
	ALLOWED(DOC_config, "org_key", "one minisign public key of 56 characters");
	ALLOWED(DOC_config, "release_key", "a minisign public key of 56 characters; 1 to 16 such lines, none twice");
	ALLOWED(DOC_manifest, "enrol", "");
	ALLOWED(DOC_COUNT, "enrol", "");
	for (size_t cap = 0; cap <= sizeof tiny; cap++) {	/* cut, ended, and nothing behind */
		memset(tiny, 'x', sizeof tiny);
		doc_allowed(DOC_config, "enrol", tiny, cap);
		assert_true(cap == 0 || (strlen(tiny) <= cap - 1 && memcmp(tiny, "none or local", strlen(tiny)) == 0));
		assert_true(cap == sizeof tiny ? strlen(tiny) == cap - 1 : tiny[sizeof tiny - 1] == 'x');
	}
	for (unsigned why = DOC_ok; why <= DOC_too_many; why++)
		assert_string_not_equal(doc_why_text((enum doc_why)why), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_documents),
		cmocka_unit_test(wrong_documents),
		cmocka_unit_test(whole_documents),
		cmocka_unit_test(edges),
		cmocka_unit_test(writer_refuses),
		cmocka_unit_test(allowed_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
