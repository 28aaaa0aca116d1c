#ifndef TESTS_VERIFY_FIXTURE_H
#define TESTS_VERIFY_FIXTURE_H
/* Keys from fixed seeds, a good manifest, and signature files made block by block; for unit_verify*.c, each of which is one program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "minisig.h"
#include "verify.h"

enum { NKEYS = 5 };

static struct doc_keys all;			/* NKEYS of them */
static uint8_t sec_key[NKEYS + 1][64];		/* the last one is listed nowhere */
static struct minisig_pubkey stranger;

static char minisig[MINISIG_MAX];
static size_t minisig_bytes;

static const char good[] =
    "sallyport-manifest 1\n"
    "version 42\n"
    "issued 1700000000\n"
    "kernel_size 1000\n"
    "kernel_blake2b 0000000000000000000000000000000000000000000000000000000000000001\n"
    "initramfs_size 2000\n"
    "initramfs_blake2b 0000000000000000000000000000000000000000000000000000000000000002\n"
    "unpacked_size 4096\n"
    "watchdog 60\n"
    "cmdline console=ttyS0 quiet\n";

static int
setup(void **state)
{
	(void)state;
	if (sodium_init() < 0)
		return -1;
	for (uint32_t i = 0; i <= NKEYS; i++) {
		struct minisig_pubkey *public = i < NKEYS ? &all.key[i] : &stranger;
		uint8_t seed[32];

		memset(seed, (int)i + 1, sizeof seed);
		memset(public->keynum, (int)i + 0x11, sizeof public->keynum);
		crypto_sign_seed_keypair(public->key, sec_key[i], seed);
	}
	all.count = NKEYS;
	return 0;
}

static void
sign_begin(void)
{
	minisig_bytes = 0;
}

static void
make_block(uint32_t i, const char *text, size_t len, struct minisig_block *block)
{
	const struct minisig_pubkey *public = i < NKEYS ? &all.key[i] : &stranger;
	uint8_t prehash[64], global[64 + MINISIG_COMMENT_MAX];

	memset(block, 0, sizeof *block);
	memcpy(block->keynum, public->keynum, sizeof block->keynum);
	block->comment_bytes = (uint32_t)sprintf(block->comment, "by key %u", i);
	crypto_generichash(prehash, sizeof prehash, (const uint8_t *)text, len, NULL, 0);
	crypto_sign_detached(block->sig, NULL, prehash, sizeof prehash, sec_key[i]);
	memcpy(global, block->sig, 64);
	memcpy(global + 64, block->comment, block->comment_bytes);
	crypto_sign_detached(block->global_sig, NULL, global, 64 + block->comment_bytes, sec_key[i]);
}

static void
append(const struct minisig_block *block)
{
	long n = minisig_write(block, "test", minisig + minisig_bytes, sizeof minisig - minisig_bytes);

	assert_true(n > 0);
	minisig_bytes += (size_t)n;
}

static void
sign_by(uint32_t i, const char *text)
{
	struct minisig_block block;

	make_block(i, text, strlen(text), &block);
	append(&block);
}

static struct verify_rules
rules_of(const struct doc_keys *keys, uint32_t threshold)
{
	return (struct verify_rules){ .release_keys = keys, .threshold = threshold };
}

static enum event
judge(const struct verify_rules *rules, const char *text, struct verified *v)
{
	return verify_manifest(rules, text, strlen(text), minisig, minisig_bytes, v);
}
#endif
