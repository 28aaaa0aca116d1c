/*
 * Measurements that an operator accepts: of one node, of all that have the same, and of none that changed meanwhile.  Host-side test.
 */
#include "registry_fixture.h"

static struct store_node node;

static enum word_reason
answer(uint64_t number, uint64_t image, uint64_t boot)
{
	const struct store_measured measured = measured_of(image, boot);

	return request(number, &measured, NULL).reason;
}

static void
put_and_assign(void)
{
	put_generation(1);
	assign(1, SCOPE_all, "", 100);
}

/* The digest of an image's PCRs. */
static const uint8_t *
pcrs_of(uint64_t image, uint8_t out[32])
{
	const struct store_measured measured = measured_of(image, 0);

	registry_pcrs(&measured.pcrs, out);
	return out;
}

static void
learning_accepts_what_was_refused_last(void **state)
{
	(void)state;
	put_and_assign();
	make_member(1);
	node_of(1, &node);
	assert_int_equal(registry_learn(store, node.node, NULL), -EINVAL);	/* nothing was */
	assert_int_equal(answer(1, 2, 11), REASON_measured);
	assert_int_equal(answer(1, 3, 12), REASON_measured);
	assert_int_equal(registry_learn(store, node.node, NULL), 0);
	assert_int_equal(answer(1, 2, 13), REASON_measured);
	assert_int_equal(answer(1, 3, 13), REASON_none);
	/* once it came as it should, what was tried before is no more to be learned by mistake */
	assert_int_equal(registry_learn(store, node.node, NULL), -EINVAL);
	assert_int_equal(answer(1, 3, 12), REASON_measured);
	assert_int_equal(registry_learn(store, node.node, NULL), 0);
	assert_int_equal(answer(1, 3, 12), REASON_none);
}

static void
a_pending_ones_measurements_are_not_learned(void **state)
{
	struct store_enrolment e = enrolment_of(1, 1, 1, 10);

	(void)state;
	(void)make_invite(1, 0);
	assert_int_equal(enrol(&e, 1, NOW), REASON_none);
	assert_int_equal(prove(&e, NOW), REASON_pending);
	assert_int_equal(answer(1, 2, 11), REASON_pending);
	assert_int_equal(registry_learn(store, e.node, NULL), -EINVAL);
	assert_int_equal(registry_approve(store, e.node, NULL), 0);
	assert_int_equal(answer(1, 2, 11), REASON_measured);
}

/* An operator looks at one measurement; before he has accepted it the machine comes in another image. */
static void
what_was_looked_at_is_what_is_learned(void **state)
{
	uint8_t seen[32], digest[32];

	(void)state;
	put_and_assign();
	make_member(1);
	assert_int_equal(answer(1, 2, 11), REASON_measured);
	node_of(1, &node);
	registry_pcrs(&node.refused_as.pcrs, seen);
	assert_int_equal(crypto_hash_sha256(digest, (const uint8_t *)&node.refused_as.pcrs, 192), 0);
	assert_memory_equal(seen, digest, sizeof seen);
	assert_int_equal(answer(1, 3, 12), REASON_measured);
	assert_int_equal(registry_learn(store, node.node, seen), -EINVAL);
	assert_int_equal(answer(1, 3, 13), REASON_measured);
	assert_int_equal(answer(1, 2, 14), REASON_measured);
	assert_int_equal(registry_learn(store, node.node, seen), 0);
	assert_int_equal(answer(1, 2, 15), REASON_none);
	/* the digest is of PCRs: a count that went down is a matter of its own */
	assert_int_equal(answer(1, 2, 3), REASON_measured);
	assert_int_equal(registry_learn(store, node.node, seen), -EINVAL);
	assert_int_equal(answer(1, 2, 3), REASON_measured);
	assert_int_equal(registry_learn(store, node.node, NULL), 0);
	assert_int_equal(answer(1, 2, 3), REASON_none);
}

static void
all_that_have_the_same_are_learned(void **state)
{
	struct registry_learned count;
	uint8_t pcrs[32];

	(void)state;
	put_and_assign();
	for (uint64_t i = 1; i <= 8; i++)
		make_member(i);
	for (uint64_t i = 1; i <= 4; i++)
		assert_int_equal(answer(i, 2, 11), REASON_measured);
	assert_int_equal(answer(5, 3, 11), REASON_measured);	/* in another image */
	assert_int_equal(answer(6, 2, 9), REASON_measured);	/* and with an old state of its TPM */
	assert_int_equal(answer(7, 2, 11), REASON_measured);
	assert_int_equal(answer(8, 1, 11), REASON_none);
	node_of(7, &node);
	assert_int_equal(registry_revoke(store, node.node), 0);
	node_of(4, &node);
	assert_int_equal(registry_group(store, node.node, "lab"), 0);
	assert_int_equal(registry_learn_all(store, "lab", pcrs_of(2, pcrs), &count), 0);
	assert_int_equal(count.learned, 1);
	assert_int_equal(count.left, 0);
	assert_int_equal(answer(4, 2, 12), REASON_none);
	assert_int_equal(answer(1, 2, 12), REASON_measured);
	assert_int_equal(registry_learn_all(store, NULL, pcrs_of(2, pcrs), &count), 0);
	assert_int_equal(count.learned, 3);
	assert_int_equal(count.left, 1);
	for (uint64_t i = 1; i <= 4; i++)
		assert_int_equal(answer(i, 2, 13), REASON_none);
	assert_int_equal(answer(5, 3, 12), REASON_measured);
	assert_int_equal(answer(6, 2, 9), REASON_measured);
	assert_int_equal(answer(7, 2, 12), REASON_revoked);
	assert_int_equal(answer(8, 1, 12), REASON_none);
	assert_int_equal(registry_learn_all(store, NULL, pcrs_of(4, pcrs), &count), 0);
	assert_int_equal(count.learned + count.left, 0);
}

#define ON_STORE(f) cmocka_unit_test_setup_teardown(f, open_store, close_store)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STORE(learning_accepts_what_was_refused_last), ON_STORE(a_pending_ones_measurements_are_not_learned),
		ON_STORE(what_was_looked_at_is_what_is_learned), ON_STORE(all_that_have_the_same_are_learned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
