/*
 * sallyport-org cosign: one more release key for a signed generation.  On the operator's side, offline.
 * Distrusts the folder: looks at all that sign looks at, for a second signature is worth only what its signer has checked.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "gen.h"
#include "key.h"
#include "lint.h"

static const char help[] =
    "usage: sallyport-org cosign -k KEY.key DIR\n"
    "\n"
    "Looks at the generation in DIR as sign does, shows what is in it, and adds a signature of KEY.key to manifest.minisig.\n"
    "Refuses when kernel or initramfs are not what the manifest says, and when that key has signed already.\n"
    "\n"
    "  -k, --key FILE         secret key of sallyport-org keygen or minisign -G -W\n";

static int
check_folder(const char *dir, const struct generation *gen, struct doc_manifest *manifest)
{
	const struct bytes *text = &gen->part[PART_manifest];
	struct doc_error error;
	struct unpacked unpacked;
	char detail[256] = "";
	enum event event;
	int rc;

	/* unverified yet: parsed to be looked at, by the person who is about to vouch for it */
	rc = doc_parse(DOC_manifest, text->data, text->len, manifest, sizeof *manifest, &error);
	if (rc != 0) {
		refuse_doc(gen_names[PART_manifest], DOC_manifest, &error);
		return rc;
	}
	event = gen_match(gen, manifest, detail, sizeof detail);
	if (event != EV_none) {
		print_event(event, detail);
		return refuse("%s: not signed", dir);
	}
	rc = lint_kernel(gen_names[PART_kernel], &gen->part[PART_kernel]);
	if (rc == 0)
		rc = lint_initramfs(gen_names[PART_initramfs], &gen->part[PART_initramfs], &unpacked);
	if (rc == 0)
		rc = lint_cmdline(manifest->cmdline);
	if (rc == 0 && unpacked.bytes != manifest->unpacked_size)
		rc = refuse("%s: the initramfs unpacks to %" PRIu64 " bytes, the manifest says %" PRIu64, dir, unpacked.bytes,
		    manifest->unpacked_size);
	return rc;
}

/* A block under this key's number is enough to refuse: a second one would help nobody. */
static int
check_signatures(const char *dir, const struct generation *gen, const struct minisig_pubkey *key)
{
	struct minisig_block blocks[MINISIG_MAX_BLOCKS];
	char id[KEY_ID_TEXT + 1];
	unsigned line = 0;
	int n;

	n = minisig_parse(gen->part[PART_minisig].data, gen->part[PART_minisig].len, blocks, MINISIG_MAX_BLOCKS, &line);
	if (n < 0)
		return refuse("%s/%s: line %u: no signature of minisign, prehashed", dir, gen_names[PART_minisig], line);
	for (int i = 0; i < n; i++)
		if (memcmp(blocks[i].keynum, key->keynum, sizeof key->keynum) == 0)
			return refuse("%s: key %s has signed already", dir, key_id_text(key->keynum, id));
	return n < MINISIG_MAX_BLOCKS ? 0 : refuse("%s: has %d signatures, no more are allowed", dir, n);
}

static int
append_signature(const char *dir, const struct generation *gen, const struct secret_key *key, const struct doc_manifest *manifest)
{
	const struct bytes *text = &gen->part[PART_manifest], *old = &gen->part[PART_minisig];
	char path[PATH_BYTES], minisig[MINISIG_MAX], comment[MINISIG_COMMENT_MAX];
	long n;
	int rc;

	memcpy(minisig, old->data, old->len);	/* gen_load() bounds it by MINISIG_MAX */
	(void)snprintf(comment, sizeof comment, "timestamp:%lld file:manifest version:%" PRIu64, (long long)time(NULL), manifest->version);
	n = key_sign(key, text->data, text->len, comment, minisig + old->len, sizeof minisig - old->len);
	if (n < 0)
		return refuse("%s/%s: would be longer than %d bytes", dir, gen_names[PART_minisig], MINISIG_MAX);
	rc = path_join(path, dir, gen_names[PART_minisig]);
	return rc != 0 ? rc : file_write(path, minisig, old->len + (size_t)n, 0644, FILE_replace);
}

static int
cosign(const char *key_path, const char *dir)
{
	char hex[ID_TEXT + 1], key_id[KEY_ID_TEXT + 1];
	struct doc_manifest manifest;
	struct secret_key key = { .sec_key = NULL };
	struct generation gen;
	uint8_t id[ID_BYTES];
	int rc;

	rc = gen_load(dir, &gen);
	if (rc != 0)
		return rc;
	rc = check_folder(dir, &gen, &manifest);
	if (rc == 0)
		rc = key_read_secret(key_path, &key);
	if (rc == 0)
		rc = check_signatures(dir, &gen, &key.public);
	if (rc == 0)
		rc = append_signature(dir, &gen, &key, &manifest);
	key_wipe(&key);
	if (rc == 0) {
		(void)crypto_generichash(id, sizeof id, gen.part[PART_manifest].data, gen.part[PART_manifest].len, NULL, 0);
		printf("generation    %s\n", hex_text(id, sizeof id, hex));
		gen_print(&manifest);
		printf("signed by     %s\n", key_id_text(key.public.keynum, key_id));
	}
	gen_free(&gen);
	return rc;
}

int
cmd_cosign(int argc, char **argv)
{
	static const struct option options[] = { { "key", required_argument, NULL, 'k' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	const char *key = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "k:h", options, NULL)) != -1) {
		if (c == 'h')
			return print_help(help);
		if (c != 'k')
			return ORG_usage;
		key = optarg;
	}
	if (key == NULL || argc - optind != 1)
		return usage_error("wants -k KEY.key and one folder");
	return cosign(key, argv[optind]) == 0 ? ORG_ok : ORG_refused;
}
