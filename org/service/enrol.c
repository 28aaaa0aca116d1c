/*
 * An enrolment: a node says who it is, gets a credential that only its TPM can open, and proves that it was opened.  On the organisation's
 * side, facing the network.
 * Distrusts the keys until the proof is there: the quote alone says no more than that somebody has some key.  In this order: form, challenge,
 * keys, quote, certificate; then the registry says what the invite admits, and only what was recorded is signed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "serve.h"

#define COPY(to, from) do { (to)->bytes = (from)->bytes; memcpy((to)->at, (from)->at, (from)->bytes); } while (0)

static int
check_cert(const struct server *server, const struct ek *ek, const struct doc_enrol *doc, int *verified, struct reply *reply)
{
	const char *line = NULL;

	*verified = 0;
	switch (ek_cert_judge(ek, doc->ek_cert.at, doc->ek_cert.bytes, server->ek_roots)) {
	case EK_CERT_malformed: line = "the endorsement key's certificate is no X.509 certificate\n"; break;
	case EK_CERT_other: line = "the endorsement key's certificate is for another key\n"; break;
	case EK_CERT_verified: *verified = 1; break;
	case EK_CERT_none:
	case EK_CERT_unverified: break;
	}
	if (line == NULL && server->require_ek_cert && !*verified)
		line = "this service wants a certificate for the endorsement key, by one of its roots\n";
	if (line == NULL)
		return 0;
	reply_line(reply, MHD_HTTP_FORBIDDEN, line);
	return -EACCES;
}

/* Whoever has both keys: their form, the quote by the one, the certificate of the other. */
static int
check_keys(const struct server *server, const struct asked *asked, const struct doc_enrol *doc, const struct doc_quote *quote, struct ek *ek,
    struct attest_key *ak, struct store_enrolment *enrolment, struct reply *reply)
{
	struct attest_clock clock;
	enum attest_why why;

	if (ek_parse(doc->ek.at, doc->ek.bytes, ek) != 0) {
		reply_line(reply, MHD_HTTP_FORBIDDEN, "the endorsement key is not of the TCG's template L-2 (ECC NIST P-256)\n");
		return -EACCES;
	}
	why = attest_key(doc->ak.at, doc->ak.bytes, ak);
	if (why == ATTEST_ok)
		why = attest_judge(ak, asked->document, asked->document_bytes, quote, &clock);
	if (why != ATTEST_ok) {
		reply_line(reply, MHD_HTTP_FORBIDDEN, attest_text(why));
		return -EACCES;
	}
	asked_measured(quote, &clock, &enrolment->measured);
	return check_cert(server, ek, doc, &enrolment->ek_verified, reply);
}

static int
sign_credential(struct server *server, const struct asked *asked, const struct store_enrolment *enrolment, const struct ek *ek,
    const struct attest_key *ak, const uint8_t sec_credential[CREDENTIAL_BYTES], struct reply *reply)
{
	struct doc_credential doc = { .time = (uint64_t)time(NULL) };
	char words[2 * sizeof ek->digest + 32], hex[2 * sizeof ek->digest + 1];
	int rc = credential_make(ek, ak->name, sec_credential, &doc);

	memcpy(doc.node, enrolment->node, sizeof doc.node);
	memcpy(doc.enrol, enrolment->enrol, sizeof doc.enrol);
	if (rc == 0)
		rc = reply_signed(server, reply, DOC_credential, "credential", &doc, doc.time);
	(void)snprintf(words, sizeof words, "EK %s", hex_text(ek->digest, sizeof ek->digest, hex));	/* fits */
	return rc != 0 ? rc : registry_signed(server->store, "credential", doc.node, reply->text, reply->document_bytes, words, asked->who);
}

static int
sign_membership(struct server *server, const struct asked *asked, const uint8_t node[NODE_BYTES], const uint8_t enrol[32],
    enum word_reason reason, struct reply *reply)
{
	struct doc_membership doc = { .time = (uint64_t)time(NULL), .reason = (uint8_t)reason };
	int rc;

	memcpy(doc.node, node, sizeof doc.node);
	memcpy(doc.enrol, enrol, sizeof doc.enrol);
	rc = reply_signed(server, reply, DOC_membership, "membership", &doc, doc.time);
	return rc != 0 ? rc : registry_signed(server->store, "membership", node, reply->text, reply->document_bytes,
	    reason == REASON_none ? "member" : registry_reason(reason), asked->who);
}

/* Between store_begin() and store_commit().  -EDQUOT: the reply is there. */
static int
begin_enrolment(struct server *server, const struct asked *asked, const struct doc_enrol *doc, struct store_enrolment *enrolment,
    const struct ek *ek, const struct attest_key *ak, struct reply *reply)
{
	const uint64_t now = (uint64_t)time(NULL);
	uint8_t sec_credential[CREDENTIAL_BYTES];
	enum word_reason reason;
	int rc = store_redeem(server->store, doc->challenge, asked->until_s, server_steady_s(server));

	if (rc != 0)
		return rc;
	randombytes_buf(sec_credential, sizeof sec_credential);
	(void)crypto_generichash(enrolment->proof, sizeof enrolment->proof, asked->document, asked->document_bytes, sec_credential,
	    sizeof sec_credential);	/* sizes are libsodium's own: never fails */
	enrolment->until = now + ENROL_S;
	rc = registry_enrol(server->store, enrolment, doc->invite.bytes == 32 ? doc->invite.at : NULL, now, &reason);
	if (rc == 0 && reason == REASON_none && !rates_take(&server->answers, &enrolment->invite, sizeof enrolment->invite, server_now_ms())) {
		reply_later(reply, MHD_HTTP_TOO_MANY_REQUESTS, "this invite comes too often\n");
		rc = -EDQUOT;
	} else if (rc == 0 && reason == REASON_none)
		rc = sign_credential(server, asked, enrolment, ek, ak, sec_credential, reply);
	else if (rc == 0 && !rate_take(&server->refusals, server_now_ms())) {
		reply_later(reply, MHD_HTTP_TOO_MANY_REQUESTS, "too many whom nobody knows are asking\n");
		rc = -EDQUOT;
	} else if (rc == 0)
		rc = sign_membership(server, asked, doc->node, enrolment->enrol, reason, reply);
	sodium_memzero(sec_credential, sizeof sec_credential);
	return rc;
}

static void
judge_enrol(struct server *server, struct asked *asked, const struct doc_enrol *doc, const struct doc_quote *quote, struct reply *reply)
{
	struct store_enrolment enrolment;
	struct attest_key ak;
	struct ek ek;
	int rc;

	memset(&enrolment, 0, sizeof enrolment);
	if (asked_fresh(server, doc->challenge, asked, reply) != 0 || check_keys(server, asked, doc, quote, &ek, &ak, &enrolment, reply) != 0)
		return;
	(void)crypto_generichash(enrolment.enrol, sizeof enrolment.enrol, asked->document, asked->document_bytes, NULL, 0);
	memcpy(enrolment.node, doc->node, sizeof enrolment.node);
	memcpy(enrolment.ek_digest, ek.digest, sizeof enrolment.ek_digest);
	memcpy(enrolment.hardware, doc->hardware, sizeof enrolment.hardware);
	COPY(&enrolment.ek, &doc->ek);
	COPY(&enrolment.ek_cert, &doc->ek_cert);
	COPY(&enrolment.ak, &doc->ak);
	COPY(&enrolment.escrow, &doc->escrow);
	rc = store_begin(server->store);
	if (rc == 0)
		rc = begin_enrolment(server, asked, doc, &enrolment, &ek, &ak, reply);
	if (rc == 0)
		rc = store_commit(server->store);
	if (rc == -EDQUOT)
		store_abort(server->store);
	else if (rc != 0)
		asked_failed(server, reply, rc);
}

void
answer_enrol(struct server *server, const struct conn *conn, struct reply *reply)
{
	struct asked asked = { .document = conn->body, .document_bytes = doc_find(DOC_quote, conn->body, conn->body_bytes), .who = conn->address };
	struct doc_enrol doc;
	struct doc_quote quote;

	if (asked_parse(reply, DOC_enrol, "enrol", conn->body, asked.document_bytes, &doc, sizeof doc) == 0 && asked_parse(reply, DOC_quote, "quote",
	    conn->body + asked.document_bytes, conn->body_bytes - asked.document_bytes, &quote, sizeof quote) == 0)
		judge_enrol(server, &asked, &doc, &quote, reply);
	sodium_memzero(&doc, sizeof doc);	/* the invite */
}

void
answer_proof(struct server *server, const struct conn *conn, struct reply *reply)
{
	const struct asked asked = { .who = conn->address };
	enum word_reason reason;
	struct doc_proof doc;
	int rc;

	if (asked_parse(reply, DOC_proof, "proof", conn->body, conn->body_bytes, &doc, sizeof doc) != 0)
		return;
	rc = store_begin(server->store);
	if (rc == 0)
		rc = registry_prove(server->store, &doc, (uint64_t)time(NULL), conn->address, &reason);
	if (rc == 0 && reason == REASON_unknown) {
		store_abort(server->store);	/* who has proved nothing changes nothing */
		reply_line(reply, MHD_HTTP_FORBIDDEN, "no such enrolment is under way, or it is not the proof: begin anew\n");
		return;
	}
	if (rc == 0)
		rc = sign_membership(server, &asked, doc.node, doc.enrol, reason, reply);
	if (rc == 0)
		rc = store_commit(server->store);
	if (rc != 0)
		asked_failed(server, reply, rc);
}
