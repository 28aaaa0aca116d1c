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

/* Peers: i b s c k l(ink) n(et).  Phases: C(lose) S(urvey) (lin)K A(sk) (s)U(pply) V(erify) R(ecord) L(oad) G(o) . (stop). */
static const char peers[] = "ibsckln", phases[] = "CSKAUVRLG.";
enum { PEERS = 7, PHASES = 10, ATTEMPTS = 11 };	/* the ticket's generation from cache and org, eight slots, and the word that there is none */
static const struct expect {
	const char *name;
	uint32_t id;
	char from, to;
	char way;		/* h(ub), l(ane) */
	unsigned bytes, fds, max;
	uint32_t answers;	/* the question that must be open: closed by the answer, but for store_offer and both progresses, which leave it open */
	const char *phases;
	char next;		/* or ' ' */
} table[] = {
	{ "crypto_closed",    1, 'c', 'b', 'h', 24,   0, 1,   0,  "C",          'S' },
	{ "crypto_failed",    2, 'c', 'b', 'h', 8,    0, 1,   0,  "CSKAUVRL",   '.' },
	{ "broker_start",     3, 'b', 'i', 'h', 8,    0, 14,  0,  "CSKAUVR.",   ' ' },
	{ "init_started",     4, 'i', 'b', 'h', 8,    1, 14,  3,  "CSKAUVRLG.", ' ' },
	{ "broker_lost",      5, 'b', 'c', 'h', 8,    0, 12,  0,  "SKAUVR",     ' ' },
	{ "broker_survey",    6, 'b', 's', 'h', 8,    0, 4,   0,  "S",          ' ' },
	{ "store_offer",      7, 's', 'c', 'h', 40,   0, 32,  6,  "SKAU.",      ' ' },
	{ "store_offered",    8, 's', 'c', 'h', 16,   0, 4,   6,  "SKAU.",      ' ' },
	{ "crypto_want",      9, 'c', 's', 'h', 24,   1, 80,  0,  "SU",         ' ' },
	{ "store_filled",    10, 's', 'c', 'h', 16,   0, 80,  9,  "SKAU.",      ' ' },
	{ "store_progress",  11, 's', 'b', 'h', 24,   0, 255, 9,  "SKAU.",      ' ' },
	{ "crypto_refused",  12, 'c', 'b', 'h', 64,   0, 40,  0,  "SU",         ' ' },
	{ "crypto_node",     13, 'c', 's', 'h', 16,   0, 4,   0,  "S",          ' ' },
	{ "crypto_surveyed", 14, 'c', 'b', 'h', 8,    0, 1,   0,  "S",          'K' },
	{ "link_lease",      15, 'l', 'i', 'h', 304,  0, 1,   0,  "K",          ' ' },
	{ "link_failed",     16, 'l', 'b', 'h', 8,    0, 1,   0,  "K",          ' ' },
	{ "init_linked",     17, 'i', 'b', 'h', 8,    0, 1,   15, "K.",         ' ' },
	{ "init_unlinked",   18, 'i', 'b', 'h', 8,    0, 1,   15, "K.",         ' ' },
	{ "broker_ask",      19, 'b', 'c', 'h', 8,    0, 1,   0,  "K",          'A' },	/* init_linked is nothing to crypto-worker: both enter ASK by this */
	{ "broker_offline",  20, 'b', 'c', 'h', 8,    0, 1,   0,  "K",          ' ' },	/* in ASK crypto-worker hears of a loss, and decides */
	{ "crypto_get",      21, 'c', 'n', 'h', 56,   1, 40,  0,  "AU",         ' ' },
	{ "net_got",         22, 'n', 'c', 'h', 24,   0, 40,  21, "AU",         ' ' },
	{ "crypto_post",     23, 'c', 'n', 'h', 24,   2, 12,  0,  "A",          ' ' },
	{ "net_posted",      24, 'n', 'c', 'h', 16,   0, 12,  23, "A",          ' ' },
	{ "net_progress",    25, 'n', 'b', 'h', 24,   0, 255, 21, "AU",         ' ' },
	{ "crypto_enrolled", 26, 'c', 'b', 'h', 40,   0, 2,   0,  "A",          ' ' },
	{ "crypto_ticket",   27, 'c', 'b', 'h', 56,   0, 1,   0,  "A",          'U' },
	{ "crypto_offline",  28, 'c', 'b', 'h', 16,   0, 1,   0,  "KA",         'U' },
	{ "broker_next",     29, 'b', 'c', 'h', 8,    0, 1,   0,  "U",          ' ' },
	{ "crypto_chosen",   30, 'c', 'b', 'h', 80,   0, 1,   29, "U",          ' ' },
	{ "crypto_none",     31, 'c', 'b', 'h', 8,    0, 1,   29, "U",          '.' },
	{ "crypto_keep",     32, 'c', 's', 'h', 72,   1, 8,   0,  "U",          ' ' },
	{ "store_kept",      33, 's', 'c', 'h', 16,   0, 8,   32, "UVRLG.",     ' ' },
	{ "crypto_supplied", 34, 'c', 'b', 'h', 8,    0, 1,   0,  "U",          'V' },
	{ "crypto_rejected", 35, 'c', 'b', 'h', 64,   0, 1,   0,  "UV",         'U' },
	{ "crypto_verified", 36, 'c', 'b', 'h', 72,   0, 1,   0,  "V",          'R' },
	{ "broker_record",   37, 'b', 's', 'h', 48,   0, 8,   0,  "R.",         ' ' },
	{ "store_recorded",  38, 's', 'b', 'h', 8,    0, 8,   37, "R.",         ' ' },
	{ "broker_load",     39, 'b', 'c', 'h', 8,    0, 1,   36, "R",          'L' },
	{ "crypto_handover", 40, 'c', 'k', 'l', 2072, 2, 1,   0,  "L",          ' ' },
	{ "kexec_loaded",    41, 'k', 'c', 'h', 8,    0, 1,   0,  "L.",         ' ' },
	{ "crypto_wiped",    42, 'c', 'b', 'h', 8,    0, 1,   41, "L",          'G' },
	{ "crypto_unloaded", 43, 'c', 'b', 'h', 8,    0, 1,   41, "L",          '.' },
	{ "broker_arm",      44, 'b', 'i', 'h', 8,    0, 1,   0,  "G",          ' ' },
	{ "init_armed",      45, 'i', 'b', 'h', 8,    0, 1,   44, "G.",         ' ' },
	{ "broker_go",       46, 'b', 'k', 'h', 8,    0, 1,   41, "G",          ' ' },
	{ "broker_reboot",   47, 'b', 'k', 'h', 8,    0, 1,   0,  ".",          ' ' },
	{ "broker_stop",     48, 'b', 'i', 'h', 8,    0, 1,   0,  ".",          ' ' },
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
	if (e->from >= PEERS || peers[e->from] != x->from)
		bits |= 1u << ADMIT_sender;
	if (peers[e->self] != x->to && peers[e->self] != 'b')	/* the broker routes what it does not own */
		bits |= 1u << ADMIT_sender;
	if ((e->way == WAY_lane) != (x->way == 'l') || (x->way == 'l' && peers[e->self] == 'b'))
		bits |= 1u << ADMIT_way;
	if (e->fds != x->fds)
		bits |= 1u << ADMIT_fds;
	for (unsigned i = 0; i < PHASES; i++)
		if ((e->phase & 1u << i) != 0 && strchr(x->phases, phases[i]) != NULL)
			in_phase = 1;
	if (!in_phase)
		bits |= 1u << ADMIT_phase;
	if (e->spent)
		bits |= 1u << ADMIT_often;
	/* Offers answer the broker's question to the store: crypto-worker cannot know it, the broker has judged it before. */
	if (x->answers != 0 && !e->open && !((e->id == 7 || e->id == 8) && peers[e->self] == 'c'))
		bits |= 1u << ADMIT_unasked;
	if (x->next == 'U' && e->attempts >= ATTEMPTS)
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
				e->attempts = (bits >> 2 & 1) != 0 ? ATTEMPTS : ATTEMPTS - 1;
				judge(e, cases, legal);
			}
}

static void
every_case(void **state)
{
	static const uint32_t strange_ids[] = { 0, 49, 64, 255, 256, 257, 65537, 0x80000001, UINT32_MAX };
	unsigned long cases = 0, legal = 0;
	struct event_case e;

	(void)state;
	for (unsigned i = 0; i < ROWS + sizeof strange_ids / sizeof strange_ids[0]; i++)
		for (e.self = 0; e.self < PEERS; e.self++)
			for (e.from = 0; e.from <= PEERS; e.from++)
				for (e.way = WAY_hub; e.way <= WAY_lane; e.way++)
					for (unsigned p = 0; p <= PHASES; p++) {
						e.id = i < ROWS ? table[i].id : strange_ids[i - ROWS];
						e.phase = p < PHASES ? 1u << p : 0x3ff;
						judge_rest(&e, &cases, &legal);
					}
	print_message("%lu cases, %lu of them legal\n", cases, legal);
	assert_true(cases == (ROWS + 9) * 7ul * 8 * 2 * 11 * 6 * 4 * 8);
	assert_true(legal > 0 && legal < cases / 100);
}

/* msg.def and the hand-written table name the same things. */
static void
rows_agree(void **state)
{
	(void)state;
	assert_int_equal(MSG_COUNT, ROWS + 1);
	assert_int_equal(PEER_COUNT, PEERS);
	assert_int_equal(PHASE_COUNT, PHASES);
	assert_int_equal(PHASE_any, 0x3ff);
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

/* What a program is called, as the first word of what it says. */
static int
speaks_for(const char *name, unsigned peer)
{
	static const char *const words[PEERS] = { "init_", "broker_", "store_", "crypto_", "kexec_", "link_", "net_" };

	return strncmp(name, words[peer], strlen(words[peer])) == 0;
}

/* Where the network's programs stand: each line names what their owner would gain. */
static void
network_facts(const struct event_case *e, char phase)
{
	const int outside = e->from == PEER_link || e->from == PEER_net;

	/* the door behind is closed, and what the cache has is known, before the door ahead opens; it is shut again before the key is derived */
	assert_true(e->from != PEER_link || phase == 'K');
	assert_true(e->from != PEER_net || strchr("AU", phase) != NULL);
	/* they make no memfd and hand on no descriptor */
	assert_true(!outside || e->fds == 0);
	/* net-worker hears crypto-worker alone, and net-link nobody */
	assert_true(e->self != PEER_net || e->from == PEER_crypto);
	assert_true(e->self != PEER_link);
	/* neither speaks to the other, to the store or to kexec-worker; net-worker not to init, net-link not to crypto-worker */
	assert_true(e->from != PEER_net || e->self == PEER_broker || e->self == PEER_crypto);
	assert_true(e->from != PEER_link || e->self == PEER_broker || e->self == PEER_init);
	/* init hears the broker and, one lease, net-link */
	assert_true(e->self != PEER_init || e->from == PEER_broker || e->id == MSG_link_lease);
	/* what the org says advances the boot only through crypto-worker, and only while it is asked */
	assert_true(msg_table[e->id].next != PHASE(SUPPLY) || e->from == PEER_crypto);
	assert_true(e->id != MSG_crypto_ticket || phase == 'A');
	assert_true(e->id != MSG_crypto_post || phase == 'A');
	/* the store is given only what has just been supplied */
	assert_true(e->id != MSG_crypto_keep || phase == 'U');
}

/* Facts that hold whatever the table says: each names what an attacker would gain. */
static void
fact(const struct event_case *e, char phase)
{
	/* the hand-over holds the key: the broker neither sees nor replaces it */
	assert_false(e->id == MSG_crypto_handover && (e->self != PEER_kexec || e->way != WAY_lane));
	assert_true(e->way == WAY_hub || e->id == MSG_crypto_handover);
	/* nobody speaks for another */
	for (unsigned peer = 0; peer < PEERS; peer++)
		assert_int_equal(speaks_for(msg_table[e->id].name, peer), e->from == peer);
	/* no load before the attempt is recorded, no jump before the wipe */
	assert_true(e->id != MSG_broker_load || phase == 'R');
	assert_true(e->id != MSG_broker_go || phase == 'G');
	assert_true(e->id != MSG_kexec_loaded || phase == 'L' || phase == '.');
	/* while the latch is open nothing comes from the outside's programs */
	assert_false(phase == 'C' && e->from != PEER_crypto && e->from != PEER_broker && e->from != PEER_init);
	/* descriptors: a channel from init, memfds from crypto-worker, none from the rest */
	assert_true(e->fds == 0 || e->from == PEER_crypto || e->from == PEER_init);
	/* the store talks to no kexec-worker, and nobody to the store but these two */
	assert_false(e->from == PEER_store && e->self == PEER_kexec);
	assert_true(e->self != PEER_store || e->from == PEER_broker || e->from == PEER_crypto);
	/* kexec-worker hears those that may: crypto-worker by the lane, the broker's go and reboot */
	assert_true(e->self != PEER_kexec || e->from == PEER_broker || e->id == MSG_crypto_handover);
	network_facts(e, phase);
}

static void
facts(void **state)
{
	unsigned long admitted = 0, outside = 0;
	struct admit_state s;
	struct event_case e;

	(void)state;
	for (e.self = 0; e.self < PEER_COUNT; e.self++)
		for (e.from = 0; e.from < PEER_COUNT; e.from++)
			for (e.way = WAY_hub; e.way <= WAY_lane; e.way++)
				for (e.id = 1; e.id < MSG_COUNT; e.id++)
					for (unsigned p = 0; p < PHASES; p++)
						for (e.fds = 0; e.fds <= 3; e.fds++) {
							admit_init(&s, (enum peer)e.self);
							s.phase = 1u << p;
							memset(s.open, 1, sizeof s.open);
							if (admit(&s, (enum peer)e.from, (enum way)e.way, e.id, msg_table[e.id].size, e.fds) != ADMIT_ok)
								continue;
							admitted++;
							outside += e.from == PEER_link || e.from == PEER_net;
							fact(&e, phases[p]);
						}
	assert_true(admitted > 60);
	assert_true(outside >= 8);	/* or nothing was said of them */
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
			    x->fds), x->next == 'U' ? n < ATTEMPTS ? ADMIT_ok : ADMIT_attempts : n < x->max ? ADMIT_ok : ADMIT_often);
			if (x->next != 'U' || n < ATTEMPTS)
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
