/*
 * store-worker, told to keep what is not to be kept: parts out of turn, another generation's, descriptors of the wrong kind.  Each is refused
 * for its reason, nothing is answered, and nothing is written.
 */
#include "keep_fixture.h"

static void
expect_misbehaviour(const struct msg_crypto_keep *body, int rc)
{
	unsigned open_before = fds_open();

	remember();
	assert_int_equal(tell_keep(body), rc);
	assert_int_equal(fds_open(), open_before);
	assert_nothing_written();
	expect_silence();
}

/* A part that was for a store-worker that is gone: told, and nothing is written. */
static void
expect_stray(const struct msg_crypto_keep *body)
{
	uint32_t slot;

	start_worker();
	remember();
	assert_int_equal(ask_keep(body, &slot), EV_cache_slot);
	assert_int_equal(slot, SLOT_NONE);
	assert_nothing_written();
}

/* The first n parts of 20 come as they should. */
static void
begin_keeping(unsigned n)
{
	uint32_t slot;

	start_worker();
	for (enum part p = PART_manifest; (unsigned)p <= n; p++) {
		const struct msg_crypto_keep body = body_of(20, p);

		assert_int_equal(ask_keep(&body, &slot), EV_none);
	}
}

static void
a_part_out_of_order_refuses(void **state)
{
	uint32_t slot;

	(void)state;
	for (unsigned n = 0; n <= PART_LAST; n++) {
		for (enum part p = PART_manifest; p <= PART_LAST; p++) {
			const struct msg_crypto_keep body = body_of(20, p);
			int stray = n == 0 && p != PART_manifest;
			int good = (unsigned)p == n + 1 || (p == PART_manifest && (n == 1 || n == PART_LAST));

			begin_keeping(n);
			if (stray) {
				expect_stray(&body);
				expect_misbehaviour(&body, -EPROTO);
			} else if (good) {
				assert_int_equal(ask_keep(&body, &slot), EV_none);
			} else {
				expect_misbehaviour(&body, -EPROTO);
			}
		}
	}
	for (enum part p = PART_minisig; p <= PART_LAST; p++) {	/* and after a refusal nothing goes on */
		struct msg_crypto_keep body = body_of(20, PART_manifest);

		body.bytes[PART_kernel - 1] = 1 << 30;
		start_worker();
		assert_int_equal(ask_keep(&body, &slot), EV_cache_full);
		body.part = p;
		body.bytes[PART_kernel - 1] = 3000;
		expect_misbehaviour(&body, -EPROTO);
	}
}

static void
another_id_or_size_than_the_first_refuses(void **state)
{
	(void)state;
	for (unsigned n = 1; n < PART_LAST; n++) {
		struct msg_crypto_keep body = body_of(20, (enum part)(n + 1));

		body.id[31] ^= 1;
		begin_keeping(n);
		expect_misbehaviour(&body, -EPROTO);
		for (enum part p = PART_manifest; p <= PART_LAST; p++) {
			body = body_of(20, (enum part)(n + 1));
			body.bytes[p - 1]++;
			begin_keeping(n);
			expect_misbehaviour(&body, -EPROTO);
		}
	}
	begin_keeping(1);	/* the manifest again: the same only */
	{
		const struct msg_crypto_keep other = body_of(21, PART_manifest);

		expect_misbehaviour(&other, -EPROTO);
	}
}

static void
a_fresh_worker_keeps_what_begins_anew(void **state)
{
	const struct msg_crypto_keep stray = body_of(20, PART_kernel), manifest = body_of(20, PART_manifest);
	uint32_t slot;

	(void)state;
	begin_keeping(2);
	expect_stray(&stray);
	assert_int_equal(ask_keep_all(20, &slot), EV_none);
	assert_true(is_whole(slot, 20));
	start_worker();
	assert_int_equal(ask_keep(&manifest, &slot), EV_none);	/* asked of the one that is gone, answered by this one */
	assert_int_equal(ask_keep_all(20, &slot), EV_none);
	assert_int_equal(holds(slot), 20);
	assert_true(is_whole(slot, 20));
	for (uint32_t i = 0; i < SLOTS; i++)
		assert_true(i == slot || holds(i) != 20);
}

static void
expect_fd_refused(int fd, int rc)
{
	const struct msg_crypto_keep body = body_of(20, PART_manifest);
	unsigned open_before;

	assert_true(fd >= 0);
	start_worker();
	remember();
	open_before = fds_open();
	assert_int_equal(tell(MSG_crypto_keep, &body, &fd), rc);
	assert_int_equal(fds_open(), open_before);
	expect_silence();
	assert_int_equal(close(fd), 0);
	if (rc != -EBADF)	/* what cannot be read is found when its slot is empty */
		assert_nothing_written();
	else
		assert_rest_unchanged(2, SLOT_NONE);
	assert_int_equal(holds(2), 0);
}

static void
a_memfd_that_is_not_to_be_kept_refuses(void **state)
{
	const int both = F_SEAL_GROW | F_SEAL_SHRINK;
	uint64_t len = body_of(20, PART_manifest).bytes[0];
	struct msg_store_offer offers[SLOTS_MAX];
	uint32_t event;
	char path[64];
	int fd = make_memfd(len, both), pair[2];

	(void)state;
	expect_fd_refused(make_memfd(len, 0), -EACCES);
	expect_fd_refused(make_memfd(len, F_SEAL_GROW), -EACCES);
	expect_fd_refused(make_memfd(len, F_SEAL_SHRINK | F_SEAL_SEAL), -EACCES);
	expect_fd_refused(make_memfd(len - 1, both), -EMSGSIZE);
	expect_fd_refused(make_memfd(len + 1, both), -EMSGSIZE);
	/* A hand-over, which holds the key: kexec-worker and broker together could lend it. */
	expect_fd_refused(make_memfd(len, both | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL), -EACCES);
	expect_fd_refused(make_memfd(len, both | F_SEAL_FUTURE_WRITE), -EACCES);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	expect_fd_refused(open(path, O_WRONLY | O_CLOEXEC), -EBADF);
	assert_int_equal(close(fd), 0);
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	expect_fd_refused(pair[0], -EBADF);
	assert_int_equal(close(pair[1]), 0);
	{
		const struct msg_crypto_keep body = body_of(20, PART_manifest);

		start_worker();
		store.maker_uid = geteuid() + 1;
		expect_misbehaviour(&body, -EPERM);
		assert_int_equal(ask_record(10, RECORD_begun, EV_none), EV_none);
	}
	begin_keeping(PART_LAST);	/* the positive twin; one that is closed to writing is as good */
	assert_true(holds(2) == 20 && is_whole(2, 20));
	read_journal();
	assert_memory_equal(journal.entry[0].id, id(20), ID_BYTES);
	assert_int_equal(ask_survey(offers, &event), 4);
	assert_int_equal(ask_part_event(2, PART_manifest, len), EV_none);
	start_worker();
	for (enum part p = PART_manifest; p <= PART_LAST; p++) {
		const struct msg_crypto_keep body = body_of(21, p);
		struct msg_store_kept kept;

		fd = make_memfd(body.bytes[p - 1], both);
		write_part(fd, 0, 21, p, body.bytes[p - 1]);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL), 0);
		assert_int_equal(tell(MSG_crypto_keep, &body, &fd), 1);
		expect(MSG_store_kept, &kept);
		assert_int_equal(kept.event, EV_none);
		assert_int_equal(close(fd), 0);
	}
	assert_true(is_whole(1, 21));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_CACHE(a_part_out_of_order_refuses),
		ON_CACHE(another_id_or_size_than_the_first_refuses),
		ON_CACHE(a_fresh_worker_keeps_what_begins_anew),
		ON_CACHE(a_memfd_that_is_not_to_be_kept_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
