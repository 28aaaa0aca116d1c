/*
 * The shipped broker, confined, among five workers that lie: it takes the hand-over from nobody, in no phase, under no name; and what the table
 * does route arrives, and the broker keeps none of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hostile_run.h"
#include "hostile_stage.h"
#include "msg_samples.h"

/* admit() at the broker, for every state of its: which messages may bring descriptors at all? */
void
only_five_rows_bring_descriptors_to_the_broker(void **state)
{
	unsigned tried = 0, admitted = 0;

	(void)state;
	for (unsigned phase = 0; phase < PHASE_COUNT; phase++)
		for (unsigned from = 0; from < PEER_COUNT; from++)
			for (uint32_t id = 0; id <= MSG_COUNT; id++)
				for (unsigned way = WAY_hub; way <= WAY_lane; way++)
					for (unsigned nfds = 1; nfds <= MSG_FDS_MAX; nfds++, tried++) {
						struct admit_state s;

						admit_init(&s, PEER_broker);
						s.phase = 1u << phase;
						memset(s.open, 1, sizeof s.open);	/* as lenient as it can be */
						if (admit(&s, (enum peer)from, (enum way)way, id, id < MSG_COUNT ? msg_table[id].size : 0,
						    nfds) != ADMIT_ok)
							continue;
						admitted++;
						assert_int_equal(nfds, id == MSG_crypto_post ? 2 : 1);
						assert_int_equal(way, WAY_hub);
						assert_true((id == MSG_init_started && from == PEER_init) || (from == PEER_crypto &&
						    (id == MSG_crypto_want || id == MSG_crypto_get || id == MSG_crypto_post || id == MSG_crypto_keep)));
					}
	assert_true(admitted > 0);
	print_message("%u combinations tried, %u admitted\n", tried, admitted);
}

/* The hand-over in every dress: its own name, a legal message of the sender's with more than it may have, another's message. */
static unsigned
dress(unsigned n, enum peer from, uint32_t *id, unsigned *nfds)
{
	static const uint32_t own[PEER_COUNT] = { [PEER_store] = MSG_store_progress, [PEER_crypto] = MSG_crypto_refused,
		[PEER_kexec] = MSG_kexec_loaded, [PEER_link] = MSG_link_lease, [PEER_net] = MSG_net_got };
	const unsigned off = from == PEER_crypto;	/* what it may send, it sends with one more or one less */
	const struct { uint32_t id; unsigned nfds; } dresses[] = {
		{ MSG_crypto_handover, 2 }, { MSG_crypto_handover, 1 }, { own[from], 1 }, { own[from], 2 },
		{ MSG_crypto_want, 1 + off }, { MSG_crypto_get, 1 + off }, { MSG_crypto_post, 2 - off }, { MSG_crypto_keep, 1 + off },
		{ MSG_init_started, 1 }, { MSG_store_filled, 1 }, { MSG_net_posted, 1 }, { MSG_link_lease, 1 }, { MSG_broker_go, 1 },
		{ MSG_LAST_PLUS_1, 1 },
	};

	if (n < sizeof dresses / sizeof dresses[0]) {
		*id = dresses[n].id;
		*nfds = dresses[n].nfds;
	}
	return n < sizeof dresses / sizeof dresses[0];
}

/* Bodies in range, so that it is never for them that an offer is refused. */
union body {
	uint8_t bytes[MSG_HANDOVER_MAX];
#define MSG(name, id, from, to, way, answers, under, max, fd, phases, next) struct msg_##name name;
#include "msg.def"
};

static void
fill_body(uint32_t id, union body *b)
{
	memset(b, 0, sizeof *b);
#define MSG(name, id_, from, to, way, answers, under, max, fd, phases, next) if (id == MSG_##name) b->name = sample_##name();
#include "msg.def"
}

/* 1: it was made; 0: there is no such program in that phase. */
static unsigned
offer(enum phase_no phase, enum peer from, uint32_t id, unsigned nfds, struct maker *m)
{
	union body body;
	struct stage s;
	unsigned got = 0;

	stage_broker(&s, phase);
	if (s.end[from] < 0) {
		(void)stage_down(&s);
		return 0;
	}
	fill_body(id, &body);
	assert_int_equal(stage_say_raw(s.end[from], id, &body, id < MSG_COUNT ? msg_table[id].size : 8, (int[]){ m->handover, m->kernel },
	    nfds), 0);
	got += stage_hear_end(&s, from);	/* the broker has taken it and has dropped who sent it */
	assert_int_equal(stage_holds(s.pid, "handover"), 0);
	for (unsigned p = 0; p < PEER_COUNT; p++)
		got += stage_drain(&s, (enum peer)p);
	if (got != 0)
		fail_msg("%s, phase %s: %s with the hand-over: it was passed on", peer_name(from), phase_name(1u << phase),
		    id < MSG_COUNT ? msg_table[id].name : "?");
	(void)stage_down(&s);	/* init is gone: whatever it says of that */
	return 1;
}

void
the_broker_takes_the_hand_over_from_nobody(void **state)
{
	static const enum peer liars[] = { PEER_kexec, PEER_crypto, PEER_store, PEER_link, PEER_net };
	unsigned nfds, n[PEER_COUNT] = { 0 };
	struct maker m;
	uint32_t id;

	(void)state;
	maker_start(&m);
	assert_int_equal(stage_holds(m.pid, "handover"), 1);	/* the look sees what is there */
	for (unsigned phase = PHASE_NO_CLOSE; phase <= PHASE_NO_GO; phase++)
		for (unsigned l = 0; l < sizeof liars / sizeof liars[0]; l++)
			for (unsigned d = 0; dress(d, liars[l], &id, &nfds); d++)
				n[liars[l]] += offer((enum phase_no)phase, liars[l], id, nfds, &m);
	for (unsigned l = 0; l < sizeof liars / sizeof liars[0]; l++) {
		print_message("%u offers of the hand-over to the broker by %s, all refused\n", n[liars[l]], peer_name(liars[l]));
		assert_true(n[liars[l]] > 0);
	}
	maker_end(&m);
}

/* The twin: what the table does route arrives, with its descriptors, and the broker keeps none. */
void
the_broker_routes_what_the_table_says(void **state)
{
	static const struct { enum phase_no phase; uint32_t question, answer; } routed[] = {
		{ PHASE_NO_SURVEY, MSG_crypto_want, MSG_store_filled }, { PHASE_NO_ASK, MSG_crypto_get, MSG_net_got },
		{ PHASE_NO_ASK, MSG_crypto_post, MSG_net_posted }, { PHASE_NO_SUPPLY, MSG_crypto_want, MSG_store_filled },
		{ PHASE_NO_SUPPLY, MSG_crypto_get, MSG_net_got }, { PHASE_NO_SUPPLY, MSG_crypto_keep, MSG_store_kept },
	};
	static struct frame frame;
	union body body;
	struct maker m;
	struct stage s;

	(void)state;
	maker_start(&m);
	for (unsigned i = 0; i < sizeof routed / sizeof routed[0]; i++) {
		const enum peer to = (enum peer)msg_table[routed[i].question].to;

		stage_broker(&s, routed[i].phase);
		fill_body(routed[i].question, &body);
		stage_say(&s, PEER_crypto, routed[i].question, &body, (int[]){ m.fill, m.fill });
		stage_hear(&s, to, routed[i].question, &frame);
		assert_int_equal(frame.nfds, fd_kind_count(msg_table[routed[i].question].fd));
		for (unsigned f = 0; f < frame.nfds; f++)
			assert_true(hostile_holds_key(frame.fds[f]));
		frame_close(&frame);
		/* the answer: the broker has come round to its next message */
		fill_body(routed[i].answer, &body);
		stage_say(&s, to, routed[i].answer, &body, NULL);
		stage_hear(&s, PEER_crypto, routed[i].answer, &frame);
		assert_int_equal(stage_holds(s.pid, "part"), 0);
		(void)stage_down(&s);
	}
	maker_end(&m);
}
