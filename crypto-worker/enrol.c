/*
 * Enrolment with an org: who this TPM is, and that the attestation key sits beside the endorsement key.  Innermost side of the wall.
 * Distrusts the answers like any other; what is secret of the TPM's authorisations leaves sealed to the operators' escrow key alone.
 */
#include <sodium.h>
#include <string.h>

#include "ask.h"

/*
 * ownerAuth and lockoutAuth are derived from the node's secret: an enrolment that was cut says the same again.  HKDF-SHA256, RFC 5869, salt as
 * for the LUKS key, info "sallyport owner 1": 64 bytes.
 */
static int
derive_auths(const struct crypto *c, uint8_t sec_auths[2 * TPM_AUTH_BYTES])
{
	static const char label[] = "sallyport owner 1";	/* without its NUL */
	uint8_t sec_prk[crypto_kdf_hkdf_sha256_KEYBYTES];
	int rc = crypto_kdf_hkdf_sha256_extract(sec_prk, c->org_key, sizeof c->org_key, c->secrets->node_secret,
	    sizeof c->secrets->node_secret);

	if (rc == 0)
		rc = crypto_kdf_hkdf_sha256_expand(sec_auths, 2 * TPM_AUTH_BYTES, label, sizeof label - 1, sec_prk);
	sodium_memzero(sec_prk, sizeof sec_prk);
	return rc;
}

static int
escrow(const struct crypto *c, struct doc_enrol *enrol)
{
	int rc;

	if (c->config.tpm_owner != OWNER_take)
		return 0;
	rc = derive_auths(c, c->secrets->auths);
	if (rc == 0)
		rc = crypto_box_seal(enrol->escrow.at, c->secrets->auths, sizeof c->secrets->auths, c->config.escrow_key.at);
	sodium_memzero(c->secrets->auths, sizeof c->secrets->auths);
	enrol->escrow.bytes = sizeof enrol->escrow.at;
	return rc;
}

/* Without a ticket ever the org may not know this node; with one it may have forgotten it, and has said so.  Once in a boot. */
int
enrol_wanted(const struct crypto *c)
{
	return c->config.enrol == ENROL_org && !c->member && (c->nv.time == 0 || (c->unknown && c->config.invite.bytes > 0));
}

void
enrol_ask(struct crypto *c, const uint8_t challenge[HASH_BYTES])
{
	static struct doc_enrol enrol;
	enum event event;
	long n;

	memset(&enrol, 0, sizeof enrol);
	memcpy(enrol.node, c->node, sizeof enrol.node);
	memcpy(enrol.challenge, challenge, sizeof enrol.challenge);
	memcpy(&enrol.invite, &c->config.invite, sizeof enrol.invite);
	memcpy(enrol.hardware, c->config.hardware, sizeof enrol.hardware);
	event = tpm_ek_public(c->tpm, enrol.ek.at, &enrol.ek.bytes, enrol.ek_cert.at, &enrol.ek_cert.bytes);
	if (event == EV_none)
		event = tpm_ak_public(c->tpm, enrol.ak.at, &enrol.ak.bytes);
	if (event == EV_none && escrow(c, &enrol) != 0)
		event = EV_org_escrow;
	if (event != EV_none) {
		ask_failed(c, event);
		return;
	}
	(void)crypto_hash_sha256(c->ek, enrol.ek.at, enrol.ek.bytes);	/* always 0 */
	n = doc_write(DOC_enrol, &enrol, (char *)c->enrol_text, sizeof c->enrol_text);
	if (n < 0)
		crypto_fail(c, EV_org_enrolment, 0);	/* ours to write: cannot be */
	c->enrol_bytes = (size_t)n;
	ask_quoted(c, POST_enrol, DOC_enrol, &enrol, c->asked);
}

/* Opens the credential, and says so. */
static void
prove(struct crypto *c, const struct doc_credential *credential)
{
	static char text[DOC_MAX];
	struct doc_proof proof = { { 0 }, { 0 }, { 0 } };
	enum event event = tpm_activate(c->tpm, credential->blob.at, credential->blob.bytes, credential->secret.at, credential->secret.bytes,
	    c->secrets->credential);
	long n;

	if (event != EV_none) {
		ask_failed(c, event);
		return;
	}
	memcpy(proof.node, c->node, sizeof proof.node);
	memcpy(proof.enrol, c->asked, sizeof proof.enrol);
	(void)crypto_generichash(proof.proof, sizeof proof.proof, c->enrol_text, c->enrol_bytes, c->secrets->credential,
	    sizeof c->secrets->credential);	/* fails for other lengths alone */
	sodium_memzero(c->secrets->credential, sizeof c->secrets->credential);
	n = doc_write(DOC_proof, &proof, text, sizeof text);
	if (n < 0)
		crypto_fail(c, EV_org_enrolment, 0);	/* ours to write: cannot be */
	get_post(c, POST_proof, text, (size_t)n);
}

static void
take_owner(struct crypto *c)
{
	enum event event = EV_org_escrow;

	if (derive_auths(c, c->secrets->auths) == 0)
		event = tpm_take_owner(c->tpm, c->secrets->auths, c->secrets->auths + TPM_AUTH_BYTES);
	sodium_memzero(c->secrets->auths, sizeof c->secrets->auths);
	if (event != EV_none)
		crypto_fail(c, event, crypto_detail(c, event));	/* the next boot comes here again: nothing is half done */
}

static void
become_member(struct crypto *c, const struct doc_membership *m)
{
	struct msg_crypto_enrolled body = { .pending = m->reason == REASON_pending };

	if (m->reason != REASON_none && m->reason != REASON_pending)
		crypto_fail(c, ask_reason(m->reason), 0);
	memcpy(body.ek, c->ek, sizeof body.ek);
	crypto_send(c, MSG_crypto_enrolled, &body);
	if (m->reason == REASON_pending)
		crypto_fail(c, EV_org_pending, 0);
	if (c->config.tpm_owner == OWNER_take)
		take_owner(c);
	c->member = 1;
	ask_challenge(c);
}

/* The org refuses an enrolment by a membership as well: with a reason, instead of a credential. */
void
enrol_answered(struct crypto *c, uint32_t what, const uint8_t *text, size_t len_bytes)
{
	static struct doc_credential credential;
	static struct doc_membership membership;
	const int refused = what == POST_enrol && doc_find(DOC_membership, text, len_bytes) == 0;
	enum event event;

	if (what == POST_enrol && !refused) {
		event = ask_signed(c, DOC_credential, text, len_bytes, &credential, sizeof credential, EV_org_enrolment);
		if (event == EV_none && (sodium_memcmp(credential.node, c->node, sizeof c->node) != 0 ||
		    sodium_memcmp(credential.enrol, c->asked, sizeof c->asked) != 0))
			event = EV_org_enrolment;
		if (event == EV_none) {
			prove(c, &credential);
			return;
		}
	} else {
		event = ask_signed(c, DOC_membership, text, len_bytes, &membership, sizeof membership, EV_org_enrolment);
		if (event == EV_none && (sodium_memcmp(membership.node, c->node, sizeof c->node) != 0 ||
		    sodium_memcmp(membership.enrol, c->asked, sizeof c->asked) != 0 ||
		    (refused && (membership.reason == REASON_none || membership.reason == REASON_pending))))
			event = EV_org_enrolment;
		if (event == EV_none) {
			become_member(c, &membership);
			return;
		}
	}
	ask_failed(c, event);
}
