#ifndef TESTS_ADMIT_WALK_H
#define TESTS_ADMIT_WALK_H
/* A boot as all programs see it: each keeps its own account, and what one sends the others that it concerns must admit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "msg.h"

struct boot {
	struct admit_state at[PEER_COUNT];
};

static inline void
boot_begin(struct boot *boot)
{
	for (unsigned p = 0; p < PEER_COUNT; p++)
		admit_init(&boot->at[p], (enum peer)p);
}

/* One end's verdict; noted there if it admits. */
static inline void
judged(struct admit_state *s, enum msg_id id, enum admit_why want)
{
	const struct msg_row *row = &msg_table[id];
	enum admit_why got = admit(s, (enum peer)row->from, (enum way)row->way, id, row->size, fd_kind_count(row->fd));

	if (got != want)
		fail_msg("%s at %s in %s: %s, wanted %s", row->name, peer_name(s->self), phase_name(s->phase), admit_text(got),
		    admit_text(want));
	if (got == ADMIT_ok)
		admit_note(s, id);
}

/*
 * The broker's verdict; what it admits the receiver admits as well, and the sender has noted.  What the broker sends it does not judge:
 * that is the receiver's.
 */
static inline void
say(struct boot *boot, enum msg_id id, enum admit_why want)
{
	const struct msg_row *row = &msg_table[id];

	if (want != ADMIT_ok || (row->way == WAY_hub && row->from != PEER_broker))
		judged(&boot->at[PEER_broker], id, want);
	if (want != ADMIT_ok)
		return;
	admit_note(&boot->at[row->from], id);
	if (row->to != PEER_broker)
		judged(&boot->at[row->to], id, ADMIT_ok);
}

/* All of these are admitted, one after the other; MSG_none ends them. */
static inline void
all(struct boot *boot, const enum msg_id *ids)
{
	while (*ids != MSG_none)
		say(boot, *ids++, ADMIT_ok);
}
#define ALL(boot, ...) all(boot, (const enum msg_id[]){ __VA_ARGS__, MSG_none })

/* The two that keep a phase agree on it. */
static inline void
both_in(const struct boot *boot, const char *phase)
{
	assert_string_equal(phase_name(boot->at[PEER_broker].phase), phase);
	assert_string_equal(phase_name(boot->at[PEER_crypto].phase), phase);
}

/* The worker was replaced: the broker and crypto-worker forget what they asked of it, and it begins anew. */
static inline void
boot_replaced(struct boot *boot, enum peer worker)
{
	admit_forget(&boot->at[PEER_broker], worker);
	admit_forget(&boot->at[PEER_crypto], worker);
	admit_init(&boot->at[worker], worker);
	ALL(boot, MSG_broker_start, MSG_init_started);
}

/* From the first message to where crypto-worker has looked at the cache. */
static inline void
boot_to_link(struct boot *boot)
{
	boot_begin(boot);
	ALL(boot, MSG_broker_start, MSG_init_started, MSG_broker_start, MSG_init_started, MSG_crypto_closed, MSG_broker_start, MSG_init_started,
	    MSG_broker_survey, MSG_store_offer, MSG_store_offered, MSG_crypto_want, MSG_store_filled, MSG_crypto_want, MSG_store_filled,
	    MSG_crypto_node, MSG_crypto_surveyed);
	both_in(boot, "LINK");
}

/* On to where the org is asked. */
static inline void
boot_to_ask(struct boot *boot)
{
	boot_to_link(boot);
	ALL(boot, MSG_broker_start, MSG_init_started, MSG_link_lease, MSG_init_linked, MSG_broker_start, MSG_init_started, MSG_broker_ask);
	both_in(boot, "ASK");
}

/* From a candidate that is there and right to the jump. */
static inline void
boot_to_jump(struct boot *boot)
{
	ALL(boot, MSG_crypto_supplied, MSG_crypto_verified, MSG_broker_record, MSG_store_recorded, MSG_broker_load, MSG_crypto_handover,
	    MSG_kexec_loaded, MSG_crypto_wiped, MSG_broker_arm, MSG_init_armed, MSG_broker_go);
	both_in(boot, "GO");
}
#endif
