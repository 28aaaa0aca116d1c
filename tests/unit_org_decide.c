/*
 * What a node is told to boot: scopes, what failed there, floors; all through a real store.  Host-side test.
 */
#include "registry_fixture.h"

/* --- scopes ---------------------------------------------------------------------------------------------------------------------- */

/* All sixteen sets of scopes that say something: the most specific one counts. */
static void
the_most_specific_scope_counts(void **state)
{
	struct store_node node = plain_node(7), other = plain_node(8);
	char hex[NODE_TEXT + 1], other_hex[NODE_TEXT + 1];
	const char *target[SCOPE_LAST + 1] = { "", "lab", "thin client", hex }, *elsewhere[SCOPE_LAST + 1] = { "", "field", "server", other_hex };

	(void)state;
	(void)hex_text(node.node, NODE_BYTES, hex);
	(void)hex_text(other.node, NODE_BYTES, other_hex);
	for (uint64_t v = 1; v <= 8; v++)
		put_generation(v);
	for (unsigned set = 0; set < 16; set++) {
		uint64_t want = 0;

		for (int scope = 0; scope <= SCOPE_LAST; scope++) {
			assert_int_equal(store_assignment_drop(store, (enum scope)scope, target[scope]), 0);
			if (scope != SCOPE_all)		/* another group, class, node says what is not meant */
				assign((uint64_t)scope + 5, (enum scope)scope, elsewhere[scope], 100);
			if ((set & 1u << scope) == 0)
				continue;
			assign((uint64_t)scope + 1, (enum scope)scope, target[scope], 100);
			want = (uint64_t)scope + 1;
		}
		assert_int_equal(assigned(&node), want);
	}
	(void)strcpy(node.class_set, "server");		/* the operator's word is more than the node's */
	assert_int_equal(store_assignment_drop(store, SCOPE_node, hex), 0);
	assert_int_equal(assigned(&node), SCOPE_class + 5);
	node.class_set[0] = node.hardware[0] = '\0';	/* no class is no class, and not the one called "" */
	assert_int_equal(assigned(&node), SCOPE_group + 1);
}

/* --- deciding -------------------------------------------------------------------------------------------------------------------- */

struct row {
	uint64_t version;
	uint8_t state;
};

/* Versions 1 to 9 are known, 3 is withdrawn, 5 is assigned, the floor is 2.  version 0 ends an inventory, 99 is not known. */
static const struct decision_row {
	struct row have[4];
	uint64_t node_floor, want;	/* 0: unassigned */
	int fallback;
} rows[] = {
	{ { { 0, 0 } }, 0, 5, 0 },
	{ { { 5, STATE_healthy }, { 4, STATE_healthy } }, 0, 5, 0 },
	{ { { 5, STATE_new } }, 0, 5, 0 },
	{ { { 5, STATE_begun } }, 0, 5, 0 },
	{ { { 7, STATE_failed }, { 9, STATE_healthy } }, 0, 5, 0 },	/* what failed is another one; what is newer was not asked for */
	{ { { 5, STATE_failed } }, 0, 0, 0 },
	{ { { 5, STATE_failed }, { 4, STATE_healthy } }, 0, 4, 1 },
	{ { { 2, STATE_healthy }, { 5, STATE_failed }, { 4, STATE_healthy } }, 0, 4, 1 },
	{ { { 4, STATE_healthy }, { 5, STATE_failed }, { 2, STATE_healthy } }, 0, 4, 1 },
	{ { { 5, STATE_failed }, { 4, STATE_begun }, { 2, STATE_healthy } }, 0, 2, 1 },
	{ { { 5, STATE_failed }, { 4, STATE_failed }, { 2, STATE_new } }, 0, 0, 0 },
	{ { { 5, STATE_failed }, { 3, STATE_healthy }, { 2, STATE_healthy } }, 0, 2, 1 },	/* 3 was withdrawn */
	{ { { 5, STATE_failed }, { 3, STATE_healthy } }, 0, 0, 0 },
	{ { { 5, STATE_failed }, { 1, STATE_healthy } }, 0, 0, 0 },	/* under the floor */
	{ { { 5, STATE_failed }, { 2, STATE_healthy } }, 0, 2, 1 },	/* at the floor */
	{ { { 5, STATE_failed }, { 99, STATE_healthy }, { 2, STATE_healthy } }, 0, 2, 1 },	/* not given out here */
	{ { { 5, STATE_failed }, { 9, STATE_healthy } }, 0, 9, 1 },
	{ { { 5, STATE_failed }, { 4, STATE_healthy } }, 4, 4, 1 },	/* the node's own floor */
	{ { { 5, STATE_failed }, { 4, STATE_healthy } }, 5, 0, 0 },
	{ { { 0, 0 } }, 5, 5, 0 },
	{ { { 0, 0 } }, 6, 0, 0 },
};

static struct doc_have
inventory(const struct row row[4])
{
	struct doc_have have;

	memset(&have, 0, sizeof have);
	for (unsigned i = 0; i < 4 && row[i].version != 0; i++) {
		(void)generation_id_of(row[i].version, have.row[i].id);
		have.row[i].version = row[i].version;
		have.row[i].state = row[i].state;
		have.count++;
	}
	return have;
}

static void
put_nine(void)
{
	uint8_t id[ID_BYTES];

	for (uint64_t v = 1; v <= 9; v++)
		put_generation(v);
	assign(5, SCOPE_all, "", 100);
	assert_int_equal(registry_floor(store, "", 2, 0), 0);
	assert_int_equal(registry_withdraw(store, generation_id_of(3, id)), 0);
}

static void
what_failed_there_is_followed_by_what_is_healthy(void **state)
{
	struct store_node node = plain_node(1);

	(void)state;
	put_nine();
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct decision_row *r = &rows[i];
		const struct doc_have have = inventory(r->have);
		struct registry_decision d;
		uint8_t id[ID_BYTES] = { 0 };

		assert_int_equal(registry_decide(store, &node, &have, r->node_floor, &d), 0);
		if (r->want != 0)
			(void)generation_id_of(r->want, id);
		if (d.version != r->want || d.fallback != r->fallback)
			fail_msg("row %u: version %llu, fallback %d", i, (unsigned long long)d.version, d.fallback);
		assert_int_equal(d.reason, r->want != 0 ? REASON_none : REASON_unassigned);
		assert_memory_equal(d.generation, id, ID_BYTES);
		assert_int_equal(d.floor, 2);
	}
}

/* A version is what the service says, not what the inventory does: else a node could choose. */
static void
an_inventory_does_not_name_versions(void **state)
{
	static const struct row row[4] = { { 5, STATE_failed }, { 2, STATE_healthy }, { 4, STATE_healthy } };
	struct store_node node = plain_node(1);
	struct doc_have have = inventory(row);
	struct registry_decision d;

	(void)state;
	put_nine();
	have.row[1].version = 1000;
	assert_int_equal(registry_decide(store, &node, &have, 0, &d), 0);
	assert_int_equal(d.version, 4);
}

static void
nothing_assigned_is_nothing_to_boot(void **state)
{
	static const struct row row[4] = { { 1, STATE_healthy } };
	struct store_node node = plain_node(1);
	const struct doc_have have = inventory(row);
	struct registry_decision d;

	(void)state;
	put_generation(1);
	assert_int_equal(registry_decide(store, &node, &have, 0, &d), 0);
	assert_int_equal(d.reason, REASON_unassigned);
	assert_int_equal(d.version, 0);
	assign(1, SCOPE_all, "", 100);
	assert_int_equal(registry_decide(store, &node, &have, 0, &d), 0);
	assert_int_equal(d.reason, REASON_none);
}

/* --- floors and withdrawal ------------------------------------------------------------------------------------------------------- */

static void
a_groups_floor_is_its_own(void **state)
{
	struct store_node lab = plain_node(1), field = plain_node(2);
	const struct registry_scope all = { SCOPE_all, "" };
	const struct doc_have none = { .count = 0 };
	struct registry_decision d;
	uint8_t id[ID_BYTES];

	(void)state;
	(void)strcpy(field.group, "field");
	put_generation(4);
	put_generation(5);
	assign(4, SCOPE_all, "", 100);
	assert_int_equal(registry_floor(store, "lab", 5, 0), -EINVAL);	/* nothing in the lab would boot */
	assign(5, SCOPE_group, "lab", 100);
	assert_int_equal(registry_floor(store, "lab", 5, 0), 0);
	assert_int_equal(registry_decide(store, &lab, &none, 0, &d), 0);
	assert_int_equal(d.floor, 5);
	assert_int_equal(registry_decide(store, &field, &none, 0, &d), 0);
	assert_int_equal(d.floor, 0);
	assert_int_equal(d.version, 4);
	assert_int_equal(registry_floor(store, "", 4, 0), 0);
	assert_int_equal(registry_decide(store, &lab, &none, 0, &d), 0);
	assert_int_equal(d.floor, 5);					/* the greater one */
	assert_int_equal(registry_floor(store, "", 5, 0), -EINVAL);	/* 4 is assigned to all */
	assert_int_equal(registry_assign(store, generation_id_of(4, id), &(struct registry_scope){ SCOPE_group, "lab" }, 100), -EINVAL);
	assert_int_equal(registry_unassign(store, &(struct registry_scope){ SCOPE_group, "lab" }), 0);
	assert_int_equal(registry_assign(store, generation_id_of(4, id), &all, 100), -EINVAL);	/* for the lab it would be nothing */
}

/* A node's own assignment is looked at as well when its group's floor rises: by its node, for others may have the like elsewhere. */
static void
a_groups_floor_looks_at_its_nodes(void **state)
{
	char hex[NODE_TEXT + 1];
	struct store_node node;

	(void)state;
	put_generation(4);
	put_generation(5);
	assign(5, SCOPE_all, "", 100);
	make_member(1);
	node_of(1, &node);
	assign(4, SCOPE_node, hex_text(node.node, NODE_BYTES, hex), 100);
	assert_int_equal(registry_floor(store, "lab", 5, 0), 0);	/* it is not of the lab */
	assert_int_equal(registry_floor(store, "all", 5, 0), -EINVAL);
	assert_int_equal(registry_group(store, node.node, "elsewhere"), 0);
	assert_int_equal(registry_floor(store, "all", 5, 0), 0);
}

static void
a_withdrawn_canary_gives_all_back(void **state)
{
	uint8_t id[ID_BYTES];
	uint64_t n[4];

	(void)state;
	put_generation(1);
	put_generation(2);
	put_generation(3);
	assign(3, SCOPE_all, "", 100);
	assign(1, SCOPE_group, "lab", 100);
	assign(2, SCOPE_group, "lab", 50);
	assert_int_equal(registry_withdraw(store, generation_id_of(2, id)), 0);
	count_them(n);
	assert_int_equal(n[1], 1000);
	assert_int_equal(registry_withdraw(store, generation_id_of(1, id)), 0);
	count_them(n);
	assert_int_equal(n[3], 1000);	/* the wider scope */
}

static void
a_withdrawn_former_one_leaves_the_canary(void **state)
{
	uint8_t id[ID_BYTES];
	uint64_t n[4];

	(void)state;
	put_generation(1);
	put_generation(2);
	put_generation(3);
	assign(3, SCOPE_all, "", 100);
	assign(1, SCOPE_group, "lab", 100);
	assign(2, SCOPE_group, "lab", 50);
	assert_int_equal(registry_withdraw(store, generation_id_of(1, id)), 0);
	count_them(n);
	assert_in_range(n[2], 420, 580);
	assert_int_equal(n[3], 1000 - n[2]);
}

#define ON_STORE(f) cmocka_unit_test_setup_teardown(f, open_store, close_store)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STORE(the_most_specific_scope_counts), ON_STORE(what_failed_there_is_followed_by_what_is_healthy),
		ON_STORE(an_inventory_does_not_name_versions), ON_STORE(nothing_assigned_is_nothing_to_boot), ON_STORE(a_groups_floor_is_its_own),
		ON_STORE(a_groups_floor_looks_at_its_nodes), ON_STORE(a_withdrawn_canary_gives_all_back),
		ON_STORE(a_withdrawn_former_one_leaves_the_canary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
