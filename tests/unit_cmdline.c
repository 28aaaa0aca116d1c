/*
 * crypto-worker/cmdline.c: words that would undo the hand-over, in the forms that the kernel takes for them.  Host side.
 * Every forbidden word has a twin that only looks like it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "verify.h"

static void
test_forbidden_words(void **state)
{
	static const char *const forbidden[] = {
		"--", "quiet --", "-- quiet", "a -- b", "  --  ", "--=1",
		"\"", "a=\"b c\"", "\"--\"", "a=b\"", "\"init_on_free=0\"",
		"a\tb", "a\nb", "\x01", "a\x7f", "a\x80", "\xff", "a\rb", "a\vb", "\x1b[2J",
		"sysctl.kernel.kexec_load_disabled=0", "sysctl.kernel.kexec_load_disabled", "sysctl.kernel.kexec_load_disabled=1",
		"sysctl.kernel.kexec-load-disabled=0", "sysctl.kernel.kexec_load-disabled=0", "sysctl/kernel/kexec_load_disabled=0",
		"sysctl/kernel.kexec-load-disabled=0", "sysctl.kernel/kexec_load_disabled=0", "sysctl.kernel//kexec_load_disabled=0",
		"sysctl..kernel..kexec_load_disabled=0", "sysctl./kernel./kexec_load_disabled=0", "sysctl.kernel.kexec_load_disabled/=0",
		"sysctl.kernel.kexec_load_disabled.=0", "a sysctl.kernel.kexec_load_disabled=0 b",
		"init_on_free=0", "init-on-free=0", "init_on-free=0", "init_on_free", "init_on_free=", "x init_on_free=1",
		"acpi_rsdp=0x1", "acpi-rsdp=0x1", "acpi_rsdp",
		"sallyport.boot=x", "sallyport.x", "sallyport.=", "sallyport/boot=x", "sallyport..x", "sallyport.boot",
	};
	static const char *const allowed[] = {
		"", " ", "quiet", "a--b", "---", "--a", "-", "a=--", "sysctl.kernel.kexec_load_disable=0", "sysctl.kernel.panic=1",
		"sysctl.vm.kexec_load_disabled=0", "xsysctl.kernel.kexec_load_disabled=0", "sysctlkernel.kexec_load_disabled=0",
		"sysctl.kernel.kexec_load_disabled2=0", "sysctl_kernel.kexec_load_disabled=0", "init_on_alloc=1", "init_on_free2=0",
		"xinit_on_free=0", "init.on.free=0", "a=init_on_free=0", "acpi_rsdp2=1", "acpi=off", "sallyport", "sallyport=1",
		"sallyportx.y=1", "xsallyport.y=1", "root=/dev/vda1 ro console=ttyS0,115200n8 'single quotes'",
		"a=~!@#$%^&*()_+{}|:<>?[];',./`\\",
	};

	(void)state;
	for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++)
		if (cmdline_forbidden(forbidden[i]) == NULL)
			fail_msg("allowed: <%s>", forbidden[i]);
	for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
		if (cmdline_forbidden(allowed[i]) != NULL)
			fail_msg("forbidden: <%s> by %s", allowed[i], cmdline_forbidden(allowed[i]));
}

static void
test_every_byte_of_cmdline(void **state)
{
	char text[4] = "a?b";

	(void)state;
	for (int c = 1; c < 256; c++) {
		int want = c < ' ' || c > '~' || c == '"';

		text[1] = (char)c;
		assert_int_equal(cmdline_forbidden(text) != NULL, want);
	}
}

static void
test_join(void **state)
{
	static const char begin[] = "sysctl.kernel.kexec_load_disabled=1 init_on_free=1 sallyport.boot=";
	char out[CMDLINE_MAX + 1], text[CMDLINE_MAX + 8], want[CMDLINE_MAX + 1];
	size_t head = sizeof begin - 1 + 64, room = CMDLINE_MAX - head - 1;
	uint8_t id[32];

	(void)state;
	for (size_t i = 0; i < sizeof id; i++)
		id[i] = (uint8_t)(i * 7 + 0xa0);
	assert_int_equal(cmdline_join("", id, out), head);
	assert_memory_equal(out, begin, sizeof begin - 1);
	assert_memory_equal(out + sizeof begin - 1, "a0a7aeb5bcc3cad1d8dfe6edf4fb0209", 32);
	assert_int_equal(strlen(out), head);
	memcpy(want, out, head + 1);
	strcat(want, " quiet a=b");
	assert_int_equal(cmdline_join("quiet a=b", id, out), head + 10);
	assert_string_equal(out, want);	/* ours come first: nothing of the manifest's can hide them */
	/* 2047 bytes and the NUL are the kernel's whole room */
	memset(text, 'x', sizeof text);
	text[room] = '\0';
	assert_int_equal(cmdline_join(text, id, out), CMDLINE_MAX);
	assert_int_equal(strlen(out), 2047);
	memcpy(want, out, sizeof want);
	text[room] = 'x';
	text[room + 1] = '\0';
	assert_int_equal(cmdline_join(text, id, out), -E2BIG);
	text[CMDLINE_MAX + 7] = '\0';
	memset(text, 'x', CMDLINE_MAX + 7);
	assert_int_equal(cmdline_join(text, id, out), -E2BIG);
	assert_int_equal(cmdline_join("a -- b", id, out), -EINVAL);
	assert_int_equal(cmdline_join("a \"b", id, out), -EINVAL);
	assert_memory_equal(out, want, sizeof want);	/* untouched by all refusals */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forbidden_words),
		cmocka_unit_test(test_every_byte_of_cmdline),
		cmocka_unit_test(test_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
