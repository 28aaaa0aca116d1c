/*
 * The real broker in LINK: what a net-link at fault costs, and an init that refuses its lease or is slow.  Every boot ends in one jump or one
 * reboot.  Outside the wall: plays whoever is at fault.  A test of what was once wrong is named for what went wrong.
 */
#include <errno.h>

#include "broker_rig.h"
#include "exits.h"
#include "msg_samples.h"

enum fault { DIES, IS_SILENT, LIES, FAULTS };
static const char *const words[FAULTS] = { "net-link closed its channel", "SP703 net-link", "SP702 net-link" };

static void
commit(enum fault fault)
{
	if (fault == IS_SILENT)
		silence();
	else if (fault == LIES)
		say(PEER_link, MSG_init_linked);	/* init's word */
	else {
		drop_end(PEER_link);
		settle();
	}
}

/* crypto-worker is told that there is no network, and why; it may boot without. */
static void
no_network(uint32_t event)
{
	take(PEER_crypto, MSG_broker_offline);
	assert_int_equal(((const struct msg_broker_offline *)(const void *)got.body)->event, event);
	assert_true(heard_nothing(PEER_crypto));
	offline(event);
	assert_int_equal(rig.starts[PEER_net], 0);
	assert_true(printed("[4/9] offline: boot 1 of 16 without a ticket"));
	ends_in_one_jump();
}

static void
a_net_link_at_fault_in_every_life_leaves_a_boot_without_network(void **state)
{
	(void)state;
	for (enum fault fault = DIES; fault < FAULTS; fault++) {
		drive(PHASE_NO_LINK);
		for (unsigned life = 0; life <= RESTARTS_MAX; life++) {
			assert_int_equal(rig.starts[PEER_link], life + 1);
			assert_true(heard_nothing(PEER_crypto));
			assert_false(printed("SP704"));
			commit(fault);
			assert_true(printed(words[fault]));
		}
		assert_int_equal(rig.starts[PEER_link], RESTARTS_MAX + 1);
		assert_true(printed("SP704 net-link: a program failed too often (program_spent, 3)"));
		no_network(EV_program_spent);
		close_rig();
	}
}

/* Twice a fresh one does it: nothing of the first is left behind. */
static void
the_third_net_link_gets_a_lease(void **state)
{
	(void)state;
	for (enum fault fault = DIES; fault < FAULTS; fault++) {
		drive(PHASE_NO_LINK);
		commit(fault);
		commit(fault);
		to_supply();
		ends_in_one_jump();
		close_rig();
	}
}

static void
there_is_no_network(void **state)
{
	(void)state;
	drive(PHASE_NO_LINK);
	say(PEER_link, MSG_link_failed);
	assert_true(printed("SP803 net-link"));
	assert_true(is_closed(PEER_link));
	no_network(EV_net_no_lease);
	close_rig();
	drive(PHASE_NO_LINK);
	rig.apply_error = EINVAL;
	say(PEER_link, MSG_link_lease);
	assert_true(printed("SP805 init: the kernel does not take the address or a route (net_apply, 22)"));
	assert_true(is_closed(PEER_link));
	no_network(EV_net_apply);
	close_rig();
}

static void
no_network_and_no_boot_without_is_a_stop(void **state)
{
	const struct msg_crypto_failed spent = { .event = EV_org_offline_spent, .detail = EV_net_no_lease };

	(void)state;
	drive(PHASE_NO_LINK);
	say(PEER_link, MSG_link_failed);
	take(PEER_crypto, MSG_broker_offline);
	peer_say(rig.end[PEER_crypto], MSG_crypto_failed, &spent);
	settle();
	assert_true(printed("(org_offline_spent, 803)"));
	ends_in_one_reboot();
	close_rig();
	drive(PHASE_NO_LINK);
	say(PEER_link, MSG_link_failed);
	silence();
	assert_true(printed("SP703 crypto-worker"));
	ends_in_one_reboot();
	close_rig();
}

/* The lease is with init; net-link has done its part, whatever it does now. */
static void
leased_and_init_is_slow(void)
{
	drive(PHASE_NO_LINK);
	rig.init_is_slow = 1;
	say(PEER_link, MSG_link_lease);
	assert_int_equal(rig.leases, 1);
}

static void
goes_on_behind_the_lease(void)
{
	assert_int_equal(rig.starts[PEER_link], 1);
	assert_true(heard_nothing(PEER_crypto));
	rig.init_is_slow = 0;
	lease_answered();
	settle();
	assert_int_equal(rig.leases, 1);
	take(PEER_crypto, MSG_broker_ask);
	say(PEER_crypto, MSG_crypto_ticket);
	take(PEER_crypto, MSG_broker_next);
	ends_in_one_jump();
}

static void
behind_its_lease_net_link_may_end(void **state)
{
	(void)state;
	leased_and_init_is_slow();
	drop_end(PEER_link);
	settle();
	assert_false(printed("net-link closed its channel"));
	goes_on_behind_the_lease();
	close_rig();
}

/* crypto-worker was told of no network, and init's answer came when LINK was over: a reboot at every boot, by whoever owned net-link. */
static void
a_failure_or_a_second_lease_behind_the_first_ended_the_boot(void **state)
{
	static const uint32_t ids[] = { MSG_link_failed, MSG_link_lease };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		leased_and_init_is_slow();
		say(PEER_link, ids[i]);
		assert_true(printed("SP702 net-link"));
		assert_true(is_closed(PEER_link));
		goes_on_behind_the_lease();
		close_rig();
	}
}

static void
an_init_that_does_not_answer_a_lease_is_named(void **state)
{
	(void)state;
	leased_and_init_is_slow();
	silence();
	assert_true(printed("SP703 init"));
	assert_false(printed("SP703 net-link"));
	ends_in_one_reboot();
	close_rig();
}

static void
an_init_that_answers_in_the_stop_is_not_heard(void **state)
{
	(void)state;
	for (uint32_t error = 0; error <= EINVAL; error += EINVAL) {
		leased_and_init_is_slow();
		drop_end(PEER_crypto);
		settle();
		rig.apply_error = error;
		lease_answered();
		settle();
		assert_int_equal(rig.ended, RUNS);
		assert_int_equal(rig.starts[PEER_net], 0);
		assert_false(printed("SP805"));
		ends_in_one_reboot();
		close_rig();
	}
}

static void
an_init_that_answers_twice_or_unasked_ends_the_boot(void **state)
{
	(void)state;
	for (unsigned leased = 0; leased < 2; leased++) {
		drive(leased ? PHASE_NO_ASK : PHASE_NO_LINK);
		lease_answered();
		settle();
		assert_int_equal(rig.ended, EXIT_CLOSED);
		close_rig();
	}
}

static void
a_net_link_that_comes_up_in_the_stop_is_dropped(void **state)
{
	(void)state;
	drive(PHASE_NO_LINK);
	rig.init_is_slow = 1;
	drop_end(PEER_link);
	settle();
	drop_end(PEER_crypto);
	settle();
	start_answered(PEER_link);
	settle();
	assert_true(is_closed(PEER_link));
	ends_in_one_reboot();
	close_rig();
}

/* check_link_lease() takes what the kernel takes as a name. */
static void
an_interface_of_any_name_draws_no_mark_of_ours(void **state)
{
	struct msg_link_lease lease = sample_link_lease();

	(void)state;
	drive(PHASE_NO_LINK);
	memcpy(lease.interface, "[9-9]\"jump%n", sizeof "[9-9]\"jump%n");
	peer_say(rig.end[PEER_link], MSG_link_lease, &lease);
	settle();
	assert_true(printed("?9-9??jump?n 52:54:00:12:34:56: address 10.0.2.15/24"));
	assert_false(printed("[9"));
	close_rig();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_net_link_at_fault_in_every_life_leaves_a_boot_without_network),
		cmocka_unit_test(the_third_net_link_gets_a_lease),
		cmocka_unit_test(there_is_no_network),
		cmocka_unit_test(no_network_and_no_boot_without_is_a_stop),
		cmocka_unit_test(behind_its_lease_net_link_may_end),
		cmocka_unit_test(a_failure_or_a_second_lease_behind_the_first_ended_the_boot),
		cmocka_unit_test(an_init_that_does_not_answer_a_lease_is_named),
		cmocka_unit_test(an_init_that_answers_in_the_stop_is_not_heard),
		cmocka_unit_test(an_init_that_answers_twice_or_unasked_ends_the_boot),
		cmocka_unit_test(a_net_link_that_comes_up_in_the_stop_is_dropped),
		cmocka_unit_test(an_interface_of_any_name_draws_no_mark_of_ours),
	};

	online = 1;
	peer_reserve();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
