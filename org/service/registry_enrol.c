/*
 * Enrolment: who may become a node, and who has.  On the organisation's side.
 * Distrusts whoever has an invite: it lies in an image that others can read.  A node keeps its EK, an EK its node, and a member its
 * measurements, until an operator says otherwise.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "org.h"
#include "registry.h"

static enum word_reason
judge_invite(const struct store_invite *invite, const struct store_enrolment *e, uint64_t now)
{
	if (invite->revoked != 0 || now >= invite->until)
		return REASON_invite;
	if (invite->for_ek && memcmp(invite->ek_digest, e->ek_digest, sizeof e->ek_digest) != 0)
		return REASON_invite;
	/* the same one may come again: power may have failed behind its proof */
	if (invite->used != 0 && (memcmp(invite->used_ek, e->ek_digest, sizeof e->ek_digest) != 0 ||
	    memcmp(invite->used_node, e->node, sizeof e->node) != 0))
		return REASON_invite;
	return REASON_none;
}

/* Against what is here of this EK and this node id.  0 with *reason; *there says whether it is here, *node is that then. */
static int
judge_node(struct store *store, const struct store_enrolment *e, struct store_node *node, int *there, enum word_reason *reason)
{
	int rc = store_node_by_ek(store, e->ek_digest, node);

	*there = rc == 0;
	*reason = REASON_none;
	if (rc == 0) {
		if (memcmp(node->node, e->node, sizeof e->node) != 0)
			*reason = REASON_taken;
		else if (node->state == NODE_revoked)
			*reason = REASON_revoked;
		else if (node->state == NODE_member && !registry_measured(&node->accepted, &e->measured))
			*reason = REASON_measured;
		return 0;
	}
	if (rc == -ENOENT)
		rc = store_node_find(store, e->node, node);
	if (rc == 0)
		*reason = REASON_taken;
	return rc == -ENOENT ? 0 : rc;
}

int
registry_enrol(struct store *store, struct store_enrolment *enrolment, const uint8_t invite[32], uint64_t now, enum word_reason *reason)
{
	struct store_invite record;
	struct store_node node;
	uint8_t digest[32];
	int there, rc = -ENOENT;

	(void)crypto_hash_sha256(enrolment->ek_digest, enrolment->ek.at, enrolment->ek.bytes);	/* never fails */
	if (invite != NULL) {
		(void)crypto_generichash(digest, sizeof digest, invite, 32, NULL, 0);	/* fails for wrong lengths only */
		rc = store_invite_find(store, digest, &record);
	}
	if (rc == -ENOENT) {
		*reason = REASON_invite;
		return 0;
	}
	if (rc != 0)
		return rc;
	*reason = judge_invite(&record, enrolment, now);
	if (*reason == REASON_none)
		rc = judge_node(store, enrolment, &node, &there, reason);
	if (rc != 0 || *reason != REASON_none)
		return rc;
	enrolment->invite = record.number;
	return store_enrolment_put(store, enrolment, now);
}

/* What an enrolment says of a node, new or here already. */
static void
take_over(struct store_node *node, const struct store_enrolment *e, uint64_t now)
{
	memcpy(node->hardware, e->hardware, sizeof node->hardware);
	node->ek_cert = e->ek_cert;
	node->ek_verified = e->ek_verified;
	node->ak = e->ak;
	node->escrow = e->escrow;
	node->accepted = e->measured;
	node->refused = 0;
	node->enrolled = now;
}

static int
new_node(struct store *store, const struct store_enrolment *e, const struct store_invite *invite, struct store_node *node)
{
	struct store_node other;
	int rc = -ENOENT;

	memset(node, 0, sizeof *node);
	memcpy(node->node, e->node, sizeof node->node);
	memcpy(node->ek_digest, e->ek_digest, sizeof node->ek_digest);
	node->ek = e->ek;
	node->state = NODE_pending;
	(void)snprintf(node->group, sizeof node->group, "%s", invite->group[0] != '\0' ? invite->group : "all");	/* fits */
	memcpy(node->class_set, invite->class_set, sizeof node->class_set);
	if (invite->name[0] != '\0')
		rc = store_node_by_name(store, invite->name, &other);
	if (rc == -ENOENT)
		memcpy(node->name, invite->name, sizeof node->name);	/* else another has it by now: it comes without one */
	return rc == -ENOENT ? 0 : rc;
}

static int
finish(struct store *store, const struct store_enrolment *e, const struct store_invite *invite, struct store_node *node, int there,
    uint64_t now, const char *who)
{
	char what[192], hex[ID_TEXT + 1];
	int rc = there ? 0 : new_node(store, e, invite, node);

	if (rc != 0)
		return rc;
	take_over(node, e, now);
	if (invite->approve)
		node->state = NODE_member;	/* it is no revoked one: judge_node() */
	rc = there ? store_node_update(store, node) : store_node_put(store, node);
	if (rc == 0 && invite->used == 0)
		rc = store_invite_use(store, invite->number, e->ek_digest, e->node, now);
	(void)snprintf(what, sizeof what, "%s%s, EK %s, certificate %s, invite %" PRIu64, node->state == NODE_member ? "member" : "pending",
	    there ? " again" : "", hex_text(e->ek_digest, sizeof e->ek_digest, hex),
	    e->ek_cert.bytes == 0 ? "none" : e->ek_verified ? "verified" : "unverified", invite->number);	/* fits */
	return rc != 0 ? rc : store_log_node(store, "enrol", who, e->node, what);
}

int
registry_prove(struct store *store, const struct doc_proof *proof, uint64_t now, const char *who, enum word_reason *reason)
{
	struct store_enrolment e;
	struct store_invite invite;
	struct store_node node;
	int there = 0, rc = store_enrolment_find(store, proof->enrol, now, &e);

	*reason = REASON_unknown;
	if (rc == -ENOENT)
		return 0;
	if (rc == 0 && (memcmp(e.node, proof->node, sizeof e.node) != 0 || sodium_memcmp(e.proof, proof->proof, sizeof e.proof) != 0))
		return 0;
	if (rc == 0)
		rc = store_invite_number(store, e.invite, &invite);
	if (rc == 0) {
		*reason = judge_invite(&invite, &e, now);
		if (*reason == REASON_none)
			rc = judge_node(store, &e, &node, &there, reason);
	}
	if (rc == 0 && *reason == REASON_none)
		rc = finish(store, &e, &invite, &node, there, now, who);
	if (rc == 0)		/* a proof is good for one answer: each is signed, and entered in the log */
		rc = store_enrolment_drop(store, e.ek_digest);
	if (rc == 0 && *reason == REASON_none)
		*reason = node.state == NODE_member ? REASON_none : REASON_pending;
	return rc;
}
