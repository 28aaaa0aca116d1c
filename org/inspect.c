/*
 * sallyport-org inspect: shows what a generation's folder says of itself.  On the operator's side.
 * Distrusts everything and says so: nothing here is a verdict.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "gen.h"
#include "lint.h"

static const char help[] =
    "usage: sallyport-org inspect DIR\n"
    "\n"
    "Shows what the generation in DIR says of itself: id, version, sizes, hashes, command line, signatures.\n"
    "No signature is verified, for no key is given: use verify.  Exit 0: it could be read and its parts fit together.\n";

static int
show_manifest(const struct generation *gen, struct doc_manifest *manifest)
{
	const struct bytes *text = &gen->part[PART_manifest];
	char hex[ID_TEXT + 1];
	struct doc_error error;
	uint8_t id[ID_BYTES];

	(void)crypto_generichash(id, sizeof id, text->data, text->len, NULL, 0);	/* fails for wrong lengths only */
	printf("generation    %s\n", hex_text(id, sizeof id, hex));
	if (doc_parse(DOC_manifest, text->data, text->len, manifest, sizeof *manifest, &error) != 0) {
		refuse_doc(gen_names[PART_manifest], DOC_manifest, &error);
		return -1;
	}
	gen_print(manifest);
	return 0;
}

static int
show_files(const struct generation *gen, const struct doc_manifest *manifest)
{
	const struct bytes *initramfs = &gen->part[PART_initramfs];
	char detail[256] = "", why[UNPACK_WHY];
	struct unpacked unpacked;
	int rc = 0;

	if (gen_match(gen, manifest, detail, sizeof detail) == EV_none)
		printf("files         kernel and initramfs are what the manifest says\n");
	else {
		printf("files         DIFFER: %s\n", detail);
		rc = -1;
	}
	if (unpack_check(initramfs->data, initramfs->len, &unpacked, why) != 0) {
		printf("archives      REFUSED: %s\n", why);
		return -1;
	}
	printf("archives      %s, %" PRIu64 " entries, unpacked %" PRIu64 " bytes%s\n", unpacked.how, unpacked.entries, unpacked.bytes,
	    unpacked.bytes != manifest->unpacked_size ? ": DIFFERS from the manifest" : "");
	return unpacked.bytes != manifest->unpacked_size ? -1 : rc;
}

static int
show_signatures(const struct generation *gen)
{
	struct minisig_block blocks[MINISIG_MAX_BLOCKS];
	const struct bytes *text = &gen->part[PART_minisig];
	char id[KEY_ID_TEXT + 1];
	unsigned line = 0;
	int n;

	n = minisig_parse(text->data, text->len, blocks, MINISIG_MAX_BLOCKS, &line);
	if (n < 0)
		return refuse("%s: line %u: no signature of minisign, prehashed", gen_names[PART_minisig], line);
	for (int i = 0; i < n; i++)
		printf("signature     by key %s, UNVERIFIED: %.*s\n", key_id_text(blocks[i].keynum, id), (int)blocks[i].comment_bytes,
		    blocks[i].comment);
	return 0;
}

static int
inspect(const char *dir)
{
	struct doc_manifest manifest;
	struct generation gen;
	int rc;

	rc = gen_load(dir, &gen);
	if (rc != 0)
		return rc;
	printf("UNVERIFIED: what %s says of itself; no signature was checked\n", dir);
	rc = show_manifest(&gen, &manifest);
	if (rc == 0)
		rc = show_files(&gen, &manifest);
	if (show_signatures(&gen) != 0)
		rc = -1;
	gen_free(&gen);
	return rc;
}

int
cmd_inspect(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		return c == 'h' ? print_help(help) : ORG_usage;
	if (argc - optind != 1)
		return usage_error("wants one folder");
	return inspect(argv[optind]) == 0 ? ORG_ok : ORG_refused;
}
