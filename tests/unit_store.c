/*
 * store-worker as it should work, and as it answers when the disk does not: every handler, good disks, torn, cut and absent ones.
 */
#include "store_fixture.h"

#include "crc32.h"

static struct msg_store_offer offers[SLOTS_MAX];

static void
close_broker(void)
{
	assert_int_equal(close(broker_fd), 0);
	broker_fd = -1;
}

/* --- the disk is good --- */
static void
survey_offers_what_is_there_in_the_journals_order(void **state)
{
	static const uint32_t slots[3] = { 3, 0, 1 };
	static const uint32_t flags[3] = { 0, OFFER_fallback | OFFER_healthy | OFFER_previous, OFFER_fallback };
	uint32_t event;

	(void)state;
	for (unsigned twice = 0; twice < 2; twice++) {
		assert_int_equal(ask_survey(offers, &event), 3);
		assert_int_equal(event, EV_none);
		for (unsigned i = 0; i < 3; i++) {
			const struct cache_slot *s = &full[slots[i]];

			assert_int_equal(offers[i].slot, slots[i]);
			assert_int_equal(offers[i].flags, flags[i]);
			assert_int_equal(offers[i].attempts, i == 0 ? 1 : 0);
			assert_int_equal(offers[i].outcome, 0);
			assert_int_equal(offers[i].manifest_bytes, s->manifest_bytes);
			assert_int_equal(offers[i].minisig_bytes, s->minisig_bytes);
			assert_int_equal(offers[i].kernel_bytes, s->kernel_bytes);
			assert_int_equal(offers[i].initramfs_bytes, s->initramfs_bytes);
		}
	}
	expect_silence();
}

static void
every_part_comes_byte_for_byte_and_its_descriptor_is_closed(void **state)
{
	static uint8_t got[3 * MIB];

	(void)state;
	for (uint32_t slot = 0; slot < 4; slot++) {
		for (enum part part = PART_manifest; slot != 2 && part <= PART_LAST; part++) {
			uint64_t n = cache_part_bytes(&full[slot], part), at = cache_part_at(&geometry, slot, &full[slot], part);
			unsigned open_before = fds_open(), progress;
			int memfd;

			assert_int_equal(ask_part(slot, part, n, &memfd, &progress), EV_none);
			assert_int_equal(progress, 0);
			assert_int_equal(fds_open(), open_before + 1);
			assert_int_equal(cache_read_at(memfd, got, n, 0), 0);
			for (uint64_t i = 0; i < n; i++)
				assert_true(got[i] == byte_at(at + i));
			assert_int_equal(close(memfd), 0);
		}
	}
	expect_silence();
}

static void
progress_is_told_every_8_mib_and_at_most_24_times(void **state)
{
	struct cache_header h = { .slots = 1, .slot_bytes = 256 * MIB };
	struct cache_slot s = { .id = { 1 }, .manifest_bytes = 1, .minisig_bytes = 1, .kernel_bytes = 40 * MIB + 1,
		.initramfs_bytes = 200 * MIB };
	unsigned progress;
	int memfd;

	(void)state;
	assert_int_equal(ftruncate(disk, 0), 0);	/* the rest is a hole */
	assert_int_equal(ftruncate(disk, 257 * MIB), 0);
	assert_int_equal(cache_write_header(disk, &h), 0);
	assert_int_equal(cache_write_slot(disk, &h, 0, &s), 0);
	assert_int_equal(ask_part(0, PART_kernel, s.kernel_bytes, &memfd, &progress), EV_none);
	assert_int_equal(progress, 5);
	assert_int_equal(close(memfd), 0);
	assert_int_equal(ask_part(0, PART_initramfs, s.initramfs_bytes, &memfd, &progress), EV_none);
	assert_true(progress > 20 && progress <= 24);
	assert_int_equal(close(memfd), 0);
}

static void
what_a_ticket_named_is_offered_first_from_then_on(void **state)
{
	uint32_t event;

	(void)state;
	assert_int_equal(ask_survey(offers, &event), 3);
	assert_int_not_equal(offers[0].slot, 1);
	assert_int_equal(ask_record(11, RECORD_ticket, EV_none), EV_none);
	assert_int_equal(ask_survey(offers, &event), 3);
	assert_int_equal(offers[0].slot, 1);
	assert_int_equal(offers[0].attempts, 1);
	assert_int_equal(offers[0].flags & OFFER_fallback, 0);
}

static void
an_attempt_and_its_failure_are_in_the_journal(void **state)
{
	struct cache_journal j;
	uint32_t event;

	(void)state;
	assert_int_equal(ask_record(11, RECORD_begun, EV_none), EV_none);
	assert_int_equal(cache_read_journal(disk, &j), 0);
	assert_int_equal(j.sequence, 2);
	assert_memory_equal(j.booted, full[1].id, ID_BYTES);
	assert_int_equal(cache_journal_find(&j, full[1].id)->attempts, 1);
	assert_int_equal(ask_record(11, RECORD_failed, EV_load_kernel), EV_none);
	assert_int_equal(cache_read_journal(disk, &j), 0);
	assert_int_equal(j.sequence, 3);
	assert_int_equal(cache_journal_find(&j, full[1].id)->failed, EV_load_kernel);
	assert_int_equal(ask_survey(offers, &event), 3);	/* slot 1 is offered behind the others: for a ticket alone */
	assert_int_equal(offers[0].slot, 3);
	assert_int_equal(offers[1].slot, 0);
	assert_int_equal(offers[2].slot, 1);
	assert_int_equal(offers[2].flags, OFFER_failed | OFFER_fallback);
	assert_int_equal(offers[2].outcome, EV_load_kernel);
	assert_int_equal(offers[1].outcome, 0);
	/* the newest fails: the next one says why it is its turn, the failed ones what they failed with */
	assert_int_equal(ask_record(13, RECORD_failed, EV_load_memory), EV_none);
	assert_int_equal(ask_survey(offers, &event), 3);
	for (unsigned i = 0; i < 3; i++) {
		static const uint32_t slots[3] = { 0, 3, 1 };

		assert_int_equal(offers[i].slot, slots[i]);
		assert_int_equal(offers[i].outcome, i < 2 ? EV_load_memory : EV_load_kernel);
		assert_int_equal((offers[i].flags & OFFER_failed) != 0, i > 0);
	}
}

static uint32_t
ask_stops(void)
{
	uint32_t event;

	(void)ask_survey(offers, &event);
	return offered.stops;
}

static void
stops_in_a_row_are_counted_until_an_attempt_begins(void **state)
{
	struct msg_store_recorded recorded;

	(void)state;
	assert_int_equal(ask_stops(), 0);
	for (uint32_t n = 1; n <= STOPS_MAX; n++) {
		const struct msg_broker_record stopped = { .what = RECORD_stopped, .stops = n };

		/* An attempt that was begun and then stopped counts on: else a machine that always fails in LOAD never waits longer. */
		assert_int_equal(ask_record(11, RECORD_begun, EV_none), EV_none);
		assert_int_equal(tell(MSG_broker_record, &stopped, NULL), 1);
		expect(MSG_store_recorded, &recorded);
		assert_int_equal(recorded.what, RECORD_stopped);
		assert_int_equal(recorded.event, EV_none);
		memset(broker.count, 0, sizeof broker.count);	/* each is another boot */
		memset(store.state.count, 0, sizeof store.state.count);
		assert_int_equal(ask_stops(), n);
	}
	assert_int_equal(ask_record(11, RECORD_failed, EV_load_kernel), EV_none);
	assert_int_equal(ask_stops(), STOPS_MAX);
	assert_int_equal(ask_record(11, RECORD_begun, EV_none), EV_none);
	assert_int_equal(ask_stops(), 0);
}

static void
the_node_id_is_written_when_it_differs_and_only_then(void **state)
{
	const struct msg_crypto_node node = { .node = { 5, 6, 7 } }, other = { .node = { 8 } };
	struct cache_header h;
	char path[64];

	(void)state;
	assert_int_equal(tell(MSG_crypto_node, &node, NULL), 1);
	assert_int_equal(cache_read_header(disk, &h), 0);
	assert_memory_equal(h.node, node.node, 16);
	assert_int_equal(h.slots, geometry.slots);
	assert_int_equal(h.slot_bytes, geometry.slot_bytes);
	/* a disk that cannot be written tells whether it was tried */
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", disk);
	store.disk = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(store.disk >= 0);
	assert_int_equal(tell(MSG_crypto_node, &node, NULL), 1);
	assert_int_equal(store.broken, 0);
	assert_int_equal(tell(MSG_crypto_node, &other, NULL), 1);
	assert_int_equal(store.broken, 1);
	assert_int_equal(close(store.disk), 0);
	expect_silence();
}

static void
a_torn_first_header_is_healed_by_the_node_id(void **state)
{
	const struct msg_crypto_node node = { .node = { 5 } };
	uint8_t sector[CACHE_SECTOR];
	struct cache_header h;

	(void)state;
	assert_int_equal(tell(MSG_crypto_node, &node, NULL), 1);
	assert_int_equal(cache_write_at(disk, "torn", 4, 100), 0);
	assert_int_equal(tell(MSG_crypto_node, &node, NULL), 1);
	assert_int_equal(cache_read_at(disk, sector, sizeof sector, 0), 0);
	assert_int_equal(cache_decode_header(sector, &h), 0);
	assert_memory_equal(h.node, node.node, 16);
	expect_silence();
}

static void
a_closed_channel_ends_it_whether_it_reads_or_answers(void **state)
{
	(void)state;
	assert_int_equal(chan_send(broker_fd, MSG_broker_survey, &survey, NULL), 0);
	close_broker();
	assert_int_equal(store_receive(&store), 0);	/* the answer found nobody */
	assert_int_equal(store_receive(&store), 0);
}

static void
a_channel_closed_over_unread_answers_is_closed_all_the_same(void **state)
{
	(void)state;
	assert_int_equal(tell(MSG_broker_survey, &survey, NULL), 1);
	close_broker();
	assert_int_equal(store_receive(&store), 0);
}

/* --- the disk is not --- */
static void
expect_no_cache(uint32_t why)
{
	uint32_t event;

	assert_int_equal(ask_survey(offers, &event), 0);
	assert_int_equal(event, why);
	assert_int_equal(ask_part_event(0, PART_kernel, 5000), why);
	assert_int_equal(ask_record(10, RECORD_begun, EV_none), why);
}

static void
no_partition_no_header_and_no_bytes_have_each_their_code(void **state)
{
	static const struct msg_crypto_node node = { .node = { 1 } };
	uint8_t before[CACHE_SLOTS_AT], after[CACHE_SLOTS_AT];

	(void)state;
	store.disk = open("/dev/null", O_RDWR | O_CLOEXEC);
	expect_no_cache(EV_cache_absent);
	assert_int_equal(close(store.disk), 0);
	store.disk = disk;
	assert_int_equal(cache_write_at(disk, "x", 1, 30), 0);
	assert_int_equal(ask_part_event(0, PART_kernel, 5000), EV_none);	/* the second header counts */
	assert_int_equal(cache_write_at(disk, "x", 1, CACHE_HEADER_AGAIN + 30), 0);
	assert_int_equal(cache_read_at(disk, before, sizeof before, 0), 0);
	expect_no_cache(EV_cache_format);
	assert_int_equal(tell(MSG_crypto_node, &node, NULL), 1);
	assert_int_equal(cache_read_at(disk, after, sizeof after, 0), 0);
	assert_memory_equal(before, after, sizeof before);	/* what is no cache partition is not written to */
	assert_int_equal(ftruncate(disk, 0), 0);
	expect_no_cache(EV_cache_io);
}

static void
a_corrupted_slot_header_takes_its_slot_out_and_no_other(void **state)
{
	uint32_t event;

	(void)state;
	assert_int_equal(cache_write_at(disk, "x", 1, cache_slot_at(&geometry, 0) + 60), 0);
	assert_int_equal(ask_survey(offers, &event), 2);
	assert_int_equal(event, EV_none);
	assert_int_equal(ask_part_event(0, PART_kernel, 5000), EV_cache_slot);
	assert_int_equal(ask_part_event(1, PART_kernel, 4096), EV_none);
	assert_int_equal(cache_write_slot(disk, &geometry, 1, NULL), 0);
	assert_int_equal(cache_write_slot(disk, &geometry, 3, NULL), 0);
	assert_int_equal(ask_survey(offers, &event), 0);
	assert_int_equal(event, EV_cache_empty);
}

static void
a_slot_that_is_empty_or_not_there_and_a_part_of_another_size_are_told(void **state)
{
	(void)state;
	assert_int_equal(ask_part_event(2, PART_manifest, 1), EV_cache_slot);
	for (uint32_t slot = geometry.slots; slot < SLOTS_MAX; slot++)
		assert_int_equal(ask_part_event(slot, PART_manifest, 1), EV_cache_slot);
	assert_int_equal(ask_part_event(0, PART_kernel, 4999), EV_image_size);
	assert_int_equal(ask_part_event(0, PART_kernel, 5001), EV_image_size);
	assert_int_equal(ask_part_event(0, PART_initramfs, 5000), EV_image_size);
}

static void
a_device_that_ends_early_is_told(void **state)
{
	uint32_t event;

	(void)state;
	assert_int_equal(ftruncate(disk, (off_t)cache_part_at(&geometry, 0, &full[0], PART_initramfs) + 300000), 0);
	assert_int_equal(ask_survey(offers, &event), 1);
	assert_int_equal(offers[0].slot, 0);
	assert_int_equal(event, EV_none);
	assert_int_equal(ask_part_event(0, PART_kernel, 5000), EV_none);
	assert_int_equal(ask_part_event(0, PART_initramfs, 2 * MIB + 1), EV_cache_io);
	assert_int_equal(ask_part_event(1, PART_kernel, 4096), EV_cache_io);
	assert_int_equal(ftruncate(disk, CACHE_SLOTS_AT), 0);
	assert_int_equal(ask_survey(offers, &event), 0);
	assert_int_equal(event, EV_cache_io);
}

static void
without_a_journal_everything_is_offered_and_recording_begins_one(void **state)
{
	static const uint8_t zeros[8192];
	struct cache_journal j;
	uint32_t event;

	(void)state;
	assert_int_equal(cache_write_at(disk, zeros, sizeof zeros, CACHE_JOURNAL_A), 0);
	assert_int_equal(ask_survey(offers, &event), 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(offers[i].flags, OFFER_fallback);
	assert_int_equal(ask_record(13, RECORD_begun, EV_none), EV_none);
	assert_int_equal(cache_read_journal(disk, &j), 0);
	assert_int_equal(j.sequence, 1);
	assert_int_equal(j.entry[0].id[0], 13);
}

static void
a_disk_that_cannot_be_written_is_told_and_left_alone_from_then_on(void **state)
{
	struct cache_journal before, after;
	char path[64];

	(void)state;
	assert_int_equal(cache_read_journal(disk, &before), 0);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", disk);
	store.disk = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(ask_record(10, RECORD_begun, EV_none), EV_cache_io);
	assert_int_equal(close(store.disk), 0);
	store.disk = disk;	/* it would work again: but what the disk holds is not known any more */
	assert_int_equal(ask_record(10, RECORD_failed, EV_load_kernel), EV_cache_io);
	assert_int_equal(cache_read_journal(disk, &after), 0);
	assert_memory_equal(&before, &after, sizeof before);
	assert_int_equal(ask_part_event(0, PART_kernel, 5000), EV_none);
}

/* Whatever a disk says with right checksums: answers are legal, nothing crashes, no other byte is sent. */
static void
two_thousand_hostile_disks_get_legal_answers(void **state)
{
	static const uint64_t at[4] = { 0, CACHE_JOURNAL_A, CACHE_SLOTS_AT, CACHE_SLOTS_AT + 4 * MIB };
	static const uint64_t odd[6] = { 0, 1, UINT64_C(1) << 31, UINT64_MAX, UINT64_C(1) << 63, 4 * MIB };
	uint32_t event, rng = 1;
	unsigned proposed = 0, none = 0;

	(void)state;
	assert_int_equal(cache_write_at(disk, "x", 1, CACHE_HEADER_AGAIN), 0);
	for (unsigned round = 0; round < 2000; round++) {
		uint8_t sector[CACHE_SECTOR], good[CACHE_SECTOR];
		unsigned k = round % 4, n;
		uint32_t crc;

		assert_int_equal(cache_read_at(disk, good, sizeof good, at[k]), 0);
		memcpy(sector, good, sizeof sector);
		rng = rng * 1664525 + 1013904223;
		memcpy(sector + 16 + (rng >> 8) % 400 / 4 * 4, &odd[(rng >> 24) % 6], 8);
		crc = crc32_ieee(sector, CACHE_SECTOR - 4);
		memcpy(sector + CACHE_SECTOR - 4, &crc, 4);
		assert_int_equal(cache_write_at(disk, sector, sizeof sector, at[k]), 0);
		memset(store.state.count, 0, sizeof store.state.count);
		memset(broker.count, 0, sizeof broker.count);
		n = ask_survey(offers, &event);
		proposed += n > 0;
		none += n == 0;
		for (unsigned i = 0; i < n; i++)
			(void)ask_part_event(offers[i].slot, PART_initramfs, offers[i].initramfs_bytes % (4 * MIB) + 1);
		(void)ask_record((uint8_t)(round % 255 + 1), RECORD_begun, EV_none);
		assert_int_equal(cache_write_at(disk, good, sizeof good, at[k]), 0);
	}
	assert_true(proposed > 100 && none > 100);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_STORE(survey_offers_what_is_there_in_the_journals_order),
		ON_STORE(every_part_comes_byte_for_byte_and_its_descriptor_is_closed),
		ON_STORE(progress_is_told_every_8_mib_and_at_most_24_times),
		ON_STORE(what_a_ticket_named_is_offered_first_from_then_on),
		ON_STORE(an_attempt_and_its_failure_are_in_the_journal),
		ON_STORE(stops_in_a_row_are_counted_until_an_attempt_begins),
		ON_STORE(the_node_id_is_written_when_it_differs_and_only_then),
		ON_STORE(a_torn_first_header_is_healed_by_the_node_id),
		ON_STORE(a_closed_channel_ends_it_whether_it_reads_or_answers),
		ON_STORE(a_channel_closed_over_unread_answers_is_closed_all_the_same),
		ON_STORE(no_partition_no_header_and_no_bytes_have_each_their_code),
		ON_STORE(a_corrupted_slot_header_takes_its_slot_out_and_no_other),
		ON_STORE(a_slot_that_is_empty_or_not_there_and_a_part_of_another_size_are_told),
		ON_STORE(a_device_that_ends_early_is_told),
		ON_STORE(without_a_journal_everything_is_offered_and_recording_begins_one),
		ON_STORE(a_disk_that_cannot_be_written_is_told_and_left_alone_from_then_on),
		ON_STORE(two_thousand_hostile_disks_get_legal_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
