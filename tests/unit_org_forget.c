/*
 * What is made once, used once, forgotten for good: shares, invites, challenges; through a real store.  Host-side test.
 */
#include "registry_fixture.h"

static struct store_node node;

/* --- invites --------------------------------------------------------------------------------------------------------------------- */

/* An invite is for one: whom an operator put out does not come back by the one that let it in, which may still be in its image. */
static void
a_forgotten_one_needs_another_invite(void **state)
{
	struct store_enrolment e = enrolment_of(1, 1, 1, 10), other = enrolment_of(2, 2, 1, 10);

	(void)state;
	(void)make_invite(1, 1);
	(void)make_invite(2, 1);
	(void)make_invite(3, 1);
	assert_int_equal(enrol(&e, 1, NOW), REASON_none);
	assert_int_equal(prove(&e, NOW), REASON_none);
	assert_int_equal(enrol(&other, 3, NOW), REASON_none);
	assert_int_equal(prove(&other, NOW), REASON_none);
	assert_int_equal(registry_revoke(store, e.node), 0);
	assert_int_equal(registry_forget(store, e.node), 0);
	assert_int_equal(enrol(&e, 1, NOW), REASON_invite);
	assert_int_equal(enrol(&e, 2, NOW), REASON_none);		/* which nobody has used */
	assert_int_equal(prove(&e, NOW), REASON_none);
	assert_int_equal(enrol(&e, 1, NOW), REASON_invite);		/* nor now that it is here again */
	assert_int_equal(enrol(&e, 2, NOW), REASON_none);
	assert_int_equal(enrol(&other, 3, NOW), REASON_none);		/* it is no matter of others */
}

/* --- shares ---------------------------------------------------------------------------------------------------------------------- */

static void
a_share_is_made_once(void **state)
{
	const struct store_measured measured = measured_of(1, 11);
	uint8_t one[32], again[32], two[32], none[NODE_BYTES] = { 0 };

	(void)state;
	make_member(1);
	make_member(2);
	node_of(1, &node);
	assert_false(node.has_share);
	assert_int_equal(registry_share(store, node.node, one), 0);
	store_close(store);
	assert_int_equal(store_open(path, 0, &store), 0);
	assert_int_equal(registry_share(store, node.node, again), 0);
	assert_memory_equal(one, again, sizeof one);
	assert_int_equal(request(1, &measured, NULL).reason, REASON_unassigned);	/* an update of the rest leaves it */
	assert_int_equal(registry_share(store, node.node, again), 0);
	assert_memory_equal(one, again, sizeof one);
	node_of(1, &node);
	assert_true(node.has_share);
	node_of(2, &node);
	assert_int_equal(registry_share(store, node.node, two), 0);
	assert_memory_not_equal(one, two, sizeof one);
	assert_int_equal(registry_share(store, none, two), -ENOENT);
	assert_int_equal(registry_revoke(store, node.node), 0);
	assert_int_equal(registry_share(store, node.node, two), -ENOENT);
	assert_int_equal(sql_execute(store, "UPDATE node SET share = zeroblob(32)"), -EIO);
	assert_int_equal(sql_execute(store, "UPDATE node SET share = NULL"), -EIO);
	assert_int_equal(sql_execute(store, "UPDATE node SET seen = 1"), 0);
}

/* Is it in the database's file, or in its write-ahead log? */
static int
is_in_files(const uint8_t bytes[32])
{
	static const char *const endings[] = { "", "-wal" };
	char name[sizeof path + 4];
	uint8_t *text;
	int found = 0;

	for (unsigned i = 0; i < 2; i++) {
		FILE *file;
		size_t n;

		(void)snprintf(name, sizeof name, "%s%s", path, endings[i]);
		file = fopen(name, "r");
		assert_non_null(file);
		text = malloc(1 << 20);
		assert_non_null(text);
		n = fread(text, 1, 1 << 20, file);
		assert_in_range(n, 0, (1 << 20) - 1);		/* all of it */
		for (size_t at = 0; at + 32 <= n; at++)
			found += memcmp(text + at, bytes, 32) == 0;
		free(text);
		(void)fclose(file);
	}
	return found;
}

/* What is forgotten is gone: a machine that was put away, and a copy of the database made later, do not open its disk together. */
static void
a_forgotten_share_is_in_no_file(void **state)
{
	uint8_t share[32], other[32];

	(void)state;
	make_member(1);
	make_member(2);
	node_of(2, &node);
	assert_int_equal(registry_share(store, node.node, other), 0);
	node_of(1, &node);
	assert_int_equal(registry_share(store, node.node, share), 0);
	assert_true(is_in_files(share));
	assert_int_equal(registry_revoke(store, node.node), 0);
	assert_true(is_in_files(share));
	assert_int_equal(registry_forget(store, node.node), 0);
	assert_false(is_in_files(share));
	assert_true(is_in_files(other));
}

/* --- used challenges ------------------------------------------------------------------------------------------------------------- */

static void
a_challenge_is_used_once(void **state)
{
	(void)state;
	assert_int_equal(redeem(1, NOW + 10, NOW), 0);
	assert_int_equal(redeem(1, NOW + 10, NOW), -EEXIST);
	assert_int_equal(redeem(2, NOW + 20, NOW + 9), 0);
	assert_int_equal(redeem(1, NOW + 10, NOW + 9), -EEXIST);
	assert_int_equal(redeem(3, NOW + 20, NOW + 10), 0);	/* 1 is over, and forgotten: its own time refuses it */
	assert_int_equal(redeem(1, NOW + 30, NOW + 10), 0);
	store_close(store);
	assert_int_equal(store_open(path, 0, &store), 0);
	assert_int_equal(redeem(2, NOW + 20, NOW + 19), -EEXIST);	/* a restart makes none good again */
}

static void
used_challenges_are_bounded(void **state)
{
	(void)state;
	assert_int_equal(store_begin(store), 0);
	for (uint64_t i = 0; i < REDEEMED_MAX; i++)
		assert_int_equal(redeem(i, NOW + 10, NOW), 0);
	assert_int_equal(redeem(REDEEMED_MAX, NOW + 10, NOW), -EAGAIN);
	assert_int_equal(redeem(REDEEMED_MAX, NOW + 20, NOW + 10), 0);
	assert_int_equal(redeem(0, NOW + 20, NOW + 10), 0);
	assert_int_equal(store_commit(store), 0);
}

/* The machine had a clock that was years ahead, once: what was used then is over now, or the service would be full some day, for good. */
static void
challenges_of_a_clock_that_was_ahead_do_not_stay(void **state)
{
	const uint64_t ahead = NOW + 10 * UINT64_C(31557600);

	(void)state;
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(redeem(0, ahead + 3600, ahead), 0);
	for (uint64_t i = 1; i <= REDEEMED_MAX; i++)
		assert_int_equal(redeem(i, NOW + 3602 + i, NOW + i), 0);	/* the longest that one may be good: none of these is lost */
	assert_int_equal(redeem(REDEEMED_MAX, NOW + 3602 + REDEEMED_MAX, NOW + REDEEMED_MAX), -EEXIST);
	assert_int_equal(store_commit(store), 0);
}

#define ON_STORE(f) cmocka_unit_test_setup_teardown(f, open_store, close_store)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STORE(a_forgotten_one_needs_another_invite), ON_STORE(a_share_is_made_once), ON_STORE(a_forgotten_share_is_in_no_file),
		ON_STORE(a_challenge_is_used_once), ON_STORE(used_challenges_are_bounded),
		ON_STORE(challenges_of_a_clock_that_was_ahead_do_not_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
