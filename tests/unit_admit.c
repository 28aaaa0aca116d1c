/*
 * admit(), every case against a table written by hand from the design, not from msg.def: double entry.  Whoever changes the
 * protocol changes both, and sees what he does.  Below it the facts that no table may ever change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "msg.h"

/* Peers: i b s c k.  Phases: C(lose) S(urvey) U (supply) V(erify) R(ecord) L(oad) G(o) . (stop). */
static const char peers[] = "ibsck", phases[] = "CSUVRLG.";
static const struct expect {
	const char *name;
	uint32_t id;
	char from, to;
	char way;		/* h(ub), l(ane) */
	unsigned bytes, fds, max;
	uint32_t answers;	/* the question that must be open: closed by the answer, but for store_offer and store_progress, which leave it open */
	const char *phases;
	char next;		/* or ' ' */
} table[] = {
	{ "crypto_closed",    1, 'c', 'b', 'h', 24,   0, 1,   0,  "C",       'S' },
	{ "crypto_failed",    2, 'c', 'b', 'h', 8,    0, 1,   0,  "CSUVRL",  '.' },
	{ "broker_start",     3, 'b', 'i', 'h', 8,    0, 8,   0,  "CSUVR.",  ' ' },
	{ "init_started",     4, 'i', 'b', 'h', 8,    1, 8,   3,  "CSUVR.",  ' ' },
	{ "broker_lost",      5, 'b', 'c', 'h', 8,    0, 8,   0,  "SUVR",    ' ' },
	{ "broker_survey",    6, 'b', 's', 'h', 8,    0, 4,   0,  "S",       ' ' },
	{ "store_offer",      7, 's', 'c', 'h', 40,   0, 32,  6,  "SU.",     ' ' },
	{ "store_offered",    8, 's', 'c', 'h', 16,   0, 4,   6,  "SU.",     ' ' },
	{ "crypto_want",      9, 'c', 's', 'h', 24,   1, 80,  0,  "SU",      ' ' },
	{ "store_filled",    10, 's', 'c', 'h', 16,   0, 80,  9,  "SU.",     ' ' },
	{ "store_progress",  11, 's', 'b', 'h', 24,   0, 255, 9,  "SU.",     ' ' },
	{ "crypto_refused",  12, 'c', 'b', 'h', 64,   0, 40,  0,  "S",       ' ' },
	{ "crypto_node",     13, 'c', 's', 'h', 16,   0, 4,   0,  "S",       ' ' },
	{ "crypto_surveyed", 14, 'c', 'b', 'h', 8,    0, 1,   0,  "S",       'U' },
	{ "broker_next",     15, 'b', 'c', 'h', 8,    0, 1,   0,  "U",       ' ' },
	{ "crypto_chosen",   16, 'c', 'b', 'h', 80,   0, 1,   15, "U",       ' ' },
	{ "crypto_none",     17, 'c', 'b', 'h', 8,    0, 1,   15, "U",       '.' },
	{ "crypto_supplied", 18, 'c', 'b', 'h', 8,    0, 1,   0,  "U",       'V' },
	{ "crypto_rejected", 19, 'c', 'b', 'h', 64,   0, 1,   0,  "UV",      'U' },
	{ "crypto_verified", 20, 'c', 'b', 'h', 72,   0, 1,   0,  "V",       'R' },
	{ "broker_record",   21, 'b', 's', 'h', 48,   0, 8,   0,  "R.",      ' ' },
	{ "store_recorded",  22, 's', 'b', 'h', 8,    0, 8,   21, "R.",      ' ' },
	{ "broker_load",     23, 'b', 'c', 'h', 8,    0, 1,   20, "R",       'L' },
	{ "crypto_handover", 24, 'c', 'k', 'l', 2072, 2, 1,   0,  "L",       ' ' },
	{ "kexec_loaded",    25, 'k', 'c', 'h', 8,    0, 1,   0,  "L.",      ' ' },
	{ "crypto_wiped",    26, 'c', 'b', 'h', 8,    0, 1,   25, "L",       'G' },
	{ "crypto_unloaded", 27, 'c', 'b', 'h', 8,    0, 1,   25, "L",       '.' },
	{ "broker_arm",      28, 'b', 'i', 'h', 8,    0, 1,   0,  "G",       ' ' },
	{ "init_armed",      29, 'i', 'b', 'h', 8,    0, 1,   28, "G.",      ' ' },
	{ "broker_go",       30, 'b', 'k', 'h', 8,    0, 1,   25, "G",       ' ' },
	{ "broker_reboot",   31, 'b', 'k', 'h', 8,    0, 1,   0,  ".",       ' ' },
	{ "broker_stop",     32, 'b', 'i', 'h', 8,    0, 1,   0,  ".",       ' ' },
};
enum { ROWS = sizeof table / sizeof table[0] };

static const struct expect *
expected(uint32_t id)
{
	for (size_t i = 0; i < ROWS; i++)
		if (table[i].id == id)
			return &table[i];
	return NULL;
}

struct event_case {
	unsigned self, from, way;
	uint32_t phase, id;
	size_t bytes;
	unsigned fds;
	unsigned spent, open, attempts;	/* max reached; the question is open; attempts begun */
};

/* The reasons to refuse this case, one bit each; 0: it is legal. */
static unsigned
reasons(const struct event_case *e)
{
	const struct expect *x = expected(e->id);
	unsigned bits = 0, in_phase = 0;

	if (x == NULL)
		return 1u << ADMIT_unknown;
	if (e->bytes != x->bytes)
		bits |= 1u << ADMIT_size;
	if (e->from >= 5 || peers[e->from] != x->from)
		bits |= 1u << ADMIT_sender;
	if (peers[e->self] != x->to && peers[e->self] != 'b')	/* the broker routes what it does not own */
		bits |= 1u << ADMIT_sender;
	if ((e->way == WAY_lane) != (x->way == 'l') || (x->way == 'l' && peers[e->self] == 'b'))
		bits |= 1u << ADMIT_way;
	if (e->fds != x->fds)
		bits |= 1u << ADMIT_fds;
	for (unsigned i = 0; i < 8; i++)
		if ((e->phase & 1u << i) != 0 && strchr(x->phases, phases[i]) != NULL)
			in_phase = 1;
	if (!in_phase)
		bits |= 1u << ADMIT_phase;
	if (e->spent)
		bits |= 1u << ADMIT_often;
	/* Offers answer the broker's question to the store: crypto-worker cannot know it, the broker has judged it before. */
	if (x->answers != 0 && !e->open && !((e->id == 7 || e->id == 8) && peers[e->self] == 'c'))
		bits |= 1u << ADMIT_unasked;
	if (x->next == 'U' && e->attempts >= 9)
		bits |= 1u << ADMIT_attempts;
	return bits;
}

static void
judge(const struct event_case *e, unsigned long *cases, unsigned long *legal)
{
	const struct expect *x = expected(e->id);
	struct admit_state state, before;
	unsigned want = reasons(e), got;

	admit_init(&state, (enum peer)e->self);
	state.phase = e->phase;
	state.attempts = (uint8_t)e->attempts;
	if (x != NULL) {
		state.count[e->id] = (uint8_t)(e->spent ? x->max : x->max - 1);
		/* Open is the one question that it answers; with none open, all others are. */
		memset(state.open, x->answers != 0 && !e->open, sizeof state.open);
		if (x->answers != 0)
			state.open[x->answers] = (uint8_t)e->open;
	}
	before = state;
	got = admit(&state, (enum peer)e->from, (enum way)e->way, e->id, e->bytes, e->fds);
	(*cases)++;
	*legal += got == ADMIT_ok;
	/* With one fault the reason is that one; with several, one of them. */
	if (want == 0 ? got != ADMIT_ok : got == ADMIT_ok || got > ADMIT_attempts || (want & 1u << got) == 0)
		fail_msg("self %c from %u way %u phase %x id %u (%s) bytes %zu fds %u spent %u open %u attempts %u: %s, wanted bits %x",
		    peers[e->self], e->from, e->way, e->phase, e->id, x != NULL ? x->name : "?", e->bytes, e->fds, e->spent, e->open,
		    e->attempts, admit_text((enum admit_why)got), want);
	assert_memory_equal(&state, &before, sizeof state);	/* pure */
}

/* Sizes, descriptors, counts for one (self, from, way, phase, id). */
static void
judge_rest(struct event_case *e, unsigned long *cases, unsigned long *legal)
{
	const struct expect *x = expected(e->id);
	size_t right = x != NULL ? x->bytes : 8;
	const size_t sizes[] = { right, right - 1, right + 1, 0, MSG_HANDOVER_MAX + 1, SIZE_MAX };

	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
		for (e->fds = 0; e->fds <= 3; e->fds++)
			for (unsigned bits = 0; bits < 8; bits++) {
				e->bytes = sizes[s];
				e->spent = bits & 1;
				e->open = bits >> 1 & 1;
				e->attempts = (bits >> 2 & 1) != 0 ? 9 : 8;
				judge(e, cases, legal);
			}
}

static void
every_case(void **state)
{
	static const uint32_t strange_ids[] = { 0, 33, 64, 255, 256, 257, 65537, 0x80000001, UINT32_MAX };
	unsigned long cases = 0, legal = 0;
	struct event_case e;

	(void)state;
	for (unsigned i = 0; i < ROWS + sizeof strange_ids / sizeof strange_ids[0]; i++)
		for (e.self = 0; e.self < 5; e.self++)
			for (e.from = 0; e.from <= 5; e.from++)
				for (e.way = WAY_hub; e.way <= WAY_lane; e.way++)
					for (unsigned p = 0; p <= 8; p++) {
						e.id = i < ROWS ? table[i].id : strange_ids[i - ROWS];
						e.phase = p < 8 ? 1u << p : 0xff;
						judge_rest(&e, &cases, &legal);
					}
	print_message("%lu cases, %lu of them legal\n", cases, legal);
	assert_true(cases == (ROWS + 9) * 5ul * 6 * 2 * 9 * 6 * 4 * 8);
	assert_true(legal > 0 && legal < cases / 100);
}

/* msg.def and the hand-written table name the same things. */
static void
rows_agree(void **state)
{
	(void)state;
	assert_int_equal(MSG_COUNT, ROWS + 1);
	for (size_t i = 0; i < ROWS; i++) {
		const struct msg_row *row = &msg_table[table[i].id];

		assert_int_equal(table[i].id, i + 1);
		assert_string_equal(row->name, table[i].name);
		assert_int_equal(peers[row->from], table[i].from);
		assert_int_equal(peers[row->to], table[i].to);
		assert_int_equal(row->max, table[i].max);
		assert_int_equal(row->next, table[i].next == ' ' ? 0 : 1u << (strchr(phases, table[i].next) - phases));
	}
}

/* Facts that hold whatever the table says: each names what an attacker would gain. */
static void
facts(void **state)
{
	struct admit_state s;
	struct event_case e;
	unsigned long admitted = 0;

	(void)state;
	memset(&s, 0, sizeof s);
	for (e.self = 0; e.self < PEER_COUNT; e.self++)
		for (e.from = 0; e.from < PEER_COUNT; e.from++)
			for (e.way = WAY_hub; e.way <= WAY_lane; e.way++)
				for (e.id = 1; e.id < MSG_COUNT; e.id++)
					for (unsigned p = 0; p < 8; p++)
						for (e.fds = 0; e.fds <= 3; e.fds++) {
							const char *name = msg_table[e.id].name;

							admit_init(&s, (enum peer)e.self);
							s.phase = 1u << p;
							memset(s.open, 1, sizeof s.open);
							if (admit(&s, (enum peer)e.from, (enum way)e.way, e.id, msg_table[e.id].size, e.fds) != ADMIT_ok)
								continue;
							admitted++;
							/* the hand-over holds the key: the broker neither sees nor replaces it */
							assert_false(e.id == MSG_crypto_handover && (e.self != PEER_kexec || e.way != WAY_lane));
							assert_true(e.way == WAY_hub || e.id == MSG_crypto_handover);
							/* nobody speaks for another */
							assert_int_equal(strncmp(name, "crypto_", 7) == 0, e.from == PEER_crypto);
							assert_int_equal(strncmp(name, "broker_", 7) == 0, e.from == PEER_broker);
							assert_int_equal(strncmp(name, "store_", 6) == 0, e.from == PEER_store);
							assert_int_equal(strncmp(name, "kexec_", 6) == 0, e.from == PEER_kexec);
							assert_int_equal(strncmp(name, "init_", 5) == 0, e.from == PEER_init);
							/* no load before the attempt is recorded, no jump before the wipe */
							assert_true(e.id != MSG_broker_load || phases[p] == 'R');
							assert_true(e.id != MSG_broker_go || phases[p] == 'G');
							assert_true(e.id != MSG_kexec_loaded || phases[p] == 'L' || phases[p] == '.');
							/* while the latch is open nothing comes from the outside's programs */
							assert_false(phases[p] == 'C' && (e.from == PEER_store || e.from == PEER_kexec));
							/* descriptors: a channel from init, memfds from crypto-worker, none from the rest */
							assert_true(e.fds == 0 || e.from == PEER_crypto || e.from == PEER_init);
							/* the store talks to no kexec-worker, and nobody to the store but these two */
							assert_false(e.from == PEER_store && e.self == PEER_kexec);
							assert_true(e.self != PEER_store || e.from == PEER_broker || e.from == PEER_crypto);
						}
	assert_true(admitted > 30);
}

/* After max the next refuses, for every row, and counts do not wrap.  What begins an attempt is bounded by the attempts instead. */
static void
at_most_max(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		const struct expect *x = &table[i];
		struct admit_state s;

		admit_init(&s, (enum peer)(strchr(peers, x->to) - peers));
		for (unsigned n = 0; n < x->max + 600u; n++) {
			s.phase = 1u << (strchr(phases, x->phases[0]) - phases);
			s.open[x->answers] = x->answers != 0;
			assert_int_equal(admit(&s, (enum peer)(strchr(peers, x->from) - peers), x->way == 'l' ? WAY_lane : WAY_hub, x->id, x->bytes,
			    x->fds), x->next == 'U' ? n <= SLOTS_MAX ? ADMIT_ok : ADMIT_attempts : n < x->max ? ADMIT_ok : ADMIT_often);
			if (x->next != 'U' || n <= SLOTS_MAX)
				admit_note(&s, x->id);	/* over the max as well, as if noted all the same: never back to zero */
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_agree),
		cmocka_unit_test(every_case),
		cmocka_unit_test(facts),
		cmocka_unit_test(at_most_max),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
