/*
 * Looks at what is about to be signed.  On the operator's side.  Refuses what preboot or the kernel would refuse or mangle, warns of
 * what is allowed and opens doors: whoever signs owns the generation's kernel anyway, but should know.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lint.h"
#include "verify.h"

/* Documentation/arch/x86/boot.rst */
enum { BOOT_FLAG_AT = 0x1fe, HEADER_AT = 0x202, KERNEL_LEAST = 0x400 };

int
lint_kernel(const char *path, const struct bytes *kernel)
{
	const uint8_t *k = kernel->data;

	if (kernel->len < KERNEL_LEAST || k[BOOT_FLAG_AT] != 0x55 || k[BOOT_FLAG_AT + 1] != 0xaa || memcmp(k + HEADER_AT, "HdrS", 4) != 0)
		return refuse("%s: no bzImage: 0x55 0xAA at byte 510 and HdrS at byte 514 are wanted", path);
	return 0;
}

int
lint_initramfs(const char *path, const struct bytes *initramfs, struct unpacked *out)
{
	char why[UNPACK_WHY];
	int rc;

	rc = unpack_check(initramfs->data, initramfs->len, out, why);
	return rc != 0 ? refuse("%s: %s", path, why) : 0;
}

/* Keys of the command line, with '-' as '_'. */
static const struct {
	const char *key, *what;
} doubtful[] = {
	{ "init", "another first program" },
	{ "rdinit", "another first program" },
	{ "break", "a shell in the initramfs" },
	{ "rd.break", "a shell in the initramfs" },
	{ "rd.shell", "a shell in the initramfs" },
	{ "single", "a shell" },
	{ "s", "a shell" },
	{ "S", "a shell" },
	{ "1", "a shell" },
	{ "emergency", "a shell" },
	{ "rescue", "a shell" },
	{ "systemd.debug_shell", "a root shell on tty9" },
	{ "systemd.unit", "another target, perhaps a shell" },
	{ "retain_initrd", "the initramfs, key included, stays readable in /sys/firmware/initrd" },
	{ "keepinitrd", "the initramfs, key included, stays in memory" },
	{ "dump_initrd", "the initramfs, key included, is written out" },
	{ "noinitrd", "the initramfs, key included, is not unpacked" },
	{ "initrd", "another initramfs" },
	{ "initrdmem", "another initramfs" },
	{ "bootconfig", "more command line from the initramfs" },
	{ "crashkernel", "a crash kernel, which can read all memory" },
	{ "kexec_file", "another kernel" },
	{ "memmap", "memory that the kernel does not wipe" },
	{ "mem", "memory that the kernel does not wipe" },
	{ "page_poison", "takes the place of init_on_free" },
	{ "slub_debug", "slabs without init_on_free" },
	{ "slab_debug", "slabs without init_on_free" },
	{ "initcall_blacklist", "parts of the kernel left out" },
	{ "lockdown", "another lockdown than preboot's" },
	{ "module.sig_enforce", "another rule for modules" },
	{ "sysrq_always_enabled", "the keyboard can dump memory" },
	{ "kgdboc", "a debugger on the console" },
	{ "kgdbwait", "a debugger on the console" },
};

static int
key_equals(const char *word, size_t len, const char *key)
{
	if (strlen(key) != len)
		return 0;
	for (size_t i = 0; i < len; i++)
		if ((word[i] == '-' ? '_' : word[i]) != key[i])
			return 0;
	return 1;
}

int
lint_cmdline(const char *cmdline)
{
	static const uint8_t id[ID_BYTES];
	const char *why = cmdline_forbidden(cmdline);
	char line[CMDLINE_MAX + 1];

	if (why != NULL)
		return refuse("command line: %s is forbidden (no double quote, no --, printable ASCII, no key that sallyport sets itself)",
		    why);
	if (strlen(cmdline) > sizeof ((struct doc_manifest *)0)->cmdline - 1 || cmdline_join(cmdline, id, line) < 0)
		return refuse("command line: has %zu bytes; allowed: %zu", strlen(cmdline), sizeof ((struct doc_manifest *)0)->cmdline - 1);
	for (const char *word = cmdline; *word != '\0'; word += strspn(word, " ")) {
		size_t n = strcspn(word, " "), key = strcspn(word, " =");

		for (size_t i = 0; i < sizeof doubtful / sizeof doubtful[0]; i++)
			if (key_equals(word, key, doubtful[i].key))
				warn_operator("command line: %.*s: %s", (int)n, word, doubtful[i].what);
		word += n;
	}
	return 0;
}

static void
warn_config(const char *path, const char *text)
{
	static const char *const risky[] = { "CONFIG_KEXEC=y", "CONFIG_KEXEC_FILE=y" };

	for (const char *line = text; *line != '\0'; line += *line == '\n') {
		size_t n = strcspn(line, "\n");

		for (size_t i = 0; i < sizeof risky / sizeof risky[0]; i++)
			if (n == strlen(risky[i]) && memcmp(line, risky[i], n) == 0)
				warn_operator("%s: %s: this kernel can kexec; sallyport switches that off, a kernel without it is better",
				    path, risky[i]);
		line += n;
	}
}

/* boot/vmlinuz-6.1.0-1 -> boot/config-6.1.0-1; any other name -> config in the same folder. */
static int
guess_config(const char *kernel_path, char out[PATH_BYTES])
{
	static const char prefix[] = "vmlinuz-";
	const char *slash = strrchr(kernel_path, '/'), *name = slash != NULL ? slash + 1 : kernel_path;
	int dir = slash != NULL ? (int)(slash + 1 - kernel_path) : 0, n;

	if (strncmp(name, prefix, sizeof prefix - 1) == 0)
		n = snprintf(out, PATH_BYTES, "%.*sconfig-%s", dir, kernel_path, name + sizeof prefix - 1);
	else
		n = snprintf(out, PATH_BYTES, "%.*sconfig", dir, kernel_path);
	return n > 0 && n < PATH_BYTES;
}

int
lint_kernel_config(const char *config_path, const char *kernel_path)
{
	struct bytes file = { NULL, 0 };
	char guess[PATH_BYTES];
	int rc, guessed = config_path == NULL;
	struct stat st;

	if (guessed) {
		if (!guess_config(kernel_path, guess) || stat(guess, &st) != 0 || !S_ISREG(st.st_mode))
			return 0;
		config_path = guess;
	}
	rc = file_read(config_path, 1, LIST_FILE_MAX, &file);
	if (rc != 0)
		return rc;
	if (strstr((const char *)file.data, "CONFIG_") == NULL)	/* beside a kernel there may be a config of another kind */
		rc = guessed ? 0 : refuse("%s: no kernel config: has no line with CONFIG_", config_path);
	else
		warn_config(config_path, (const char *)file.data);
	bytes_free(&file);
	return rc;
}
