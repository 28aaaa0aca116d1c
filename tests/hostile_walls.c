/*
 * What stands behind the attacks that a policy permits: the shipped broker (hostile_routes.c), store-worker and kexec-worker, confined, among
 * programs that lie.  The hand-over stays where it belongs: kexec-worker may send the descriptor on, but the broker takes it from nobody, in no
 * phase; store-worker could read it, but is never lent it, and what it is lent instead it only writes to.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "cache.h"
#include "exits.h"
#include "hostile_run.h"
#include "hostile_stage.h"
#include "memfd.h"
#include "msg_samples.h"

enum { MIB = 1 << 20, KERNEL_BYTES = 4096,
	/* close(2) is not in kexec-worker's list: it dies of putting down what it was handed by the broker. */
	REFUSES_FDS = 256 + SIGSYS };

static const struct cache_header geometry = { .slots = 2, .slot_bytes = 2 * MIB };
static const struct cache_slot slot0 = { .id = { 10 }, .manifest_bytes = HOSTILE_BYTES, .minisig_bytes = 8000,
	.kernel_bytes = HOSTILE_BYTES, .initramfs_bytes = HOSTILE_BYTES };

/* --- store-worker --- */

static int
make_disk(void)
{
	static uint8_t text[5 * MIB];
	int disk = memfd_create("disk", MFD_CLOEXEC);

	memset(text, 'd', sizeof text);
	assert_int_equal(cache_write_at(disk, text, sizeof text, 0), 0);
	assert_int_equal(cache_write_header(disk, &geometry), 0);
	assert_int_equal(cache_write_slot(disk, &geometry, 0, &slot0), 0);
	assert_int_equal(cache_write_slot(disk, &geometry, 1, NULL), 0);
	return disk;
}

static void
read_disk(int disk, uint8_t text[5 * MIB])
{
	assert_int_equal(cache_read_at(disk, text, 5 * MIB, 0), 0);
}

static int
on_disk(int disk)
{
	static uint8_t text[5 * MIB];

	read_disk(disk, text);
	return memmem(text, sizeof text, hostile_key, HOSTILE_KEY_BYTES) != NULL;
}

/* A hostile broker lends this for that part: the worker's status (256: it lives, and has answered). */
static int
lend(int disk, int memfd, uint32_t slot, uint32_t part, uint64_t len_bytes)
{
	static struct frame frame;
	const struct msg_crypto_want want = { .slot = slot, .part = part, .number = 1, .len_bytes = len_bytes };
	struct stage s;
	int rc;

	stage_store(&s, disk);
	stage_say(&s, PEER_broker, MSG_crypto_want, &want, &memfd);
	do {
		rc = chan_recv(s.end[PEER_broker], &frame);
		if (rc == 1)
			assert_int_equal(frame.nfds, 0);
	} while (rc == 1 && frame.id == MSG_store_progress);
	if (rc == 1) {
		assert_int_equal(stage_holds(s.pid, "handover") + stage_holds(s.pid, "part"), 0);
		assert_int_equal(stage_down(&s), EXIT_CLOSED);
		return 256;
	}
	rc = stage_wait(&s);
	assert_int_equal(stage_down(&s), 0);
	return rc;
}

static void
store_worker_only_writes_to_what_it_is_lent(void **state)
{
	static uint8_t before[5 * MIB], after[5 * MIB];
	unsigned n = 0, filled = 0;
	int disk = make_disk();

	(void)state;
	read_disk(disk, before);
	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++)
		for (uint32_t part = PART_manifest; part <= PART_LAST; part++, n++) {
			struct maker m;

			maker_start(&m);
			assert_int_equal(lend(disk, m.fill, slot, part, HOSTILE_BYTES), 256);
			filled += !hostile_holds_key(m.fill);	/* the disk's content took the key's place */
			maker_end(&m);
		}
	assert_int_equal(filled, 3);	/* manifest, kernel, initramfs of slot 0 have just that size: the twin */
	read_disk(disk, after);
	assert_memory_equal(before, after, sizeof before);
	assert_false(on_disk(disk));
	assert_int_equal(close(disk), 0);
	print_message("%u memfds with the key lent, %u filled, nothing went to the disk\n", n, filled);
}

/* Should the hand-over ever be lent in a memfd's place, by a broker that cannot have it: its seal stops the worker at the first byte. */
static void
store_worker_dies_of_a_hand_over(void **state)
{
	static uint8_t before[5 * MIB], after[5 * MIB];
	struct maker m;
	int disk = make_disk();

	(void)state;
	maker_start(&m);
	read_disk(disk, before);
	assert_int_equal(lend(disk, m.handover, 0, PART_kernel, HOSTILE_BYTES), EXIT_PEER);
	assert_int_equal(lend(disk, m.kernel, 0, PART_kernel, KERNEL_BYTES), 256);	/* not that part's size: said, not touched */
	assert_int_equal(lend(disk, m.handover, 0, PART_kernel, HOSTILE_BYTES - 1), EXIT_PEER);
	assert_int_equal(lend(disk, m.fill, 0, PART_kernel, HOSTILE_BYTES), 256);	/* the twin */
	read_disk(disk, after);
	assert_memory_equal(before, after, sizeof before);
	assert_true(hostile_holds_key(m.handover));
	assert_int_equal(close(disk), 0);
	maker_end(&m);
}

/*
 * A limit, and here is its size: the ids in broker_record and crypto_node are what the broker says, 32 and 16 bytes, and store-worker keeps
 * them.  A broker that knew a key could have it stored so; what holds is that it never learns one.
 */
static void
the_journal_keeps_the_ids_that_the_broker_says(void **state)
{
	static uint8_t before[5 * MIB], after[5 * MIB];
	static struct frame frame;
	struct msg_broker_record record = { .what = RECORD_begun };
	struct msg_crypto_node node;
	struct stage s;
	int disk = make_disk();

	(void)state;
	read_disk(disk, before);
	memcpy(record.id, hostile_key, sizeof record.id);
	memcpy(node.node, hostile_key, sizeof node.node);
	stage_store(&s, disk);
	stage_say(&s, PEER_broker, MSG_crypto_node, &node, NULL);
	stage_say(&s, PEER_broker, MSG_broker_record, &record, NULL);
	stage_hear(&s, PEER_broker, MSG_store_recorded, &frame);
	assert_int_equal(((const struct msg_store_recorded *)(const void *)frame.body)->event, 0);
	assert_int_equal(stage_down(&s), EXIT_CLOSED);
	read_disk(disk, after);
	assert_true(on_disk(disk));
	/* in the journal's and the header's sectors, and nowhere else */
	for (size_t i = 0; i < sizeof after; i++)
		if (before[i] != after[i])
			assert_true(i < CACHE_SECTOR || (i >= CACHE_JOURNAL_A && i < CACHE_JOURNAL_A + CACHE_SECTOR) ||
			    (i >= CACHE_JOURNAL_B && i < CACHE_JOURNAL_B + CACHE_SECTOR) ||
			    (i >= CACHE_HEADER_AGAIN && i < CACHE_HEADER_AGAIN + CACHE_SECTOR));
	assert_int_equal(close(disk), 0);
}

/* --- kexec-worker --- */

/* 256: it has asked its kernel to load, and says what that said; else the status with which it left, or 256 + a signal. */
static int
hand(int by_hub, int kernel, int initramfs, uint64_t kernel_bytes, uint64_t initramfs_bytes)
{
	static struct frame frame;
	struct msg_crypto_handover body = sample_crypto_handover();
	struct stage s;
	int rc;

	body.kernel_bytes = kernel_bytes;
	body.initramfs_bytes = initramfs_bytes;
	stage_kexec(&s);
	assert_int_equal(chan_send(by_hub ? s.end[PEER_broker] : s.lane, MSG_crypto_handover, &body, (int[]){ kernel, initramfs }), 0);
	rc = chan_recv(s.end[PEER_broker], &frame);
	if (rc == 1) {
		assert_int_equal(frame.id, MSG_kexec_loaded);
		assert_int_equal(frame.nfds, 0);
		/* 4096 zeros are no kernel: ENOEXEC, or ENOSYS where there is no such call */
		assert_true(((const struct msg_kexec_loaded *)(const void *)frame.body)->error != 0);
		assert_int_equal(stage_down(&s), EXIT_CLOSED);
		return 256;
	}
	rc = stage_wait(&s);
	assert_int_equal(stage_down(&s), 0);
	return rc;
}

static int
roots(uint64_t len_bytes, unsigned seals)
{
	int fd = memfd_create("evil", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)len_bytes), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, (int)seals), 0);
	return fd;
}

static void
kexec_worker_takes_only_crypto_workers_by_the_lane(void **state)
{
	struct maker m;
	int evil = roots(KERNEL_BYTES, memfd_seals(FD_handover, 0)), evil_initramfs = roots(HOSTILE_BYTES, memfd_seals(FD_handover, 1));

	(void)state;
	maker_start(&m);
	assert_int_equal(hand(0, m.kernel, m.handover, KERNEL_BYTES, HOSTILE_BYTES), 256);		/* the twin */
	assert_int_equal(hand(1, m.kernel, m.handover, KERNEL_BYTES, HOSTILE_BYTES), REFUSES_FDS);	/* by the broker */
	assert_int_equal(hand(1, evil, m.handover, KERNEL_BYTES, HOSTILE_BYTES), REFUSES_FDS);
	assert_int_equal(hand(0, evil, m.handover, KERNEL_BYTES, HOSTILE_BYTES), EXIT_PEER);		/* another's kernel */
	assert_int_equal(hand(0, m.kernel, evil_initramfs, KERNEL_BYTES, HOSTILE_BYTES), EXIT_PEER);	/* another's initramfs */
	assert_int_equal(hand(0, m.kernel, m.fill, KERNEL_BYTES, HOSTILE_BYTES), EXIT_PEER);		/* that can still be written */
	assert_int_equal(hand(0, m.fill, m.handover, HOSTILE_BYTES, HOSTILE_BYTES), EXIT_PEER);
	assert_int_equal(hand(0, m.handover, m.kernel, HOSTILE_BYTES, KERNEL_BYTES), EXIT_PEER);	/* the wrong way round */
	assert_int_equal(hand(0, m.kernel, m.handover, KERNEL_BYTES - 1, HOSTILE_BYTES), EXIT_PEER);
	assert_int_equal(hand(0, m.kernel, m.handover, KERNEL_BYTES, HOSTILE_BYTES + 1), EXIT_PEER);
	assert_int_equal(close(evil), 0);
	assert_int_equal(close(evil_initramfs), 0);
	maker_end(&m);
}

int
main(int argc, char **argv)
{
	static const char *const copied[] = { "broker", "store-worker", "kexec-worker" };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_five_rows_bring_descriptors_to_the_broker),
		cmocka_unit_test(the_broker_takes_the_hand_over_from_nobody),
		cmocka_unit_test(the_broker_routes_what_the_table_says),
		cmocka_unit_test(store_worker_only_writes_to_what_it_is_lent),
		cmocka_unit_test(store_worker_dies_of_a_hand_over),
		cmocka_unit_test(the_journal_keeps_the_ids_that_the_broker_says),
		cmocka_unit_test(kexec_worker_takes_only_crypto_workers_by_the_lane),
	};

	if (argc != 2) {
		(void)fprintf(stderr, "usage: hostile_walls DIRECTORY-OF-THE-PROGRAMS\n");
		return 2;
	}
	if (hostile_place(argv[1], copied, sizeof copied / sizeof copied[0]) != 0) {
		perror("hostile_walls: wants root");
		return 1;
	}
	return hostile_leave(cmocka_run_group_tests(tests, NULL, NULL));
}
