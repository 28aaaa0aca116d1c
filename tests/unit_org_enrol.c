/*
 * Enrolment through a real store: invites, proofs, who may come again, what changes meanwhile, how much may be under way.  Host-side test.
 */
#include "registry_fixture.h"

static struct store_node node;

static struct store_enrolment
machine(void)
{
	return enrolment_of(1, 1, 1, 10);
}

static void
a_machine_becomes_a_member(void **state)
{
	struct store_enrolment e = machine();
	uint8_t digest[32];

	(void)state;
	(void)make_invite(1, 1);
	assert_int_equal(enrol(&e, 1, NOW), REASON_none);
	assert_int_equal(store_node_find(store, e.node, &node), -ENOENT);	/* not before its proof */
	assert_int_equal(prove(&e, NOW), REASON_none);
	node_of(1, &node);
	assert_int_equal(node.state, NODE_member);
	assert_int_equal(crypto_hash_sha256(digest, e.ek.at, e.ek.bytes), 0);
	assert_memory_equal(node.ek_digest, digest, sizeof digest);
	assert_memory_equal(&node.ek, &e.ek, sizeof node.ek);
	assert_memory_equal(&node.ak, &e.ak, sizeof node.ak);
	assert_memory_equal(&node.accepted, &e.measured, sizeof node.accepted);
	assert_string_equal(node.group, "all");
	assert_string_equal(node.hardware, "thin client");
	assert_string_equal(node.name, "");
	assert_int_equal(prove(&e, NOW), REASON_unknown);	/* its proof is used up */
}

static void
without_approval_it_is_pending(void **state)
{
	struct store_enrolment e = machine();
	uint8_t other[32];

	(void)state;
	(void)make_invite(1, 0);
	assert_int_equal(enrol(&e, 1, NOW), REASON_none);
	assert_int_equal(prove(&e, NOW), REASON_pending);
	node_of(1, &node);
	assert_int_equal(node.state, NODE_pending);
	memcpy(other, node.ek_digest, sizeof other);
	other[31] ^= 1;
	assert_int_equal(registry_approve(store, node.node, other), -EINVAL);
	node_of(1, &node);
	assert_int_equal(node.state, NODE_pending);
	assert_int_equal(registry_approve(store, node.node, node.ek_digest), 0);
	node_of(1, &node);
	assert_int_equal(node.state, NODE_member);
}

static void
an_invite_gives_name_group_and_class(void **state)
{
	struct store_invite record = { .made = NOW, .until = NOW + LATER, .name = "web1", .group = "lab", .class_set = "server" };
	struct store_enrolment e = machine(), f = enrolment_of(2, 2, 1, 10);
	uint8_t invite[32];

	(void)state;
	invite_of(1, invite);
	assert_int_equal(crypto_generichash(record.digest, 32, invite, 32, NULL, 0), 0);
	assert_int_equal(registry_invite(store, &record), 0);
	assert_int_equal(enrol(&e, 1, NOW), REASON_none);
	assert_int_equal(prove(&e, NOW), REASON_pending);
	node_of(1, &node);
	assert_string_equal(node.name, "web1");
	assert_string_equal(node.group, "lab");
	assert_string_equal(node.hardware, "thin client");
	assert_string_equal(store_node_class(&node), "server");
	/* the next one for that name */
	invite_of(2, invite);
	assert_int_equal(crypto_generichash(record.digest, 32, invite, 32, NULL, 0), 0);
	assert_int_equal(registry_invite(store, &record), -EINVAL);
	assert_int_equal(registry_name(store, node.node, "web0"), 0);
	assert_int_equal(registry_invite(store, &record), 0);
	assert_int_equal(registry_name(store, node.node, "web1"), 0);	/* taken in between: the machine comes all the same */
	assert_int_equal(enrol(&f, 2, NOW), REASON_none);
	assert_int_equal(prove(&f, NOW), REASON_pending);
	node_of(2, &node);
	assert_string_equal(node.name, "");
}

/* --- invites --------------------------------------------------------------------------------------------------------------------- */

static void
an_invite_has_its_time(void **state)
{
	struct store_enrolment e = machine();

	(void)state;
	(void)make_invite(1, 1);
	e.until = NOW + 10 * LATER;
	assert_int_equal(enrol(&e, 2, NOW), REASON_invite);		/* no such one */
	assert_int_equal(enrol(&e, 1, NOW + LATER), REASON_invite);
	assert_int_equal(enrol(&e, 1, NOW + LATER - 1), REASON_none);
	assert_int_equal(prove(&e, NOW + LATER), REASON_invite);	/* over meanwhile */
	assert_int_equal(enrol(&e, 1, NOW + LATER - 1), REASON_none);
	assert_int_equal(prove(&e, NOW + LATER - 1), REASON_none);
}

static void
no_invite_is_none(void **state)
{
	struct store_enrolment e = machine();
	enum word_reason reason = REASON_none;

	(void)state;
	(void)make_invite(1, 1);
	assert_int_equal(registry_enrol(store, &e, NULL, NOW, &reason), 0);
	assert_int_equal(reason, REASON_invite);
}

static void
an_invite_is_revoked(void **state)
{
	struct store_enrolment e = machine();
	uint64_t number;

	(void)state;
	number = make_invite(1, 1);
	assert_int_equal(enrol(&e, 1, NOW), REASON_none);
	assert_int_equal(registry_invite_revoke(store, number), 0);
	assert_int_equal(prove(&e, NOW), REASON_invite);
	assert_int_equal(enrol(&e, 1, NOW), REASON_invite);
	assert_int_equal(registry_invite_revoke(store, number), -EINVAL);
	assert_int_equal(store_node_find(store, e.node, &node), -ENOENT);
}

static void
an_invite_is_for_one(void **state)
{
	struct store_enrolment e = machine(), other = enrolment_of(2, 2, 1, 10), again = machine();

	(void)state;
	(void)make_invite(1, 1);
	assert_int_equal(enrol(&other, 1, NOW), REASON_none);	/* both are under way */
	assert_int_equal(enrol(&e, 1, NOW), REASON_none);
	assert_int_equal(prove(&e, NOW), REASON_none);
	assert_int_equal(prove(&other, NOW), REASON_invite);
	assert_int_equal(prove(&other, NOW), REASON_unknown);	/* its proof is used up too: each answer is signed and entered in the log */
	assert_int_equal(enrol(&other, 1, NOW), REASON_invite);
	/* power failed behind the proof, and its attestation key is another one now */
	blob_of("ak", 99, &again.ak);
	again.measured.reset_count = 11;
	bytes_of("enrol", 99, again.enrol, sizeof again.enrol);
	assert_int_equal(enrol(&again, 1, NOW), REASON_none);
	assert_int_equal(prove(&again, NOW), REASON_none);
	node_of(1, &node);
	assert_memory_equal(&node.ak, &again.ak, sizeof node.ak);
	assert_int_equal(node.accepted.reset_count, 11);
}

static void
an_invite_for_an_ek_is_for_that_one(void **state)
{
	struct store_invite record = { .made = NOW, .until = NOW + LATER, .for_ek = 1 };
	struct store_enrolment e = machine(), other = enrolment_of(2, 2, 1, 10);
	uint8_t invite[32];

	(void)state;
	invite_of(1, invite);
	assert_int_equal(crypto_generichash(record.digest, 32, invite, 32, NULL, 0), 0);
	assert_int_equal(crypto_hash_sha256(record.ek_digest, e.ek.at, e.ek.bytes), 0);
	assert_int_equal(registry_invite(store, &record), 0);
	assert_int_equal(enrol(&other, 1, NOW), REASON_invite);
	assert_int_equal(enrol(&e, 1, NOW), REASON_none);
	assert_int_equal(prove(&e, NOW), REASON_pending);	/* a restriction is no approval */
}

/* --- who is here already ----------------------------------------------------------------------------------------------------------- */

static void
a_node_keeps_its_ek_and_an_ek_its_node(void **state)
{
	struct store_enrolment other_ek = enrolment_of(1, 2, 1, 10), other_node = enrolment_of(2, 1, 1, 10);

	(void)state;
	make_member(1);
	(void)make_invite(1, 1);
	assert_int_equal(enrol(&other_ek, 1, NOW), REASON_taken);
	assert_int_equal(enrol(&other_node, 1, NOW), REASON_taken);
	/* whatever the program does */
	node_of(1, &node);
	node.ek_digest[0] ^= 1;
	assert_int_equal(store_node_update(store, &node), -EIO);
	node_of(1, &node);
	node.ek.at[0] ^= 1;
	assert_int_equal(store_node_update(store, &node), -EIO);
	node_of(1, &node);
	assert_int_equal(store_node_update(store, &node), 0);
	/* an operator forgets it: then it may come as another */
	assert_int_equal(registry_forget(store, node.node), -EINVAL);
	assert_int_equal(registry_revoke(store, node.node), 0);
	assert_int_equal(registry_forget(store, node.node), 0);
	assert_int_equal(enrol(&other_node, 1, NOW), REASON_none);
	assert_int_equal(prove(&other_node, NOW), REASON_none);
}

static void
two_at_once_for_a_node_id(void **state)
{
	struct store_enrolment e = machine(), other_ek = enrolment_of(1, 2, 1, 10);

	(void)state;
	(void)make_invite(1, 1);
	(void)make_invite(2, 1);
	assert_int_equal(enrol(&e, 1, NOW), REASON_none);
	assert_int_equal(enrol(&other_ek, 2, NOW), REASON_none);
	assert_int_equal(prove(&other_ek, NOW), REASON_none);
	assert_int_equal(prove(&e, NOW), REASON_taken);
}

static void
a_revoked_one_stays_out(void **state)
{
	struct store_enrolment e = machine();

	(void)state;
	make_member(1);
	(void)make_invite(1, 1);
	node_of(1, &node);
	assert_int_equal(enrol(&e, 1, NOW), REASON_none);
	assert_int_equal(registry_revoke(store, node.node), 0);
	assert_int_equal(prove(&e, NOW), REASON_unknown);	/* what was under way is gone */
	assert_int_equal(enrol(&e, 1, NOW), REASON_revoked);
	assert_int_equal(registry_approve(store, node.node, NULL), -EINVAL);
	node_of(1, &node);
	node.state = NODE_member;
	assert_int_equal(store_node_update(store, &node), -EIO);
}

/* An invite lies in an image: whoever reads it there and boots another image on that machine must not have it accepted. */
static void
a_member_comes_again_only_as_it_was_measured(void **state)
{
	struct store_enrolment e = machine();

	(void)state;
	make_member(1);
	(void)make_invite(1, 1);
	for (unsigned i = 0; i < PCRS; i++) {
		e.measured = measured_of(1, 11);
		e.measured.pcrs.pcr[i][31] ^= 1;
		assert_int_equal(enrol(&e, 1, NOW), REASON_measured);
	}
	e.measured = measured_of(1, 9);		/* a TPM's count of resets goes up */
	assert_int_equal(enrol(&e, 1, NOW), REASON_measured);
	e.measured = measured_of(1, 10);
	assert_int_equal(enrol(&e, 1, NOW), REASON_none);
	assert_int_equal(prove(&e, NOW), REASON_none);
}

static void
a_pending_one_may_come_in_another_image(void **state)
{
	struct store_enrolment e = machine();

	(void)state;
	(void)make_invite(1, 0);
	assert_int_equal(enrol(&e, 1, NOW), REASON_none);
	assert_int_equal(prove(&e, NOW), REASON_pending);
	e.measured = measured_of(2, 11);
	assert_int_equal(enrol(&e, 1, NOW), REASON_none);
	assert_int_equal(prove(&e, NOW), REASON_pending);
	node_of(1, &node);
	assert_memory_equal(&node.accepted, &e.measured, sizeof node.accepted);
}

/* --- the proof ------------------------------------------------------------------------------------------------------------------- */

static void
a_wrong_proof_is_none(void **state)
{
	struct store_enrolment e = machine(), wrong;

	(void)state;
	(void)make_invite(1, 1);
	assert_int_equal(enrol(&e, 1, NOW), REASON_none);
	for (unsigned i = 0; i < 32; i++) {
		wrong = e;
		wrong.proof[i] ^= 1;
		assert_int_equal(prove(&wrong, NOW), REASON_unknown);
		wrong = e;
		wrong.enrol[i] ^= 1;
		assert_int_equal(prove(&wrong, NOW), REASON_unknown);
		wrong = e;
		wrong.node[i % NODE_BYTES] ^= 1;
		assert_int_equal(prove(&wrong, NOW), REASON_unknown);
	}
	assert_int_equal(prove(&e, NOW + LATER), REASON_unknown);	/* too late */
	assert_int_equal(prove(&e, NOW + LATER - 1), REASON_none);
}

static void
a_second_try_takes_the_place_of_the_first(void **state)
{
	struct store_enrolment e = machine(), again = machine();

	(void)state;
	(void)make_invite(1, 1);
	bytes_of("enrol", 99, again.enrol, sizeof again.enrol);
	assert_int_equal(enrol(&e, 1, NOW), REASON_none);
	assert_int_equal(enrol(&again, 1, NOW), REASON_none);
	assert_int_equal(prove(&e, NOW), REASON_unknown);
	assert_int_equal(prove(&again, NOW), REASON_none);
}

/* --- bounds ---------------------------------------------------------------------------------------------------------------------- */

static int
try_enrol(uint64_t number, uint64_t invite, uint64_t now)
{
	struct store_enrolment e = enrolment_of(number, number, 1, 10);
	enum word_reason reason = REASON_taken;
	uint8_t bytes[32];
	int rc;

	e.until = now + LATER;
	invite_of(invite, bytes);
	assert_int_equal(store_begin(store), 0);
	rc = registry_enrol(store, &e, bytes, now, &reason);
	if (rc != 0) {
		store_abort(store);
		return rc;
	}
	assert_int_equal(reason, REASON_none);
	return store_commit(store);
}

static void
one_invite_has_few_under_way(void **state)
{
	(void)state;
	(void)make_invite(1, 1);
	(void)make_invite(2, 1);
	for (uint64_t i = 1; i <= ENROLMENTS_INVITE_MAX; i++)
		assert_int_equal(try_enrol(i, 1, NOW), 0);
	assert_int_equal(try_enrol(1, 1, NOW), 0);	/* its own place */
	assert_int_equal(try_enrol(ENROLMENTS_INVITE_MAX + 1, 1, NOW), -EAGAIN);
	assert_int_equal(try_enrol(ENROLMENTS_INVITE_MAX + 1, 2, NOW), 0);
}

static void
all_have_not_too_many_under_way(void **state)
{
	uint64_t invites = ENROLMENTS_MAX / ENROLMENTS_INVITE_MAX;

	(void)state;
	for (uint64_t i = 0; i <= invites; i++) {
		struct store_invite record = { .made = NOW, .until = NOW + 10 * LATER, .approve = 1 };
		uint8_t invite[32];

		invite_of(i, invite);
		assert_int_equal(crypto_generichash(record.digest, 32, invite, 32, NULL, 0), 0);
		assert_int_equal(registry_invite(store, &record), 0);
	}
	for (uint64_t i = 0; i < ENROLMENTS_MAX; i++)
		assert_int_equal(try_enrol(i, i / ENROLMENTS_INVITE_MAX, NOW), 0);
	assert_int_equal(try_enrol(ENROLMENTS_MAX, invites, NOW + LATER - 1), -EAGAIN);
	assert_int_equal(try_enrol(ENROLMENTS_MAX, invites, NOW + LATER), 0);	/* all others are over */
}

#define ON_STORE(f) cmocka_unit_test_setup_teardown(f, open_store, close_store)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STORE(a_machine_becomes_a_member), ON_STORE(without_approval_it_is_pending), ON_STORE(an_invite_gives_name_group_and_class),
		ON_STORE(an_invite_has_its_time), ON_STORE(no_invite_is_none), ON_STORE(an_invite_is_revoked), ON_STORE(an_invite_is_for_one),
		ON_STORE(an_invite_for_an_ek_is_for_that_one), ON_STORE(a_node_keeps_its_ek_and_an_ek_its_node), ON_STORE(two_at_once_for_a_node_id),
		ON_STORE(a_revoked_one_stays_out), ON_STORE(a_member_comes_again_only_as_it_was_measured),
		ON_STORE(a_pending_one_may_come_in_another_image), ON_STORE(a_wrong_proof_is_none),
		ON_STORE(a_second_try_takes_the_place_of_the_first), ON_STORE(one_invite_has_few_under_way),
		ON_STORE(all_have_not_too_many_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
