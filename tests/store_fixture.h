#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H
/*
 * store-worker's handlers on a socket pair: the test is the broker, the disk is a memfd, memfds to be filled are real and sealed.
 * A broker's admit() and check_NAME() judge every answer.  Included by one file of each test program.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cache.h"
#include "chan.h"
#include "event.h"
#include "memfd.h"
#include "serve.h"

enum { MIB = 1 << 20, FDS_LOOKED_AT = 128 };

static const struct cache_header geometry = { .slots = 4, .slot_bytes = 4 * MIB };

/* Slots 0, 1 and 3 are full, 2 is empty. */
static const struct cache_slot full[4] = {
	{ .id = { 10 }, .manifest_bytes = 1, .minisig_bytes = 8192, .kernel_bytes = 5000, .initramfs_bytes = 2 * MIB + 1 },
	{ .id = { 11 }, .manifest_bytes = 16384, .minisig_bytes = 1, .kernel_bytes = 4096, .initramfs_bytes = 1 },
	{ .id = { 0 } },
	{ .id = { 13 }, .manifest_bytes = 700, .minisig_bytes = 300, .kernel_bytes = 1, .initramfs_bytes = 262144 },
};

static int broker_fd, disk;
static struct store store;
static struct admit_state broker;

static unsigned
fds_open(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < FDS_LOOKED_AT; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* A byte that says where on the disk it lies. */
static uint8_t
byte_at(uint64_t at)
{
	return (uint8_t)(at * 31 + (at >> 12) * 7 + (at >> 20));
}

static void
fill_disk(void)
{
	static uint8_t buf[MIB];
	struct cache_journal j = { 0 };

	for (uint64_t at = 0; at < 17 * MIB; at += MIB) {
		for (unsigned i = 0; i < MIB; i++)
			buf[i] = byte_at(at + i);
		assert_int_equal(cache_write_at(disk, buf, MIB, at), 0);
	}
	assert_int_equal(cache_write_header(disk, &geometry), 0);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(cache_write_slot(disk, &geometry, i, i == 2 ? NULL : &full[i]), 0);
	cache_journal_put(&j, full[0].id);
	assert_int_equal(cache_journal_healthy(&j, full[0].id), 0);
	cache_journal_put(&j, full[3].id);
	cache_journal_begun(&j, full[3].id);
	assert_int_equal(cache_write_journal(disk, &j), 0);
}

static int
set_up(void **state)
{
	const struct timeval patience = { .tv_sec = 20 };	/* a test that waits for what never comes fails, it does not hang */
	int pair[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	for (unsigned i = 0; i < 2; i++)
		if (setsockopt(pair[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
			return -1;
	disk = memfd_create("disk", MFD_CLOEXEC);
	broker_fd = pair[0];
	fill_disk();
	store_init(&store, pair[1], disk, geteuid());
	admit_init(&broker, PEER_broker);
	broker.phase = PHASE_any;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	if (broker_fd >= 0)
		(void)close(broker_fd);
	(void)close(store.channel);
	return close(disk);
}

/* A memfd as crypto-worker makes them. */
static int
make_memfd(uint64_t len_bytes, int seals)
{
	int fd = memfd_create("fill", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)len_bytes), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

/* The broker sends; the worker does; what it returned. */
static int
tell(uint32_t id, const void *body, const int *fds)
{
	admit_note(&broker, id);
	assert_int_equal(chan_send(broker_fd, id, body, fds), 0);
	return store_receive(&store);
}

/* The worker's next answer must be this one, legal in every respect. */
static void
expect(uint32_t id, void *body)
{
	static struct frame frame;

	assert_int_equal(chan_recv(broker_fd, &frame), 1);
	assert_int_equal(frame.id, id);
	assert_int_equal(admit(&broker, PEER_store, WAY_hub, frame.id, frame.body_bytes, frame.nfds), ADMIT_ok);
	assert_int_equal(msg_check(frame.id, frame.body), 0);
	admit_note(&broker, frame.id);
	memcpy(body, frame.body, frame.body_bytes);
}

static void
expect_silence(void)
{
	char c;

	assert_int_equal(recv(broker_fd, &c, 1, MSG_DONTWAIT | MSG_PEEK), -1);
	assert_int_equal(errno, EAGAIN);
}

static const struct msg_broker_survey survey = { 0 };

static struct msg_store_offered offered;	/* of the last survey */

/* Surveys: how many were offered, and which event came with it. */
static unsigned
ask_survey(struct msg_store_offer offers[SLOTS_MAX], uint32_t *event)
{
	unsigned n = 0;

	assert_int_equal(tell(MSG_broker_survey, &survey, NULL), 1);
	for (;;) {
		static struct frame frame;

		assert_true(recv(broker_fd, &frame.id, sizeof frame.id, MSG_PEEK | MSG_TRUNC) > 0);
		if (frame.id != MSG_store_offer)
			break;
		assert_true(n < SLOTS_MAX);
		expect(MSG_store_offer, &offers[n++]);
	}
	expect(MSG_store_offered, &offered);
	assert_int_equal(offered.count, n);
	*event = offered.event;
	return n;
}

/* Asks for a part by a good memfd: the answer's event, *progress how many came before.  The memfd is the caller's. */
static uint32_t
ask_part(uint32_t slot, uint32_t part, uint64_t len_bytes, int *memfd, unsigned *progress)
{
	const struct msg_crypto_want want = { .slot = slot, .part = part, .number = 7, .len_bytes = len_bytes };
	struct msg_store_filled filled;
	struct msg_store_progress p;
	uint64_t done = 0;
	uint32_t id;

	*memfd = make_memfd(len_bytes, F_SEAL_GROW | F_SEAL_SHRINK);
	*progress = 0;
	assert_int_equal(tell(MSG_crypto_want, &want, memfd), 1);
	while (recv(broker_fd, &id, sizeof id, MSG_PEEK | MSG_TRUNC) > 0 && id == MSG_store_progress) {
		expect(MSG_store_progress, &p);
		assert_true(p.slot == slot && p.part == part && p.total_bytes == len_bytes && p.done_bytes > done);
		done = p.done_bytes;
		(*progress)++;
	}
	expect(MSG_store_filled, &filled);
	assert_int_equal(filled.slot, slot);
	assert_int_equal(filled.part, part);
	assert_int_equal(filled.number, 7);
	return filled.event;
}

static uint32_t
ask_part_event(uint32_t slot, uint32_t part, uint64_t len_bytes)
{
	unsigned progress;
	int memfd;
	uint32_t event = ask_part(slot, part, len_bytes, &memfd, &progress);

	assert_int_equal(close(memfd), 0);
	return event;
}

static uint32_t
ask_record(uint8_t first, uint32_t what, uint32_t event)
{
	const struct msg_broker_record body = { .id = { first }, .what = what, .event = event };
	struct msg_store_recorded recorded;

	assert_int_equal(tell(MSG_broker_record, &body, NULL), 1);
	expect(MSG_store_recorded, &recorded);
	assert_int_equal(recorded.what, what);
	return recorded.event;
}

#define ON_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#endif
