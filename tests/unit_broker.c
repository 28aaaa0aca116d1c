/*
 * The real broker (route.c, steps.c, print.c) among programs that die, are silent, or lie.
 * The test plays init, store-worker, crypto-worker and kexec-worker; time passes when it says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker.h"
#include "exits.h"
#include "peers.h"

_Noreturn void
broker_exit(int status)
{
	rig.ended = status;
	longjmp(rig.ended_here, 1);
}

/* After STOP: one wait, one reboot, one end. */
static void
ends_in_one_reboot(void)
{
	int by_kexec = broker.channel[PEER_kexec] >= 0;

	assert_int_equal(broker.state.phase, PHASE(STOP));
	assert_int_equal(broker.stopping, 1);
	assert_true(printed("stopped: reboot in 30 s"));
	silence();
	if (by_kexec)
		take(PEER_kexec, MSG_broker_reboot);
	else
		assert_int_equal(rig.stops, 1);
	silence();
	assert_int_equal(rig.ended, EXIT_PEER);
}

static void
the_good_path_ends_in_one_jump(void **state)
{
	const char *marks[] = { "[1/8]", "[2/8]", "[3/8]", "[4/8]", "[5/8]", "[6/8]", "[7/8]", "[8/8] jump" };

	(void)state;
	drive(PHASE_NO_GO);
	assert_int_equal(broker.state.phase, PHASE(GO));
	assert_true(heard_nothing(PEER_kexec));		/* crypto-worker still lives */
	drop_end(PEER_crypto);
	settle();
	take(PEER_kexec, MSG_broker_go);
	assert_true(heard_nothing(PEER_kexec));
	for (unsigned i = 0; i < 8; i++)
		assert_true(printed(marks[i]));
	silence();	/* the jump did not come */
	assert_int_equal(rig.ended, EXIT_PEER);
	assert_true(heard_nothing(PEER_kexec));
	close_rig();
}

static void
a_worker_that_is_replaced(unsigned phase_no)
{
	if ((PHASE(SURVEY) | PHASE(SUPPLY) | PHASE(VERIFY) | PHASE(RECORD)) >> phase_no & 1) {
		assert_int_equal(rig.starts[PEER_store], 2);
		assert_int_equal(broker.restarts, 1);
	}
	assert_int_equal(rig.ended, RUNS);
	assert_true(heard_nothing(PEER_kexec));
}

static void
every_death_in_every_phase_has_its_end(void **state)
{
	(void)state;
	for (unsigned phase = 0; phase < PHASE_COUNT; phase++)
		for (unsigned p = 0; p < PEER_COUNT; p++) {
			drive(phase);
			if (rig.end[p] < 0) {
				close_rig();
				continue;
			}
			drop_end((enum peer)p);
			settle();
			if (p == PEER_init)
				assert_int_equal(rig.ended, EXIT_CLOSED);
			else if (p == PEER_kexec) {
				assert_int_equal(rig.ended, EXIT_PEER);
				assert_true(printed("kexec-worker closed its channel"));
			} else if (p == PEER_store) {
				a_worker_that_is_replaced(phase);
				assert_int_equal(printed("store-worker closed its channel"), phase != PHASE_NO_STOP);
			} else if (phase == PHASE_NO_GO)
				take(PEER_kexec, MSG_broker_go);
			else {
				assert_true(heard_nothing(PEER_kexec));
				if (phase != PHASE_NO_STOP)
					assert_true(printed("SP701 crypto-worker"));
				ends_in_one_reboot();
			}
			close_rig();
		}
}

static void
every_silence_in_every_phase_has_its_end(void **state)
{
	(void)state;
	for (unsigned phase = 0; phase < PHASE_COUNT; phase++) {
		drive(phase);
		if (phase == PHASE_NO_STOP)
			ends_in_one_reboot();
		else {
			silence();
			if (phase == PHASE_NO_SURVEY || phase == PHASE_NO_RECORD) {
				assert_true(printed("SP703 store-worker"));
				a_worker_that_is_replaced(phase);
			} else if (phase == PHASE_NO_GO) {
				assert_int_equal(rig.ended, EXIT_PEER);
				assert_true(heard_nothing(PEER_kexec));
			} else {
				assert_true(printed("SP703 crypto-worker"));
				ends_in_one_reboot();
			}
		}
		close_rig();
	}
	drive(PHASE_NO_SUPPLY);
	say_and_take(PEER_crypto, MSG_crypto_want);
	silence();
	assert_true(printed("SP703 store-worker"));
	a_worker_that_is_replaced(PHASE_NO_SUPPLY);
	take(PEER_crypto, MSG_broker_lost);
	close_rig();
}

/* --- what is not due --- */

/* By hand from DESIGN.md section 3, for the states in which drive() leaves the broker; it is not asked of admit(). */
static const struct {
	unsigned phases;
	uint32_t id;
} due[] = {
	{ PHASE(CLOSE), MSG_crypto_closed },
	{ PHASE(CLOSE) | PHASE(SURVEY) | PHASE(SUPPLY) | PHASE(VERIFY) | PHASE(RECORD) | PHASE(LOAD), MSG_crypto_failed },
	{ PHASE(SURVEY), MSG_store_offer }, { PHASE(SURVEY), MSG_store_offered }, { PHASE(SURVEY) | PHASE(SUPPLY), MSG_store_progress },
	{ PHASE(SURVEY) | PHASE(SUPPLY), MSG_crypto_want }, { PHASE(SURVEY), MSG_crypto_refused }, { PHASE(SURVEY), MSG_crypto_node },
	{ PHASE(SURVEY), MSG_crypto_surveyed }, { PHASE(SUPPLY), MSG_crypto_chosen }, { PHASE(SUPPLY), MSG_crypto_none },
	{ PHASE(SUPPLY), MSG_crypto_supplied }, { PHASE(SUPPLY) | PHASE(VERIFY), MSG_crypto_rejected },
	{ PHASE(VERIFY), MSG_crypto_verified }, { PHASE(RECORD), MSG_store_recorded }, { PHASE(LOAD) | PHASE(STOP), MSG_kexec_loaded },
};

static int
is_due(unsigned phase_no, unsigned from, uint32_t id)
{
	for (size_t i = 0; i < sizeof due / sizeof due[0]; i++)
		if (due[i].id == id && (due[i].phases >> phase_no & 1) != 0 && msg_table[id].from == from)
			return 1;
	return 0;
}

/* In STOP nobody listens to them any more: what they had under way is no misbehaviour. */
static int
is_dismissed(unsigned phase_no, unsigned peer)
{
	return phase_no == PHASE_NO_STOP && (peer == PEER_store || peer == PEER_crypto);
}

/* The culprit is dropped and named, nobody has heard what it said, no jump. */
static void
check_refused(enum peer from, uint32_t id)
{
	if (from == PEER_init) {
		assert_int_equal(rig.ended, EXIT_CLOSED);
		return;
	}
	assert_true(printed(peer_name(from)));
	assert_true(is_closed(from));
	for (unsigned p = PEER_store; p < PEER_COUNT; p++)
		while (p != from && rig.end[p] >= 0 && peer_recv(rig.end[p], &got) == 1) {
			assert_int_not_equal(got.id, id);
			assert_int_not_equal(p, PEER_kexec);
			frame_close(&got);
		}
	assert_int_equal(rig.ended, from == PEER_kexec ? EXIT_PEER : RUNS);
	if (from == PEER_crypto)
		ends_in_one_reboot();
}

static void
refused(unsigned phase, unsigned from, uint32_t id, uint32_t zero, const void *bytes, size_t len_bytes, unsigned nfds)
{
	drive(phase);
	if (rig.end[from] >= 0) {
		unsigned before = peer_fds();

		rig.init_is_slow = 1;
		if (is_dismissed(phase, from)) {
			assert_int_equal(peer_say_raw(rig.end[from], id, zero, bytes, len_bytes, nfds), -EPIPE);
			close_rig();
			return;
		}
		assert_int_equal(peer_say_raw(rig.end[from], id, zero, bytes, len_bytes, nfds), 0);
		settle();
		check_refused((enum peer)from, id);
		/* init's and kexec-worker's ends stay open: the broker exits */
		assert_true(peer_fds() <= before);
	}
	close_rig();
}

static void
what_is_not_due_is_refused_in_every_phase_from_everyone(void **state)
{
	(void)state;
	for (unsigned phase = 0; phase < PHASE_COUNT; phase++)
		for (unsigned from = 0; from < PEER_COUNT; from++)
			for (uint32_t id = 0; id <= MSG_COUNT + 1; id++) {
				union peer_body sample;
				int known = id != MSG_none && id < MSG_COUNT;

				/* crypto-worker in GO has a test of its own below */
				if (is_due(phase, from, id) || (phase == PHASE_NO_GO && from == PEER_crypto))
					continue;
				peer_sample(id, &sample);
				refused(phase, from, id, 0, &sample, known ? msg_table[id].size : 8,
				    known ? fd_kind_count(msg_table[id].fd) : 0);
			}
}

static void
what_is_due_is_refused_in_any_other_shape(void **state)
{
	static uint8_t ones[MSG_FRAME_MAX + 64];

	(void)state;
	memset(ones, 0xff, sizeof ones);
	for (unsigned phase = 0; phase < PHASE_COUNT; phase++)
		for (uint32_t id = 1; id < MSG_COUNT; id++) {
			unsigned from = msg_table[id].from, nfds = fd_kind_count(msg_table[id].fd);
			size_t size = msg_table[id].size;
			const size_t sizes[] = { 0, size - 1, size + 1, size + 8, MSG_HANDOVER_MAX, MSG_HANDOVER_MAX + 8 };
			union peer_body sample;

			if (!is_due(phase, from, id))
				continue;
			peer_sample(id, &sample);
			for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
				refused(phase, from, id, 0, &sample, sizes[i], nfds);
			for (unsigned n = 0; n <= 8; n++)
				if (n != nfds)
					refused(phase, from, id, 0, &sample, size, n);
			refused(phase, from, id, 1, &sample, size, nfds);
			if (id != MSG_crypto_node)	/* any node id but zero is one */
				refused(phase, from, id, 0, ones, size, nfds);
		}
}

/* --- programs that fail again and again, and no clock but the test's --- */

static void
a_store_that_dies_in_every_life_leaves_a_boot_without_cache(void **state)
{
	(void)state;
	drive(PHASE_NO_SURVEY);
	for (unsigned life = 0; life < RESTARTS_MAX; life++) {
		drop_end(PEER_store);
		settle();
		assert_int_equal(rig.starts[PEER_store], life + 2);
		take(PEER_crypto, MSG_broker_lost);
		assert_int_equal(((const struct msg_broker_lost *)(const void *)got.body)->final, 0);
		take(PEER_store, MSG_broker_survey);
	}
	drop_end(PEER_store);
	settle();
	assert_int_equal(rig.starts[PEER_store], RESTARTS_MAX + 1);
	take(PEER_crypto, MSG_broker_lost);
	assert_int_equal(((const struct msg_broker_lost *)(const void *)got.body)->final, 1);
	assert_true(printed("SP704 store-worker"));
	say(PEER_crypto, MSG_crypto_surveyed);
	take(PEER_crypto, MSG_broker_next);
	say(PEER_crypto, MSG_crypto_none);
	assert_true(printed("SP605"));
	ends_in_one_reboot();
	close_rig();
}

static void
a_store_that_never_records_does_not_stop_the_boot(void **state)
{
	(void)state;
	drive(PHASE_NO_RECORD);
	for (unsigned life = 0; life < RESTARTS_MAX; life++) {
		silence();
		take(PEER_store, MSG_broker_record);
		assert_true(heard_nothing(PEER_crypto));
	}
	silence();
	assert_int_equal(rig.starts[PEER_store], RESTARTS_MAX + 1);
	assert_true(printed("SP704 store-worker: the attempt is not recorded"));
	take(PEER_crypto, MSG_broker_load);
	close_rig();
}

/* crypto-worker wants a part of the next candidate; somebody must fill it, or it must hear that nobody will. */
static int
the_next_candidate_is_served(void)
{
	int served;

	say(PEER_crypto, MSG_crypto_rejected);
	take(PEER_crypto, MSG_broker_next);
	say(PEER_crypto, MSG_crypto_chosen);
	say(PEER_crypto, MSG_crypto_want);
	served = rig.end[PEER_store] >= 0 && peer_recv(rig.end[PEER_store], &got) == 1;
	if (served)
		frame_close(&got);
	return served || (peer_recv(rig.end[PEER_crypto], &got) == 1 && got.id == MSG_broker_lost);
}

static void
after_a_spent_store_the_next_candidate_waited_for_ever(void **state)
{
	(void)state;
	drive(PHASE_NO_SUPPLY);
	say(PEER_crypto, MSG_crypto_chosen);
	say(PEER_crypto, MSG_crypto_want);
	for (unsigned life = 0; life <= RESTARTS_MAX; life++) {
		drop_end(PEER_store);
		settle();
		take(PEER_crypto, MSG_broker_lost);
	}
	assert_int_equal(((const struct msg_broker_lost *)(const void *)got.body)->final, 1);
	assert_true(the_next_candidate_is_served());
	close_rig();
}

static void
after_a_store_that_died_in_verify_the_next_candidate_waited_for_ever(void **state)
{
	(void)state;
	drive(PHASE_NO_VERIFY);
	drop_end(PEER_store);
	settle();
	assert_true(the_next_candidate_is_served());
	close_rig();
}

static void
a_crypto_worker_that_says_wiped_twice_still_lived_at_the_jump(void **state)
{
	(void)state;
	drive(PHASE_NO_GO);
	say(PEER_crypto, MSG_crypto_wiped);
	assert_true(heard_nothing(PEER_kexec));
	close_rig();
}

static void
the_last_word_of_a_program_that_left_something_unread_was_lost(void **state)
{
	(void)state;
	drive(PHASE_NO_SURVEY);
	say(PEER_store, MSG_store_offer);
	peer_sample(MSG_crypto_failed, &said);
	peer_say(rig.end[PEER_crypto], MSG_crypto_failed, &said);
	drop_end(PEER_crypto);		/* the offer lies there unread: the broker's end reads ECONNRESET first, unix(7) */
	settle();
	assert_true(printed("SP206"));
	close_rig();
}

static void
an_offer_behind_the_last_one_reached_crypto_worker_in_the_next_phase(void **state)
{
	(void)state;
	drive(PHASE_NO_SURVEY);
	say_and_take(PEER_store, MSG_store_offer);
	say_and_take(PEER_store, MSG_store_offered);
	say(PEER_store, MSG_store_offer);
	assert_true(printed("store-worker"));
	assert_int_equal(rig.starts[PEER_store], 2);
	close_rig();
}

static void
a_store_that_answers_for_another_slot_was_not_named(void **state)
{
	(void)state;
	drive(PHASE_NO_SUPPLY);
	say_and_take(PEER_crypto, MSG_crypto_want);
	peer_sample(MSG_store_filled, &said);
	said.store_filled.slot++;
	peer_say(rig.end[PEER_store], MSG_store_filled, &said);
	settle();
	if (rig.starts[PEER_store] == 1)	/* at the latest when nothing more comes */
		silence();
	assert_false(printed("SP703 crypto-worker"));
	assert_true(printed("store-worker"));
	assert_int_equal(rig.starts[PEER_store], 2);
	close_rig();
}

static void
an_init_that_answers_twice_ends_the_boot(void **state)
{
	(void)state;
	drive(PHASE_NO_SURVEY);
	start_answered(PEER_store);
	settle();
	assert_int_equal(rig.ended, EXIT_CLOSED);
	close_rig();
}

static void
a_worker_that_does_not_read_blocks_nobody(void **state)
{
	int small = 1, n = 0;

	(void)state;
	drive(PHASE_NO_SUPPLY);
	assert_int_equal(setsockopt(broker.channel[PEER_store], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	for (unsigned i = 0; i < msg_table[MSG_crypto_want].max; i++)
		say(PEER_crypto, MSG_crypto_want);
	silence();
	assert_true(printed("SP703 store-worker"));
	take(PEER_crypto, MSG_broker_lost);
	close_rig();
	/* the socket was full indeed: not all 80 were there to be read by the one that did not read */
	drive(PHASE_NO_SUPPLY);
	assert_int_equal(setsockopt(broker.channel[PEER_store], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	for (unsigned i = 0; i < msg_table[MSG_crypto_want].max; i++)
		say(PEER_crypto, MSG_crypto_want);
	for (; peer_recv(rig.end[PEER_store], &got) == 1; n++)
		frame_close(&got);
	assert_in_range(n, 1, msg_table[MSG_crypto_want].max - 1);
	close_rig();
}

static void
a_console_that_takes_nothing_stops_no_boot(void **state)
{
	static const char page[4096];

	(void)state;
	drive(PHASE_NO_CLOSE);
	while (write(FD_CONSOLE, page, sizeof page) > 0 || write(FD_CONSOLE, page, 1) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	say(PEER_crypto, MSG_crypto_closed);
	take(PEER_store, MSG_broker_survey);
	say_and_take(PEER_store, MSG_store_offer);
	assert_int_equal(rig.ended, RUNS);
	close_rig();
}

/* Lies of every sort, until the broker ends: at most so many, and time is only what passes when nobody has anything legal to say. */
static unsigned
live_and_lie(int greedy)
{
	unsigned events = 0, jumps = 0, wiped = 0;

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
		unsigned n = live_and_lie(i % 20 == 0);

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

	(void)state;
	for (unsigned i = 0; i < 250; i++) {
		drive(PHASE_NO_SURVEY);
		for (unsigned life = 0; life <= RESTARTS_MAX; life++) {
			peer_sample(i % MSG_COUNT, &said);
			assert_int_equal(peer_say_raw(rig.end[PEER_store], i % MSG_COUNT, 0, &said, i % 300, 1 + i % 8), 0);
			settle();
		}
		assert_int_equal(broker.store_spent, 1);
		close_rig();
	}
	assert_int_equal(peer_fds(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_good_path_ends_in_one_jump),
		cmocka_unit_test(every_death_in_every_phase_has_its_end),
		cmocka_unit_test(every_silence_in_every_phase_has_its_end),
		cmocka_unit_test(what_is_not_due_is_refused_in_every_phase_from_everyone),
		cmocka_unit_test(what_is_due_is_refused_in_any_other_shape),
		cmocka_unit_test(a_store_that_dies_in_every_life_leaves_a_boot_without_cache),
		cmocka_unit_test(a_store_that_never_records_does_not_stop_the_boot),
		cmocka_unit_test(after_a_spent_store_the_next_candidate_waited_for_ever),
		cmocka_unit_test(after_a_store_that_died_in_verify_the_next_candidate_waited_for_ever),
		cmocka_unit_test(a_crypto_worker_that_says_wiped_twice_still_lived_at_the_jump),
		cmocka_unit_test(the_last_word_of_a_program_that_left_something_unread_was_lost),
		cmocka_unit_test(an_offer_behind_the_last_one_reached_crypto_worker_in_the_next_phase),
		cmocka_unit_test(a_store_that_answers_for_another_slot_was_not_named),
		cmocka_unit_test(an_init_that_answers_twice_ends_the_boot),
		cmocka_unit_test(a_worker_that_does_not_read_blocks_nobody),
		cmocka_unit_test(a_console_that_takes_nothing_stops_no_boot),
		cmocka_unit_test(no_lies_keep_the_broker_running_for_ever_or_cost_a_descriptor),
		cmocka_unit_test(a_thousand_hostile_frames_cost_no_descriptor),
	};

	calls = (struct rig_calls){ broker_init, step_start, broker_run_once };
	peer_reserve();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
