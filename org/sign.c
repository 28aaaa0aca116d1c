/*
 * sallyport-org sign: kernel, initramfs, command line and version -> a signed generation folder.  On the operator's side, offline.
 * Distrusts all that it is given: the initramfs is walked to its end, and what was looked at is the very buffer that is written.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "gen.h"
#include "key.h"
#include "lint.h"

static const char help[] =
    "usage: sallyport-org sign -k KEY.key -v VERSION --kernel FILE --initramfs FILE\n"
    "           (--cmdline TEXT | --cmdline-file FILE) [--watchdog SECONDS] [--issued TIME]\n"
    "           [--kernel-config FILE] -o DIR\n"
    "\n"
    "Makes the folder DIR (manifest, manifest.minisig, kernel, initramfs), signed with one release key.\n"
    "\n"
    "  -k, --key FILE         secret key of sallyport-org keygen or minisign -G -W\n"
    "  -v, --version N        1 to 9007199254740991; an older version never gets a newer one's disk key\n"
    "  --kernel FILE          bzImage; it and the initramfs have at most 1 GiB each\n"
    "  --initramfs FILE       newc cpio archives, plain or as gzip, xz, zstd or legacy lz4, one after the other\n"
    "  --cmdline TEXT         the kernel's command line, at most 1850 bytes; sallyport puts its own words before it\n"
    "  --cmdline-file FILE    the same from a file of one line\n"
    "  --watchdog SECONDS     0 to 3600, default 0: none\n"
    "  --issued TIME          1 to 253402300799 seconds since 1970, or 2026-11-23T09:00:00Z;\n"
    "                         default SOURCE_DATE_EPOCH or now\n"
    "  --kernel-config FILE   warns when that kernel can kexec; default: config-* beside the kernel, if there is one\n"
    "  -o, --output DIR       must not exist, or be empty\n";

struct request {
	const char *key, *kernel, *initramfs, *cmdline, *cmdline_file, *kernel_config, *output;
	uint64_t watchdog_s;
	struct doc_manifest manifest;
};

/* 0, or an exit code of ORG_*; asked for help is -1. */
static int
parse_options(int argc, char **argv, struct request *r)
{
	static const struct option options[] = { { "key", required_argument, NULL, 'k' }, { "version", required_argument, NULL, 'v' },
		{ "kernel", required_argument, NULL, 'K' }, { "initramfs", required_argument, NULL, 'I' },
		{ "cmdline", required_argument, NULL, 'c' }, { "cmdline-file", required_argument, NULL, 'C' },
		{ "watchdog", required_argument, NULL, 'w' }, { "kernel-config", required_argument, NULL, 'g' },
		{ "issued", required_argument, NULL, 't' }, { "output", required_argument, NULL, 'o' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, "k:v:o:h", options, NULL)) != -1) {
		switch (c) {
		case 'k': r->key = optarg; break;
		case 'K': r->kernel = optarg; break;
		case 'I': r->initramfs = optarg; break;
		case 'c': r->cmdline = optarg; break;
		case 'C': r->cmdline_file = optarg; break;
		case 'g': r->kernel_config = optarg; break;
		case 'o': r->output = optarg; break;
		case 'v': rc = parse_number("--version", optarg, 1, UINT64_C(9007199254740991), &r->manifest.version); break;
		case 'w': rc = parse_number("--watchdog", optarg, 0, 3600, &r->manifest.watchdog); break;
		case 't': rc = parse_time("--issued", optarg, &r->manifest.issued); break;
		case 'h': return -1;
		default: return ORG_usage;
		}
	}
	if (rc != 0)
		return ORG_usage;
	if (optind < argc)
		return usage_error("\"%s\" is one argument too many", argv[optind]);
	if (r->key == NULL || r->kernel == NULL || r->initramfs == NULL || r->output == NULL || r->manifest.version == 0)
		return usage_error("wants -k, -v, --kernel, --initramfs and -o");
	if ((r->cmdline == NULL) == (r->cmdline_file == NULL))
		return usage_error("wants either --cmdline or --cmdline-file");
	return 0;
}

static int
take_cmdline(const struct request *r, struct doc_manifest *manifest)
{
	struct bytes file = { NULL, 0 };
	const char *text = r->cmdline;
	int rc = 0;

	if (text == NULL) {
		rc = file_read(r->cmdline_file, 0, DOC_MAX, &file);
		if (rc != 0)
			return rc;
		text = (const char *)file.data;
		if (strlen(text) != file.len)
			rc = refuse("%s: has a NUL byte", r->cmdline_file);
		else if (file.len > 0 && text[file.len - 1] == '\n')
			file.data[--file.len] = '\0';	/* an editor's last LF; any other is refused below */
	}
	if (rc == 0)
		rc = lint_cmdline(text);
	if (rc == 0)
		memcpy(manifest->cmdline, text, strlen(text) + 1);	/* lint_cmdline() has measured it */
	bytes_free(&file);
	return rc;
}

/* The manifest is complete: text, signature, folder. */
static int
sign_and_write(const struct request *r, struct generation *gen, struct unpacked *unpacked)
{
	char text[DOC_MAX], minisig[MINISIG_MAX], comment[MINISIG_COMMENT_MAX], hex[ID_TEXT + 1], key_id[KEY_ID_TEXT + 1];
	struct secret_key key;
	uint8_t id[ID_BYTES];
	long n, m;
	int rc;

	n = doc_write(DOC_manifest, &r->manifest, text, sizeof text);
	if (n < 0 || crypto_generichash(id, sizeof id, (const uint8_t *)text, (size_t)n, NULL, 0) != 0)
		return refuse("the manifest cannot be written: a field is out of its range");
	rc = key_read_secret(r->key, &key);
	if (rc != 0)
		return rc;
	(void)snprintf(comment, sizeof comment, "timestamp:%" PRIu64 " file:manifest version:%" PRIu64, r->manifest.issued,
	    r->manifest.version);
	m = key_sign(&key, text, (size_t)n, comment, minisig, sizeof minisig);
	key_wipe(&key);
	if (m < 0)
		return refuse("the signature cannot be written");
	/* these two are not the heap's: gen_free() must not see them */
	gen->part[PART_manifest] = (struct bytes){ (uint8_t *)text, (size_t)n };
	gen->part[PART_minisig] = (struct bytes){ (uint8_t *)minisig, (size_t)m };
	rc = gen_write(r->output, gen);
	gen->part[PART_manifest] = gen->part[PART_minisig] = (struct bytes){ NULL, 0 };
	if (rc != 0)
		return rc;
	printf("generation    %s\n", hex_text(id, sizeof id, hex));
	gen_print(&r->manifest);
	printf("archives      %s, %" PRIu64 " entries\n", unpacked->how, unpacked->entries);
	printf("signed by     %s\n", key_id_text(key.public.keynum, key_id));
	return 0;
}

static int
make_generation(struct request *r)
{
	struct doc_manifest *manifest = &r->manifest;
	struct generation gen;
	struct unpacked unpacked;
	int rc;

	memset(&gen, 0, sizeof gen);
	rc = take_cmdline(r, manifest);
	if (rc == 0 && manifest->issued == 0)
		rc = default_time(&manifest->issued);
	if (rc == 0)
		rc = lint_kernel_config(r->kernel_config, r->kernel);
	if (rc == 0)
		rc = file_read(r->kernel, 1, IMAGE_MAX, &gen.part[PART_kernel]);
	if (rc == 0)
		rc = lint_kernel(r->kernel, &gen.part[PART_kernel]);
	if (rc == 0)
		rc = file_read(r->initramfs, 1, IMAGE_MAX, &gen.part[PART_initramfs]);
	if (rc == 0)
		rc = lint_initramfs(r->initramfs, &gen.part[PART_initramfs], &unpacked);
	if (rc == 0) {
		const struct bytes *kernel = &gen.part[PART_kernel], *initramfs = &gen.part[PART_initramfs];

		manifest->kernel_size = kernel->len;
		manifest->initramfs_size = initramfs->len;
		manifest->unpacked_size = unpacked.bytes;
		/* both fail for wrong lengths of hash or key only */
		(void)crypto_generichash(manifest->kernel_blake2b, 32, kernel->data, kernel->len, NULL, 0);
		(void)crypto_generichash(manifest->initramfs_blake2b, 32, initramfs->data, initramfs->len, NULL, 0);
		rc = sign_and_write(r, &gen, &unpacked);
	}
	gen_free(&gen);
	return rc;
}

int
cmd_sign(int argc, char **argv)
{
	struct request request;
	int rc;

	memset(&request, 0, sizeof request);
	rc = parse_options(argc, argv, &request);
	if (rc < 0)
		return print_help(help);
	if (rc != 0)
		return rc;
	return make_generation(&request) == 0 ? ORG_ok : ORG_refused;
}
