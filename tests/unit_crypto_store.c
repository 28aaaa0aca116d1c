/*
 * crypto-worker against a store that lies: documents and images changed at any byte, sizes, slots, answers, memfds that it keeps.
 * The test plays store-worker, hostile, and the others, honest.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto_handover.h"
#include "exits.h"

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

/* A transfer that stopped there: the rest of the memfd, whose size the manifest gave, is zeros. */
static void
cut(int fd, const struct msg_crypto_want *want)
{
	if (want->part == flip_part && want->slot == 0)
		assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)flip_at,
		    (off_t)(want->len_bytes - flip_at)), 0);
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
an_image_cut_at_every_hundredth_and_at_its_last_byte_rejects(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= 100; i++) {
		flip_at = i == 100 ? KERNEL_BYTES - 1 : KERNEL_BYTES * i / 100;
		the_next_one_is_taken(cut, PART_kernel, EV_image_kernel);
		flip_at = i == 100 ? INITRAMFS_BYTES - 1 : INITRAMFS_BYTES * i / 100;
		the_next_one_is_taken(cut, PART_initramfs, EV_image_initramfs);
	}
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
		play_to_survey();
		admit_note(&play.view, MSG_broker_survey);
		play_tell(MSG_store_offer, &lie);
		play_tell(MSG_store_offered, &offered);
		assert_int_equal(play_serve(one, 1), MSG_crypto_surveyed);
		refused_in_survey(i < 2 ? EV_doc_signature : i < 4 ? EV_doc_minisig : EV_image_size);
	}
}

static void
thirty_two_offers_of_one_slot_are_eight_candidates(void **state)
{
	unsigned tried = 0;

	(void)state;
	play_to_survey();
	play_offers(32, 0);
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
an_answer_to_another_question_is_none(void **state)
{
	(void)state;
	play_to_survey();
	play_offers(1, 0);
	play_expect(MSG_crypto_want);
	for (uint32_t i = 0; i < 2; i++) {
		struct msg_store_filled wrong = { .part = PART_manifest, .number = i == 0 ? play.want.number + 1 : UINT32_MAX };

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

/*
 * A store that says another part than it was asked for, and a broker that lets it pass: the kernel's place was given to memory of the
 * initramfs's size, and looking at it ended crypto-worker (SIGBUS), or took a kernel with bytes behind it that nobody has signed.
 */
static void
an_answer_about_another_part_is_about_what_was_asked(void **state)
{
	(void)state;
	play_to_survey();
	play_offers(1, 0);
	for (uint32_t part = PART_manifest; part <= PART_LAST; part++) {
		struct msg_store_filled wrong = { .slot = 7, .part = part == PART_initramfs ? PART_kernel : part + 1 };
		uint64_t len;
		const void *bytes;
		uint32_t id;

		while ((id = play_hear()) != MSG_crypto_want) {
			assert_true(id == MSG_crypto_node || id == MSG_crypto_surveyed || id == MSG_crypto_chosen);
			if (id == MSG_crypto_surveyed)
				play_say(MSG_broker_next);
		}
		assert_int_equal(play.want.part, part);
		bytes = peer_part(&newest, part, &len);
		assert_int_equal(pwrite(play.want_fd, bytes, len, 0), (ssize_t)len);
		wrong.number = play.want.number;
		play_tell(MSG_store_filled, &wrong);
	}
	assert_int_equal(play_serve(one, 1), MSG_crypto_verified);
	play_close();
}

static void
a_store_that_gives_up_or_accuses_is_heard_by_code(void **state)
{
	(void)state;
	for (uint32_t part = PART_manifest; part <= PART_LAST; part++) {
		struct msg_store_filled filled = { .part = part, .event = EV_cache_io };

		play_to_survey();
		play_offers(1, 0);
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
		filled.number = play.want.number;
		play_tell(MSG_store_filled, &filled);
		play_expect(part <= PART_minisig ? MSG_crypto_refused : MSG_crypto_rejected);
		assert_int_equal(play.event, EV_cache_io);
		play_close();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_flipped_byte_of_a_document_refuses),
		cmocka_unit_test(every_flipped_byte_of_an_image_rejects_and_the_next_one_is_taken),
		cmocka_unit_test(an_image_cut_at_every_hundredth_and_at_its_last_byte_rejects),
		cmocka_unit_test(a_store_that_keeps_the_kernel_mapped_or_seals_it_is_named),
		cmocka_unit_test(what_the_store_writes_afterwards_changes_nothing),
		cmocka_unit_test(lies_about_sizes_and_slots_are_refused),
		cmocka_unit_test(thirty_two_offers_of_one_slot_are_eight_candidates),
		cmocka_unit_test(an_answer_to_another_question_is_none),
		cmocka_unit_test(an_answer_about_another_part_is_about_what_was_asked),
		cmocka_unit_test(a_store_that_gives_up_or_accuses_is_heard_by_code),
	};

	return cmocka_run_group_tests(tests, play_setup, play_teardown);
}
