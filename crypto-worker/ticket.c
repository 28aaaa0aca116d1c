/*
 * "Send what you have", and the org's answer to that very request.  Innermost side of the wall.
 * Distrusts the ticket: the org key's signature, our node, our request, a time that is not before the last one's; then what it says is done,
 * and nothing else it could say is understood.
 */
#include <sodium.h>
#include <string.h>

#include "ask.h"

#define TIME_AHEAD_MAX_S (UINT64_C(5) * 366 * 86400)	/* a machine may have stood in a store room, and was built not so long ago */

static uint8_t
state_of(const struct offer *offer)
{
	if ((offer->said.flags & OFFER_failed) != 0)
		return STATE_failed;
	if ((offer->said.flags & OFFER_healthy) != 0)
		return STATE_healthy;
	return offer->said.attempts > 0 ? STATE_begun : STATE_new;
}

/* Two slots may hold the same generation: it is said once. */
static void
take_inventory(const struct crypto *c, struct doc_request *request)
{
	struct doc_have *have = &request->have;

	for (uint32_t i = 0; i < c->offered; i++) {
		const struct offer *o = &c->offers[i];
		uint32_t known = 0;

		if (o->said.outcome > request->last_outcome)
			request->last_outcome = o->said.outcome;
		if (!o->good)
			continue;
		while (known < have->count && memcmp(have->row[known].id, o->verified.id, ID_BYTES) != 0)
			known++;
		if (known < have->count)
			continue;
		memcpy(have->row[known].id, o->verified.id, ID_BYTES);
		have->row[known].version = o->verified.manifest.version;
		have->row[known].state = state_of(o);
		have->count++;
	}
}

void
ticket_ask(struct crypto *c, const uint8_t challenge[HASH_BYTES])
{
	static struct doc_request request;

	memset(&request, 0, sizeof request);
	memcpy(request.node, c->node, sizeof request.node);
	memcpy(request.challenge, challenge, sizeof request.challenge);
	if (crypto_box_keypair(c->share_key, c->secrets->share_key) != 0)
		crypto_fail(c, EV_load_key, 0);
	memcpy(request.share_key, c->share_key, sizeof request.share_key);
	request.floor = c->nv.floor;
	request.time = c->nv.time;
	request.offline = c->nv.offline;
	memcpy(request.hardware, c->config.hardware, sizeof request.hardware);
	take_inventory(c, &request);
	c->open = 1;
	ask_quoted(c, POST_request, DOC_request, &request, c->asked);
}

/* Is it an answer to what is open, and does it say one thing only? */
static enum event
judge(const struct crypto *c, const struct doc_ticket *t)
{
	const int boots = t->verdict == VERDICT_boot;

	if (sodium_memcmp(t->node, c->node, sizeof t->node) != 0 || sodium_memcmp(t->request, c->asked, sizeof t->request) != 0)
		return EV_org_ticket;
	/*
	 * It may be earlier than the last ticket's: no former answer fits this request, and an org whose clock was ahead for an hour must be able
	 * to take that back.  Far ahead it is a clock gone wrong: by it every certificate would have expired.
	 */
	if (t->time < c->config.build_time || t->time > c->now + TIME_AHEAD_MAX_S)
		return EV_org_time;
	if (boots != (t->reason == REASON_none) || boots == sodium_is_zero(t->generation, sizeof t->generation))
		return EV_org_ticket;
	if (t->share.bytes != 0 && (!boots || t->share.bytes != crypto_box_SEALBYTES + KEY_BYTES))
		return EV_org_share;
	return boots && c->config.release == RELEASE_org && t->share.bytes == 0 ? EV_org_share : EV_none;
}

/* What must not go back is kept before anything is done with the ticket.  After a refusal no boot without a ticket is left. */
static enum event
remember(struct crypto *c, const struct doc_ticket *t)
{
	struct tpm_state next = { .floor = t->floor > c->nv.floor ? t->floor : c->nv.floor, .time = t->time,
		.offline_max = t->verdict == VERDICT_boot ? t->offline_max : 0 };
	enum event event = tpm_state_write(c->tpm, &next);

	if (event == EV_none) {
		c->nv = next;
		c->now = next.time;	/* judge(): the build's is not later */
	}
	return event;
}

static enum event
open_share(struct crypto *c, const struct doc_ticket *t)
{
	int rc = 0;

	if (c->config.release == RELEASE_org)
		rc = crypto_box_seal_open(c->secrets->org_share, t->share.at, t->share.bytes, c->share_key, c->secrets->share_key);
	sodium_memzero(c->secrets->share_key, sizeof c->secrets->share_key);
	return rc == 0 ? EV_none : EV_org_share;
}

void
ticket_answered(struct crypto *c, const uint8_t *text, size_t len_bytes)
{
	static struct doc_ticket ticket;
	struct msg_crypto_ticket body = { 0 };
	enum event event;

	if (!c->open)
		crypto_fail(c, EV_org_ticket, 0);	/* a second one: the broker lets none through */
	c->open = 0;
	event = ask_signed(c, DOC_ticket, text, len_bytes, &ticket, sizeof ticket, EV_org_ticket);
	if (event == EV_none)
		event = judge(c, &ticket);
	if (event != EV_none) {
		ask_failed(c, event);
		return;
	}
	event = remember(c, &ticket);
	c->unknown = ticket.reason == REASON_unknown;
	if (event == EV_none && c->unknown && enrol_wanted(c)) {
		ask_challenge(c);
		return;
	}
	if (event == EV_none && ticket.verdict == VERDICT_refuse)
		event = ask_reason(ticket.reason);
	if (event == EV_none)
		event = open_share(c, &ticket);
	if (event != EV_none)
		crypto_fail(c, event, crypto_detail(c, event));
	survey_floor(c);
	c->ticketed = 1;
	memcpy(c->ticket_id, ticket.generation, sizeof c->ticket_id);
	memcpy(body.id, ticket.generation, sizeof body.id);
	body.time = ticket.time;
	body.floor = c->nv.floor;
	body.offline_max = (uint32_t)ticket.offline_max;
	crypto_send(c, MSG_crypto_ticket, &body);
}
