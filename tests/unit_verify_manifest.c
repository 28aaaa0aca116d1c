/*
 * crypto-worker/verify.c: what a well-signed manifest may say.  Host side; everything here is signed by a listed key.
 * Every refusal has a twin, one step away, that is accepted.
 */
#include "verify_fixture.h"

/* Signs text well and judges it. */
static enum event
signed_verdict(const char *text, struct verified *v)
{
	struct verify_rules rules = rules_of(&all, 1);

	sign_begin();
	sign_by(0, text);
	return judge(&rules, text, v);
}

static void
test_lines(void **state)
{
	const char *line[12];
	char text[2 * sizeof good];
	size_t len[12], n = 0;
	struct verified v;

	(void)state;
	for (const char *at = good; *at != '\0'; at += len[n++]) {
		line[n] = at;
		len[n] = (size_t)(strchr(at, '\n') + 1 - at);
	}
	assert_int_equal(n, 10);
	assert_int_equal(signed_verdict(good, &v), EV_none);
	for (size_t i = 0; i < n; i++) {
		size_t at = 0;

		for (size_t j = 0; j < n; j++)	/* line i missing */
			if (j != i) {
				memcpy(text + at, line[j], len[j]);
				at += len[j];
			}
		text[at] = '\0';
		assert_int_equal(signed_verdict(text, &v), EV_doc_syntax);
		assert_int_not_equal(v.error.line, 0);
		at = 0;
		for (size_t j = 0; j < n; j++)	/* line i twice */
			for (int times = j == i ? 2 : 1; times > 0; times--) {
				memcpy(text + at, line[j], len[j]);
				at += len[j];
			}
		text[at] = '\0';
		assert_int_equal(signed_verdict(text, &v), EV_doc_syntax);
		for (size_t k = i + 1; k < n; k++) {	/* lines i and k change places */
			at = 0;
			for (size_t j = 0; j < n; j++) {
				size_t from = j == i ? k : j == k ? i : j;

				memcpy(text + at, line[from], len[from]);
				at += len[from];
			}
			text[at] = '\0';
			assert_int_equal(signed_verdict(text, &v), EV_doc_syntax);
		}
		at = 0;
		for (size_t j = 0; j < n; j++) {	/* an unknown line before line i */
			if (j == i) {
				memcpy(text, good, at);
				at += (size_t)sprintf(text + at, "allow_kexec 1\n");
			}
			memcpy(text + at, line[j], len[j]);
			at += len[j];
		}
		text[at] = '\0';
		assert_int_equal(signed_verdict(text, &v), EV_doc_syntax);
		assert_int_equal(v.manifest.version, 0);
	}
}

/* good with the line of this key replaced by key and value */
static void
with(char *out, const char *key, const char *value)
{
	char find[64];
	const char *at;

	sprintf(find, "\n%s ", key);
	at = strstr(good, find);
	assert_non_null(at);
	at++;
	sprintf(out, "%.*s%s %s%s", (int)(at - good), good, key, value, strchr(at, '\n'));
}

static void
test_sizes(void **state)
{
	static const char *const keys[] = { "kernel_size", "initramfs_size", "unpacked_size" };
	static const char *const over[] = { "0", "17179869185", "9223372036854775807", "9223372036854775808", "18446744073709551615" };
	static const char *const over_images[] = { "1073741825", "2147483647", "2147483648", "4294967295", "4294967296", "4294968296" };
	static const char *const malformed[] = { "18446744073709551616", "-1", "+1", "01", "0x10", "1e3", "", " 1", "1 " };
	char text[2 * sizeof good];
	struct verified v;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (size_t j = 0; j < sizeof over / sizeof over[0]; j++) {
			with(text, keys[i], over[j]);
			assert_int_equal(signed_verdict(text, &v), EV_image_size);
			assert_string_equal(v.error.key, keys[i]);
		}
		for (size_t j = 0; j < sizeof over_images / sizeof over_images[0] && i < 2; j++) {
			with(text, keys[i], over_images[j]);
			assert_int_equal(signed_verdict(text, &v), EV_image_size);
		}
		for (size_t j = 0; j < sizeof malformed / sizeof malformed[0]; j++) {
			enum event event;

			with(text, keys[i], malformed[j]);
			event = signed_verdict(text, &v);
			assert_true(event == EV_doc_syntax || (j == 0 && event == EV_image_size));
		}
		with(text, keys[i], "1");
		assert_int_equal(signed_verdict(text, &v), EV_none);
		with(text, keys[i], i < 2 ? "1073741824" : "17179869184");
		assert_int_equal(signed_verdict(text, &v), EV_none);
	}
	/* another field out of range is a matter of syntax */
	with(text, "watchdog", "3601");
	assert_int_equal(signed_verdict(text, &v), EV_doc_syntax);
}

static void
test_floor_and_time(void **state)
{
	struct verify_rules rules = rules_of(&all, 1);
	struct verified v;

	(void)state;
	sign_begin();
	sign_by(0, good);
	rules.least_version = 42;
	assert_int_equal(judge(&rules, good, &v), EV_none);
	rules.least_version = 43;
	assert_int_equal(judge(&rules, good, &v), EV_doc_floor);
	assert_int_equal(v.manifest.version, 42);
	rules.least_version = UINT64_MAX;
	assert_int_equal(judge(&rules, good, &v), EV_doc_floor);
	rules.least_version = 0;
	rules.build_time = 1700000000;
	assert_int_equal(judge(&rules, good, &v), EV_none);
	rules.build_time = 1700000001;
	assert_int_equal(judge(&rules, good, &v), EV_doc_time);
	rules.least_version = 43;	/* the floor is asked first */
	assert_int_equal(judge(&rules, good, &v), EV_doc_floor);
}

static void
test_memory(void **state)
{
	static const uint64_t margin = 32u << 20;
	struct verify_rules rules = rules_of(&all, 1);
	char text[2 * sizeof good];
	struct verified v;

	(void)state;
	with(text, "unpacked_size", "104857600");
	sign_begin();
	sign_by(0, text);
	assert_int_equal(judge(&rules, text, &v), EV_none);	/* not known, not checked */
	rules.memory_bytes = 2 * UINT64_C(104857600) + 2000 + margin;
	assert_int_equal(judge(&rules, text, &v), EV_none);
	rules.memory_bytes -= 1;
	assert_int_equal(judge(&rules, text, &v), EV_image_memory);
	rules.memory_bytes = 1;	/* less than margin and initramfs alone: no wrapping round */
	assert_int_equal(judge(&rules, text, &v), EV_image_memory);
	rules.memory_bytes = 2000 + margin;
	assert_int_equal(judge(&rules, text, &v), EV_image_memory);
}

static void
test_cmdline_in_manifest(void **state)
{
	char text[2 * sizeof good];
	struct verified v;

	(void)state;
	with(text, "cmdline", "quiet -- single");
	assert_int_equal(signed_verdict(text, &v), EV_cmdline_forbidden);
	with(text, "cmdline", "quiet init-on-free=0");
	assert_int_equal(signed_verdict(text, &v), EV_cmdline_forbidden);
	with(text, "cmdline", "quiet init_on_alloc=0");
	assert_int_equal(signed_verdict(text, &v), EV_none);
}

static void
test_id(void **state)
{
	struct verify_rules rules = rules_of(&all, 1);
	uint8_t id[32];
	struct verified v;

	(void)state;
	sign_begin();
	sign_by(0, good);
	assert_int_equal(judge(&rules, good, &v), EV_none);
	crypto_generichash(id, sizeof id, (const uint8_t *)good, sizeof good - 1, NULL, 0);
	assert_memory_equal(v.id, id, sizeof id);
	assert_int_equal(verify_hash(good, sizeof good - 1, id), 1);
	assert_int_equal(verify_hash(good, sizeof good - 2, id), 0);
	id[31] ^= 0x80;
	assert_int_equal(verify_hash(good, sizeof good - 1, id), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_floor_and_time),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_cmdline_in_manifest),
		cmocka_unit_test(test_id),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
