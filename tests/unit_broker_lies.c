/*
 * The real broker among programs that lie at random, thousands of times: it ends, and nothing is used up.
 * Outside the wall: plays all of them; the same lies in every run.
 */
#include <stdlib.h>

#include "broker_rig.h"

/* Lies of every sort, until the broker ends: at most so many, and time is only what passes when nobody has anything legal to say. */
static unsigned
live_and_lie(int greedy, int with_org)
{
	unsigned events = 0, jumps = 0, wiped = 0;

	online = with_org;
	drive(PHASE_NO_SURVEY);
	for (; rig.ended == RUNS && events < 20000; events++) {
		uint32_t best = MSG_none;

		for (uint32_t i = 1, id = (uint32_t)rand() % MSG_COUNT; i < MSG_COUNT; i++, id = (id + 1) % MSG_COUNT) {
			unsigned from = msg_table[id].from;

			if (id == MSG_none || from == PEER_init || rig.end[from] < 0)
				continue;
			if (!greedy || admit(&broker.state, (enum peer)from, WAY_hub, id, msg_table[id].size,
			    fd_kind_count(msg_table[id].fd)) == ADMIT_ok)
				best = best == MSG_none || msg_table[id].next == 0 || id == MSG_crypto_rejected ? id : best;
			if (best != MSG_none && (!greedy || msg_table[best].next == 0))
				break;
		}
		if (best == MSG_none || (!greedy && rand() % 4 == 0))
			silence();
		else {
			wiped |= best == MSG_crypto_wiped;
			peer_sample(best, &said);
			(void)peer_say_raw(rig.end[msg_table[best].from], best, 0, &said, msg_table[best].size,
			    fd_kind_count(msg_table[best].fd));
			settle();
		}
		for (unsigned p = PEER_store; p < PEER_COUNT; p++)
			while (rig.end[p] >= 0 && peer_recv(rig.end[p], &got) == 1) {
				jumps += got.id == MSG_broker_go;
				frame_close(&got);
			}
		(void)printed("");
		rig.printed_bytes = 0;
	}
	assert_int_not_equal(rig.ended, RUNS);
	assert_true(jumps <= wiped);
	close_rig();
	return events;
}

static void
no_lies_keep_the_broker_running_for_ever_or_cost_a_descriptor(void **state)
{
	unsigned before = peer_fds(), most = 0, lies = 0;

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 400; i++) {
		unsigned n = live_and_lie(i % 20 < 2, i % 2);

		most = n > most ? n : most;
		lies += n;
	}
	print_message("at most %u messages in one boot, %u in all\n", most, lies);
	assert_in_range(most, 500, 10000);	/* the greedy ones do use what the table allows, and it is finite */
	assert_int_equal(peer_fds(), before);
}

static void
a_thousand_hostile_frames_cost_no_descriptor(void **state)
{
	unsigned before = peer_fds();

	static const struct { enum peer liar; unsigned phase; } liars[] = { { PEER_store, PHASE_NO_SURVEY }, { PEER_link, PHASE_NO_LINK },
		{ PEER_net, PHASE_NO_ASK } };

	(void)state;
	online = 1;
	for (unsigned i = 0; i < 750; i++) {
		enum peer liar = liars[i % 3].liar;

		drive(liars[i % 3].phase);
		for (unsigned life = 0; life <= RESTARTS_MAX; life++) {
			peer_sample(i % MSG_COUNT, &said);
			assert_int_equal(peer_say_raw(rig.end[liar], i % MSG_COUNT, 0, &said, i % 300, 1 + i % 8), 0);
			settle();
		}
		assert_int_equal(broker.spent[liar], 1);
		assert_int_equal(rig.ended, RUNS);
		close_rig();
	}
	assert_int_equal(peer_fds(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_lies_keep_the_broker_running_for_ever_or_cost_a_descriptor),
		cmocka_unit_test(a_thousand_hostile_frames_cost_no_descriptor),
	};

	peer_reserve();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
