/*
 * The cache partition: sectors as bytes, whole transfers, power failing at every byte of every write.
 */
#include "cut_disk.h"

#include "crc32.h"
#include "doc.h"

static const struct cache_header geometry = { .slots = 3, .slot_bytes = 8 * MIB, .node = { 1, 2, 3, [15] = 16 } };
static const struct cache_slot full = { .id = { 9, [31] = 8 }, .manifest_bytes = 700, .minisig_bytes = 300, .kernel_bytes = 4097,
	.initramfs_bytes = 3 * MIB };

static void
reseal(uint8_t *sector)
{
	uint32_t crc = crc32_ieee(sector, CACHE_SECTOR - 4);

	for (unsigned i = 0; i < 4; i++)
		sector[CACHE_SECTOR - 4 + i] = (uint8_t)(crc >> 8 * i);
}

/* --- codecs --- */
static void
crc32_is_that_of_ieee_802_3(void **state)
{
	(void)state;
	assert_int_equal(crc32_ieee("123456789", 9), 0xcbf43926);
	assert_int_equal(crc32_ieee("", 0), 0);
}

static void
every_field_comes_back(void **state)
{
	struct cache_journal j = JOURNAL(1, 2, 3, 4, 5, 6, 7, 8), j2;
	struct cache_header h;
	struct cache_slot s;
	uint8_t sector[CACHE_SECTOR];

	(void)state;
	cache_encode_header(&geometry, sector);
	assert_int_equal(cache_decode_header(sector, &h), 0);
	assert_int_equal(h.slots, 3);
	assert_int_equal(h.slot_bytes, 8 * MIB);
	assert_memory_equal(h.node, geometry.node, 16);
	cache_encode_slot(&full, sector);
	assert_int_equal(cache_decode_slot(sector, &geometry, &s), 0);
	assert_memory_equal(&s, &full, sizeof s);
	j.sequence = 0x0123456789abcdef;
	for (uint8_t i = 1; i <= 8; i++)
		for (unsigned k = 0; k < i; k++)
			cache_journal_begun(&j, id(i));
	cache_journal_failed(&j, id(6), CACHE_EVENT_MAX);
	assert_int_equal(cache_journal_healthy(&j, id(3)), 0);
	j.stops = STOPS_MAX;
	cache_encode_journal(&j, sector);
	assert_int_equal(cache_decode_journal(sector, &j2), 0);
	assert_memory_equal(&j, &j2, sizeof j);
	assert_memory_equal(j2.booted, id(8), ID_BYTES);
	/* little-endian, whatever the machine is */
	assert_memory_equal(sector + 16, "\xef\xcd\xab\x89\x67\x45\x23\x01", 8);
}

static int
decodes(const uint8_t *sector)
{
	struct cache_header h;
	struct cache_journal j;
	struct cache_slot s;

	return (cache_decode_header(sector, &h) == 0) + (cache_decode_slot(sector, &geometry, &s) == 0) +
	    (cache_decode_journal(sector, &j) == 0);
}

static void
every_flipped_bit_refuses_and_no_sector_passes_for_another(void **state)
{
	struct cache_journal j = JOURNAL(1, 2, 3);
	uint8_t sector[3][CACHE_SECTOR];

	(void)state;
	cache_encode_header(&geometry, sector[0]);
	cache_encode_slot(&full, sector[1]);
	cache_encode_journal(&j, sector[2]);
	for (unsigned k = 0; k < 3; k++) {
		assert_int_equal(decodes(sector[k]), 1);
		for (unsigned bit = 0; bit < CACHE_SECTOR * 8; bit++) {
			sector[k][bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(decodes(sector[k]), 0);
			sector[k][bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		/* the version and every byte behind the fields, with a right checksum: a newer format is not guessed at */
		for (unsigned at = 8; at < CACHE_SECTOR - 4; at = at == 15 ? 476 : at + 1) {
			sector[k][at] ^= 0x40;
			reseal(sector[k]);
			assert_int_equal(decodes(sector[k]), 0);
			sector[k][at] ^= 0x40;
		}
		reseal(sector[k]);
		assert_int_equal(decodes(sector[k]), 1);
	}
}

#define OUT_OF_RANGE(kind, good, field, value, decode) do { \
	struct cache_##kind bad_ = good; \
	uint8_t sector_[CACHE_SECTOR]; \
	bad_.field = value; \
	cache_encode_##kind(&bad_, sector_); \
	assert_int_equal(decode, -ENODATA); \
} while (0)
#define BAD_HEADER(field, value) OUT_OF_RANGE(header, geometry, field, value, cache_decode_header(sector_, &(struct cache_header){ 0 }))
#define BAD_SLOT(field, value) OUT_OF_RANGE(slot, full, field, value, cache_decode_slot(sector_, &geometry, &(struct cache_slot){ 0 }))
#define BAD_JOURNAL(field, value) OUT_OF_RANGE(journal, j, field, value, cache_decode_journal(sector_, &(struct cache_journal){ 0 }))

static void
every_field_just_out_of_range_refuses(void **state)
{
	const struct cache_journal j = JOURNAL(1, 2, 3);
	struct cache_slot s = full;
	uint8_t sector[CACHE_SECTOR];

	(void)state;
	BAD_HEADER(slots, 0);
	BAD_HEADER(slots, SLOTS_MAX + 1);
	BAD_HEADER(slot_bytes, 0);
	BAD_HEADER(slot_bytes, MIB);
	BAD_HEADER(slot_bytes, 2 * MIB + 1);
	BAD_HEADER(slot_bytes, CACHE_SLOT_MAX + MIB);
	BAD_HEADER(slot_bytes, UINT64_MAX - MIB + 1);
	BAD_SLOT(manifest_bytes, 0);
	BAD_SLOT(manifest_bytes, DOC_MAX + 1);
	BAD_SLOT(minisig_bytes, 0);
	BAD_SLOT(minisig_bytes, MINISIG_MAX + 1);
	BAD_SLOT(kernel_bytes, 0);
	BAD_SLOT(kernel_bytes, UINT64_MAX);
	BAD_SLOT(kernel_bytes, UINT64_MAX - MIB + 1);
	BAD_SLOT(initramfs_bytes, 0);
	BAD_SLOT(initramfs_bytes, UINT64_MAX - 8192);
	BAD_SLOT(initramfs_bytes, (uint64_t)7 * MIB - 8192 + 1);	/* the kernel takes two blocks */
	s.initramfs_bytes = 7 * MIB - 8192;
	cache_encode_slot(&s, sector);
	assert_int_equal(cache_decode_slot(sector, &geometry, &s), 0);
	BAD_JOURNAL(stops, STOPS_MAX + 1);
	BAD_JOURNAL(entry[1].healthy, 2);
	BAD_JOURNAL(entry[1].attempts, CACHE_BEGUN_MAX + 1);
	BAD_JOURNAL(entry[1].failed, CACHE_EVENT_MAX + 1);
	BAD_JOURNAL(entry[1].zero, 1);
	BAD_JOURNAL(entry[1], j.entry[2]);		/* an id twice */
	BAD_JOURNAL(entry[1], j.entry[7]);		/* a gap */
	BAD_JOURNAL(entry[5].failed, 1);		/* an unused row with a history */
}

static void
parts_lie_in_their_slot_one_behind_the_other(void **state)
{
	const struct cache_header big = { .slots = SLOTS_MAX, .slot_bytes = CACHE_SLOT_MAX };
	const struct cache_slot s = { .manifest_bytes = DOC_MAX, .minisig_bytes = MINISIG_MAX, .kernel_bytes = CACHE_IMAGE_MAX - 1,
		.initramfs_bytes = CACHE_IMAGE_MAX };

	(void)state;
	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
		uint64_t end = cache_slot_at(&big, slot) + CACHE_SECTOR;

		assert_int_equal(cache_slot_at(&big, slot), MIB + slot * CACHE_SLOT_MAX);
		for (enum part p = PART_manifest; p <= PART_LAST; p++) {
			assert_true(cache_part_at(&big, slot, &s, p) >= end);
			end = cache_part_at(&big, slot, &s, p) + cache_part_bytes(&s, p);
		}
		assert_int_equal(cache_part_at(&big, slot, &s, PART_initramfs) % CACHE_ALIGN, 0);
		assert_true(end <= cache_slot_at(&big, slot + 1) && end < INT64_MAX);
	}
	assert_int_equal(cache_part_bytes(&s, (enum part)5), 0);
}

/* --- reading and writing --- */
static void
short_transfers_are_finished_and_the_end_of_the_device_is_an_error(void **state)
{
	int fd = *(int *)*state;
	struct cache_header h;
	struct cache_slot s;
	struct cache_journal j;

	assert_int_equal(cache_read_header(fd, &h), -ENODATA);
	assert_int_equal(cache_read_journal(fd, &j), -ENODATA);
	most = 7;
	assert_int_equal(cache_write_header(fd, &geometry), 0);
	assert_true(writes > 2 * CACHE_SECTOR / 7);
	assert_int_equal(cache_read_header(fd, &h), 0);
	assert_int_equal(cache_read_slot(fd, &h, 2, &s), -ENODATA);
	assert_int_equal(cache_write_slot(fd, &h, 2, &full), 0);
	assert_int_equal(cache_read_slot(fd, &h, 2, &s), 0);
	assert_memory_equal(&s, &full, sizeof s);
	assert_int_equal(cache_read_slot(fd, &h, 3, &s), -EINVAL);
	assert_int_equal(cache_write_slot(fd, &h, 3, &full), -EINVAL);
	assert_int_equal(ftruncate(fd, (off_t)cache_slot_at(&h, 2) + 100), 0);
	assert_int_equal(cache_read_slot(fd, &h, 2, &s), -EIO);
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(cache_read_header(fd, &h), -EIO);
	assert_int_equal(cache_read_journal(fd, &j), -EIO);
	assert_int_equal(cache_read_at(fd, &h, 8, (uint64_t)INT64_MAX - 7), -EINVAL);
	assert_int_equal(cache_write_at(fd, &h, 8, UINT64_MAX - 7), -EINVAL);
}

static void
what_could_not_be_read_back_is_not_written(void **state)
{
	int fd = *(int *)*state;
	struct cache_header h = geometry;
	struct cache_journal j = JOURNAL(1);
	struct cache_slot s = full;

	h.slots = 9;
	assert_int_equal(cache_write_header(fd, &h), -EINVAL);
	s.kernel_bytes = 8 * MIB;
	assert_int_equal(cache_write_slot(fd, &geometry, 0, &s), -EINVAL);
	j.entry[0].zero = 1;
	assert_int_equal(cache_write_journal(fd, &j), -EINVAL);
	assert_int_equal(writes, 0);
}

static void
a_slot_header_is_written_after_its_content_is_durable(void **state)
{
	int fd = *(int *)*state;
	struct cache_slot s;

	assert_int_equal(cache_write_at(fd, "content", 7, cache_part_at(&geometry, 1, &full, PART_kernel)), 0);
	cut_after = CACHE_SECTOR;
	sync_fails = 1;
	assert_int_equal(cache_write_slot(fd, &geometry, 1, &full), -EIO);
	assert_int_equal(cut_after, CACHE_SECTOR);	/* not a byte of the header */
	sync_fails = 0;
	cut_after = NEVER;
	assert_int_equal(cache_write_slot(fd, &geometry, 1, &full), 0);
	assert_int_equal(unsynced, 0);
	assert_int_equal(cache_write_slot(fd, &geometry, 1, NULL), 0);
	assert_int_equal(unsynced, 0);
	assert_int_equal(cache_read_slot(fd, &geometry, 1, &s), -ENODATA);
}

static void
power_cut_at_every_byte_leaves_the_old_or_the_new_header(void **state)
{
	int fd = *(int *)*state;
	struct cache_header old = geometry, new = geometry, h;

	assert_int_equal(cache_write_header(fd, &old), 0);
	new.node[0] = 77;
	for (unsigned round = 0; round < 3; round++) {	/* both are whole, the first is torn already, the second is */
		for (long cut = 0; cut < 2 * CACHE_SECTOR; cut++) {
			cut_after = NEVER;
			assert_int_equal(cache_write_header(fd, &old), 0);
			if (round > 0)
				assert_int_equal(cache_write_at(fd, "torn", 4, (round == 1 ? 0 : (uint64_t)CACHE_HEADER_AGAIN) + 100), 0);
			cut_after = cut;
			assert_int_equal(cache_write_header(fd, &new), -EIO);
			assert_int_equal(cache_read_header(fd, &h), 0);
			assert_true(h.node[0] == old.node[0] || h.node[0] == 77);
			assert_int_equal(h.slots, old.slots);
		}
	}
	cut_after = NEVER;
	assert_int_equal(cache_write_header(fd, &new), 0);
	assert_int_equal(cache_read_header(fd, &h), 0);
	assert_int_equal(h.node[0], 77);
}

static void
power_cut_at_every_byte_leaves_the_previous_or_the_new_journal(void **state)
{
	int fd = *(int *)*state;
	struct cache_journal j = JOURNAL(1, 2, 3), got;
	uint8_t before[4096 * 3], after[4096 * 3], torn[CACHE_SECTOR];

	for (unsigned round = 0; round < 4; round++) {	/* none yet, then A and B in turn */
		const struct cache_journal old = j;
		unsigned at = round % 2 == 0 ? CACHE_JOURNAL_A : CACHE_JOURNAL_B;

		assert_int_equal(cache_read_at(fd, before, sizeof before, 0), 0);
		cache_journal_begun(&j, id(2));
		assert_int_equal(cache_write_journal(fd, &j), 0);
		assert_int_equal(j.sequence, old.sequence + 1);
		assert_int_equal(unsynced, 0);
		assert_int_equal(cache_read_at(fd, after, sizeof after, 0), 0);
		/* only the older sector changed */
		assert_memory_not_equal(before + at, after + at, CACHE_SECTOR);
		assert_memory_equal(before, after, at);
		assert_memory_equal(before + at + CACHE_SECTOR, after + at + CACHE_SECTOR, sizeof before - at - CACHE_SECTOR);
		for (unsigned cut = 0; cut <= CACHE_SECTOR; cut++) {
			for (unsigned way = 0; way < 3; way++) {	/* the front arrived, the back did, or rubbish between */
				memcpy(torn, (way == 1 ? before : after) + at, cut);
				memcpy(torn + cut, (way == 1 ? after : before) + at + cut, CACHE_SECTOR - cut);
				if (way == 2 && cut < CACHE_SECTOR)
					torn[cut] ^= 0xff;
				assert_int_equal(cache_write_at(fd, torn, sizeof torn, at), 0);
				if (cache_read_journal(fd, &got) != 0) {
					assert_int_equal(round, 0);	/* there was none before the first */
					continue;
				}
				assert_true(memcmp(&got, &old, sizeof got) == 0 || memcmp(&got, &j, sizeof got) == 0);
			}
		}
		assert_int_equal(cache_write_at(fd, after + at, CACHE_SECTOR, at), 0);
	}
}

static void
a_failed_write_is_told_and_changes_no_sequence(void **state)
{
	int fd = *(int *)*state;
	struct cache_journal j = JOURNAL(1);

	assert_int_equal(cache_write_journal(fd, &j), 0);
	sync_fails = 1;
	assert_int_equal(cache_write_journal(fd, &j), -EIO);
	assert_int_equal(j.sequence, 1);
	assert_int_equal(cache_write_header(fd, &geometry), -EIO);
}

static void
sequences_go_round_the_end_and_a_callers_stale_one_does_not_count(void **state)
{
	int fd = *(int *)*state;
	struct cache_journal j = JOURNAL(1), got;

	j.sequence = UINT64_MAX - 2;
	for (unsigned i = 1; i <= 6; i++) {
		cache_journal_begun(&j, id(1));
		if (i % 2 == 0)
			j.sequence = 4711;
		assert_int_equal(cache_write_journal(fd, &j), 0);
		assert_int_equal(cache_read_journal(fd, &got), 0);
		assert_int_equal(got.entry[0].attempts, i);
		assert_true(got.sequence == UINT64_MAX - 2 + i);
	}
}

int
main(void)
{
#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, set_up_disk, tear_down_disk)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32_is_that_of_ieee_802_3),
		cmocka_unit_test(every_field_comes_back),
		cmocka_unit_test(every_flipped_bit_refuses_and_no_sector_passes_for_another),
		cmocka_unit_test(every_field_just_out_of_range_refuses),
		cmocka_unit_test(parts_lie_in_their_slot_one_behind_the_other),
		ON_DISK(short_transfers_are_finished_and_the_end_of_the_device_is_an_error),
		ON_DISK(what_could_not_be_read_back_is_not_written),
		ON_DISK(a_slot_header_is_written_after_its_content_is_durable),
		ON_DISK(power_cut_at_every_byte_leaves_the_old_or_the_new_header),
		ON_DISK(power_cut_at_every_byte_leaves_the_previous_or_the_new_journal),
		ON_DISK(a_failed_write_is_told_and_changes_no_sequence),
		ON_DISK(sequences_go_round_the_end_and_a_callers_stale_one_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
