/*
 * A node's request, and the ticket that answers it.  On the organisation's side, facing the network.
 * Distrusts the request until the quote by the node's own key over these very bytes is good.  In this order: form, challenge, who it is,
 * quote; only then is anything written, and only what was written is signed.  Who is not known proves nothing: its refusals are rationed, and
 * what a node is told is as well, for the log keeps it: who plays his own TPM would fill the disk.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "serve.h"

int
asked_parse(struct reply *reply, enum doc_kind kind, const char *name, const void *text, size_t len_bytes, void *out, size_t out_bytes)
{
	char line[128];
	struct doc_error error;

	if (doc_parse(kind, text, len_bytes, out, out_bytes, &error) == 0)
		return 0;
	(void)snprintf(line, sizeof line, "%s: line %u: %s%s%s\n", name, error.line, error.key, error.key[0] != '\0' ? ": " : "",
	    doc_why_text(error.why));
	reply_line(reply, MHD_HTTP_BAD_REQUEST, line);
	return -EBADMSG;
}

int
asked_fresh(const struct server *server, const uint8_t challenge[CHALLENGE_BYTES], struct asked *asked, struct reply *reply)
{
	uint64_t left_ms;

	if (challenges_judge(&server->challenges, challenge, server_now_ms(), &left_ms) != 0) {
		reply_line(reply, MHD_HTTP_CONFLICT, "the challenge is not this service's, or over: ask for another one\n");
		return -ETIME;
	}
	asked->until_s = server_steady_s(server) + left_ms / 1000 + 2;	/* rounded up, so that nothing is forgotten while it is good */
	return 0;
}

void
asked_failed(struct server *server, struct reply *reply, int rc)
{
	store_abort(server->store);
	if (rc == -EEXIST)
		reply_line(reply, MHD_HTTP_CONFLICT, "the challenge was used: ask for another one\n");
	else
		reply_later(reply, MHD_HTTP_SERVICE_UNAVAILABLE, rc == -EAGAIN ? "too much is under way\n" : "nothing can be recorded now\n");
}

void
asked_measured(const struct doc_quote *quote, const struct attest_clock *clock, struct store_measured *out)
{
	const uint8_t *const pcr[PCRS] = { quote->pcr0, quote->pcr4, quote->pcr7, quote->pcr11, quote->pcr12, quote->pcr13 };

	for (unsigned i = 0; i < PCRS; i++)
		memcpy(out->pcrs.pcr[i], pcr[i], sizeof out->pcrs.pcr[i]);
	out->reset_count = clock->reset_count;
}

/* A member that boots gets its share, if it said whom to seal it to; nobody else. */
static int
seal_share(struct server *server, const struct doc_request *request, struct doc_ticket *ticket, struct reply *reply)
{
	uint8_t sec_share[32];
	int rc;

	if (ticket->verdict != VERDICT_boot || sodium_is_zero(request->share_key, sizeof request->share_key))
		return 0;
	rc = registry_share(server->store, request->node, sec_share);
	if (rc == 0 && crypto_box_seal(ticket->share.at, sec_share, sizeof sec_share, request->share_key) != 0) {
		reply_line(reply, MHD_HTTP_BAD_REQUEST, "request: share_key: no X25519 key\n");
		rc = -EKEYREJECTED;
	} else
		ticket->share.bytes = crypto_box_SEALBYTES + sizeof sec_share;
	sodium_memzero(sec_share, sizeof sec_share);
	return rc;
}

/* What was decided, as it is signed and recorded; all of it between store_begin() and store_commit(). */
static int
make_ticket(struct server *server, const struct asked *asked, const struct doc_request *request, const struct store_measured *measured,
    struct reply *reply)
{
	const uint64_t now = (uint64_t)time(NULL);
	struct registry_decision decision;
	struct doc_ticket ticket = { .time = now };
	int rc = store_redeem(server->store, request->challenge, asked->until_s, server_steady_s(server));

	if (rc == 0)
		rc = registry_request(server->store, request, measured, now, &decision);
	if (rc != 0)
		return rc;
	if ((measured == NULL) != (decision.reason == REASON_unknown))
		return -EBUSY;		/* an operator's command came between: nothing was judged as it stands now */
	memcpy(ticket.node, request->node, sizeof ticket.node);
	(void)crypto_generichash(ticket.request, sizeof ticket.request, asked->document, asked->document_bytes, NULL, 0);
	ticket.verdict = decision.reason == REASON_none ? VERDICT_boot : VERDICT_refuse;
	ticket.reason = (uint8_t)decision.reason;
	ticket.floor = decision.floor;
	if (ticket.verdict == VERDICT_boot) {
		memcpy(ticket.generation, decision.generation, sizeof ticket.generation);
		ticket.offline_max = server->offline_max;	/* who is refused has none */
	}
	rc = seal_share(server, request, &ticket, reply);
	if (rc == 0)
		rc = reply_signed(server, reply, DOC_ticket, "ticket", &ticket, now);
	return rc != 0 ? rc : registry_ticket(server->store, &ticket, reply->text, reply->document_bytes, asked->who);
}

/* Is the quote of this document, by the key that the registry has of this node? */
static int
check_quote(const struct store_node *node, const struct asked *asked, const struct doc_quote *quote, struct store_measured *measured,
    struct reply *reply)
{
	struct attest_clock clock;
	struct attest_key key;
	enum attest_why why = attest_key(node->ak.at, node->ak.bytes, &key);

	if (why == ATTEST_ok)
		why = attest_judge(&key, asked->document, asked->document_bytes, quote, &clock);
	if (why != ATTEST_ok) {
		reply_line(reply, MHD_HTTP_FORBIDDEN, attest_text(why));
		return -EACCES;
	}
	asked_measured(quote, &clock, measured);
	return 0;
}

static void
judge_request(struct server *server, struct asked *asked, const struct doc_request *request, const struct doc_quote *quote, struct reply *reply)
{
	struct store_measured measured;
	struct store_node node;
	int known, rc;

	if (asked_fresh(server, request->challenge, asked, reply) != 0)
		return;
	rc = store_node_find(server->store, request->node, &node);
	known = rc == 0;
	if (rc != 0 && rc != -ENOENT) {
		asked_failed(server, reply, rc);
		return;
	}
	if (known && check_quote(&node, asked, quote, &measured, reply) != 0)
		return;
	if (!known && !rate_take(&server->refusals, server_now_ms())) {
		reply_later(reply, MHD_HTTP_TOO_MANY_REQUESTS, "too many whom nobody knows are asking\n");
		return;
	}
	if (known && !rates_take(&server->answers, request->node, sizeof request->node, server_now_ms())) {
		reply_later(reply, MHD_HTTP_TOO_MANY_REQUESTS, "this node asks too often\n");
		return;
	}
	rc = store_begin(server->store);
	if (rc == 0)
		rc = make_ticket(server, asked, request, known ? &measured : NULL, reply);
	if (rc == 0)
		rc = store_commit(server->store);
	if (rc == -EKEYREJECTED)
		store_abort(server->store);	/* the reply is there */
	else if (rc != 0)
		asked_failed(server, reply, rc);
}

void
answer_request(struct server *server, const struct conn *conn, struct reply *reply)
{
	struct asked asked = { .document = conn->body, .document_bytes = doc_find(DOC_quote, conn->body, conn->body_bytes), .who = conn->address };
	struct doc_request request;
	struct doc_quote quote;

	if (asked_parse(reply, DOC_request, "request", conn->body, asked.document_bytes, &request, sizeof request) == 0 &&
	    asked_parse(reply, DOC_quote, "quote", conn->body + asked.document_bytes, conn->body_bytes - asked.document_bytes, &quote,
	    sizeof quote) == 0)
		judge_request(server, &asked, &request, &quote, reply);
}
