#ifndef ORG_SERVICE_STORE_H
#define ORG_SERVICE_STORE_H
/*
 * What the service remembers: generations, floors, assignments, nodes, invites, enrolments under way, challenges that were used, the
 * log.  store_*.c keep it in one SQLite file; nothing outside of them knows how.  Times are seconds since 1970.
 * Every function says on stderr what failed and returns a negative errno; the codes that stand beside a prototype come in silence.
 * What may follow on what is for registry.h: here are only the records, and what the database holds by itself.
 */
#include <stdint.h>

#include "bodies.h"
#include "doc.h"

struct store;

struct store_part {
	uint64_t bytes;
	uint8_t blake2b[32];
};

struct store_generation {
	uint8_t id[ID_BYTES];
	uint64_t version, issued, added;
	uint64_t withdrawn;			/* 0: it is not */
	struct store_part part[PART_LAST + 1];	/* by enum part */
};

/* path is an empty file that the caller made. */
int store_create(const char *path);
/* How long another's change is waited for; then -EBUSY. */
int store_open(const char *path, unsigned patience_ms, struct store **out);
void store_close(struct store *store);	/* takes NULL */

/* What lies between is done whole or not at all, and nobody else changes anything meanwhile.  abort is silent and takes any state. */
int store_begin(struct store *store);
int store_commit(struct store *store);
void store_abort(struct store *store);
/* What was deleted is in no file of the database any more, unless another process looks at it just now.  Outside of a transaction. */
int store_tidy(struct store *store);

/* --- generations: store_generation.c --------------------------------------------------------------------------------------------- */

int store_find(struct store *store, const uint8_t id[ID_BYTES], struct store_generation *out);	/* -ENOENT */
int store_put(struct store *store, const struct store_generation *generation);			/* a new one */
int store_withdraw(struct store *store, const uint8_t id[ID_BYTES], uint64_t when);

/* Newest version first.  A visitor that returns other than 0 ends it; nothing is held of the database while it runs. */
int store_generations(struct store *store, int (*visit)(void *arg, const struct store_generation *generation), void *arg);

/* --- assignments and floors: store_assign.c -------------------------------------------------------------------------------------- */

enum { NODE_BYTES = 16, NODE_TEXT = 2 * NODE_BYTES, NAME_MAX_BYTES = 63, GROUP_MAX_BYTES = 31, CLASS_MAX_BYTES = 63 };

/* The later one is the more specific. */
enum scope { SCOPE_all, SCOPE_group, SCOPE_class, SCOPE_node, SCOPE_LAST = SCOPE_node };

struct store_assignment {
	enum scope scope;
	char target[CLASS_MAX_BYTES + 1];	/* "", group, hardware class, or node id in hexadecimal */
	uint8_t id[ID_BYTES];
	unsigned percent;			/* 1..100 of the scope's nodes have id */
	int former;				/* 1: the others have former_id; 0: what a wider scope says */
	uint8_t former_id[ID_BYTES];
};

int store_assignment_find(struct store *store, enum scope scope, const char *target, struct store_assignment *out);	/* -ENOENT */
int store_assignment_put(struct store *store, const struct store_assignment *assignment);	/* takes the place of that scope's */
int store_assignment_drop(struct store *store, enum scope scope, const char *target);
int store_assignments(struct store *store, int (*visit)(void *arg, const struct store_assignment *assignment), void *arg);

/* "" is the floor of all.  A group that has none of its own: 0. */
int store_floor(struct store *store, const char *group, uint64_t *out);
int store_set_floor(struct store *store, const char *group, uint64_t version);
int store_floors(struct store *store, int (*visit)(void *arg, const char *group, uint64_t version), void *arg);

/* --- nodes: store_node.c --------------------------------------------------------------------------------------------------------- */

enum node_state { NODE_pending = 1, NODE_member, NODE_revoked, NODE_STATE_LAST = NODE_revoked };

/* SHA-256 bank: 0, 4, 7, 11, 12, 13 in this order.  PCR 8 is a constant, and whoever checks the quote checks it. */
enum { PCRS = 6 };
struct store_pcrs {
	uint8_t pcr[PCRS][32];
};
extern const uint8_t store_pcr_numbers[PCRS];

/* What a quote says beside its signature. */
struct store_measured {
	struct store_pcrs pcrs;
	uint64_t reset_count;			/* TPMS_CLOCK_INFO.resetCount */
};

struct store_blob {
	uint32_t bytes;
	uint8_t at[2048];
};

struct store_node {
	uint8_t node[NODE_BYTES];
	uint8_t ek_digest[32];			/* SHA-256 of ek */
	enum node_state state;
	char name[NAME_MAX_BYTES + 1];		/* the operator's, unique; or "" */
	char group[GROUP_MAX_BYTES + 1];	/* the operator's */
	char class_set[CLASS_MAX_BYTES + 1];	/* the operator's; or "": hardware counts */
	char hardware[CLASS_MAX_BYTES + 1];	/* hardware class as the node says it */
	struct store_blob ek, ek_cert, ak, escrow;	/* ek, ak: TPMT_PUBLIC; ek_cert, escrow may be empty */
	int ek_verified;			/* 1: ek_cert led to one of the service's roots */
	int has_share;				/* 1: an org share was made: store_node_share() */
	uint64_t enrolled, seen;		/* seen: last request with a good quote; 0: none */
	struct store_measured accepted;
	int refused;				/* 1: refused_as is what the last refused request had: "node learn" takes it */
	struct store_measured refused_as;
	/* the last request with a good quote */
	uint64_t floor, offline, last_outcome;	/* as it said */
	int healthy;				/* 1: the newest healthy generation of its inventory is healthy_id */
	uint8_t healthy_id[ID_BYTES];
	/* the last ticket */
	uint64_t ticket_time;			/* 0: none */
	enum word_reason ticket_reason;		/* REASON_none: boot */
	uint8_t ticket_generation[ID_BYTES];	/* zeros with a refusal */
	uint8_t ticket_digest[32];		/* BLAKE2b-256 of the ticket document */
};

/* The operator's word or, without one, the node's. */
const char *store_node_class(const struct store_node *node);

/* -ENOENT: there is none. */
int store_node_find(struct store *store, const uint8_t node[NODE_BYTES], struct store_node *out);
int store_node_by_ek(struct store *store, const uint8_t ek_digest[32], struct store_node *out);
int store_node_by_name(struct store *store, const char *name, struct store_node *out);
int store_node_by_prefix(struct store *store, const char *hex, struct store_node *out);	/* -EEXIST: more than one; takes 1..32 digits */

/*
 * A new one, or all fields of the one with this id but: node, ek_digest, ek (never change), the share (store_node_share() makes it), and
 * state where the change is none that is allowed: pending to member, either to revoked, and from there nowhere.
 */
int store_node_put(struct store *store, const struct store_node *node);
int store_node_update(struct store *store, const struct store_node *node);
int store_node_forget(struct store *store, const uint8_t node[NODE_BYTES]);	/* with its assignment; never a member */

/* 32 random bytes of a member, made and kept at the first call; -ENOENT: it is none.  Inside of store_begin() and store_commit(). */
int store_node_share(struct store *store, const uint8_t node[NODE_BYTES], uint8_t out[32]);

/* By id.  NULL and 0: whatever group, state. */
int store_nodes(struct store *store, const char *group, enum node_state state, int (*visit)(void *arg, const struct store_node *node), void *arg);

/* --- invites, enrolments under way, used challenges: store_enrol.c ---------------------------------------------------------------- */

struct store_invite {
	uint64_t number;			/* from 1, never given twice */
	uint8_t digest[32];			/* BLAKE2b-256 of the invite: the invite itself is not kept */
	uint64_t made, until;
	uint64_t revoked;			/* 0: it is not */
	int approve;				/* 1: who comes with it is a member at once */
	int for_ek;				/* 1: only for ek_digest */
	uint8_t ek_digest[32];
	char name[NAME_MAX_BYTES + 1], group[GROUP_MAX_BYTES + 1], class_set[CLASS_MAX_BYTES + 1];	/* what the node gets; or "" */
	uint64_t used;				/* 0: it was not; else only used_ek and used_node may come again */
	uint8_t used_ek[32], used_node[NODE_BYTES];
};

int store_invite_put(struct store *store, struct store_invite *invite);		/* sets number */
int store_invite_find(struct store *store, const uint8_t digest[32], struct store_invite *out);	/* -ENOENT */
int store_invite_number(struct store *store, uint64_t number, struct store_invite *out);		/* -ENOENT */
int store_invite_use(struct store *store, uint64_t number, const uint8_t ek_digest[32], const uint8_t node[NODE_BYTES], uint64_t when);
int store_invite_revoke(struct store *store, uint64_t number, uint64_t when);
int store_invite_revoke_used(struct store *store, const uint8_t ek_digest[32], uint64_t when);	/* those that this EK used */
int store_invites(struct store *store, int (*visit)(void *arg, const struct store_invite *invite), void *arg);	/* by number */

/* Between the enrol document and the proof. */
struct store_enrolment {
	uint8_t enrol[32];			/* BLAKE2b-256 of the enrol document */
	uint8_t proof[32];			/* what the node is to send: BLAKE2b-256 of that document, keyed with the credential's 32 bytes */
	uint64_t until;
	uint64_t invite;			/* its number */
	uint8_t node[NODE_BYTES];
	uint8_t ek_digest[32];			/* SHA-256 of ek */
	char hardware[CLASS_MAX_BYTES + 1];
	struct store_blob ek, ek_cert, ak, escrow;
	int ek_verified;
	struct store_measured measured;
};

enum {
	ENROLMENTS_MAX = 1024,			/* under way at a time: some 3 KiB each */
	ENROLMENTS_INVITE_MAX = 8,		/* of these, with one invite: whoever knows one cannot keep the others out */
	REDEEMED_MAX = 65536,			/* challenges that were used and are not over yet */
	REDEEMED_LONGEST_S = 3610,		/* none is good for longer: serve's --challenge-seconds is 3600 at most */
};

/* Takes the place of one for the same EK.  What is over is taken away first.  -EAGAIN: too many are under way. */
int store_enrolment_put(struct store *store, const struct store_enrolment *enrolment, uint64_t now);
int store_enrolment_find(struct store *store, const uint8_t enrol[32], uint64_t now, struct store_enrolment *out);	/* -ENOENT: none, or over */
int store_enrolment_drop(struct store *store, const uint8_t ek_digest[32]);

/*
 * Uses a challenge that is good until then: -EEXIST: it was used before; -EAGAIN: REDEEMED_MAX.  To be asked once the quote is found good,
 * so that only nodes and holders of an invite add to it.  Challenges that are over are forgotten: a later one has to be refused by its time.
 * So are those of a former process whose clock was ahead, which its key makes worthless anyway: else they would stay until then.
 */
int store_redeem(struct store *store, const uint8_t challenge[32], uint64_t until, uint64_t now);

/* --- the log: store_log.c -------------------------------------------------------------------------------------------------------- */

struct store_entry {
	uint64_t number, time;
	const char *kind, *who, *what;
};

/* Appends; nothing can change or take away what was appended.  node may be NULL: whom it is about, for "log --node". */
int store_log(struct store *store, const char *kind, const char *who, const char *what);
int store_log_node(struct store *store, const char *kind, const char *who, const uint8_t node[NODE_BYTES], const char *what);

/* Oldest first, of these: node NULL: of any; since 0: of any time.  Nothing is held of the database while the visitor runs. */
struct store_entries {
	const uint8_t *node;
	uint64_t since;
};
int store_entries(struct store *store, const struct store_entries *which, int (*visit)(void *arg, const struct store_entry *entry), void *arg);
#endif
