/*
 * Secret keys: making, reading, signing.  On the operator's side, on the machine that holds the key; no other command links it.
 * Distrusts the key file: its halves must belong together, its access mode must be its owner's alone.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "key.h"

/*
 * minisign's secret key, without a password: "Ed", no key derivation (two zero bytes), "B2", 32 bytes of salt and two numbers of
 * 8 that mean nothing then, key number, secret key, and BLAKE2b-256 of "Ed", key number and secret key.
 */
enum { AT_KDF = 2, AT_CHECK = 4, AT_KEYNUM = 54, AT_KEY = 62, AT_SUM = 126, RAW_BYTES = 158, RAW_TEXT = 212, KEY_BYTES = 64,
	SUM_BYTES = 32 };

static int
alloc_key(struct secret_key *key)
{
	memset(key, 0, sizeof *key);
	key->sec_key = sodium_malloc(KEY_BYTES);
	return key->sec_key != NULL ? 0 : refuse_errno(ENOMEM, "guarded memory for the secret key (see ulimit -l)");
}

void
key_wipe(struct secret_key *key)
{
	sodium_free(key->sec_key);	/* wipes; takes NULL */
	key->sec_key = NULL;
}

int
key_generate(struct secret_key *out)
{
	int rc = alloc_key(out);

	if (rc != 0)
		return rc;
	randombytes_buf(out->public.keynum, sizeof out->public.keynum);
	if (crypto_sign_keypair(out->public.key, out->sec_key) != 0) {
		key_wipe(out);
		return refuse("no key pair could be made");
	}
	return 0;
}

static void
checksum(const uint8_t *sec_raw, uint8_t sum[SUM_BYTES])
{
	crypto_generichash_state state;

	(void)crypto_generichash_init(&state, NULL, 0, SUM_BYTES);	/* these fail for wrong lengths only */
	(void)crypto_generichash_update(&state, sec_raw, 2);
	(void)crypto_generichash_update(&state, sec_raw + AT_KEYNUM, AT_SUM - AT_KEYNUM);
	(void)crypto_generichash_final(&state, sum, SUM_BYTES);
	sodium_memzero(&state, sizeof state);
}

/* sec_raw is the decoded file.  The key's second half is computed from the first: a foreign half would betray the key when signing. */
static int
accept_raw(const char *path, const uint8_t *sec_raw, struct secret_key *out)
{
	static const uint8_t none[SUM_BYTES];
	uint8_t sum[SUM_BYTES];
	int rc;

	if (memcmp(sec_raw, "Ed", 2) != 0 || memcmp(sec_raw + AT_CHECK, "B2", 2) != 0)
		return refuse("%s: no Ed25519 secret key of minisign", path);
	if (sec_raw[AT_KDF] != 0 || sec_raw[AT_KDF + 1] != 0)
		return refuse("%s: the key has a password; take it off (minisign -C -W -s %s) or sign the manifest with minisign -S -H",
		    path, path);
	checksum(sec_raw, sum);
	/* minisign -W leaves the sum zero */
	if (memcmp(sec_raw + AT_SUM, none, SUM_BYTES) != 0 && sodium_memcmp(sec_raw + AT_SUM, sum, SUM_BYTES) != 0)
		return refuse("%s: damaged: its checksum is wrong", path);
	rc = alloc_key(out);
	if (rc != 0)
		return rc;
	memcpy(out->public.keynum, sec_raw + AT_KEYNUM, sizeof out->public.keynum);
	(void)crypto_sign_seed_keypair(out->public.key, out->sec_key, sec_raw + AT_KEY);	/* returns 0 always */
	if (sodium_memcmp(out->sec_key, sec_raw + AT_KEY, KEY_BYTES) != 0) {
		key_wipe(out);
		return refuse("%s: damaged: its two halves do not belong together", path);
	}
	return 0;
}

int
key_read_secret(const char *path, struct secret_key *out)
{
	struct bytes file = { NULL, 0 };
	uint8_t sec_raw[RAW_BYTES];
	struct stat st;
	const char *line;
	size_t n = 0;
	int rc;

	rc = file_read(path, 1, KEY_FILE_MAX, &file);
	if (rc != 0)
		return rc;
	if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
		warn_operator("%s: others than its owner may read or write this secret key: chmod 600 %s", path, path);
	line = memchr(file.data, '\n', file.len);
	if (line != NULL)
		n = strcspn(++line, "\n");	/* file_read() puts a NUL behind */
	if (n != RAW_TEXT || base64_decode(line, n, sec_raw, sizeof sec_raw) != RAW_BYTES)
		rc = refuse("%s: no secret key of minisign (a comment line, then 212 characters of base64)", path);
	else
		rc = accept_raw(path, sec_raw, out);
	sodium_memzero(sec_raw, sizeof sec_raw);
	bytes_free(&file);
	return rc;
}

int
key_write_secret(const char *path, const struct secret_key *key)
{
	uint8_t sec_raw[RAW_BYTES] = { 'E', 'd', 0, 0, 'B', '2' };
	char id[KEY_ID_TEXT + 1], sec_text[512], sec_base64[RAW_TEXT + 5];
	int n, rc;

	memcpy(sec_raw + AT_KEYNUM, key->public.keynum, sizeof key->public.keynum);
	memcpy(sec_raw + AT_KEY, key->sec_key, KEY_BYTES);
	checksum(sec_raw, sec_raw + AT_SUM);
	(void)base64_encode(sec_raw, sizeof sec_raw, sec_base64);
	n = snprintf(sec_text, sizeof sec_text, "untrusted comment: minisign secret key %s\n%s\n", key_id_text(key->public.keynum, id),
	    sec_base64);
	rc = file_write(path, sec_text, (size_t)n, 0600, FILE_new);
	sodium_memzero(sec_raw, sizeof sec_raw);
	sodium_memzero(sec_text, sizeof sec_text);
	sodium_memzero(sec_base64, sizeof sec_base64);
	return rc;
}

int
key_write_public(const char *path, const struct minisig_pubkey *key)
{
	char id[KEY_ID_TEXT + 1], text[MINISIG_PUBKEY_TEXT + 1], file[256];
	int n;

	minisig_write_pubkey(key, text);
	n = snprintf(file, sizeof file, "untrusted comment: minisign public key %s\n%s\n", key_id_text(key->keynum, id), text);
	return file_write(path, file, (size_t)n, 0644, FILE_new);
}

long
key_sign(const struct secret_key *key, const void *data, size_t len, const char *trusted_comment, char *out, size_t cap_bytes)
{
	char id[KEY_ID_TEXT + 1], untrusted[64];
	struct minisig_block block;
	uint8_t prehash[64], global[sizeof block.sig + MINISIG_COMMENT_MAX];
	size_t n = strlen(trusted_comment);

	if (n > MINISIG_COMMENT_MAX)
		return refuse("the comment \"%s\" is longer than %d bytes", trusted_comment, MINISIG_COMMENT_MAX);
	memset(&block, 0, sizeof block);
	memcpy(block.keynum, key->public.keynum, sizeof block.keynum);
	memcpy(block.comment, trusted_comment, n);
	block.comment_bytes = (uint32_t)n;
	if (crypto_generichash(prehash, sizeof prehash, data, len, NULL, 0) != 0 ||
	    crypto_sign_detached(block.sig, NULL, prehash, sizeof prehash, key->sec_key) != 0)
		return refuse("signing failed");
	memcpy(global, block.sig, sizeof block.sig);
	memcpy(global + sizeof block.sig, trusted_comment, n);
	if (crypto_sign_detached(block.global_sig, NULL, global, sizeof block.sig + n, key->sec_key) != 0)
		return refuse("signing failed");
	(void)snprintf(untrusted, sizeof untrusted, "signature by key %s", key_id_text(key->public.keynum, id));
	return minisig_write(&block, untrusted, out, cap_bytes);
}
