#ifndef ORG_SERVICE_REGISTRY_H
#define ORG_SERVICE_REGISTRY_H
/*
 * What may follow on what: who is a member, and what it is to boot.  registry*.c.
 *
 * The running service's functions stand inside of ONE transaction of its own, so that what was decided, what was recorded and what
 * was signed are one thing, durable before it is given out:
 *
 *	check challenge, quote and their signatures with what store_node_find() says
 *	store_begin();
 *	store_redeem();				-EEXIST: the challenge was used
 *	registry_request();			judges the node as it stands now, not as it stood when the quote was checked
 *	registry_share();			where the share is to be released
 *	sign the ticket
 *	registry_ticket();			records it
 *	store_commit(); only now answer		any error before: store_abort(), and nothing is answered but a 5xx
 *
 * They return 0 with the verdict in *reason, or a negative errno: then there is no answer.
 */
#include "store.h"

/* --- an enrolment: registry_enrol.c ----------------------------------------------------------------------------------------------- */

/*
 * A node wants to enrol, with the invite of its enrol document (32 bytes, or NULL: none came); its quote is good, with the AK that it sent.
 * enrolment->invite and ek_digest are filled in here; the caller fills in all else.  *reason: REASON_none: it is recorded, send the credential.
 *	REASON_invite: there is no such invite, it is over, revoked, used by another, or for another EK
 *	REASON_taken: this EK has another node id here, or this node id another EK: an operator has to forget that one first
 *	REASON_revoked: the node was
 *	REASON_measured: it is here already, and its PCRs are not those that were accepted, or its resetCount went down: an invite that lies in
 *	                 an image must not accept another image
 * -EAGAIN: too many are under way: 503.
 */
int registry_enrol(struct store *store, struct store_enrolment *enrolment, const uint8_t invite[32], uint64_t now, enum word_reason *reason);

/*
 * The node's proof.  *reason: REASON_none: it is a member; REASON_pending: an operator has to approve it.
 *	REASON_unknown: no such enrolment is under way for this node, or the proof is wrong: it has to begin anew
 *	REASON_invite, REASON_taken, REASON_revoked, REASON_measured: as above; what changed meanwhile
 * who is the client's address, for the entry "enrol" in the log.
 */
int registry_prove(struct store *store, const struct doc_proof *proof, uint64_t now, const char *who, enum word_reason *reason);

/* --- a request: registry_request.c ------------------------------------------------------------------------------------------------ */

struct registry_decision {
	enum word_reason reason;		/* REASON_none: boot */
	uint8_t generation[ID_BYTES];		/* zeros with a refusal */
	uint64_t version;			/* of generation, or 0 */
	uint64_t floor;				/* of the service, for this node */
	int fallback;				/* 1: what is assigned failed there: the newest healthy one instead */
};

/*
 * A request whose quote is good: REASON_unknown, REASON_pending, REASON_revoked, REASON_measured (the PCRs are not those that were accepted,
 * or resetCount went down), REASON_unassigned, REASON_none.  Keeps what it said, and with REASON_measured what was measured.
 * For an unknown node no quote can be checked: then measured is NULL, and nothing is kept.
 */
int registry_request(struct store *store, const struct doc_request *request, const struct store_measured *measured, uint64_t now,
    struct registry_decision *out);

/* Do these PCRs and this resetCount pass for what was accepted?  1 or 0.  Pure. */
int registry_measured(const struct store_measured *accepted, const struct store_measured *now);

/* The word of the documents. */
const char *registry_reason(enum word_reason reason);

/* The org share of a member: made when first asked for. */
int registry_share(struct store *store, const uint8_t node[NODE_BYTES], uint8_t out[32]);

/* The ticket that was signed: kept with the node, and an entry "ticket" in the log.  text is the document without its signature. */
int registry_ticket(struct store *store, const struct doc_ticket *ticket, const void *text, size_t len_bytes, const char *who);

/* Any other document that was signed for a node: an entry of this kind ("credential", "membership") with its digest and words of the caller's. */
int registry_signed(struct store *store, const char *kind, const uint8_t node[NODE_BYTES], const void *text, size_t len_bytes, const char *words,
    const char *who);

/* --- what a node is to boot: registry_decide.c -------------------------------------------------------------------------------------- */

/* Where a node stands among all for that generation: 0..99; under the percentage of its assignment, it has it.  Pure. */
unsigned registry_bucket(const uint8_t node[NODE_BYTES], const uint8_t generation[ID_BYTES]);

/* What is assigned to node, by the most specific scope that says anything.  -ENOENT: nothing. */
int registry_assigned(struct store *store, const struct store_node *node, uint8_t out[ID_BYTES]);

/* The greater one of its group's and of all nodes'. */
int registry_floor_of(struct store *store, const struct store_node *node, uint64_t *out);

/* For a member.  node_floor is the one in its TPM: it would refuse what is under it. */
int registry_decide(struct store *store, const struct store_node *node, const struct doc_have *have, uint64_t node_floor,
    struct registry_decision *out);

/* --- an operator's changes: registry.c, registry_node.c, registry_invite.c.  Each is one transaction with its entry in the log ----- */

struct registry_scope {
	enum scope scope;
	const char *target;		/* as in store_assignment */
};

/* "all", "group G", "class C", "node HEX" */
enum { SCOPE_TEXT = 80 };
const char *registry_scope_text(enum scope scope, const char *target, char out[SCOPE_TEXT]);

/* registry_floor.c: inside of a transaction.  0, or it says why not. */
int registry_floor_allowed(struct store *store, const char *group, uint64_t floor, uint64_t version, int force);

int registry_add(struct store *store, const struct store_generation *generation);
int registry_assign(struct store *store, const uint8_t id[ID_BYTES], const struct registry_scope *scope, unsigned percent);
int registry_unassign(struct store *store, const struct registry_scope *from);
int registry_floor(struct store *store, const char *group, uint64_t version, int force);	/* group "": of all */
int registry_withdraw(struct store *store, const uint8_t id[ID_BYTES]);

/* Sets invite->number. */
int registry_invite(struct store *store, struct store_invite *invite);
int registry_invite_revoke(struct store *store, uint64_t number);

/* ek: NULL, or the digest that it must have. */
int registry_approve(struct store *store, const uint8_t node[NODE_BYTES], const uint8_t *ek);
int registry_revoke(struct store *store, const uint8_t node[NODE_BYTES]);
int registry_forget(struct store *store, const uint8_t node[NODE_BYTES]);
int registry_name(struct store *store, const uint8_t node[NODE_BYTES], const char *name);	/* "": none */
int registry_group(struct store *store, const uint8_t node[NODE_BYTES], const char *group);

/* registry_learn.c.  SHA-256 of the PCRs, one behind the other: what an operator compares.  Pure. */
void registry_pcrs(const struct store_pcrs *pcrs, uint8_t out[32]);
/* "PCR 4, resetCount 7 -> 8", as far as they differ. */
enum { REGISTRY_WHAT_TEXT = 192 };
void registry_differing(const struct store_measured *accepted, const struct store_measured *refused, char what[REGISTRY_WHAT_TEXT]);
/* Accepts what its last request was refused for.  pcrs: NULL, or the digest that it must have, and then resetCount may not have gone down. */
int registry_learn(struct store *store, const uint8_t node[NODE_BYTES], const uint8_t *pcrs);
/* The same of every member (of group, unless NULL) that was refused for these; says of whom it is left. */
struct registry_learned {
	unsigned learned, left;
};
int registry_learn_all(struct store *store, const char *group, const uint8_t pcrs[32], struct registry_learned *out);

/* Begins a transaction about this node, as it stands; or says that there is none. */
int registry_begin(struct store *store, const uint8_t node[NODE_BYTES], struct store_node *out);
/* Ends what store_begin() began: with an entry in the log, or not at all.  node may be NULL. */
int registry_finish(struct store *store, int rc, const char *kind, const uint8_t *node, const char *what);
#endif
