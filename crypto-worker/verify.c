/*
 * Counts release keys and judges a manifest.  On the inner side of the wall: crypto-worker and sallyport-org verify run this code.
 * Distrusts both inputs entirely: the manifest is only hashed until enough distinct listed keys have signed it.
 */
#include <string.h>

#include <sodium.h>

#include "minisig.h"
#include "verify.h"

enum { PREHASH_BYTES = 64, SIG_BYTES = 64 };

/*
 * The second kernel unpacks into a tmpfs of at most half of its memory, while the packed initramfs still lies there; an unpack error
 * does not stop it, it boots on without the last file: the key.  The margin is for its page tables, slabs and drivers.
 */
static const uint64_t memory_margin_bytes = 32u << 20;

/* 1: both signatures of the block are this key's.  The key number is a hint that saves arithmetic, it proves nothing. */
static int
block_is_good(const struct minisig_block *block, const struct minisig_pubkey *key, const uint8_t prehash[PREHASH_BYTES])
{
	uint8_t global[SIG_BYTES + MINISIG_COMMENT_MAX];

	if (block->comment_bytes > MINISIG_COMMENT_MAX || memcmp(block->keynum, key->keynum, sizeof key->keynum) != 0)
		return 0;
	if (crypto_sign_verify_detached(block->sig, prehash, PREHASH_BYTES, key->key) != 0)
		return 0;
	memcpy(global, block->sig, SIG_BYTES);
	memcpy(global + SIG_BYTES, block->comment, block->comment_bytes);
	return crypto_sign_verify_detached(block->global_sig, global, SIG_BYTES + block->comment_bytes, key->key) == 0;
}

/* 1: the list has the same public key further up, perhaps under another number.  Such a key must count once (stboot counted twice). */
static int
listed_before(const struct doc_keys *keys, uint32_t i)
{
	for (uint32_t j = 0; j < i; j++)
		if (memcmp(keys->key[j].key, keys->key[i].key, sizeof keys->key[i].key) == 0)
			return 1;
	return 0;
}

/* Keys are counted, never signatures: a bad, foreign or repeated block neither helps nor harms. */
static void
count_keys(const struct doc_keys *keys, const struct minisig_block *blocks, unsigned nblocks, const uint8_t prehash[PREHASH_BYTES],
    struct verified *out)
{
	for (uint32_t i = 0; i < keys->count && i < DOC_KEYS_MAX; i++) {
		if (listed_before(keys, i))
			continue;
		for (unsigned b = 0; b < nblocks && !out->key_is_good[i]; b++)
			if (block_is_good(&blocks[b], &keys->key[i], prehash))
				out->key_is_good[i] = 1;
		out->keys_good += out->key_is_good[i];
	}
}

/* A size that the schema refuses has a code of its own: it is how overflows are tried. */
static enum event
syntax_event(const struct doc_error *error)
{
	static const char tail[] = "_size";
	size_t n = strnlen(error->key, sizeof error->key);

	if (error->why == DOC_range && n >= sizeof tail - 1 && memcmp(error->key + n - (sizeof tail - 1), tail, sizeof tail - 1) == 0)
		return EV_image_size;
	return EV_doc_syntax;
}

static enum event
judge(const struct verify_rules *rules, const struct doc_manifest *m)
{
	uint64_t taken;

	if (m->version < rules->least_version)
		return EV_doc_floor;
	if (m->issued < rules->build_time)
		return EV_doc_time;
	taken = m->initramfs_size + memory_margin_bytes;	/* at most 1 GiB by doc.def: no overflow */
	if (rules->memory_bytes != 0 && (rules->memory_bytes <= taken || m->unpacked_size > (rules->memory_bytes - taken) / 2))
		return EV_image_memory;
	if (cmdline_forbidden(m->cmdline) != NULL)
		return EV_cmdline_forbidden;
	return EV_none;
}

enum event
verify_manifest(const struct verify_rules *rules, const void *manifest, size_t manifest_bytes, const void *minisig, size_t minisig_bytes,
    struct verified *out)
{
	struct minisig_block blocks[MINISIG_MAX_BLOCKS];
	uint8_t prehash[PREHASH_BYTES];
	unsigned line = 0;
	int n;

	memset(out, 0, sizeof *out);
	if (crypto_generichash(out->id, sizeof out->id, manifest, manifest_bytes, NULL, 0) != 0 ||
	    crypto_generichash(prehash, sizeof prehash, manifest, manifest_bytes, NULL, 0) != 0)
		return EV_doc_signature;
	n = minisig_parse(minisig, minisig_bytes, blocks, MINISIG_MAX_BLOCKS, &line);
	if (n < 1) {
		out->error.line = line;
		return EV_doc_minisig;
	}
	if (rules->release_keys->count > DOC_KEYS_MAX)
		return EV_doc_signature;
	count_keys(rules->release_keys, blocks, (unsigned)n, prehash, out);
	/* No threshold is no rule: 0 would let everything pass. */
	if (rules->threshold < 1 || rules->threshold > rules->release_keys->count || out->keys_good < rules->threshold)
		return EV_doc_signature;
	if (doc_parse(DOC_manifest, manifest, manifest_bytes, &out->manifest, sizeof out->manifest, &out->error) != 0)
		return syntax_event(&out->error);
	return judge(rules, &out->manifest);
}

int
verify_org(const struct doc_keys *org_key, const void *text, size_t len_bytes, size_t *doc_bytes)
{
	struct minisig_block block;
	struct verified who = { .keys_good = 0 };
	uint8_t prehash[PREHASH_BYTES];
	size_t n = doc_find_signature(text, len_bytes);
	unsigned line;

	if (n == 0 || n == len_bytes || org_key->count != 1 ||
	    minisig_parse((const uint8_t *)text + n, len_bytes - n, &block, 1, &line) != 1 ||
	    crypto_generichash(prehash, sizeof prehash, text, n, NULL, 0) != 0)
		return 0;
	count_keys(org_key, &block, 1, prehash, &who);
	if (who.keys_good != 1)
		return 0;
	*doc_bytes = n;
	return 1;
}

int
verify_hash(const void *data, size_t len_bytes, const uint8_t expected[32])
{
	uint8_t hash[32];

	if (crypto_generichash(hash, sizeof hash, data, len_bytes, NULL, 0) != 0)
		return 0;
	return sodium_memcmp(hash, expected, sizeof hash) == 0;
}
