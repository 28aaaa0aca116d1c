/*
 * crypto-worker and the org: what it asks, what it takes for an answer, and what it does without one.
 * The test plays net-worker and the org, honest and hostile.
 */
#include <sodium.h>

#include "crypto_org.h"
#include "exits.h"
#include "fake_tpm.h"

static void
the_request_says_what_the_node_has(void **state)
{
	static const uint32_t flags[] = { OFFER_failed | OFFER_fallback, OFFER_healthy | OFFER_previous };
	const struct doc_request *r = &asked.request;

	(void)state;
	org_open();
	org_to_ask(both, 2, flags);
	org_challenge();
	org_expect_request();
	assert_memory_equal(r->node, fake.node, sizeof r->node);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(r->challenge[i], 'c');
	assert_false(sodium_is_zero(r->share_key, sizeof r->share_key));
	assert_int_equal(r->floor, 7);
	assert_int_equal(r->time, NOW);
	assert_int_equal(r->offline, 1);
	assert_string_equal(r->hardware, "rack");
	assert_int_equal(r->have.count, 2);
	assert_memory_equal(r->have.row[0].id, newest.id, ID_BYTES);
	assert_int_equal(r->have.row[0].version, 42);
	assert_int_equal(r->have.row[0].state, STATE_failed);
	assert_int_equal(r->have.row[1].state, STATE_healthy);
	assert_int_equal(fake.quotes, 1);
	play_close();
}

static void
a_ticket_boots_from_the_cache(void **state)
{
	struct doc_ticket ticket;

	(void)state;
	org_open();
	/* What failed boots when a ticket names it, and the older one is not even tried. */
	org_to_ask(both, 2, (const uint32_t[]){ OFFER_failed | OFFER_fallback, OFFER_healthy });
	org_challenge();
	org_expect_request();
	ticket = org_ticket(&newest);
	org_give(&ticket);
	play_expect(MSG_crypto_ticket);
	assert_memory_equal(play.ticket.id, newest.id, ID_BYTES);
	assert_int_equal(play.ticket.time, NOW + 2);
	assert_int_equal(play.ticket.offline_max, 4);
	assert_int_equal(fake.state.time, NOW + 2);
	assert_int_equal(fake.state.offline, 0);
	assert_int_equal(fake.state.offline_max, 4);
	assert_int_equal(play_supply(both, 2), MSG_crypto_verified);
	assert_int_equal(play.cause, CHOSEN_ticket);
	assert_int_equal(play.about.slot, 0);
	play_close();
}

/* Asks, and gives an answer that a change has made wrong: no ticket, and this boot counts as one without. */
static void
wrong(struct doc_ticket *ticket, enum event event, const char *what)
{
	uint64_t before = fake.state.offline;

	org_give(ticket);
	if (play_hear() != MSG_crypto_offline || play.offline.event != (uint32_t)event)
		fail_msg("%s: event %u, ended %d, failed %u", what, play.offline.event, play.ended, play.event);
	assert_int_equal(fake.state.time, NOW);		/* nothing of it is remembered */
	assert_int_equal(fake.state.floor, 7);
	assert_int_equal(fake.state.offline, before + 1);
	play_close();
}

static void
no_other_ticket_is_one(void **state)
{
	struct doc_ticket t, old;

	(void)state;
	old = t = org_asked_for(&newest);
	org_give(&t);
	play_expect(MSG_crypto_ticket);		/* the twin */
	play_close();
	(void)org_asked_for(&newest);
	wrong(&old, EV_org_ticket, "of a former request");
#define WRONG(event, change) t = org_asked_for(&newest); change; wrong(&t, event, #change)
	WRONG(EV_org_ticket, t.node[0] ^= 1);
	WRONG(EV_org_ticket, t.request[31] ^= 1);
	WRONG(EV_org_time, t.time = NOW + UINT64_C(5) * 366 * 86400 + 1);
	WRONG(EV_org_time, t.time = crypto.config.build_time - 1);
	WRONG(EV_org_ticket, t.reason = REASON_pending);
	WRONG(EV_org_ticket, t.verdict = VERDICT_refuse);
	WRONG(EV_org_ticket, memset(t.generation, 0, sizeof t.generation));
	WRONG(EV_org_ticket, t.verdict = VERDICT_refuse; t.reason = REASON_revoked);	/* and names a generation */
	WRONG(EV_org_share, t.share.bytes = 79);
	WRONG(EV_org_signature, org_stranger = 1);
#undef WRONG
	t = org_asked_for(NULL);
	t.reason = REASON_none;
	wrong(&t, EV_org_ticket, "refused for no reason");
	t = org_asked_for(NULL);
	t.share.bytes = 80;
	wrong(&t, EV_org_share, "a share with a refusal");
}

static size_t flip_at, flip_bit, seen_bytes;

static void
flip(char *text, size_t *len_bytes)
{
	seen_bytes = *len_bytes;
	text[flip_at] = (char)(text[flip_at] ^ (1 << flip_bit));
}

static void
a_clock_that_was_ahead_can_be_set_back(void **state)
{
	struct doc_ticket t = org_asked_for(&newest);

	(void)state;
	t.time = NOW - 86400;
	org_give(&t);
	play_expect(MSG_crypto_ticket);
	assert_int_equal(fake.state.time, NOW - 86400);
	play_close();
	t = org_asked_for(&newest);
	t.time = NOW + UINT64_C(5) * 366 * 86400;
	org_give(&t);
	play_expect(MSG_crypto_ticket);
	play_close();
}

static void
every_byte_of_a_ticket_counts(void **state)
{
	unsigned accepted = 0;

	(void)state;
	seen_bytes = 1;
	for (flip_at = 0; flip_at < seen_bytes; flip_at++) {
		struct doc_ticket t = org_asked_for(&newest);
		uint32_t heard;

		flip_bit = flip_at % 7;
		org_spoil = flip;
		org_give(&t);
		heard = play_hear();
		/* The untrusted comment is nobody's word: it may say anything that is printable. */
		if (heard == MSG_crypto_ticket)
			accepted++;
		else
			assert_int_equal(heard, MSG_crypto_offline);
		play_close();
	}
	assert_true(seen_bytes > 400);
	assert_true(accepted <= sizeof "by a test" - 1);
}

static void
a_short_or_long_answer_is_none(void **state)
{
	struct msg_net_posted posted = { .len_bytes = 1 };

	(void)state;
	(void)org_asked_for(&newest);
	posted.number = play.post.number;
	play_tell(MSG_net_posted, &posted);
	play_expect(MSG_crypto_offline);
	assert_int_equal(play.offline.event, EV_org_signature);
	play_close();
	(void)org_asked_for(&newest);
	posted.number = play.post.number;
	posted.len_bytes = DOC_MAX;	/* zeros behind nothing */
	play_tell(MSG_net_posted, &posted);
	play_expect(MSG_crypto_offline);
	play_close();
}

static void
a_challenge_that_is_not_the_orgs_is_not_answered(void **state)
{
	struct doc_challenge c = { .time = NOW, .seconds = 60 };

	(void)state;
	org_open();
	org_to_ask(one, 1, NULL);
	org_stranger = 1;
	play_expect(MSG_crypto_get);
	org_answer(DOC_challenge, &c);
	play_expect(MSG_crypto_offline);
	assert_int_equal(play.offline.event, EV_org_signature);
	assert_int_equal(fake.quotes, 0);	/* nothing is quoted for a stranger */
	play_close();
}

static void
lost(uint32_t final)
{
	struct msg_broker_lost body = { .program = PEER_net, .final = final };

	admit_forget(&play.view, PEER_net);
	play_tell(MSG_broker_lost, &body);
}

static void
posted_status(uint32_t status)
{
	struct msg_net_posted posted = { .number = play.post.number, .event = EV_net_status, .detail = status };

	play_tell(MSG_net_posted, &posted);
}

static void
after_a_net_worker_that_dies_all_is_asked_anew(void **state)
{
	struct doc_ticket t;

	(void)state;
	for (uint32_t final = 0; final < 2; final++) {
		uint8_t first[32];

		t = org_asked_for(&newest);
		memcpy(first, asked.request.share_key, sizeof first);
		lost(final);
		if (final) {
			play_expect(MSG_crypto_offline);
			assert_int_equal(play.offline.event, EV_program_spent);
		} else {
			/* Its challenge may be spent: another one, another request; and an answer to the former is none. */
			org_challenge();
			org_expect_request();
			assert_memory_not_equal(asked.request.share_key, first, sizeof first);
			org_give(&t);
			play_expect(MSG_crypto_offline);
			assert_int_equal(play.offline.event, EV_org_ticket);
			play_close();
			(void)org_asked_for(&newest);
			lost(final);
			org_challenge();
			org_expect_request();
			t = org_ticket(&newest);
			org_give(&t);
			play_expect(MSG_crypto_ticket);
		}
		play_close();
	}
}

/*
 * The org has redeemed the challenge and its answer was lost on the way: net-worker has posted the same once more, and the service says
 * that the challenge was used.  Another one is asked for, once: whoever says so always shall not keep the TPM at it.
 */
static void
a_spent_challenge_is_followed_by_another(void **state)
{
	struct doc_ticket t;

	(void)state;
	for (unsigned times = 1; times <= 2; times++) {
		uint64_t before;

		(void)org_asked_for(&newest);
		before = fake.state.offline;
		posted_status(409);
		org_challenge();
		org_expect_request();
		assert_int_equal(fake.state.offline, before);
		if (times == 1) {
			t = org_ticket(&newest);
			org_give(&t);
			play_expect(MSG_crypto_ticket);
		} else {
			posted_status(409);
			play_expect(MSG_crypto_offline);
			assert_int_equal(play.offline.event, EV_net_status);
		}
		play_close();
	}
	(void)org_asked_for(&newest);
	posted_status(403);
	play_expect(MSG_crypto_offline);
	play_close();
}

static void
the_floor_of_a_ticket_puts_candidates_out(void **state)
{
	struct doc_ticket t;

	(void)state;
	org_open();
	org_to_ask(both, 2, (const uint32_t[]){ OFFER_fallback, OFFER_healthy | OFFER_previous });
	org_challenge();
	org_expect_request();
	t = org_ticket(&newest);
	t.floor = 42;
	org_give(&t);
	play_expect(MSG_crypto_ticket);
	assert_int_equal(fake.state.floor, 42);
	assert_true(crypto.offers[0].good && !crypto.offers[1].good && !crypto.offers[1].usable);
	play_close();
	/* A lower one changes nothing; and the one that is kept holds from the survey on. */
	org_open();
	fake.state.floor = 42;
	org_to_ask(both, 2, NULL);
	assert_int_equal(play.refused, 1);
	assert_int_equal(play.event, EV_doc_floor);
	org_challenge();
	org_expect_request();
	assert_int_equal(asked.request.have.count, 1);
	t = org_ticket(&newest);
	org_give(&t);
	play_expect(MSG_crypto_ticket);
	assert_int_equal(fake.state.floor, 42);
	play_close();
}

static void
the_share_is_opened_with_the_requests_key_alone(void **state)
{
	struct doc_ticket t;
	uint8_t pk[32], sk[32];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		org_open();
		crypto.config.release = RELEASE_org;
		org_to_ask(one, 1, NULL);
		org_challenge();
		org_expect_request();
		t = org_ticket(&newest);
		if (i == 1) {
			assert_int_equal(crypto_box_keypair(pk, sk), 0);
			assert_int_equal(crypto_box_seal(t.share.at, org_share, sizeof org_share, pk), 0);
		} else if (i == 2)
			t.share.bytes = 0;
		org_give(&t);
		if (i == 0) {
			play_expect(MSG_crypto_ticket);
			assert_memory_equal(crypto.secrets->org_share, org_share, sizeof org_share);
			assert_true(sodium_is_zero(crypto.secrets->share_key, 32));
		} else {
			play_expect(MSG_crypto_failed);
			assert_int_equal(play.event, i == 1 ? EV_org_share : EV_org_offline_spent);
			assert_null(crypto.secrets);
		}
		play_close();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_request_says_what_the_node_has),
		cmocka_unit_test(a_ticket_boots_from_the_cache),
		cmocka_unit_test(no_other_ticket_is_one),
		cmocka_unit_test(a_clock_that_was_ahead_can_be_set_back),
		cmocka_unit_test(every_byte_of_a_ticket_counts),
		cmocka_unit_test(a_short_or_long_answer_is_none),
		cmocka_unit_test(a_challenge_that_is_not_the_orgs_is_not_answered),
		cmocka_unit_test(after_a_net_worker_that_dies_all_is_asked_anew),
		cmocka_unit_test(a_spent_challenge_is_followed_by_another),
		cmocka_unit_test(the_floor_of_a_ticket_puts_candidates_out),
		cmocka_unit_test(the_share_is_opened_with_the_requests_key_alone),
	};

	return cmocka_run_group_tests(tests, play_setup, play_teardown);
}
