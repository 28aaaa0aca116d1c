/*
 * store-worker against a broker that lies: frames, bodies, descriptors.  Each is refused for exactly its reason, no descriptor is
 * left open, nothing is answered and nothing is written.
 */
#include "store_fixture.h"

#include <stdlib.h>

static const struct msg_crypto_want want = { .slot = 0, .part = PART_kernel, .number = 1, .len_bytes = 5000 };
static const struct msg_crypto_keep keep = { .id = { 20 }, .part = PART_manifest, .number = 1, .bytes = { 5000, 1, 1, 1 } };
static const int BOTH = F_SEAL_GROW | F_SEAL_SHRINK;

/* A frame as no chan_send() makes it. */
static void
send_raw(uint32_t id, uint32_t zero, const void *body, size_t body_bytes, const int *fds, size_t nfds)
{
	uint32_t head[2] = { id, zero };
	struct iovec iov[2] = { { head, sizeof head }, { (void *)(uintptr_t)body, body_bytes } };
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int) * 8)];
	} control = { 0 };
	struct msghdr hdr = { .msg_iov = iov, .msg_iovlen = 2 };

	if (nfds > 0) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * nfds);
		hdr.msg_control = control.bytes;
		hdr.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
	}
	assert_true(sendmsg(broker_fd, &hdr, MSG_NOSIGNAL) > 0);
}

/* What the last frame sent leads to. */
static void
expect_refused(int rc, enum admit_why why)
{
	unsigned open_before = fds_open();

	assert_int_equal(store_receive(&store), rc);
	assert_int_equal(store.why, why);
	assert_int_equal(fds_open(), open_before);
	expect_silence();
}

/* The want with this descriptor, which is then closed. */
static void
expect_fd_refused(int fd, int rc)
{
	assert_true(fd >= 0);
	assert_int_equal(chan_send(broker_fd, MSG_crypto_want, &want, &fd), 0);
	expect_refused(rc, ADMIT_ok);
	assert_int_equal(close(fd), 0);
}

static void
a_memfd_of_another_size_refuses(void **state)
{
	(void)state;
	expect_fd_refused(make_memfd(4999, BOTH), -EMSGSIZE);
	expect_fd_refused(make_memfd(5001, BOTH), -EMSGSIZE);
	expect_fd_refused(make_memfd(0, BOTH), -EMSGSIZE);
	expect_fd_refused(make_memfd((uint64_t)5000 + (UINT64_C(1) << 32), BOTH), -EMSGSIZE);
}

static void
a_memfd_that_can_still_grow_or_shrink_refuses(void **state)
{
	(void)state;
	expect_fd_refused(make_memfd(5000, 0), -EACCES);
	expect_fd_refused(make_memfd(5000, F_SEAL_GROW), -EACCES);
	expect_fd_refused(make_memfd(5000, F_SEAL_SHRINK), -EACCES);
	expect_fd_refused(make_memfd(5000, F_SEAL_SEAL), -EACCES);
}

static void
a_memfd_of_another_uid_refuses(void **state)
{
	(void)state;
	store.maker_uid = geteuid() + 1;
	expect_fd_refused(make_memfd(5000, BOTH), -EPERM);
}

static void
a_memfd_that_cannot_be_written_refuses(void **state)
{
	char path[64];
	int fd = make_memfd(5000, BOTH);

	(void)state;
	expect_fd_refused(make_memfd(5000, BOTH | F_SEAL_WRITE), -EBADF);
	expect_fd_refused(make_memfd(5000, BOTH | F_SEAL_FUTURE_WRITE), -EBADF);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	expect_fd_refused(open(path, O_RDONLY | O_CLOEXEC), -EBADF);
	expect_fd_refused(open(path, O_PATH | O_CLOEXEC), -EBADF);
	assert_int_equal(close(fd), 0);
}

static void
a_descriptor_that_is_no_memfd_refuses(void **state)
{
	char path[] = "/tmp/unit_store.XXXXXX";
	int pair[2];

	(void)state;
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	expect_fd_refused(pair[0], -EBADF);
	expect_fd_refused(pair[1], -EBADF);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	expect_fd_refused(pair[0], -EBADF);
	expect_fd_refused(pair[1], -EBADF);
	expect_fd_refused(open("/", O_DIRECTORY | O_RDONLY | O_CLOEXEC), -EBADF);
	expect_fd_refused(open("/dev/zero", O_RDWR | O_CLOEXEC), -EBADF);
	/* a file of the right size and owner: no seals (disk) or F_SEAL_SEAL alone (tmpfs) */
	pair[0] = mkstemp(path);
	assert_true(pair[0] >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ftruncate(pair[0], 5000), 0);
	expect_fd_refused(pair[0], fcntl(pair[0], F_GET_SEALS) < 0 ? -EBADF : -EACCES);
}

static void
a_wrong_number_of_descriptors_refuses(void **state)
{
	int fds[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		fds[i] = make_memfd(5000, BOTH);
	send_raw(MSG_crypto_want, 0, &want, sizeof want, NULL, 0);
	expect_refused(-EPROTO, ADMIT_fds);
	send_raw(MSG_crypto_want, 0, &want, sizeof want, fds, 2);
	expect_refused(-EPROTO, ADMIT_fds);
	send_raw(MSG_crypto_want, 0, &want, sizeof want, fds, 3);	/* more than any frame may have */
	expect_refused(-EBADMSG, ADMIT_ok);
	send_raw(MSG_crypto_want, 0, &want, sizeof want, fds, 4);
	expect_refused(-EBADMSG, ADMIT_ok);
	send_raw(MSG_broker_survey, 0, &survey, sizeof survey, fds, 1);
	expect_refused(-EPROTO, ADMIT_fds);
	send_raw(MSG_crypto_keep, 0, &keep, sizeof keep, NULL, 0);
	expect_refused(-EPROTO, ADMIT_fds);
	send_raw(MSG_crypto_keep, 0, &keep, sizeof keep, fds, 2);
	expect_refused(-EPROTO, ADMIT_fds);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(close(fds[i]), 0);
}

static void
a_frame_of_any_size_but_the_exact_one_refuses(void **state)
{
	static const uint8_t zeros[2 * MSG_HANDOVER_MAX];
	int fd = make_memfd(5000, BOTH);

	(void)state;
	for (uint32_t id = 1; id < MSG_COUNT; id++) {
		if (msg_table[id].to != PEER_store)
			continue;
		send_raw(id, 0, zeros, (size_t)msg_table[id].size - 1, &fd, 1);
		expect_refused(-EPROTO, ADMIT_size);
		send_raw(id, 0, zeros, (size_t)msg_table[id].size + 1, &fd, 1);
		expect_refused(-EPROTO, ADMIT_size);
		send_raw(id, 0, zeros, 0, &fd, 1);
		expect_refused(-EPROTO, ADMIT_size);
	}
	send_raw(MSG_broker_survey, 0, zeros, MSG_HANDOVER_MAX + 1, &fd, 1);	/* cut by the kernel */
	expect_refused(-EBADMSG, ADMIT_ok);
	send_raw(MSG_broker_survey, 1, zeros, sizeof survey, &fd, 1);		/* the head's zero field */
	expect_refused(-EBADMSG, ADMIT_ok);
	assert_int_equal(send(broker_fd, zeros, 7, 0), 7);			/* not even a head */
	expect_refused(-EBADMSG, ADMIT_ok);
	assert_int_equal(close(fd), 0);
}

static void
every_message_that_is_not_the_stores_refuses(void **state)
{
	static const uint8_t zeros[MSG_HANDOVER_MAX];
	static const uint32_t unknown[] = { 0, MSG_COUNT, MSG_COUNT + 1, 1u << 31, UINT32_MAX };

	(void)state;
	for (uint32_t id = 1; id < MSG_COUNT; id++) {
		if (msg_table[id].to == PEER_store)
			continue;
		send_raw(id, 0, zeros, msg_table[id].size, NULL, 0);
		expect_refused(-EPROTO, ADMIT_sender);
	}
	for (unsigned i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
		send_raw(unknown[i], 0, zeros, 8, NULL, 0);
		expect_refused(-EPROTO, ADMIT_unknown);
	}
}

static void
a_field_out_of_range_refuses(void **state)
{
	static const struct msg_crypto_want wants[] = {
		{ .slot = SLOTS_MAX, .part = PART_kernel, .number = 1, .len_bytes = 5000 },
		{ .slot = UINT32_MAX, .part = PART_kernel, .number = 1, .len_bytes = 5000 },
		{ .part = 0, .number = 1, .len_bytes = 5000 },
		{ .part = PART_LAST + 1, .number = 1, .len_bytes = 5000 },
		{ .part = PART_kernel, .number = 1, .len_bytes = 0 },
		{ .part = PART_kernel, .number = 1, .len_bytes = UINT64_MAX },
		{ .part = PART_manifest, .number = 1, .len_bytes = 16385 },
		{ .part = PART_kernel, .len_bytes = 5000 },
	};
	static const struct msg_crypto_keep keeps[] = {
		{ .part = PART_manifest, .number = 1, .bytes = { 5000, 1, 1, 1 } },
		{ .id = { 20 }, .part = 0, .number = 1, .bytes = { 5000, 1, 1, 1 } },
		{ .id = { 20 }, .part = PART_LAST + 1, .number = 1, .bytes = { 5000, 1, 1, 1 } },
		{ .id = { 20 }, .part = PART_manifest, .bytes = { 5000, 1, 1, 1 } },
		{ .id = { 20 }, .part = PART_manifest, .number = 1, .bytes = { 16385, 1, 1, 1 } },
		{ .id = { 20 }, .part = PART_manifest, .number = 1, .bytes = { 5000, 0, 1, 1 } },
		{ .id = { 20 }, .part = PART_manifest, .number = 1, .bytes = { 5000, 1, UINT64_MAX, 1 } },
		{ .id = { 20 }, .part = PART_manifest, .number = 1, .bytes = { 5000, 1, 1, UINT64_MAX - 8191 } },
	};
	static const struct msg_broker_record records[] = {
		{ .what = RECORD_begun },
		{ .id = { 10 }, .what = 0 },
		{ .id = { 10 }, .what = 3 },
		{ .id = { 10 }, .what = RECORD_begun, .event = EV_load_kernel },
		{ .id = { 10 }, .what = RECORD_failed },
		{ .id = { 10 }, .what = RECORD_begun, .slot = SLOTS_MAX },
		{ .id = { 10 }, .what = RECORD_begun, .stops = 1 },
		{ .what = RECORD_stopped },
		{ .what = RECORD_stopped, .stops = STOPS_MAX + 1 },
	};
	static const struct msg_broker_survey loud = { .zero = 1 };
	static const struct msg_crypto_node nobody = { { 0 } };
	int fd = make_memfd(5000, BOTH);

	(void)state;
	for (unsigned i = 0; i < sizeof wants / sizeof wants[0]; i++) {
		send_raw(MSG_crypto_want, 0, &wants[i], sizeof wants[i], &fd, 1);
		expect_refused(-ERANGE, ADMIT_ok);
	}
	for (unsigned i = 0; i < sizeof keeps / sizeof keeps[0]; i++) {
		send_raw(MSG_crypto_keep, 0, &keeps[i], sizeof keeps[i], &fd, 1);
		expect_refused(-ERANGE, ADMIT_ok);
	}
	for (unsigned i = 0; i < sizeof records / sizeof records[0]; i++) {
		send_raw(MSG_broker_record, 0, &records[i], sizeof records[i], NULL, 0);
		expect_refused(-ERANGE, ADMIT_ok);
	}
	send_raw(MSG_broker_survey, 0, &loud, sizeof loud, NULL, 0);
	expect_refused(-ERANGE, ADMIT_ok);
	send_raw(MSG_crypto_node, 0, &nobody, sizeof nobody, NULL, 0);
	expect_refused(-ERANGE, ADMIT_ok);
	assert_int_equal(close(fd), 0);
}

static void
a_flood_refuses_after_the_rows_number(void **state)
{
	static const struct msg_crypto_node node = { .node = { 1 } };
	struct msg_store_offer offers[SLOTS_MAX];
	uint32_t event;

	(void)state;
	for (unsigned i = 0; i < msg_table[MSG_broker_survey].max; i++)
		assert_int_equal(ask_survey(offers, &event), 3);
	send_raw(MSG_broker_survey, 0, &survey, sizeof survey, NULL, 0);
	expect_refused(-EPROTO, ADMIT_often);
	for (unsigned i = 0; i < msg_table[MSG_crypto_node].max; i++)
		assert_int_equal(tell(MSG_crypto_node, &node, NULL), 1);
	send_raw(MSG_crypto_node, 0, &node, sizeof node, NULL, 0);
	expect_refused(-EPROTO, ADMIT_often);
	for (unsigned i = 0; i < msg_table[MSG_broker_record].max; i++)
		assert_int_equal(ask_record(10, RECORD_begun, EV_none), EV_none);
	send_raw(MSG_broker_record, 0, &(struct msg_broker_record){ .id = { 10 }, .what = RECORD_begun }, sizeof(struct msg_broker_record),
	    NULL, 0);
	expect_refused(-EPROTO, ADMIT_often);
	for (unsigned i = 0; i < msg_table[MSG_crypto_want].max; i++)
		assert_int_equal(ask_part_event(1, PART_kernel, 4096), EV_none);
	expect_silence();
	{
		int fd = make_memfd(5000, BOTH);

		send_raw(MSG_crypto_want, 0, &want, sizeof want, &fd, 1);
		expect_refused(-EPROTO, ADMIT_often);
		for (unsigned i = 0; i < msg_table[MSG_crypto_keep].max; i++) {
			struct msg_store_kept kept;

			store.keep.next = PART_manifest;
			assert_int_equal(tell(MSG_crypto_keep, &keep, &fd), 1);
			expect(MSG_store_kept, &kept);
			assert_int_equal(kept.event, EV_none);
		}
		send_raw(MSG_crypto_keep, 0, &keep, sizeof keep, &fd, 1);
		expect_refused(-EPROTO, ADMIT_often);
		assert_int_equal(close(fd), 0);
	}
}

static void
a_refusal_writes_nothing_and_counts_nothing(void **state)
{
	static uint8_t before[MIB], after[MIB];
	struct admit_state state_before = store.state;

	assert_int_equal(cache_read_at(disk, before, MIB, 0), 0);
	a_field_out_of_range_refuses(state);
	a_wrong_number_of_descriptors_refuses(state);
	every_message_that_is_not_the_stores_refuses(state);
	assert_int_equal(cache_read_at(disk, after, MIB, 0), 0);
	assert_memory_equal(before, after, MIB);
	assert_memory_equal(&state_before, &store.state, sizeof state_before);
	assert_int_equal(ask_record(10, RECORD_begun, EV_none), EV_none);	/* the positive twin */
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_STORE(a_memfd_of_another_size_refuses),
		ON_STORE(a_memfd_that_can_still_grow_or_shrink_refuses),
		ON_STORE(a_memfd_of_another_uid_refuses),
		ON_STORE(a_memfd_that_cannot_be_written_refuses),
		ON_STORE(a_descriptor_that_is_no_memfd_refuses),
		ON_STORE(a_wrong_number_of_descriptors_refuses),
		ON_STORE(a_frame_of_any_size_but_the_exact_one_refuses),
		ON_STORE(every_message_that_is_not_the_stores_refuses),
		ON_STORE(a_field_out_of_range_refuses),
		ON_STORE(a_flood_refuses_after_the_rows_number),
		ON_STORE(a_refusal_writes_nothing_and_counts_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
