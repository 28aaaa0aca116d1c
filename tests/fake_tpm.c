/*
 * What stands around the modules of crypto-worker in unit_crypto.c: a TPM that says what the test wants, a broker and a store.
 * Outside the wall.  crypto-worker's main.c is not linked, since it confines and exits: its clock and its exit are played here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sodium.h>

#include "cache.h"
#include "crypto.h"
#include "exits.h"
#include "peers.h"

enum { KEYS = 3, THRESHOLD = 2 };

struct tpm {
	int one;
};

struct fake_tpm fake;
struct crypto crypto;
struct play play;
static struct tpm the_tpm;
static jmp_buf ended_here;
static const uint64_t build_time = 1700000000;

uint8_t
fake_secret(unsigned i)
{
	return (uint8_t)(i * 37 + 11);
}

/* --- tpm.h --- */

enum event
tpm_open(int fd, struct tpm **out)
{
	assert_int_equal(fd, FD_TPM);
	fake.opens++;
	if (fake.open == EV_none || fake.open_leaves_one)
		*out = &the_tpm;
	return fake.open;
}

uint32_t
tpm_detail(const struct tpm *tpm)
{
	assert_non_null(tpm);
	return 0x99d;
}

uint32_t
tpm_banks(const struct tpm *tpm)
{
	assert_non_null(tpm);
	return 2;
}

enum event
tpm_index_state(struct tpm *tpm)
{
	assert_non_null(tpm);
	fake.indexes++;
	return fake.index[fake.enrols > 0];
}

enum event
tpm_enrol(struct tpm *tpm, const struct tpm_secret *secret)
{
	assert_non_null(tpm);
	fake.enrols++;
	memcpy(fake.node, secret->node, sizeof fake.node);
	memcpy(fake.org_key, secret->org_key, sizeof fake.org_key);
	return fake.enrol;
}

enum event
tpm_read(struct tpm *tpm, struct tpm_secret *secret)
{
	assert_non_null(tpm);
	assert_int_equal(fake.closes, 0);	/* behind a closed door there is nothing to read */
	fake.reads++;
	if (fake.read != EV_none)
		return fake.read;
	memcpy(secret->node, fake.node, sizeof fake.node);
	memcpy(secret->org_key, fake.org_key, sizeof fake.org_key);
	for (unsigned i = 0; i < TPM_SECRET_BYTES; i++)
		secret->sec_node_secret[i] = fake_secret(i);
	return EV_none;
}

enum event
tpm_close(struct tpm *tpm, int without_index)
{
	assert_non_null(tpm);
	assert_int_equal(play_hear(), 0);	/* nothing is said before the latch has closed */
	fake.closes++;
	fake.without_index = without_index;
	return fake.close;
}

enum event
tpm_measure(struct tpm *tpm, const void *data, size_t len_bytes)
{
	assert_non_null(tpm);
	assert_int_equal(len_bytes, sizeof fake.measured);
	fake.measures++;
	memcpy(fake.measured, data, len_bytes);
	return fake.measure;
}

enum event
tpm_pcr(struct tpm *tpm, unsigned pcr, uint8_t out[32])
{
	assert_non_null(tpm);
	assert_int_equal(fake.measures, 1);	/* PCR 8 is reported as the generation will find it */
	memset(out, (int)pcr, 32);
	return fake.pcr;
}

void
tpm_finish(struct tpm *tpm)
{
	assert_non_null(tpm);
	fake.finishes++;
}

/* --- main.c, and one look more at what end.c sends --- */

uint64_t
clock_ms(void)
{
	static uint64_t ms;

	return ++ms;
}

_Noreturn void
crypto_exit(struct crypto *c, int status)
{
	crypto_wipe(c);
	play.ended = status;
	longjmp(ended_here, 1);
}

/* The linker has the modules call this one (-Wl,--wrap=crypto_send, ld(1)). */
void __real_crypto_send(struct crypto *c, uint32_t id, const void *body);
void __wrap_crypto_send(struct crypto *c, uint32_t id, const void *body);

void
__wrap_crypto_send(struct crypto *c, uint32_t id, const void *body)
{
	/* what is said to be wiped is wiped before it is said, not by the exit behind it */
	if (id == MSG_crypto_wiped || id == MSG_crypto_unloaded)
		for (size_t i = 0; i < TAIL_BYTES; i++)
			assert_int_equal(c->handover[c->tail_at + i], 0);
	__real_crypto_send(c, id, body);
}

/* --- the broker's and the store's parts --- */

void
play_header(int valid, const uint8_t node[TPM_NODE_BYTES])
{
	struct cache_header header = { .slots = SLOTS_MAX, .slot_bytes = CACHE_SLOT_MIN };
	uint8_t sector[CACHE_SECTOR];

	memcpy(header.node, node, sizeof header.node);
	cache_encode_header(&header, sector);
	if (!valid)
		sector[100] ^= 1;
	assert_int_equal(pwrite(FD_HEADER, sector, sizeof sector, 0), (ssize_t)sizeof sector);
}

void
play_open(void)
{
	static const uint8_t none[TPM_NODE_BYTES];
	int pair[2];

	fake = (struct fake_tpm){ .node = { 'n', 1 }, .org_key = { 'o', 2 } };
	play = (struct play){ .ended = LIVES, .want_fd = -1 };
	crypto = (struct crypto){ .want_fd = -1, .manifest_fd = -1, .kernel_fd = -1, .initramfs_fd = -1, .handover_fd = -1 };
	peer_pair(pair);
	play.hub = pair[0];
	peer_place(pair[1], FD_CHANNEL);
	peer_pair(pair);
	play.lane = pair[0];
	peer_place(pair[1], FD_LANE);
	peer_place(memfd_create("header", MFD_CLOEXEC), FD_HEADER);
	play_header(1, none);
	admit_init(&crypto.state, PEER_crypto);
	admit_init(&play.view, PEER_broker);
	peer_config(&crypto.config);
	crypto.secrets = sodium_malloc(sizeof *crypto.secrets);
	assert_non_null(crypto.secrets);
	sodium_memzero(crypto.secrets, sizeof *crypto.secrets);
}

static void
close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void
play_close(void)
{
	close_one(&play.hub);
	close_one(&play.lane);
	close_one(&play.want_fd);
	close_one(&crypto.want_fd);
	close_one(&crypto.manifest_fd);
	close_one(&crypto.kernel_fd);
	close_one(&crypto.initramfs_fd);
	close_one(&crypto.handover_fd);
	if (crypto.handover != NULL)
		(void)munmap(crypto.handover, crypto.handover_bytes);
	crypto.handover = NULL;
	wipe_secrets(&crypto);
	peer_reserve();
}

void
play_latch(void)
{
	if (setjmp(ended_here) == 0)
		close_latch(&crypto);
}

static void
deliver(uint32_t id, const void *body)
{
	assert_int_equal(play.ended, LIVES);
	peer_say(play.hub, id, body);
	if (setjmp(ended_here) == 0)
		crypto_receive(&crypto);
}

void
play_tell(uint32_t id, const void *body)
{
	if (id == MSG_broker_lost)
		admit_forget(&play.view, PEER_store);
	admit_note(&play.view, id);
	deliver(id, body);
}

void
play_say(uint32_t id)
{
	union peer_body s;

	peer_sample(id, &s);
	play_tell(id, &s);
}

void
play_lie(uint32_t id)
{
	union peer_body s;

	peer_sample(id, &s);
	deliver(id, &s);
}

uint32_t
play_hear(void)
{
	static struct frame f;
	union peer_body s;

	if (peer_recv(play.hub, &f) != 1)
		return MSG_none;
	if (admit(&play.view, PEER_crypto, WAY_hub, f.id, f.body_bytes, f.nfds) != ADMIT_ok)
		fail_msg("the broker refuses %s: %s", msg_table[f.id].name,
		    admit_text(admit(&play.view, PEER_crypto, WAY_hub, f.id, f.body_bytes, f.nfds)));
	if (msg_check(f.id, f.body) != 0)
		fail_msg("%s: field %d", msg_table[f.id].name, msg_check(f.id, f.body));
	admit_note(&play.view, f.id);
	memcpy(&s, f.body, f.body_bytes);
	if (f.id == MSG_crypto_want) {
		play.want = s.crypto_want;
		close_one(&play.want_fd);
		play.want_fd = frame_take_fd(&f, 0);
	} else if (f.id == MSG_crypto_refused || f.id == MSG_crypto_rejected || f.id == MSG_crypto_verified || f.id == MSG_crypto_chosen) {
		memcpy(&play.about, &s, sizeof play.about);
		play.event = play.about.event;
		play.refused += f.id == MSG_crypto_refused;
	} else if (f.id == MSG_crypto_failed || f.id == MSG_crypto_none || f.id == MSG_crypto_unloaded)
		memcpy(&play.event, &s, sizeof play.event);	/* the first field of each */
	frame_close(&f);
	return f.id;
}

void
play_expect(uint32_t id)
{
	uint32_t heard = play_hear();

	assert_string_equal(msg_table[heard].name, msg_table[id].name);
}

void
play_fill(const struct generation *g)
{
	struct msg_store_filled filled = { .slot = play.want.slot, .part = play.want.part };
	uint64_t len;
	const void *bytes = peer_part(g, play.want.part, &len);

	len = len < play.want.len_bytes ? len : play.want.len_bytes;
	assert_int_equal(pwrite(play.want_fd, bytes, len, 0), (ssize_t)len);
	if (play.spoil != NULL)
		play.spoil(play.want_fd, &play.want);
	play_tell(MSG_store_filled, &filled);
}

uint32_t
play_serve(struct generation *const slots[], unsigned n)
{
	for (;;) {
		uint32_t id = play_hear();

		if (id == MSG_crypto_want) {
			assert_true(play.want.slot < n);
			play_fill(slots[play.want.slot]);
		} else if (id != MSG_crypto_refused && id != MSG_crypto_chosen && id != MSG_crypto_node && id != MSG_crypto_supplied)
			return id;
	}
}

uint32_t
play_survey(struct generation *const slots[], unsigned n, const uint32_t flags[])
{
	struct msg_store_offered offered = { .count = n };

	play_latch();
	play_expect(MSG_crypto_closed);
	admit_note(&play.view, MSG_broker_survey);	/* goes to the store */
	for (unsigned i = 0; i < n; i++) {
		struct msg_store_offer offer = { .slot = i, .flags = flags != NULL ? flags[i] : 0,
			.manifest_bytes = slots[i]->manifest_bytes,
			.minisig_bytes = slots[i]->minisig_bytes, .kernel_bytes = slots[i]->kernel_bytes,
			.initramfs_bytes = slots[i]->initramfs_bytes };

		play_tell(MSG_store_offer, &offer);
	}
	play_tell(MSG_store_offered, &offered);
	return play_serve(slots, n);
}

uint32_t
play_supply(struct generation *const slots[], unsigned n)
{
	play_say(MSG_broker_next);
	return play_serve(slots, n);
}

/* --- generations --- */

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
