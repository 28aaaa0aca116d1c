/*
 * The generation's command line: what a manifest may not say, and the whole line for kexec.  On the inner side of the wall, pure.
 * Distrusts the manifest's line although it is signed: a slip of the operator must not undo what the hand-over promises.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "verify.h"

/*
 * Keys that are ours, as fold() leaves them; one that ends in '/' stands for all that begin so.  The kernel takes '-' for '_' in
 * every key (parameq()), and '/' for '.' in sysctl.* (process_sysctl_arg()), where it then opens a path: "//" is "/".
 */
static const struct {
	const char *folded, *name;
} ours[] = {
	{ "sysctl/kernel/kexec_load_disabled", "sysctl.kernel.kexec_load_disabled" },
	{ "init_on_free", "init_on_free" },
	{ "acpi_rsdp", "acpi_rsdp" },
	{ "sallyport/", "sallyport.*" },
};

static const char additions[] = "sysctl.kernel.kexec_load_disabled=1 init_on_free=1 sallyport.boot=";

/*
 * Of the kernel's 2047 bytes kexec_file_load keeps 30 for elfcorehdr=, although this is no crash kernel, and counts the NUL: EINVAL from
 * 2017 bytes on (bzImage64_load(), seen on 6.1 and 6.12).  Whatever can be signed can be loaded, with room for an acpi_rsdp= of ours.
 */
enum { KEXEC_LINE_MAX = CMDLINE_MAX - 30 - 1, ACPI_RSDP_BYTES = sizeof " acpi_rsdp=0x0123456789abcdef" - 1 };
static_assert(sizeof additions - 1 + 2 * ID_BYTES + ACPI_RSDP_BYTES + sizeof " " - 1 + sizeof ((struct doc_manifest *)0)->cmdline - 1 <=
    KEXEC_LINE_MAX, "a manifest's command line must leave room for our words");

static char
fold(char c)
{
	if (c == '-')
		return '_';
	return c == '.' ? '/' : c;
}

static size_t
skip_slashes(const char *key, size_t len_bytes, size_t at)
{
	while (at < len_bytes && fold(key[at]) == '/')
		at++;
	return at;
}

static int
key_is(const char *key, size_t len_bytes, const char *folded)
{
	size_t at = 0, n = strlen(folded);

	for (size_t i = 0; i < n; i++) {
		if (at >= len_bytes || fold(key[at]) != folded[i])
			return 0;
		at = folded[i] == '/' ? skip_slashes(key, len_bytes, at) : at + 1;
	}
	return folded[n - 1] == '/' || skip_slashes(key, len_bytes, at) == len_bytes;
}

static const char *
word_forbidden(const char *word, size_t len_bytes)
{
	const char *equals = memchr(word, '=', len_bytes);
	size_t key_bytes = equals != NULL ? (size_t)(equals - word) : len_bytes;

	/* Behind "--" the kernel reads nothing more: it would hide the words that follow. */
	if (key_bytes == 2 && word[0] == '-' && word[1] == '-')
		return "--";
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		if (key_is(word, key_bytes, ours[i].folded))
			return ours[i].name;
	return NULL;
}

const char *
cmdline_forbidden(const char *cmdline)
{
	for (const char *c = cmdline; *c != '\0'; c++) {
		if (*c == '"')	/* an open quote swallows the words behind it */
			return "a double quote";
		if (*c < ' ' || *c > '~')
			return "a byte that is not printable ASCII";
	}
	for (const char *word = cmdline; *word != '\0';) {
		size_t n = strcspn(word, " ");
		const char *why = n > 0 ? word_forbidden(word, n) : NULL;

		if (why != NULL)
			return why;
		word += n + (word[n] == ' ');
	}
	return NULL;
}

int
cmdline_join(const char *manifest_cmdline, const uint8_t id[ID_BYTES], char out[CMDLINE_MAX + 1])
{
	static const char digits[] = "0123456789abcdef";
	size_t rest = strlen(manifest_cmdline), at = sizeof additions - 1;
	size_t total = at + 2 * ID_BYTES + (rest > 0) + rest;

	if (cmdline_forbidden(manifest_cmdline) != NULL)
		return -EINVAL;
	if (rest > CMDLINE_MAX || total > CMDLINE_MAX)
		return -E2BIG;
	memcpy(out, additions, at);
	for (size_t i = 0; i < ID_BYTES; i++) {
		out[at++] = digits[id[i] >> 4];
		out[at++] = digits[id[i] & 15];
	}
	if (rest > 0) {
		out[at++] = ' ';
		memcpy(out + at, manifest_cmdline, rest);
	}
	out[total] = '\0';
	return (int)total;
}
