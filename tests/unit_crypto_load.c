/*
 * crypto-worker hands a generation over: the key goes along by the rules, can be read by the kernel alone, and nothing of it stays.
 * The test plays kexec-worker, honest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sodium.h>

#include "crypto_handover.h"
#include "exits.h"
#include "fake_tpm.h"
#include "newc.h"

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
	check_wiped_from(handed.tail_at);
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
		check_wiped_from(handed.tail_at);
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

static void
no_copy_of_key_or_node_secret_is_left_in_crypto_worker(void **state)
{
	uint8_t key[KEY_BYTES], prk[KEY_BYTES], secret[KEY_BYTES], planted[KEY_BYTES];

	(void)state;
	to_handover(one, 1, NULL);
	for (unsigned i = 0; i < KEY_BYTES; i++)
		secret[i] = (uint8_t)(fake_secret(i) ^ 0x5a);
	masked_key(newest.id, key, prk);
	assert_int_equal(masked_copies(prk), 0);
	assert_in_range(masked_copies(key), 1, 2);	/* the maker's mapping, and the receiver's is read-only */
	assert_int_equal(masked_copies(secret), 0);
	loaded(0);
	assert_int_equal(masked_copies(key), 0);
	for (volatile uint8_t *p = planted; p < planted + KEY_BYTES; p++)
		*p = key[p - planted] ^ 0x5a;
	assert_int_equal(masked_copies(key), 1);
	sodium_memzero(planted, sizeof planted);
	drop_handover();
	play_close();
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
	};

	return cmocka_run_group_tests(tests, play_setup, play_teardown);
}
