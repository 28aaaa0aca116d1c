/*
 * admit() and admit_note() over whole boots with an organisation: no link, no answer, a ticket for what the cache has, a download that is
 * kept, an enrolment; and what net-link and net-worker may try beside it.  Every program's own account is kept (admit_walk.h).
 */
#include "admit_walk.h"

/* The challenge, the request, the ticket. */
static void
ticket(struct boot *s)
{
	ALL(s, MSG_crypto_get, MSG_net_got, MSG_crypto_post, MSG_net_posted, MSG_crypto_ticket);
	both_in(s, "SUPPLY");
}

static void
no_link(void **state)
{
	struct boot s;

	(void)state;
	boot_to_link(&s);
	ALL(&s, MSG_broker_start, MSG_init_started, MSG_link_failed);
	say(&s, MSG_link_failed, ADMIT_often);
	both_in(&s, "LINK");
	say(&s, MSG_broker_offline, ADMIT_ok);
	say(&s, MSG_broker_offline, ADMIT_often);
	say(&s, MSG_broker_next, ADMIT_phase);
	ALL(&s, MSG_crypto_offline, MSG_broker_next, MSG_crypto_chosen, MSG_crypto_want, MSG_store_filled);
	boot_to_jump(&s);

	/* the kernel does not take the address: the same end */
	boot_to_link(&s);
	ALL(&s, MSG_broker_start, MSG_init_started, MSG_link_lease, MSG_init_unlinked);
	say(&s, MSG_init_linked, ADMIT_unasked);
	ALL(&s, MSG_broker_offline, MSG_crypto_offline);
	both_in(&s, "SUPPLY");

	/* and no boot is left without a ticket; what init had under way is no misbehaviour */
	boot_to_link(&s);
	ALL(&s, MSG_broker_start, MSG_init_started, MSG_link_lease, MSG_broker_offline, MSG_crypto_failed);
	both_in(&s, "STOP");
	say(&s, MSG_init_linked, ADMIT_ok);
	say(&s, MSG_link_failed, ADMIT_phase);
	both_in(&s, "STOP");
}

static void
no_answer(void **state)
{
	struct boot s;

	(void)state;
	boot_to_ask(&s);
	ALL(&s, MSG_crypto_get, MSG_net_got, MSG_crypto_offline, MSG_broker_next);	/* net_got had an event: crypto-worker decides by itself */
	both_in(&s, "SUPPLY");

	/* net-worker is lost for good with a question open */
	boot_to_ask(&s);
	ALL(&s, MSG_crypto_get, MSG_net_got, MSG_crypto_post);
	boot_replaced(&s, PEER_net);
	say(&s, MSG_net_posted, ADMIT_unasked);
	ALL(&s, MSG_broker_lost, MSG_crypto_post, MSG_broker_lost, MSG_crypto_offline, MSG_broker_next);
	both_in(&s, "SUPPLY");

	/* it is lost as the ticket is on its way: crypto-worker hears of it in SUPPLY */
	boot_to_ask(&s);
	ALL(&s, MSG_crypto_get, MSG_net_got, MSG_crypto_post, MSG_net_posted);
	admit_note(&s.at[PEER_crypto], MSG_crypto_ticket);
	admit_note(&s.at[PEER_broker], MSG_broker_lost);
	judged(&s.at[PEER_crypto], MSG_broker_lost, ADMIT_ok);
	judged(&s.at[PEER_broker], MSG_crypto_ticket, ADMIT_ok);
	both_in(&s, "SUPPLY");
	ALL(&s, MSG_broker_next, MSG_crypto_chosen);
}

static void
online_from_cache(void **state)
{
	struct boot s;

	(void)state;
	boot_to_ask(&s);
	ticket(&s);
	say(&s, MSG_crypto_ticket, ADMIT_phase);	/* one request, one ticket */
	say(&s, MSG_crypto_post, ADMIT_phase);
	ALL(&s, MSG_broker_next, MSG_crypto_chosen, MSG_crypto_want, MSG_store_progress, MSG_store_filled, MSG_crypto_want, MSG_store_filled);
	boot_to_jump(&s);
}

/* The four parts from the org, each kept as it is good; then another candidate, for the first is refused. */
static void
online_with_download(void **state)
{
	struct boot s;

	(void)state;
	boot_to_ask(&s);
	ticket(&s);
	say(&s, MSG_broker_next, ADMIT_ok);
	ALL(&s, MSG_crypto_get, MSG_net_got, MSG_crypto_get, MSG_net_got, MSG_crypto_chosen);
	ALL(&s, MSG_crypto_get, MSG_net_progress, MSG_net_progress, MSG_net_got, MSG_crypto_get, MSG_net_progress, MSG_net_got);
	say(&s, MSG_net_progress, ADMIT_unasked);
	say(&s, MSG_store_kept, ADMIT_unasked);
	for (unsigned part = 0; part < 4; part++)
		ALL(&s, MSG_crypto_keep, MSG_store_kept);
	say(&s, MSG_store_kept, ADMIT_unasked);
	say(&s, MSG_crypto_supplied, ADMIT_ok);
	say(&s, MSG_crypto_get, ADMIT_phase);
	say(&s, MSG_net_got, ADMIT_phase);
	say(&s, MSG_crypto_keep, ADMIT_phase);
	ALL(&s, MSG_crypto_rejected, MSG_broker_next, MSG_crypto_chosen, MSG_crypto_get);
	boot_replaced(&s, PEER_net);
	ALL(&s, MSG_broker_lost, MSG_crypto_get, MSG_net_got, MSG_crypto_keep);
	boot_replaced(&s, PEER_store);
	say(&s, MSG_store_kept, ADMIT_unasked);
	boot_to_jump(&s);	/* a cache that is lost stops no boot */
}

/* Enrolment, with an operator who has not approved yet, and one that the invite approves. */
static void
enrolment(void **state)
{
	struct boot s;

	(void)state;
	boot_to_ask(&s);
	ALL(&s, MSG_crypto_get, MSG_net_got, MSG_crypto_post, MSG_net_posted, MSG_crypto_post, MSG_net_posted, MSG_crypto_enrolled,
	    MSG_crypto_failed);
	both_in(&s, "STOP");
	boot_to_ask(&s);
	ALL(&s, MSG_crypto_get, MSG_net_got, MSG_crypto_post, MSG_net_posted, MSG_crypto_post, MSG_net_posted, MSG_crypto_enrolled);
	ticket(&s);
	say(&s, MSG_crypto_enrolled, ADMIT_phase);
	ALL(&s, MSG_broker_next, MSG_crypto_get, MSG_net_got, MSG_crypto_chosen);
	boot_to_jump(&s);
}

/* What whoever owns net-link or net-worker can say out of turn, and where: each is their own misbehaviour and nobody else's. */
static void
out_of_turn(void **state)
{
	struct boot s;

	(void)state;
	boot_begin(&s);
	for (enum msg_id id = MSG_none + 1; id < (enum msg_id)MSG_COUNT; id++)
		if (msg_table[id].from == PEER_link || msg_table[id].from == PEER_net)
			say(&s, id, ADMIT_phase);	/* the latch is open */
	say(&s, MSG_crypto_closed, ADMIT_ok);
	say(&s, MSG_link_lease, ADMIT_phase);
	boot_to_link(&s);
	say(&s, MSG_init_linked, ADMIT_unasked);
	say(&s, MSG_net_got, ADMIT_phase);
	say(&s, MSG_crypto_get, ADMIT_phase);	/* no network yet */
	say(&s, MSG_link_lease, ADMIT_ok);
	say(&s, MSG_link_lease, ADMIT_often);	/* init's second answer would come out of turn */
	boot_replaced(&s, PEER_link);
	say(&s, MSG_link_lease, ADMIT_often);	/* nor from a fresh one */
	boot_to_ask(&s);
	say(&s, MSG_link_lease, ADMIT_phase);
	say(&s, MSG_link_failed, ADMIT_phase);
	say(&s, MSG_broker_ask, ADMIT_phase);
	say(&s, MSG_broker_offline, ADMIT_phase);
	say(&s, MSG_net_got, ADMIT_unasked);
	say(&s, MSG_net_posted, ADMIT_unasked);
	say(&s, MSG_net_progress, ADMIT_unasked);
	ALL(&s, MSG_crypto_get, MSG_net_got);
	say(&s, MSG_net_got, ADMIT_unasked);	/* one question, one answer */
	say(&s, MSG_net_posted, ADMIT_unasked);	/* and of its own kind */
	ALL(&s, MSG_crypto_post);
	say(&s, MSG_net_got, ADMIT_unasked);
	ALL(&s, MSG_net_posted);
	for (unsigned i = 0; i < 39; i++)
		ALL(&s, MSG_crypto_get, MSG_net_got);
	say(&s, MSG_crypto_get, ADMIT_often);	/* no loop without a bound */
	for (unsigned i = 0; i < 11; i++)
		ALL(&s, MSG_crypto_post, MSG_net_posted);
	say(&s, MSG_crypto_post, ADMIT_often);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_link),
		cmocka_unit_test(no_answer),
		cmocka_unit_test(online_from_cache),
		cmocka_unit_test(online_with_download),
		cmocka_unit_test(enrolment),
		cmocka_unit_test(out_of_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
