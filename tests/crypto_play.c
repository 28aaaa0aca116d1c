/*
 * What stands around the modules of crypto-worker: its memory, a broker and a store.  The test decides what they say.
 * Outside the wall.  crypto-worker's main.c is not linked, since it confines and exits: its clock and its exit are played here.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sodium.h>

#include "cache.h"
#include "crypto_play.h"
#include "fake_tpm.h"

struct crypto crypto;
struct play play;
static jmp_buf ended_here;

struct generation newest, older;
struct generation *const both[2] = { &newest, &older };
struct generation *const one[1] = { &newest };

int
play_setup(void **state)
{
	(void)state;
	if (sodium_init() < 0)
		return -1;
	peer_reserve();
	peer_generation(&newest, 42, KERNEL_BYTES, INITRAMFS_BYTES);
	peer_generation(&older, 41, KERNEL_BYTES + 1, INITRAMFS_BYTES + 1);
	return 0;
}

int
play_teardown(void **state)
{
	(void)state;
	peer_generation_free(&newest);
	peer_generation_free(&older);
	return 0;
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
	play = (struct play){ .ended = LIVES, .want_fd = -1, .get_fd = -1, .post_fd = -1, .keep_fd = -1 };
	crypto = (struct crypto){ .want_fd = -1, .get_fd = -1, .post_fd = -1, .manifest_fd = -1, .kernel_fd = -1, .initramfs_fd = -1, .handover_fd = -1 };
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
	close_one(&play.get_fd);
	close_one(&play.post_fd);
	close_one(&play.keep_fd);
	close_one(&crypto.want_fd);
	close_one(&crypto.get_fd);
	close_one(&crypto.post_fd);
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
		close_latch(&crypto, play.config);
}

void
play_to_survey(void)
{
	play_open();
	play_latch();
	play_expect(MSG_crypto_closed);
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
	} else if (f.id == MSG_crypto_get || f.id == MSG_crypto_post) {
		close_one(&play.get_fd);
		close_one(&play.post_fd);
		if (f.id == MSG_crypto_post)
			play.post_fd = frame_take_fd(&f, 0);
		play.get_fd = frame_take_fd(&f, f.id == MSG_crypto_post);
		if (f.id == MSG_crypto_post)
			play.post = s.crypto_post;
		else
			play.get = s.crypto_get;
	} else if (f.id == MSG_crypto_keep) {
		close_one(&play.keep_fd);
		play.keep_fd = frame_take_fd(&f, 0);
		play.keep = s.crypto_keep;
	} else if (f.id == MSG_crypto_ticket)
		play.ticket = s.crypto_ticket;
	else if (f.id == MSG_crypto_offline)
		play.offline = s.crypto_offline;
	else if (f.id == MSG_crypto_enrolled)
		play.enrolled = s.crypto_enrolled;
	else if (f.id == MSG_crypto_refused || f.id == MSG_crypto_rejected || f.id == MSG_crypto_verified || f.id == MSG_crypto_chosen) {
		memcpy(&play.about, &s, sizeof play.about);
		play.event = play.about.event;
		play.refused += f.id == MSG_crypto_refused;
		if (f.id == MSG_crypto_chosen)
			play.cause = s.crypto_chosen.cause;
	} else if (f.id == MSG_crypto_failed || f.id == MSG_crypto_none || f.id == MSG_crypto_unloaded)
		memcpy(&play.event, &s, sizeof play.event);	/* the first field of each */
	if (f.id == MSG_crypto_failed)
		play.detail = s.crypto_failed.detail;
	frame_close(&f);
	/* Without an org it says so by itself, right behind the inventory: the tests of what comes after need not know. */
	if (f.id == MSG_crypto_offline && s.crypto_offline.event == EV_none)
		return play_hear();
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
	struct msg_store_filled filled = { .slot = play.want.slot, .part = play.want.part, .number = play.want.number };
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

void
play_offers(unsigned n, uint32_t slot)
{
	struct msg_store_offer offer = { .slot = slot, .manifest_bytes = newest.manifest_bytes, .minisig_bytes = newest.minisig_bytes,
		.kernel_bytes = KERNEL_BYTES, .initramfs_bytes = INITRAMFS_BYTES };
	struct msg_store_offered offered = { .count = n < SLOTS_MAX ? n : SLOTS_MAX };

	admit_note(&play.view, MSG_broker_survey);
	for (unsigned i = 0; i < n; i++) {
		play_tell(MSG_store_offer, &offer);
		assert_int_equal(crypto.offered, i < SLOTS_MAX ? i + 1 : SLOTS_MAX);
	}
	play_tell(MSG_store_offered, &offered);
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
