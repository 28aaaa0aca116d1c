/*
 * Generations with real signatures, from fixed seeds, and the config that lists their keys.  Outside the wall.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "peer_generation.h"

enum { KEYS = 3, THRESHOLD = 2 };

static const uint64_t build_time = 1700000000;

static void
keypair(unsigned i, uint8_t pk[32], uint8_t sk[64])
{
	uint8_t seed[32] = { (uint8_t)(i + 1), 's' };

	assert_int_equal(crypto_sign_seed_keypair(pk, sk, seed), 0);
}

void
peer_config(struct doc_config *config)
{
	uint8_t sk[64];

	memset(config, 0, sizeof *config);
	config->build_time = build_time;
	config->enrol = ENROL_local;
	config->threshold = THRESHOLD;
	config->release_key.count = KEYS;
	for (unsigned i = 0; i < KEYS; i++) {
		config->release_key.key[i].keynum[0] = (uint8_t)(i + 1);
		keypair(i, config->release_key.key[i].key, sk);
	}
	config->org_key.count = 1;
	keypair(KEYS, config->org_key.key[0].key, sk);
}

void
peer_sign(struct generation *g, unsigned signers)
{
	static const char trusted[] = "timestamp:1700000001";
	uint8_t prehash[64], pk[32], sk[64], global[64 + sizeof trusted - 1];

	assert_int_equal(crypto_generichash(g->id, sizeof g->id, (const uint8_t *)g->manifest, g->manifest_bytes, NULL, 0), 0);
	assert_int_equal(crypto_generichash(prehash, sizeof prehash, (const uint8_t *)g->manifest, g->manifest_bytes, NULL, 0), 0);
	g->minisig_bytes = 0;
	for (unsigned i = 0; i < signers; i++) {
		struct minisig_block block = { .keynum = { (uint8_t)(i + 1) }, .comment_bytes = sizeof trusted - 1 };
		long n;

		keypair(i, pk, sk);
		memcpy(block.comment, trusted, sizeof trusted - 1);
		assert_int_equal(crypto_sign_detached(block.sig, NULL, prehash, sizeof prehash, sk), 0);
		memcpy(global, block.sig, 64);
		memcpy(global + 64, trusted, sizeof trusted - 1);
		assert_int_equal(crypto_sign_detached(block.global_sig, NULL, global, sizeof global, sk), 0);
		n = minisig_write(&block, "by a test", g->minisig + g->minisig_bytes, sizeof g->minisig - g->minisig_bytes);
		assert_true(n > 0);
		g->minisig_bytes += (uint32_t)n;
	}
}

void
peer_generation(struct generation *g, uint64_t version, uint64_t kernel_bytes, uint64_t initramfs_bytes)
{
	struct doc_manifest m = { .version = version, .issued = build_time + 1, .kernel_size = kernel_bytes,
		.initramfs_size = initramfs_bytes, .unpacked_size = 1, .watchdog = 30, .cmdline = "console=ttyS0" };
	uint8_t seed[randombytes_SEEDBYTES] = { (uint8_t)version, (uint8_t)kernel_bytes, (uint8_t)initramfs_bytes };
	long n;

	*g = (struct generation){ .kernel_bytes = kernel_bytes, .initramfs_bytes = initramfs_bytes };
	g->kernel = malloc(kernel_bytes);
	g->initramfs = malloc(initramfs_bytes);
	assert_non_null(g->kernel);
	assert_non_null(g->initramfs);
	randombytes_buf_deterministic(g->kernel, kernel_bytes, seed);
	seed[31] = 1;
	randombytes_buf_deterministic(g->initramfs, initramfs_bytes, seed);
	assert_int_equal(crypto_generichash(m.kernel_blake2b, 32, g->kernel, kernel_bytes, NULL, 0), 0);
	assert_int_equal(crypto_generichash(m.initramfs_blake2b, 32, g->initramfs, initramfs_bytes, NULL, 0), 0);
	n = doc_write(DOC_manifest, &m, g->manifest, sizeof g->manifest);
	assert_true(n > 0);
	g->manifest_bytes = (uint32_t)n;
	peer_sign(g, THRESHOLD);
}

void
peer_generation_free(struct generation *g)
{
	free(g->kernel);
	free(g->initramfs);
	memset(g, 0, sizeof *g);
}

const void *
peer_part(const struct generation *g, uint32_t part, uint64_t *len_bytes)
{
	*len_bytes = part == PART_manifest ? g->manifest_bytes : part == PART_minisig ? g->minisig_bytes :
	    part == PART_kernel ? g->kernel_bytes : g->initramfs_bytes;
	return part == PART_manifest ? (const void *)g->manifest : part == PART_minisig ? (const void *)g->minisig :
	    part == PART_kernel ? (const void *)g->kernel : (const void *)g->initramfs;
}
