/*
 * ASK: the org's challenge in, a quoted request out, a signed answer back.  Innermost side of the wall: net-worker only carries the bytes.
 * Distrusts every answer: nothing of it is parsed before the org key's signature over its raw bytes has verified.
 */
#include <sodium.h>
#include <string.h>

#include "ask.h"

enum { HTTP_CONFLICT = 409 };	/* RFC 9110, 15.5.10 */

/* What is posted, and what is answered: nothing secret. */
static uint8_t text[TEXT_MAX];

/* An exchange begins, or begins anew: what was open before is not any more. */
void
ask_challenge(struct crypto *c)
{
	c->open = 0;
	sodium_memzero(c->secrets->share_key, sizeof c->secrets->share_key);
	get_part(c, GET_challenge, NULL, DOC_MAX);
}

enum event
ask_signed(const struct crypto *c, enum doc_kind kind, const uint8_t *bytes, size_t len_bytes, void *out, size_t out_bytes, enum event wrong)
{
	size_t doc_bytes;
	struct doc_error error;

	if (!verify_org(&c->config.org_key, bytes, len_bytes, &doc_bytes))
		return EV_org_signature;
	return doc_parse(kind, bytes, doc_bytes, out, out_bytes, &error) == 0 ? EV_none : wrong;
}

enum event
ask_reason(uint8_t reason)
{
	switch ((enum word_reason)reason) {
	case REASON_pending: return EV_org_pending;
	case REASON_revoked: return EV_org_revoked;
	case REASON_measured: return EV_org_measured;
	case REASON_unassigned: return EV_org_unassigned;
	case REASON_invite: return EV_org_invite;
	case REASON_taken: return EV_org_taken;
	case REASON_unknown:
	case REASON_none:
		break;
	}
	return EV_org_unknown;
}

void
ask_failed(struct crypto *c, enum event event)
{
	struct msg_crypto_offline body = { .event = event };
	enum event denied = offline_count(c);

	get_drop(c);
	c->open = 0;
	sodium_memzero(c->secrets->share_key, sizeof c->secrets->share_key);
	if (denied != EV_none)
		crypto_fail(c, denied, denied == EV_org_offline_spent ? (uint32_t)event : crypto_detail(c, denied));	/* why no ticket came */
	body.boots = (uint32_t)c->nv.offline;
	body.most = (uint32_t)offline_most(c);
	crypto_send(c, MSG_crypto_offline, &body);
}

static void
quote_of(const struct tpm_quote *q, struct doc_quote *out)
{
	uint8_t *const pcr[TPM_QUOTED] = { out->pcr0, out->pcr4, out->pcr7, out->pcr8, out->pcr11, out->pcr12, out->pcr13 };

	memset(out, 0, sizeof *out);
	for (unsigned i = 0; i < TPM_QUOTED; i++)
		memcpy(pcr[i], q->pcr[i], HASH_BYTES);
	out->attest.bytes = q->attest_bytes;
	memcpy(out->attest.at, q->attest, q->attest_bytes);
	out->signature.bytes = q->signature_bytes;
	memcpy(out->signature.at, q->signature, q->signature_bytes);
}

void
ask_quoted(struct crypto *c, uint32_t what, enum doc_kind kind, const void *doc, uint8_t hash[HASH_BYTES])
{
	static struct doc_quote document;
	static struct tpm_quote quote;
	long n = doc_write(kind, doc, (char *)text, DOC_MAX), m;
	enum event event;

	if (n < 0 || crypto_generichash(hash, HASH_BYTES, text, (size_t)n, NULL, 0) != 0)
		crypto_fail(c, EV_org_ticket, 0);	/* ours to write: cannot be */
	event = tpm_quote(c->tpm, hash, &quote);
	if (event != EV_none) {
		ask_failed(c, event);
		return;
	}
	quote_of(&quote, &document);
	m = doc_write(DOC_quote, &document, (char *)text + n, sizeof text - (size_t)n);
	if (m < 0) {
		ask_failed(c, EV_tpm_answer);	/* longer than any TPM's */
		return;
	}
	get_post(c, what, text, (size_t)(n + m));
}

void
ask_got(struct crypto *c, const struct msg_net_got *body)
{
	static struct doc_challenge challenge;
	enum event event = EV_org_challenge;
	size_t n;

	if (body->event != EV_none) {
		ask_failed(c, (enum event)body->event);
		return;
	}
	n = get_text(c, body->len_bytes, text);
	if (n > 0)
		event = ask_signed(c, DOC_challenge, text, n, &challenge, sizeof challenge, EV_org_challenge);
	if (event != EV_none)
		ask_failed(c, event);
	else if (enrol_wanted(c))
		enrol_ask(c, challenge.challenge);
	else
		ticket_ask(c, challenge.challenge);
}

void
ask_posted(struct crypto *c, const struct msg_net_posted *body)
{
	const uint32_t what = c->post.what;
	size_t n;

	/*
	 * The service says that the challenge is over or was used: by this very request, if its answer was lost and net-worker has sent it once
	 * more.  Once: nobody keeps the TPM at it.
	 */
	if (body->event == EV_net_status && body->detail == HTTP_CONFLICT && !c->asked_twice) {
		c->asked_twice = 1;
		ask_challenge(c);
		return;
	}
	if (body->event != EV_none) {
		ask_failed(c, (enum event)body->event);
		return;
	}
	n = get_text(c, body->len_bytes, text);
	if (what == POST_request)
		ticket_answered(c, text, n);
	else
		enrol_answered(c, what, text, n);
}

/* From the challenge on: the one before may have been redeemed by a request whose answer was lost with that net-worker. */
void
ask_lost(struct crypto *c, int final)
{
	if (final)
		ask_failed(c, EV_program_spent);
	else if (c->get_fd >= 0)
		ask_challenge(c);
}
