/*
 * crypto-worker's modules (close, want, survey, supply, load, verify, cmdline) on a fake TPM, with real memfds and signatures.
 * The test plays broker, store-worker and kexec-worker, honest and hostile.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "crypto_play.h"
#include "exits.h"
#include "fake_tpm.h"
#include "memfd.h"
#include "newc.h"

enum { KERNEL_BYTES = 5000, INITRAMFS_BYTES = 3000, PAD_LEAST = 4 };

static const uint8_t no_node[TPM_NODE_BYTES], other_node[TPM_NODE_BYTES] = { 'x' };
static struct generation newest, older;
static struct generation *const both[] = { &newest, &older };
static struct generation *const one[] = { &newest };

static int
make_generations(void **state)
{
	(void)state;
	peer_generation(&newest, 42, KERNEL_BYTES, INITRAMFS_BYTES);
	peer_generation(&older, 41, KERNEL_BYTES + 1, INITRAMFS_BYTES + 1);
	return 0;
}

static int
free_generations(void **state)
{
	(void)state;
	peer_generation_free(&newest);
	peer_generation_free(&older);
	return 0;
}

static void
mask(uint8_t bytes[KEY_BYTES])
{
	for (unsigned i = 0; i < KEY_BYTES; i++)
		bytes[i] ^= 0x5a;
}

/* HKDF-SHA256 from RFC 5869 by HMAC alone: one block of output.  XORed with 0x5a, so that no copy of key or PRK is the test's. */
static void
masked_key(const uint8_t id[ID_BYTES], uint8_t out[KEY_BYTES], uint8_t prk[KEY_BYTES])
{
	crypto_auth_hmacsha256_state s;
	uint8_t secret[TPM_SECRET_BYTES];

	for (unsigned i = 0; i < sizeof secret; i++)
		secret[i] = fake_secret(i);
	assert_int_equal(crypto_auth_hmacsha256_init(&s, fake.org_key, sizeof fake.org_key), 0);
	assert_int_equal(crypto_auth_hmacsha256_update(&s, secret, sizeof secret), 0);
	assert_int_equal(crypto_auth_hmacsha256_final(&s, prk), 0);
	assert_int_equal(crypto_auth_hmacsha256_init(&s, prk, KEY_BYTES), 0);
	assert_int_equal(crypto_auth_hmacsha256_update(&s, (const uint8_t *)"sallyport luks 1", 17), 0);
	assert_int_equal(crypto_auth_hmacsha256_update(&s, id, ID_BYTES), 0);
	assert_int_equal(crypto_auth_hmacsha256_update(&s, (const uint8_t *)"\1", 1), 0);
	assert_int_equal(crypto_auth_hmacsha256_final(&s, out), 0);
	mask(out);
	mask(prk);
	sodium_memzero(&s, sizeof s);
	sodium_memzero(secret, sizeof secret);
}

static int
is_key_of(const uint8_t *key, const struct generation *g)
{
	uint8_t masked[KEY_BYTES], prk[KEY_BYTES];

	masked_key(g->id, masked, prk);
	for (unsigned i = 0; i < KEY_BYTES; i++)
		if ((key[i] ^ 0x5a) != masked[i])
			return 0;
	return 1;
}

static struct handed {
	int kernel, initramfs;
	struct msg_crypto_handover body;
	uint8_t *map;			/* read-only, through the receiver's descriptor */
	size_t tail_at;
	int has_prev;
} handed;

/* kexec-worker's end of the lane: one message, by the rules that kexec-worker has. */
static void
take_handover(void)
{
	struct admit_state kexec;
	static struct frame f;
	enum admit_why why;

	admit_init(&kexec, PEER_kexec);
	assert_int_equal(worker_recv(play.lane, WAY_lane, &kexec, &f, &why), 1);
	memcpy(&handed.body, f.body, sizeof handed.body);
	handed.kernel = frame_take_fd(&f, 0);
	handed.initramfs = frame_take_fd(&f, 1);
	assert_int_equal(memfd_check(handed.kernel, FD_handover, 0, (uint32_t)getuid(), handed.body.kernel_bytes), 0);
	assert_int_equal(memfd_check(handed.initramfs, FD_handover, 1, (uint32_t)getuid(), handed.body.initramfs_bytes), 0);
	handed.map = mmap(NULL, handed.body.initramfs_bytes, PROT_READ, MAP_SHARED, handed.initramfs, 0);
	assert_ptr_not_equal(handed.map, MAP_FAILED);
	assert_int_equal(worker_recv(play.lane, WAY_lane, &kexec, &f, &why), -EAGAIN);
}

static void
drop_handover(void)
{
	assert_int_equal(munmap(handed.map, handed.body.initramfs_bytes), 0);
	assert_int_equal(close(handed.kernel) | close(handed.initramfs), 0);
}

/* Archive and initramfs as the kernel would see them; prev: whose previous key is due, or NULL. */
static void
check_archive(const struct generation *g, const struct generation *prev)
{
	static const struct { const char *name; uint32_t mode; } due[] = { { "luks.key", S_IFREG | 0400 },
		{ "luks.key.prev", S_IFREG | 0400 }, { "sallyport", S_IFDIR | 0755 }, { "sallyport/report", S_IFREG | 0444 }, { "TRAILER!!!", 0 } };
	size_t at = g->initramfs_bytes, content, next;
	struct doc_report report;
	struct doc_error error;

	assert_memory_equal(handed.map, g->initramfs, g->initramfs_bytes);
	while (handed.map[at] == 0)
		at++;
	handed.tail_at = at;
	assert_int_equal(at % NEWC_ALIGN, 0);
	assert_in_range(at - g->initramfs_bytes, PAD_LEAST, PAD_LEAST + NEWC_ALIGN - 1);
	for (unsigned i = 0; i < sizeof due / sizeof due[0]; i++) {
		struct newc_entry e;

		if (i == 1 && prev == NULL)
			continue;
		assert_int_equal(newc_read(handed.map + at, handed.body.initramfs_bytes - at, &e, &content, &next), 0);
		assert_string_equal(e.name, due[i].name);
		assert_int_equal(e.mode, due[i].mode);
		assert_int_equal(e.nlink, 1);
		assert_int_equal(e.uid | e.gid, 0);
		if (i <= 1) {
			assert_int_equal(e.size_bytes, KEY_BYTES);
			assert_true(is_key_of(handed.map + at + content, i == 0 ? g : prev));
		} else if (i == 3) {
			assert_int_equal(doc_parse(DOC_report, handed.map + at + content, e.size_bytes, &report, sizeof report, &error), 0);
			assert_memory_equal(report.generation, g->id, ID_BYTES);
			assert_int_equal(report.previous_key, prev != NULL);
			assert_int_equal(report.pcr8[0], 8);
		}
		at += next;
	}
	while (at < handed.body.initramfs_bytes)
		assert_int_equal(handed.map[at++], 0);
}

static void
check_cmdline(const struct generation *g)
{
	static const char first[] = "sysctl.kernel.kexec_load_disabled=1 init_on_free=1 sallyport.boot=";
	char want[CMDLINE_MAX + 1], hex[2 * ID_BYTES + 1];

	(void)snprintf(want, sizeof want, "%s%s console=ttyS0", first, sodium_bin2hex(hex, sizeof hex, g->id, ID_BYTES));
	assert_string_equal(handed.body.cmdline, want);
	assert_int_equal(handed.body.cmdline_bytes, strlen(want));
}

/* From power-on to the hand-over; the first slot is chosen. */
static void
to_handover(struct generation *const slots[], unsigned n, const uint32_t flags[])
{
	play_open();
	assert_int_equal(play_survey(slots, n, flags), MSG_crypto_surveyed);
	assert_int_equal(play_supply(slots, n), MSG_crypto_verified);
	play_say(MSG_broker_load);
	assert_int_equal(play_hear(), MSG_none);
	take_handover();
}

static void
loaded(uint32_t error)
{
	struct msg_kexec_loaded body = { .error = error };

	play_tell(MSG_kexec_loaded, &body);
}

/* --- the hand-over --- */

static void
the_good_path_hands_over_the_key_and_leaves_nothing(void **state)
{
	(void)state;
	to_handover(both, 2, (const uint32_t[]){ 0, OFFER_previous | OFFER_healthy });
	check_archive(&newest, &older);
	check_cmdline(&newest);
	assert_memory_equal(fake.measured, newest.id, ID_BYTES);
	assert_int_equal(fake.measures, 1);
	assert_int_equal(fake.finishes, 1);
	assert_null(crypto.secrets);
	loaded(0);
	play_expect(MSG_crypto_wiped);
	assert_int_equal(play.ended, EXIT_CLOSED);
	for (size_t at = handed.tail_at; at < handed.body.initramfs_bytes; at++)
		assert_int_equal(handed.map[at], 0);
	drop_handover();
	play_close();
}

static void
the_receiver_can_only_have_the_kernel_read_it(void **state)
{
	char path[64], byte = 1;
	int again;

	(void)state;
	to_handover(one, 1, NULL);
	for (int i = 0; i < 2; i++) {
		int fd = i == 0 ? handed.kernel : handed.initramfs;
		off_t size = (off_t)(i == 0 ? handed.body.kernel_bytes : handed.body.initramfs_bytes);

		assert_int_equal(pwrite(fd, &byte, 1, 0), -1);
		assert_int_equal(errno, EPERM);
		assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
		assert_int_equal(errno, EPERM);
		assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
		assert_int_equal(ftruncate(fd, size - 1), -1);
		assert_int_equal(ftruncate(fd, size + 1), -1);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		again = open(path, O_RDWR | O_CLOEXEC);
		assert_true(again >= 0);
		assert_int_equal(pwrite(again, &byte, 1, 0), -1);
		assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0), MAP_FAILED);
		assert_int_equal(close(again), 0);
	}
	assert_int_equal(mprotect(handed.map, 4096, PROT_READ | PROT_WRITE), -1);
	drop_handover();
	play_close();
}

static void
a_refused_load_is_wiped_as_well(void **state)
{
	static const uint32_t errors[][2] = { { ENOEXEC, EV_load_kernel }, { ENOMEM, EV_load_memory }, { EPERM, EV_load_kernel } };

	(void)state;
	for (unsigned i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		to_handover(one, 1, NULL);
		check_archive(&newest, NULL);
		loaded(errors[i][0]);
		play_expect(MSG_crypto_unloaded);
		assert_int_equal(play.event, errors[i][1]);
		assert_int_equal(play.ended, EXIT_CLOSED);
		for (size_t at = handed.tail_at; at < handed.body.initramfs_bytes; at++)
			assert_int_equal(handed.map[at], 0);
		drop_handover();
		play_close();
	}
}

static void
every_length_of_initramfs_is_padded_with_four_zeros_or_more(void **state)
{
	(void)state;
	for (uint64_t bytes = 1; bytes <= 2 * NEWC_ALIGN + 1; bytes++) {
		struct generation g, *const slots[] = { &g };

		peer_generation(&g, 42, 1 + bytes % 3, bytes);
		to_handover(slots, 1, NULL);
		check_archive(&g, NULL);
		drop_handover();
		play_close();
		peer_generation_free(&g);
	}
}

static void
the_previous_key_goes_along_only_by_the_rules(void **state)
{
	const struct { uint64_t version; uint32_t chosen, prev; unsigned signers; int due; } rows[] = {
		{ 41, 0, OFFER_previous, 2, 1 }, { 41, OFFER_fallback, OFFER_previous | OFFER_healthy, 3, 1 },
		{ 41, OFFER_healthy, OFFER_previous, 2, 0 },		/* it has its keyslot already */
		{ 41, 0, OFFER_healthy | OFFER_fallback, 2, 0 },	/* not the one that the journal names */
		{ 42, 0, OFFER_previous, 2, 0 }, { 43, 0, OFFER_previous, 2, 0 },	/* never sideways or upwards */
		{ 41, 0, OFFER_previous, 1, 0 },			/* not verified */
		{ 40, 0, OFFER_previous, 2, 0 },			/* under the floor */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct generation g, *const slots[] = { &newest, &g };

		peer_generation(&g, rows[i].version, KERNEL_BYTES + 1, INITRAMFS_BYTES + 1);
		peer_sign(&g, rows[i].signers);
		play_open();
		crypto.config.least_version = 41;
		assert_int_equal(play_survey(slots, 2, (const uint32_t[]){ rows[i].chosen, rows[i].prev }), MSG_crypto_surveyed);
		assert_int_equal(play_supply(slots, 2), MSG_crypto_verified);
		play_say(MSG_broker_load);
		take_handover();
		check_archive(&newest, rows[i].due ? &g : NULL);
		drop_handover();
		play_close();
		peer_generation_free(&g);
	}
}

static void
a_failure_on_the_way_hands_nothing_over(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		play_open();
		fake.measure = i == 0 ? EV_load_measure : EV_none;
		fake.pcr = i == 1 ? EV_tpm_bank : EV_none;
		assert_int_equal(play_survey(one, 1, NULL), MSG_crypto_surveyed);
		assert_int_equal(play_supply(one, 1), MSG_crypto_verified);
		play_say(MSG_broker_load);
		play_expect(MSG_crypto_failed);
		assert_int_equal(play.event, i == 0 ? EV_load_measure : EV_tpm_bank);
		assert_int_equal(play.ended, EXIT_CLOSED);
		assert_null(crypto.secrets);
		assert_int_equal(peer_recv(play.lane, &(struct frame){ .id = 0 }), -EAGAIN);
		for (size_t at = 0; at < TAIL_BYTES; at++)
			assert_int_equal(crypto.handover[crypto.tail_at + at], 0);
		play_close();
	}
}

/* How often a masked string stands in what this process can write.  Planted ones are found: see the caller. */
static unsigned
copies(const uint8_t masked[KEY_BYTES])
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	char line[512], rights[8];
	unsigned n = 0;

	assert_non_null(maps);
	while (fgets(line, sizeof line, maps) != NULL) {
		static uint8_t page[1 << 16];
		int mem;

		if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[0] != 'r' || rights[1] != 'w' || to - from > 1ul << 28)
			continue;
		mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
		assert_true(mem >= 0);
		for (unsigned long at = from; at < to; at += sizeof page - KEY_BYTES + 1) {
			ssize_t len = pread(mem, page, to - at < sizeof page ? to - at : sizeof page, (off_t)at);

			for (ssize_t i = 0; i + KEY_BYTES <= len; i++) {
				unsigned k = 0;

				while (k < KEY_BYTES && (page[i + k] ^ 0x5a) == masked[k])
					k++;
				n += k == KEY_BYTES && !(at + (unsigned long)i + KEY_BYTES > (unsigned long)page &&
				    at + (unsigned long)i < (unsigned long)page + sizeof page);
			}
			sodium_memzero(page, sizeof page);
		}
		(void)close(mem);
	}
	(void)fclose(maps);
	return n;
}

static void
no_copy_of_key_or_node_secret_is_left_in_crypto_worker(void **state)
{
	uint8_t key[KEY_BYTES], prk[KEY_BYTES], secret[KEY_BYTES], planted[KEY_BYTES];

	(void)state;
	to_handover(one, 1, NULL);
	for (unsigned i = 0; i < KEY_BYTES; i++)
		secret[i] = (uint8_t)(fake_secret(i) ^ 0x5a);
	masked_key(newest.id, key, prk);
	assert_int_equal(copies(prk), 0);
	assert_in_range(copies(key), 1, 2);	/* the maker's mapping, and the receiver's is read-only */
	assert_int_equal(copies(secret), 0);
	loaded(0);
	assert_int_equal(copies(key), 0);
	for (volatile uint8_t *p = planted; p < planted + KEY_BYTES; p++)
		*p = key[p - planted] ^ 0x5a;
	assert_int_equal(copies(key), 1);
	sodium_memzero(planted, sizeof planted);
	drop_handover();
	play_close();
}

/* --- a hostile store --- */

static void
refused_in_survey(enum event event)
{
	assert_int_equal(play.refused, 1);
	assert_int_equal(play.event, event);
	play_say(MSG_broker_next);
	play_expect(MSG_crypto_none);
	assert_int_equal(play.ended, EXIT_CLOSED);
	play_close();
}

static void
every_flipped_byte_of_a_document_refuses(void **state)
{
	struct generation g = newest, *const slots[] = { &g };
	char *files[] = { g.manifest, g.minisig };
	const uint32_t bytes[] = { g.manifest_bytes, g.minisig_bytes };

	(void)state;
	for (unsigned f = 0; f < 2; f++)
		for (uint32_t at = 0; at < bytes[f]; at++) {
			/* an untrusted comment is vouched for by nobody: its first lines may say what they like */
			const char *line = f == 1 ? memchr(g.minisig + at, '\n', bytes[f] - at) : NULL;
			int quiet = 0;

			while (f == 1 && line != g.minisig && line[-1] != '\n')
				line--;
			quiet = f == 1 && strncmp(line, "untrusted comment: ", 19) == 0 && g.minisig + at >= line + 19 &&
			    g.minisig[at] != '\n';
			files[f][at] = (char)(files[f][at] ^ 1);
			play_open();
			assert_int_equal(play_survey(slots, 1, NULL), MSG_crypto_surveyed);
			if (quiet)
				play_close();
			else
				refused_in_survey(f == 0 || play.event == EV_doc_signature ? EV_doc_signature : EV_doc_minisig);
			files[f][at] = (char)(files[f][at] ^ 1);
		}
}

static uint64_t flip_at;
static uint32_t flip_part;

static void
flip(int fd, const struct msg_crypto_want *want)
{
	uint8_t byte;

	if (want->part != flip_part || want->slot != 0)
		return;
	assert_int_equal(pread(fd, &byte, 1, (off_t)flip_at), 1);
	byte ^= 0x80;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)flip_at), 1);
}

static void *kept_map;

static void
keep_mapped(int fd, const struct msg_crypto_want *want)
{
	if (want->part != flip_part || want->slot != 0)
		return;
	kept_map = mmap(NULL, want->len_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(kept_map, MAP_FAILED);
}

static void
seal_it(int fd, const struct msg_crypto_want *want)
{
	if (want->part == flip_part && want->slot == 0)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_WRITE), 0);
}

/* The first slot's image is spoilt: it is out by this code, and the second slot is the next candidate and verifies. */
static void
the_next_one_is_taken(void (*spoil)(int, const struct msg_crypto_want *), uint32_t part, enum event event)
{
	flip_part = part;
	play_open();
	assert_int_equal(play_survey(both, 2, NULL), MSG_crypto_surveyed);
	play.spoil = spoil;
	assert_int_equal(play_supply(both, 2), MSG_crypto_rejected);
	assert_int_equal(play.event, event);
	assert_int_equal(play.about.slot, 0);
	assert_int_equal(play_supply(both, 2), MSG_crypto_verified);
	assert_int_equal(play.about.slot, 1);
	play_close();
}

static void
every_flipped_byte_of_an_image_rejects_and_the_next_one_is_taken(void **state)
{
	(void)state;
	for (flip_at = 0; flip_at < KERNEL_BYTES; flip_at += flip_at < KERNEL_BYTES - 64 ? 61 : 1)
		the_next_one_is_taken(flip, PART_kernel, EV_image_kernel);
	for (flip_at = 0; flip_at < INITRAMFS_BYTES; flip_at += flip_at < INITRAMFS_BYTES - 64 ? 61 : 1)
		the_next_one_is_taken(flip, PART_initramfs, EV_image_initramfs);
}

static void
a_store_that_keeps_the_kernel_mapped_or_seals_it_is_named(void **state)
{
	(void)state;
	the_next_one_is_taken(keep_mapped, PART_kernel, EV_image_misuse);
	assert_int_equal(munmap(kept_map, KERNEL_BYTES), 0);
	the_next_one_is_taken(seal_it, PART_kernel, EV_image_misuse);
	the_next_one_is_taken(seal_it, PART_initramfs, EV_load_memory);
}

static void
what_the_store_writes_afterwards_changes_nothing(void **state)
{
	(void)state;
	flip_part = PART_initramfs;
	play_open();
	assert_int_equal(play_survey(one, 1, NULL), MSG_crypto_surveyed);
	play.spoil = keep_mapped;
	assert_int_equal(play_supply(one, 1), MSG_crypto_verified);
	memset(kept_map, 0xee, INITRAMFS_BYTES);	/* the source, no longer of use to anyone */
	play_say(MSG_broker_load);
	take_handover();
	check_archive(&newest, NULL);
	assert_int_equal(munmap(kept_map, INITRAMFS_BYTES), 0);
	drop_handover();
	play_close();
}

static void
lies_about_sizes_and_slots_are_refused(void **state)
{
	struct msg_store_offer offer = { .manifest_bytes = newest.manifest_bytes, .minisig_bytes = newest.minisig_bytes,
		.kernel_bytes = KERNEL_BYTES, .initramfs_bytes = INITRAMFS_BYTES };
	struct msg_store_offered offered = { .count = 1 };

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct msg_store_offer lie = offer;

		lie.manifest_bytes += i == 0 ? 1 : i == 1 ? UINT32_MAX : 0;
		lie.minisig_bytes += i == 2 ? 1 : i == 3 ? UINT32_MAX : 0;
		lie.kernel_bytes += i == 4;
		lie.initramfs_bytes -= i == 5;
		play_open();
		play_latch();
		play_expect(MSG_crypto_closed);
		admit_note(&play.view, MSG_broker_survey);
		play_tell(MSG_store_offer, &lie);
		play_tell(MSG_store_offered, &offered);
		assert_int_equal(play_serve(one, 1), MSG_crypto_surveyed);
		refused_in_survey(i < 2 ? EV_doc_signature : i < 4 ? EV_doc_minisig : EV_image_size);
	}
}

static void
offers(unsigned n, uint32_t slot)
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

static void
thirty_two_offers_of_one_slot_are_eight_candidates(void **state)
{
	unsigned tried = 0;

	(void)state;
	play_open();
	play_latch();
	play_expect(MSG_crypto_closed);
	offers(32, 0);
	assert_int_equal(play_serve(one, 1), MSG_crypto_surveyed);
	play.spoil = flip;
	flip_at = 0;
	flip_part = PART_initramfs;
	while (play_supply(one, 1) == MSG_crypto_rejected)
		tried++;
	assert_int_equal(tried, SLOTS_MAX);
	assert_int_equal(play.event, EV_no_candidate);
	assert_int_equal(play.ended, EXIT_CLOSED);
	play_close();
}

static void
an_answer_for_another_part_or_slot_is_none(void **state)
{
	(void)state;
	play_open();
	play_latch();
	play_expect(MSG_crypto_closed);
	offers(1, 0);
	play_expect(MSG_crypto_want);
	for (uint32_t i = 0; i < 2; i++) {
		struct msg_store_filled wrong = { .slot = i == 0, .part = i == 0 ? PART_manifest : PART_minisig };

		admit_note(&crypto.state, MSG_crypto_want);	/* the broker is hostile as well and lets it pass */
		play_tell(MSG_store_filled, &wrong);
		assert_int_equal(play.ended, LIVES);
		assert_int_equal(play_hear(), MSG_none);
	}
	play_fill(&newest);
	play_expect(MSG_crypto_want);
	assert_int_equal(play.want.part, PART_minisig);
	play_close();
}

static void
a_store_that_gives_up_or_accuses_is_heard_by_code(void **state)
{
	(void)state;
	for (uint32_t part = PART_manifest; part <= PART_LAST; part++) {
		struct msg_store_filled filled = { .part = part, .event = EV_cache_io };

		play_open();
		play_latch();
		play_expect(MSG_crypto_closed);
		offers(1, 0);
		for (play_expect(MSG_crypto_want); play.want.part < part;) {
			uint32_t id;

			play_fill(&newest);
			if ((id = play_hear()) == MSG_crypto_node)
				id = play_hear();
			if (id == MSG_crypto_surveyed) {
				play_say(MSG_broker_next);
				play_expect(MSG_crypto_chosen);
				id = play_hear();
			}
			assert_int_equal(id, MSG_crypto_want);
		}
		play_tell(MSG_store_filled, &filled);
		play_expect(part <= PART_minisig ? MSG_crypto_refused : MSG_crypto_rejected);
		assert_int_equal(play.event, EV_cache_io);
		play_close();
	}
}

/* --- losses --- */

static void
lost(uint32_t final)
{
	struct msg_broker_lost body = { .program = PEER_store, .final = final };

	play_tell(MSG_broker_lost, &body);
}

static void
a_store_that_dies_in_survey_is_asked_anew(void **state)
{
	(void)state;
	for (unsigned fills = 0; fills < 2; fills++)
		for (uint32_t final = 0; final < 2; final++) {
			play_open();
			play_latch();
			play_expect(MSG_crypto_closed);
			offers(1, 0);
			play_expect(MSG_crypto_want);
			for (unsigned i = 0; i < fills; i++) {
				play_fill(&newest);
				play_expect(MSG_crypto_want);
			}
			lost(final);
			if (final) {
				play_expect(MSG_crypto_surveyed);
				play_say(MSG_broker_next);
				play_expect(MSG_crypto_none);
				assert_int_equal(play.ended, EXIT_CLOSED);
			} else {
				assert_int_equal(play_hear(), MSG_none);
				offers(1, 0);
				assert_int_equal(play_serve(one, 1), MSG_crypto_surveyed);
				assert_int_equal(play_supply(one, 1), MSG_crypto_verified);
			}
			play_close();
		}
}

static void
a_store_that_dies_in_supply_is_asked_for_the_same_again(void **state)
{
	(void)state;
	for (uint32_t part = PART_kernel; part <= PART_initramfs; part++)
		for (uint32_t final = 0; final < 2; final++) {
			play_open();
			assert_int_equal(play_survey(one, 1, NULL), MSG_crypto_surveyed);
			play_say(MSG_broker_next);
			play_expect(MSG_crypto_chosen);
			play_expect(MSG_crypto_want);
			if (part == PART_initramfs) {
				play_fill(&newest);
				play_expect(MSG_crypto_want);
			}
			lost(final);
			if (final) {
				play_expect(MSG_crypto_rejected);
				assert_int_equal(play.event, EV_program_spent);
			} else {
				play_expect(MSG_crypto_want);
				assert_int_equal(play.want.part, part);
				play_fill(&newest);
				assert_int_equal(play_serve(one, 1), MSG_crypto_verified);
			}
			play_close();
		}
}

/* The broker sends it in SUPPLY; crypto-worker, which got the last fill before, is already further. */
static void
a_loss_told_a_moment_late_ended_crypto_worker(void **state)
{
	(void)state;
	play_open();
	assert_int_equal(play_survey(one, 1, NULL), MSG_crypto_surveyed);
	assert_int_equal(play_supply(one, 1), MSG_crypto_verified);
	lost(0);
	assert_int_equal(play.ended, LIVES);
	play_close();
}

/* The want was on its way when the store died: the broker gives it to the fresh one, which answers it. */
static void
an_answer_to_a_want_from_before_the_loss_ended_crypto_worker(void **state)
{
	(void)state;
	play_open();
	play_latch();
	play_expect(MSG_crypto_closed);
	offers(1, 0);
	play_expect(MSG_crypto_want);
	lost(0);
	play_fill(&newest);
	assert_int_equal(play.ended, LIVES);
	assert_int_equal(play_hear(), MSG_none);	/* and it says nothing */
	play_close();
}

/* Four lives of a store, seven refusals in each before it dies: what crypto-worker says is all legal, and yet it was ended for it. */
static void
refusals_of_four_lives_were_more_than_the_table_allows(void **state)
{
	struct generation bad = newest, *const slots[] = { &bad };

	(void)state;
	bad.manifest[30] ^= 1;
	play_open();
	play_latch();
	play_expect(MSG_crypto_closed);
	for (unsigned life = 0; life < 4; life++) {
		offers(SLOTS_MAX, 0);
		for (unsigned i = 0; i < 2 * SLOTS_MAX - 1; i++) {
			uint32_t id = play_hear();

			if (id == MSG_crypto_refused)
				id = play_hear();
			assert_int_equal(id, MSG_crypto_want);
			play_fill(slots[0]);
		}
		if (life < 3)
			lost(0);
		while (life < 3 && play_hear() != MSG_none)
			;
	}
	play_close();
}

/* --- a hostile broker --- */

/* crypto-worker in each of its phases; whether a message is due there, by hand from DESIGN.md section 3. */
static int
stage(unsigned phase_no)
{
	play_open();
	play_latch();
	play_expect(MSG_crypto_closed);
	if (phase_no == PHASE_NO_SURVEY)
		return 1;
	offers(1, 0);
	assert_int_equal(play_serve(one, 1), MSG_crypto_surveyed);
	if (phase_no == PHASE_NO_SUPPLY)
		return 1;
	assert_int_equal(play_supply(one, 1), MSG_crypto_verified);
	if (phase_no == PHASE_NO_RECORD)
		return 1;
	play_say(MSG_broker_load);
	take_handover();
	return phase_no == PHASE_NO_LOAD;
}

static void
a_broker_that_lies_ends_crypto_worker_without_a_key(void **state)
{
	static const struct { unsigned phases; uint32_t id; } due[] = { { PHASE(SURVEY) | PHASE(SUPPLY), MSG_store_offer },
		{ PHASE(SURVEY) | PHASE(SUPPLY), MSG_store_offered },	/* SUPPLY: of a store replaced just then, not looked at */
		{ PHASE(SURVEY) | PHASE(SUPPLY) | PHASE(RECORD), MSG_broker_lost },	/* RECORD: has its own test */
		{ PHASE(SUPPLY), MSG_broker_next }, { PHASE(RECORD), MSG_broker_load }, { PHASE(LOAD), MSG_kexec_loaded } };
	static const unsigned phases[] = { PHASE_NO_SURVEY, PHASE_NO_SUPPLY, PHASE_NO_RECORD, PHASE_NO_LOAD };
	unsigned lies = 0;

	(void)state;
	for (unsigned p = 0; p < 4; p++)
		for (uint32_t id = 1; id < MSG_COUNT; id++) {
			struct frame f;
			int is_due = 0;

			for (unsigned i = 0; i < sizeof due / sizeof due[0]; i++)
				is_due |= due[i].id == id && (due[i].phases >> phases[p] & 1) != 0;
			if (is_due)
				continue;
			assert_true(stage(phases[p]));
			play_lie(id);
			lies++;
			assert_int_equal(play.ended, EXIT_PEER);
			assert_null(crypto.secrets);
			assert_int_equal(play_hear(), MSG_none);
			assert_int_equal(peer_recv(play.lane, &f), -EAGAIN);
			if (phases[p] == PHASE_NO_LOAD) {
				for (size_t at = crypto.tail_at; at < handed.body.initramfs_bytes; at++)
					assert_int_equal(handed.map[at], 0);
				drop_handover();
			}
			play_close();
		}
	assert_in_range(lies, 4 * (MSG_COUNT - 1) - 10, 4 * (MSG_COUNT - 1));
}

static void
a_broker_that_says_it_twice_ends_crypto_worker(void **state)
{
	(void)state;
	stage(PHASE_NO_SUPPLY);
	play_say(MSG_broker_next);
	play_lie(MSG_broker_next);
	assert_int_equal(play.ended, EXIT_PEER);
	play_close();
	stage(PHASE_NO_LOAD);
	play_lie(MSG_broker_load);	/* a replay: no second hand-over */
	assert_int_equal(play.ended, EXIT_PEER);
	assert_int_equal(peer_recv(play.lane, &(struct frame){ .id = 0 }), -EAGAIN);
	drop_handover();
	play_close();
}

/* --- the latch --- */

static const enum event events[] = { EV_none,
#define EVENT(name, code, text, todo) EV_##name,
#include "events.def"
};

static void
latch_is_closed_and_says(enum event event)
{
	assert_int_equal(fake.closes, crypto.tpm != NULL);
	if (event == EV_none) {
		play_expect(MSG_crypto_closed);
		assert_int_equal(play.ended, LIVES);
	} else {
		play_expect(MSG_crypto_failed);
		assert_int_equal(play.event, event);
		assert_int_equal(play.ended, EXIT_CLOSED);
		assert_null(crypto.secrets);
	}
	assert_int_equal(play_hear(), MSG_none);
	play_close();
}

static void
every_answer_of_the_tpm_at_every_step_closes_the_latch(void **state)
{
	enum { OPEN, OPEN_HALF, INDEX, READ, CLOSE, INDEX_NEW, ENROL, INDEX_AGAIN, READ_AGAIN, CLOSE_NEW, STEPS };

	(void)state;
	for (unsigned step = 0; step < STEPS; step++)
		for (unsigned i = 0; i < sizeof events / sizeof events[0]; i++) {
			enum event e = events[i];

			if (step == INDEX && e == EV_tpm_not_enrolled)
				continue;	/* the way to an enrolment: the steps behind it */
			play_open();
			if (step >= INDEX_NEW)
				fake.index[0] = EV_tpm_not_enrolled;
			fake.open_leaves_one = step == OPEN_HALF;
			*(step <= OPEN_HALF ? &fake.open : step == INDEX ? &fake.index[0] :
			    step == READ || step == READ_AGAIN ? &fake.read : step == CLOSE || step == CLOSE_NEW ? &fake.close : step == ENROL ? &fake.enrol : &fake.index[1]) = e;
			play_latch();
			assert_int_equal(fake.opens, 1);
			assert_int_equal(fake.enrols, step >= INDEX_NEW);
			if (fake.closes != 0 && step > OPEN_HALF && e == EV_none)
				assert_int_equal(fake.without_index, 0);
			latch_is_closed_and_says(e);
		}
}

static void
enrolment_happens_only_where_nothing_was(void **state)
{
	static const enum event indexes[] = { EV_none, EV_tpm_not_enrolled, EV_tpm_unfinished, EV_tpm_index_name, EV_tpm_error,
		EV_tpm_policy };

	(void)state;
	for (unsigned x = 0; x < sizeof indexes / sizeof indexes[0]; x++)
		for (unsigned header = 0; header < 3; header++)		/* invalid, blank, knows another node */
			for (unsigned enrol = 0; enrol < 2; enrol++) {
				int absent = indexes[x] == EV_tpm_not_enrolled, may = absent && header == 1 && enrol == 1;
				enum event due = may ? EV_none :
				    !absent ? indexes[x] == EV_none && header == 2 ? EV_tpm_exchanged : indexes[x] :
				    header == 2 ? EV_tpm_cleared : enrol == 0 ? EV_tpm_not_enrolled : EV_cache_format;

				play_open();
				fake.index[0] = indexes[x];
				crypto.config.enrol = enrol ? ENROL_local : ENROL_none;
				play_header(header != 0, header == 2 ? other_node : no_node);
				play_latch();
				assert_int_equal(fake.enrols, may);
				if (may)
					assert_memory_equal(fake.org_key, crypto.config.org_key.key[0].key, sizeof fake.org_key);
				latch_is_closed_and_says(due);
			}
	/* the positive twin of "exchanged" */
	play_open();
	play_header(1, fake.node);
	play_latch();
	assert_int_equal(crypto.header_knows_node, 1);
	latch_is_closed_and_says(EV_none);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_good_path_hands_over_the_key_and_leaves_nothing),
		cmocka_unit_test(the_receiver_can_only_have_the_kernel_read_it),
		cmocka_unit_test(a_refused_load_is_wiped_as_well),
		cmocka_unit_test(every_length_of_initramfs_is_padded_with_four_zeros_or_more),
		cmocka_unit_test(the_previous_key_goes_along_only_by_the_rules),
		cmocka_unit_test(a_failure_on_the_way_hands_nothing_over),
		cmocka_unit_test(no_copy_of_key_or_node_secret_is_left_in_crypto_worker),
		cmocka_unit_test(every_flipped_byte_of_a_document_refuses),
		cmocka_unit_test(every_flipped_byte_of_an_image_rejects_and_the_next_one_is_taken),
		cmocka_unit_test(a_store_that_keeps_the_kernel_mapped_or_seals_it_is_named),
		cmocka_unit_test(what_the_store_writes_afterwards_changes_nothing),
		cmocka_unit_test(lies_about_sizes_and_slots_are_refused),
		cmocka_unit_test(thirty_two_offers_of_one_slot_are_eight_candidates),
		cmocka_unit_test(an_answer_for_another_part_or_slot_is_none),
		cmocka_unit_test(a_store_that_gives_up_or_accuses_is_heard_by_code),
		cmocka_unit_test(a_store_that_dies_in_survey_is_asked_anew),
		cmocka_unit_test(a_store_that_dies_in_supply_is_asked_for_the_same_again),
		cmocka_unit_test(a_loss_told_a_moment_late_ended_crypto_worker),
		cmocka_unit_test(an_answer_to_a_want_from_before_the_loss_ended_crypto_worker),
		cmocka_unit_test(refusals_of_four_lives_were_more_than_the_table_allows),
		cmocka_unit_test(a_broker_that_lies_ends_crypto_worker_without_a_key),
		cmocka_unit_test(a_broker_that_says_it_twice_ends_crypto_worker),
		cmocka_unit_test(every_answer_of_the_tpm_at_every_step_closes_the_latch),
		cmocka_unit_test(enrolment_happens_only_where_nothing_was),
	};

	if (sodium_init() < 0)
		return 1;
	peer_reserve();
	return cmocka_run_group_tests(tests, make_generations, free_generations);
}
