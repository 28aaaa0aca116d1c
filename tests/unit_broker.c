/*
 * The real broker, by the phase: who dies, is silent, or says what is not due there, and what becomes of it.
 * The test plays init and all five workers, with an org and without; time passes when it says so.
 */
#include <errno.h>

#include "broker_rig.h"
#include "exits.h"

static void
the_good_path_ends_in_one_jump(void **state)
{
	const char *marks[] = { "[1/9]", "[2/9]", "[3/9]", online ? "[4/9] ticket: boot generation 4556494c1b5b; floor 41, 16 boots without" :
		"[4/9] offline: the config names no organisation", "[5/9]", "[6/9]", "[7/9]", "[8/9]", "[9/9] jump" };

	(void)state;
	drive(PHASE_NO_GO);
	assert_int_equal(broker.state.phase, PHASE(GO));
	assert_true(heard_nothing(PEER_kexec));		/* crypto-worker still lives */
	drop_end(PEER_crypto);
	settle();
	take(PEER_kexec, MSG_broker_go);
	assert_true(heard_nothing(PEER_kexec));
	for (unsigned i = 0; i < sizeof marks / sizeof marks[0]; i++)
		assert_true(printed(marks[i]));
	assert_int_equal(printed("eth0 52:54:00:12:34:56: address 10.0.2.15/24, gateway 10.0.2.2, name server 10.0.2.3, from 10.0.2.2"), online);
	assert_int_equal(rig.starts[PEER_link] + rig.starts[PEER_net], online ? 2 : 0);
	silence();	/* the jump did not come */
	assert_int_equal(rig.ended, EXIT_PEER);
	assert_true(heard_nothing(PEER_kexec));
	close_rig();
}

/* The phases in which somebody may still be needed: then there is a fresh one, else the boot goes on without. */
static void
a_worker_that_is_replaced(enum peer peer, unsigned phase_no)
{
	static const uint32_t needed[PEER_COUNT] = {
		[PEER_store] = PHASE(SURVEY) | PHASE(LINK) | PHASE(ASK) | PHASE(SUPPLY) | PHASE(VERIFY) | PHASE(RECORD),
		[PEER_link] = PHASE(LINK), [PEER_net] = PHASE(ASK) | PHASE(SUPPLY) | PHASE(VERIFY) };
	const unsigned again = needed[peer] >> phase_no & 1;

	assert_int_equal(rig.starts[peer], 1 + again);
	assert_int_equal(broker.restarts[peer], again);
	assert_int_equal(rig.ended, RUNS);
	assert_true(heard_nothing(PEER_kexec));
}

static void
every_death_in_every_phase_has_its_end(void **state)
{
	(void)state;
	for (unsigned phase = 0; phase < PHASE_COUNT; phase++)
		for (unsigned p = 0; p < PEER_COUNT && on_the_way(phase); p++) {
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
				assert_true(printed("kexec-worker closed its channel"));
				assert_int_equal(printed("SP701 kexec-worker"), phase != PHASE_NO_STOP);
				ends_in_one_reboot();	/* init's: nobody else can */
			} else if (p != PEER_crypto) {
				a_worker_that_is_replaced((enum peer)p, phase);
				assert_int_equal(printed("-worker closed its channel") || printed("net-link closed its channel"), phase != PHASE_NO_STOP);
				assert_false(printed("crypto-worker closed"));
			} else if (phase == PHASE_NO_GO) {
				assert_int_equal(rig.arms, 1);
				take(PEER_kexec, MSG_broker_go);
			}
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
		if (!on_the_way(phase))
			continue;
		drive(phase);
		if (phase == PHASE_NO_STOP)
			ends_in_one_reboot();
		else {
			silence();
			if (phase == PHASE_NO_SURVEY || phase == PHASE_NO_RECORD) {
				assert_true(printed("SP703 store-worker"));
				a_worker_that_is_replaced(PEER_store, phase);
			} else if (phase == PHASE_NO_LINK && online) {
				assert_true(printed("SP703 net-link"));
				a_worker_that_is_replaced(PEER_link, phase);
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
	a_worker_that_is_replaced(PEER_store, PHASE_NO_SUPPLY);
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
	{ PHASE(CLOSE) | PHASE(SURVEY) | PHASE(LINK) | PHASE(ASK) | PHASE(SUPPLY) | PHASE(VERIFY) | PHASE(RECORD) | PHASE(LOAD),
		MSG_crypto_failed },
	{ PHASE(SURVEY), MSG_store_offer }, { PHASE(SURVEY), MSG_store_offered },
	{ PHASE(LINK), MSG_link_lease }, { PHASE(LINK), MSG_link_failed },
	{ PHASE(ASK) | PHASE(SUPPLY), MSG_crypto_get }, { PHASE(ASK), MSG_crypto_post }, { PHASE(ASK), MSG_crypto_enrolled },
	{ PHASE(ASK), MSG_crypto_ticket }, { PHASE(LINK) | PHASE(ASK), MSG_crypto_offline }, { PHASE(SUPPLY), MSG_crypto_keep },
	{ PHASE(SURVEY) | PHASE(SUPPLY), MSG_crypto_want }, { PHASE(SURVEY) | PHASE(SUPPLY), MSG_crypto_refused }, { PHASE(SURVEY), MSG_crypto_node },
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
	return phase_no == PHASE_NO_STOP && (peer == PEER_store || peer == PEER_crypto || peer == PEER_net);
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
	if (!is_closed(from))
		fail_msg("%s may say %s in %s", peer_name(from), id < MSG_COUNT ? msg_table[id].name : "?", phase_name(broker.state.phase));
	for (unsigned p = PEER_store; p < PEER_COUNT; p++)
		while (p != from && rig.end[p] >= 0 && peer_recv(rig.end[p], &got) == 1) {
			/* that there was a stop is the broker's own word */
			assert_true(got.id != id || (p == PEER_store && id == MSG_broker_record));
			assert_int_not_equal(p, PEER_kexec);
			frame_close(&got);
		}
	assert_int_equal(rig.ended, RUNS);
	if (from == PEER_crypto || from == PEER_kexec)
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
		for (unsigned from = 0; from < PEER_COUNT && on_the_way(phase); from++)
			for (uint32_t id = 0; id <= MSG_COUNT + 1; id++) {
				union peer_body sample;
				int known = id != MSG_none && id < MSG_COUNT;

				/* crypto-worker in GO has a test of its own: unit_broker_faults.c */
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

			if (!is_due(phase, from, id) || !on_the_way(phase))
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_good_path_ends_in_one_jump),
		cmocka_unit_test(every_death_in_every_phase_has_its_end),
		cmocka_unit_test(every_silence_in_every_phase_has_its_end),
		cmocka_unit_test(what_is_not_due_is_refused_in_every_phase_from_everyone),
		cmocka_unit_test(what_is_due_is_refused_in_any_other_shape),
	};
	int failed;

	peer_reserve();
	failed = cmocka_run_group_tests_name("without an org", tests, NULL, NULL);
	online = 1;
	return failed + cmocka_run_group_tests_name("with an org", tests, NULL, NULL);
}
