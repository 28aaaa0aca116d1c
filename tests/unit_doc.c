/*
 * Documents: what is good, whole documents, edges, and where one begins among others.  Whatever is accepted comes out of the writer byte
 * for byte.  unit_doc_wrong.c has the refusals, unit_doc_write.c the writer.  Host-side test; plays whoever writes a document.
 */
#include <stdio.h>

#include "doc_samples.h"

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

/* The row kinds that came with the network: where each byte of them ends up. */
static void
network_fields(void **state)
{
	struct doc_config c;
	struct doc_request q;
	struct doc_quote k;
	struct doc_ticket t;
	struct doc_enrol e;

	(void)state;
	assert_int_equal(doc_parse(DOC_config, sample_config, strlen(sample_config), &c, sizeof c, NULL), 0);
	assert_string_equal(c.org, "sally.example:8443");
	assert_int_equal(c.mirror.count, 2);
	assert_string_equal(c.mirror.at[0], "mirror-1.example");
	assert_string_equal(c.mirror.at[1], "[2001:db8::9]:444/os");
	assert_string_equal(c.mirror.at[2], "");
	assert_int_equal(c.org_ca.bytes, 5);
	assert_memory_equal(c.org_ca.at, "\x30\x03\x02\x01\x05\x00", 6);
	assert_int_equal(c.org_pin.bytes, 32);
	assert_int_equal(c.escrow_key.at[31], 0xff);
	assert_int_equal(c.tpm_owner, OWNER_take);
	assert_int_equal(c.vlan, 4094);
	assert_int_equal(c.dns.count, 2);
	assert_string_equal(c.dns.at[1], "2001:db8::53");
	assert_int_equal(c.dhcp_routes, ROUTES_take);
	assert_int_equal(c.offline_max, 1000000);
	assert_int_equal(doc_parse(DOC_request, sample_request, strlen(sample_request), &q, sizeof q, NULL), 0);
	assert_int_equal(q.have.count, 2);
	assert_int_equal(q.have.row[0].id[0], 0x4c);
	assert_int_equal(q.have.row[0].id[31], 0xaa);
	assert_int_equal(q.have.row[0].version, 42);
	assert_int_equal(q.have.row[0].state, STATE_healthy);
	assert_int_equal(q.have.row[1].id[31], 0xbb);
	assert_true(q.have.row[1].version == (UINT64_C(1) << 53) - 1);
	assert_int_equal(q.have.row[1].state, STATE_new);
	assert_int_equal(doc_parse(DOC_quote, sample_quote, strlen(sample_quote), &k, sizeof k, NULL), 0);
	assert_int_equal(k.attest.bytes, 10);
	assert_int_equal(k.attest.at[0], 0xff);
	assert_int_equal(k.signature.bytes, 4);
	assert_int_equal(doc_parse(DOC_ticket, sample_ticket, strlen(sample_ticket), &t, sizeof t, NULL), 0);
	assert_int_equal(t.verdict, VERDICT_boot);
	assert_int_equal(t.reason, REASON_none);
	assert_int_equal(t.share.bytes, 80);
	assert_int_equal(doc_parse(DOC_enrol, sample_enrol, strlen(sample_enrol), &e, sizeof e, NULL), 0);
	assert_int_equal(e.ek_cert.bytes, 0);
	assert_int_equal(e.escrow.bytes, 112);
	assert_string_equal(e.hardware, "");
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
	for (unsigned k = 0; k < DOC_COUNT; k++)	/* cut anywhere: never good, but before a last line that may be absent */
		for (n = 0; n < strlen(sample[k]); n++)
			assert_int_equal(parse_round((enum doc_kind)k, sample[k], n, &error),
			    strncmp(sample[k] + n, "have ", 5) == 0 && sample[k][n - 1] == '\n' ? 0 : -EBADMSG);
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
}

/* Lines that may be absent, values that may be nothing. */
static void
absent(void **state)
{
	static const struct { enum doc_kind kind; const char *old, *put; } good[] = {
		{ DOC_config, "mirror mirror-1.example\n", "" },
		{ DOC_config, "mirror mirror-1.example\nmirror [2001:db8::9]:444/os\n", "" },
		{ DOC_config, "mirror mirror-1.example\n", "mirror a\nmirror a\nmirror -\n" },
		{ DOC_config, "dns 192.0.2.53\ndns 2001:db8::53\n", "" },
		{ DOC_config, "dns 192.0.2.53\n", "dns x\ndns 012345678901234567890123456789012345678901234\n" },
		{ DOC_config, "org sally.example:8443", "org" },
		{ DOC_config, "org_ca 3003020105", "org_ca" },
		{ DOC_config, "org_ca 3003020105", "org_ca 00" },
		{ DOC_config, "org_pin " HEX32, "org_pin" },
		{ DOC_config, "invite " HEX32, "invite 00" },	/* that it is 32 bytes or none is config_check()'s */
		{ DOC_config, "hardware Type 7, rev. B", "hardware" },
		{ DOC_config, "gateway 192.0.2.1", "gateway" },
		{ DOC_config, "vlan 4094", "vlan 0" },
		{ DOC_config, "enrol local", "enrol org" },
		{ DOC_config, "release local", "release org" },
		{ DOC_request, "have " ID_A " 42 healthy\n", "" },
		{ DOC_request, "have " ID_A " 42 healthy\nhave " ID_B " 9007199254740991 new\n", "" },
		{ DOC_request, " 42 healthy", " 1 begun" },
		{ DOC_request, " 42 healthy", " 9007199254740991 failed" },
		{ DOC_request, "time 1760000000", "time 0" },
		{ DOC_ticket, "share " HEX32 HEX32 "00112233445566778899aabbccddeeff", "share" },
		{ DOC_ticket, "verdict boot\nreason none", "verdict refuse\nreason taken" },
		{ DOC_enrol, "invite " HEX32, "invite" },
		{ DOC_enrol, "ek_cert\n", "ek_cert 30\n" },
		{ DOC_enrol, "hardware\n", "hardware x\n" },
		{ DOC_membership, "reason pending", "reason none" },
	};
	static char text[DOC_MAX];
	struct doc_error error;
	const char *org = strstr(sample_config, "org sally");
	size_t n = (size_t)(org - sample_config);

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (parse_round(good[i].kind, text, replaced(good[i].kind, good[i].old, good[i].put, text), &error) != 0)
			fail_msg("\"%s\": line %u: %s: '%s'", good[i].put, error.line, doc_why_text(error.why), error.key);
	memcpy(text, sample_config, n);
	memcpy(text + n, CONFIG_NO_ORG, strlen(CONFIG_NO_ORG));
	assert_int_equal(parse_round(DOC_config, text, n + strlen(CONFIG_NO_ORG), &error), 0);
}

/* Where a document begins among others, in a buffer of just that size: a sanitizer sees one byte too far. */
static size_t
found(enum doc_kind kind, const char *text)
{
	size_t n = strlen(text), at;
	char *exact = malloc(n > 0 ? n : 1);

	assert_non_null(exact);
	memcpy(exact, text, n);
	at = kind == DOC_COUNT ? doc_find_signature(exact, n) : doc_find(kind, exact, n);
	free(exact);
	return at;
}

static void
finding(void **state)
{
	static char text[2 * DOC_MAX];
	const size_t request = strlen(sample_request);

	(void)state;
	for (unsigned k = 0; k < DOC_COUNT; k++)
		for (unsigned of = 0; of < DOC_COUNT; of++)
			assert_int_equal(found((enum doc_kind)k, sample[of]), k == of ? 0 : strlen(sample[of]));
	(void)snprintf(text, sizeof text, "%s%s", sample_request, sample_quote);
	assert_int_equal(found(DOC_quote, text), request);
	assert_int_equal(found(DOC_request, text), 0);
	assert_int_equal(found(DOC_enrol, text), strlen(text));
	assert_int_equal(found(DOC_COUNT, text), strlen(text));
	(void)snprintf(text, sizeof text, "%s%s%s", sample_request, sample_quote, sample_quote);
	assert_int_equal(found(DOC_quote, text), request);	/* the first; the other is in what is then parsed as one */
	/* a whole line, and nothing but one */
	assert_int_equal(found(DOC_quote, "sallyport-quote 1\n"), 0);
	assert_int_equal(found(DOC_quote, "\nsallyport-quote 1\n"), 1);
	assert_int_equal(found(DOC_quote, "x\n\nsallyport-quote 1\ny"), 3);
	assert_int_equal(found(DOC_quote, "sallyport-quote 1"), 17);
	assert_int_equal(found(DOC_quote, "sallyport-quote 1 \n"), 19);
	assert_int_equal(found(DOC_quote, "sallyport-quote 10\n"), 19);
	assert_int_equal(found(DOC_quote, " sallyport-quote 1\n"), 19);
	assert_int_equal(found(DOC_quote, "x sallyport-quote 1\n"), 20);
	assert_int_equal(found(DOC_quote, "sallyport-quote 2\n"), 18);
	assert_int_equal(found(DOC_quote, "sallyport-quot"), 14);
	assert_int_equal(found(DOC_quote, "\n"), 1);
	assert_int_equal(found(DOC_quote, ""), 0);
	assert_int_equal(doc_find(DOC_quote, NULL, 0), 0);
	assert_int_equal(doc_find(DOC_COUNT, text, 7), 7);
	/* a signature begins with its comment, whatever that says */
	(void)snprintf(text, sizeof text, "%suntrusted comment: x\n", sample_challenge);
	assert_int_equal(found(DOC_COUNT, text), strlen(sample_challenge));
	assert_int_equal(found(DOC_COUNT, "untrusted comment: \n"), 0);
	assert_int_equal(found(DOC_COUNT, "untrusted comment:\n"), 0);
	assert_int_equal(found(DOC_COUNT, "untrusted comment\n"), 18);
	assert_int_equal(found(DOC_COUNT, "time 1 untrusted comment: x\n"), 28);
	assert_int_equal(found(DOC_COUNT, "Untrusted comment: x\n"), 21);
	assert_int_equal(doc_find_signature(NULL, 0), 0);
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
	ALLOWED(DOC_config, "enrol", "none, local or org");
	ALLOWED(DOC_config, "release", "local or org");
	ALLOWED(DOC_report, "cause", "newest, fallback or ticket");
	ALLOWED(DOC_config, "org_ca", "0 to 4096 bytes as lower-case hexadecimal digits");
	ALLOWED(DOC_quote, "attest", "1 to 512 bytes as lower-case hexadecimal digits");
	ALLOWED(DOC_config, "mirror", "1 to 255 printable ASCII characters, no blank at either end; at most 4 such lines");
	ALLOWED(DOC_request, "have",
	    "an id of 64 hexadecimal digits, a version and new, begun, healthy or failed; at most 8 such lines, no id twice");
	ALLOWED(DOC_config, "org_key", "one minisign public key of 56 characters");
	ALLOWED(DOC_config, "release_key", "a minisign public key of 56 characters; 1 to 16 such lines, none twice");
	ALLOWED(DOC_manifest, "enrol", "");
	ALLOWED(DOC_COUNT, "enrol", "");
	for (size_t cap = 0; cap <= sizeof tiny; cap++) {	/* cut, ended, and nothing behind */
		memset(tiny, 'x', sizeof tiny);
		doc_allowed(DOC_config, "enrol", tiny, cap);
		assert_true(cap == 0 || (strlen(tiny) <= cap - 1 && memcmp(tiny, "none, local or org", strlen(tiny)) == 0));
		assert_true(cap == sizeof tiny ? strlen(tiny) == cap - 1 : tiny[sizeof tiny - 1] == 'x');
	}
	for (unsigned why = DOC_ok; why <= DOC_inventory; why++)
		assert_string_not_equal(doc_why_text((enum doc_why)why), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_documents),
		cmocka_unit_test(network_fields),
		cmocka_unit_test(whole_documents),
		cmocka_unit_test(edges),
		cmocka_unit_test(absent),
		cmocka_unit_test(finding),
		cmocka_unit_test(allowed_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
