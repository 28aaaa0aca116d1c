/*
 * How long the real broker waits for the network's two programs, and what takes nothing of that time; and what it says meanwhile.
 * Outside the wall: plays all others.  A test of what was once wrong is named for what went wrong.
 */
#include "broker_rig.h"
#include "msg_samples.h"

/* What net-worker can be asked, and where. */
static const struct { unsigned phase; uint32_t question, answer; } asked[] = { { PHASE_NO_ASK, MSG_crypto_get, MSG_net_got },
	{ PHASE_NO_ASK, MSG_crypto_post, MSG_net_posted }, { PHASE_NO_SUPPLY, MSG_crypto_get, MSG_net_got } };
enum { ASKED = sizeof asked / sizeof asked[0] };

static uint64_t
left_ms(void)
{
	uint64_t now = now_ms();

	return broker.deadline_ms > now ? broker.deadline_ms - now : 0;
}

/* A store-worker dies and is replaced: crypto-worker hears of it, and nobody else loses by it. */
static void
a_store_dies_beside(void)
{
	uint64_t before = broker.deadline_ms;

	drop_end(PEER_store);
	settle();
	assert_int_equal(rig.starts[PEER_store], 2);
	lost(PEER_store, 0);
	assert_true(broker.deadline_ms >= before);
}

/* With slow switches, that was silence; and a store that died beside it cut net-link's time to that of any step. */
static void
net_link_has_the_time_that_config_gives_it(void **state)
{
	(void)state;
	drive(PHASE_NO_LINK);
	assert_in_range(left_ms(), 45000, 60000);
	broker.link_wait_s = broker.net_wait_s = 600;
	drop_end(PEER_link);
	settle();
	assert_in_range(left_ms(), 1200000, 1215000);
	a_store_dies_beside();
	close_rig();
}

/* An image's hosts may be silent for net_wait_s each, one after the other: then a step's 120 s made a slow network a silent program. */
static void
net_worker_has_the_time_that_config_gives_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ASKED; i++) {
		drive(asked[i].phase);
		broker.net_wait_s = 150;
		say_and_take(PEER_crypto, asked[i].question);
		assert_in_range(left_ms(), 5 * 150000 + 10000, 5 * 150000 + 120000);
		a_store_dies_beside();
		broker.deadline_ms = 0;
		if (asked[i].question == MSG_crypto_get) {
			say(PEER_net, MSG_net_progress);
			assert_in_range(left_ms(), 5 * 150000 + 10000, 5 * 150000 + 120000);
		}
		say_and_take(PEER_net, asked[i].answer);
		/* now it is crypto-worker's turn, and in ASK the TPM's */
		assert_in_range(left_ms(), asked[i].phase == PHASE_NO_ASK ? 170000 : 110000, asked[i].phase == PHASE_NO_ASK ? 180000 : 120000);
		silence();
		assert_true(printed("SP703 crypto-worker"));
		ends_in_one_reboot();
		close_rig();
	}
}

/* A disk that takes a GiB has more time than one that is asked for a document. */
static void
a_store_that_keeps_has_its_time(void **state)
{
	(void)state;
	drive(PHASE_NO_SUPPLY);
	say_and_take(PEER_crypto, MSG_crypto_keep);
	assert_in_range(left_ms(), 290000, 300000);
	say_and_take(PEER_store, MSG_store_kept);
	assert_in_range(left_ms(), 110000, 120000);
	close_rig();
}

/* Bytes that come one by one, or a net-worker that says so, end some time: then there is a boot without a ticket, or of another generation. */
static void
a_network_that_never_ends_kept_the_machine(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ASKED; i++) {
		drive(asked[i].phase);
		assert_in_range(broker.network_over_ms, now_ms() + 1000000, now_ms() + 1200000);
		broker.network_over_ms = now_ms() + 5000;
		broker.deadline_ms = 0;
		say_and_take(PEER_crypto, asked[i].question);
		assert_in_range(left_ms(), 1, 5000);
		for (unsigned n = 0; asked[i].question == MSG_crypto_get && n < 20; n++)
			say(PEER_net, MSG_net_progress);
		assert_in_range(left_ms(), 1, 5000);
		broker.network_over_ms = now_ms();
		silence();
		assert_int_equal(rig.starts[PEER_net], 1);
		assert_true(printed("SP813 net-worker"));
		assert_false(printed("SP704"));
		lost(PEER_net, 1);
		if (asked[i].phase == PHASE_NO_ASK)
			offline(EV_program_spent);
		ends_in_one_jump();
		close_rig();
	}
}

static void
progress_is_of_images_alone(void **state)
{
	struct msg_net_progress progress = { .what = GET_challenge, .done_bytes = 1, .total_bytes = 2 };

	(void)state;
	drive(PHASE_NO_SUPPLY);
	say_and_take(PEER_crypto, MSG_crypto_get);
	broker.progress_bytes = 2;
	peer_say(rig.end[PEER_net], MSG_net_progress, &progress);
	settle();
	assert_false(printed("1 of 2 bytes"));
	progress = (struct msg_net_progress){ .what = PART_initramfs, .done_bytes = 20 << 20, .total_bytes = 40 << 20 };
	peer_say(rig.end[PEER_net], MSG_net_progress, &progress);
	settle();
	assert_true(printed("initramfs: 20971520 of 41943040 bytes"));
	close_rig();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(net_link_has_the_time_that_config_gives_it),
		cmocka_unit_test(net_worker_has_the_time_that_config_gives_it),
		cmocka_unit_test(a_store_that_keeps_has_its_time),
		cmocka_unit_test(a_network_that_never_ends_kept_the_machine),
		cmocka_unit_test(progress_is_of_images_alone),
	};

	online = 1;
	peer_reserve();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
