/*
 * Percentages: even, stable, growing; through a real store.  Host-side test.
 */
#include "registry_fixture.h"

/* BLAKE2b-256 of node id and generation id: the first four bytes, as a part of 2^32, in hundredths. */
static void
a_bucket_is_the_hash_that_anyone_can_compute(void **state)
{
	uint8_t node[NODE_BYTES], id[ID_BYTES], text[NODE_BYTES + ID_BYTES], hash[32];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		bytes_of("node", i, node, sizeof node);
		(void)generation_id_of(i / 7, id);
		memcpy(text, node, sizeof node);
		memcpy(text + sizeof node, id, sizeof id);
		assert_int_equal(crypto_generichash(hash, sizeof hash, text, sizeof text, NULL, 0), 0);
		/* in floating point, where the code has integers */
		assert_int_equal(registry_bucket(node, id),
		    (unsigned)((hash[0] * 16777216.0 + hash[1] * 65536.0 + hash[2] * 256.0 + hash[3]) / 4294967296.0 * 100.0));
	}
}

/* Each bucket has its hundredth of 20,000 nodes: 200, and chance alone leaves it within 5 times 14. */
static void
the_buckets_are_even(void **state)
{
	unsigned count[100] = { 0 };
	uint8_t node[NODE_BYTES], id[ID_BYTES];

	(void)state;
	(void)generation_id_of(1, id);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned bucket;

		bytes_of("node", i, node, sizeof node);
		bucket = registry_bucket(node, id);
		assert_in_range(bucket, 0, 99);
		count[bucket]++;
	}
	for (unsigned i = 0; i < 100; i++)
		assert_in_range(count[i], 130, 270);
}

/* Another generation's canaries are other nodes: of 20,000 some 200 are among the tenth of both. */
static void
another_generation_has_other_canaries(void **state)
{
	uint8_t node[NODE_BYTES], one[ID_BYTES], two[ID_BYTES];
	unsigned both = 0;

	(void)state;
	(void)generation_id_of(1, one);
	(void)generation_id_of(2, two);
	for (unsigned i = 0; i < 20000; i++) {
		bytes_of("node", i, node, sizeof node);
		both += registry_bucket(node, one) < 10 && registry_bucket(node, two) < 10;
	}
	assert_in_range(both, 130, 270);
}

/* Through the store: who has it at P percent has it at every greater one; the others have what they had. */
static void
a_canary_grows(void **state)
{
	enum { NODES = 1000 };
	static const unsigned percents[] = { 1, 2, 10, 11, 50, 99, 100 };
	static uint8_t had[NODES];
	unsigned before = 0;

	(void)state;
	put_generation(1);
	put_generation(2);
	assign(1, SCOPE_group, "lab", 100);
	memset(had, 0, sizeof had);
	for (unsigned p = 0; p < sizeof percents / sizeof percents[0]; p++) {
		unsigned count = 0;

		assign(2, SCOPE_group, "lab", percents[p]);
		for (unsigned i = 0; i < NODES; i++) {
			struct store_node node = plain_node(i);
			uint64_t version = assigned(&node);

			assert_true(version == 1 || version == 2);
			assert_true(version == 2 || !had[i]);		/* nobody loses it */
			assert_int_equal(assigned(&node), version);	/* nor does it depend on when it is asked */
			had[i] = version == 2;
			count += had[i];
		}
		assert_in_range(count, percents[p] * NODES / 100 - (percents[p] < 5 ? percents[p] * NODES / 100 - 1 : 40),
		    percents[p] * NODES / 100 + 40);
		assert_true(count > before);
		before = count;
	}
	assert_int_equal(before, NODES);
}

static void
a_canary_that_follows_a_canary_leaves_the_others_alone(void **state)
{
	uint64_t n[4];

	(void)state;
	for (uint64_t v = 1; v <= 3; v++)
		put_generation(v);
	assign(1, SCOPE_all, "", 100);
	assign(2, SCOPE_all, "", 20);
	assign(3, SCOPE_all, "", 10);	/* takes the place of 2 */
	count_them(n);
	assert_int_equal(n[2], 0);
	assert_in_range(n[3], 60, 140);
	assert_int_equal(n[1] + n[3], 1000);
	assign(3, SCOPE_all, "", 100);
	count_them(n);
	assert_int_equal(n[3], 1000);
}

static void
a_first_canary_leaves_the_others_to_the_wider_scope(void **state)
{
	uint64_t n[4];

	(void)state;
	put_generation(1);
	put_generation(2);
	assign(2, SCOPE_group, "lab", 30);
	count_them(n);
	assert_in_range(n[2], 240, 360);
	assert_int_equal(n[0] + n[2], 1000);	/* nothing is assigned to the others */
	assign(1, SCOPE_all, "", 100);
	count_them(n);
	assert_in_range(n[2], 240, 360);
	assert_int_equal(n[1] + n[2], 1000);
}

static void
nobody_would_keep_what_a_canary_replaces_by_itself(void **state)
{
	const struct registry_scope all = { SCOPE_all, "" };
	uint8_t id[ID_BYTES];

	(void)state;
	put_generation(1);
	assign(1, SCOPE_all, "", 100);
	assert_int_equal(registry_assign(store, generation_id_of(1, id), &all, 50), -EINVAL);
}

#define ON_STORE(f) cmocka_unit_test_setup_teardown(f, open_store, close_store)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_is_the_hash_that_anyone_can_compute), cmocka_unit_test(the_buckets_are_even),
		cmocka_unit_test(another_generation_has_other_canaries), ON_STORE(a_canary_grows),
		ON_STORE(a_canary_that_follows_a_canary_leaves_the_others_alone), ON_STORE(a_first_canary_leaves_the_others_to_the_wider_scope),
		ON_STORE(nobody_would_keep_what_a_canary_replaces_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
