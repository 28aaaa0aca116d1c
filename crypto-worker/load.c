/*
 * LOAD: measures the manifest, derives the keys, appends our archive to the initramfs, hands over by the lane, wipes.
 * Innermost side of the wall.  Distrusts the broker, which only says when; from here on there is no way back but a reset.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto.h"
#include "exits.h"
#include "memfd.h"
#include "newc.h"

/* HKDF-SHA256, RFC 5869: ikm = node secret, behind it the org's share; salt = the org key as of enrolment; info = "sallyport luks 1" 00 id. */
static enum event
derive(const struct crypto *c, const uint8_t id[ID_BYTES], uint8_t sec_key[KEY_BYTES])
{
	static const char label[] = "sallyport luks 1";	/* with its NUL */
	uint8_t info[sizeof label + ID_BYTES], sec_prk[crypto_kdf_hkdf_sha256_KEYBYTES];
	crypto_kdf_hkdf_sha256_state sec_state;
	int rc;

	memcpy(info, label, sizeof label);
	memcpy(info + sizeof label, id, ID_BYTES);
	rc = crypto_kdf_hkdf_sha256_extract_init(&sec_state, c->org_key, sizeof c->org_key);
	if (rc == 0)
		rc = crypto_kdf_hkdf_sha256_extract_update(&sec_state, c->secrets->node_secret, sizeof c->secrets->node_secret);
	if (rc == 0 && c->config.release == RELEASE_org)
		rc = crypto_kdf_hkdf_sha256_extract_update(&sec_state, c->secrets->org_share, sizeof c->secrets->org_share);
	if (rc == 0)
		rc = crypto_kdf_hkdf_sha256_extract_final(&sec_state, sec_prk);
	if (rc == 0)
		rc = crypto_kdf_hkdf_sha256_expand(sec_key, KEY_BYTES, (const char *)info, sizeof info, sec_prk);
	sodium_memzero(&sec_state, sizeof sec_state);
	sodium_memzero(sec_prk, sizeof sec_prk);
	return rc == 0 ? EV_none : EV_load_key;
}

/*
 * The generation whose key goes along so that a new keyslot can be added: what last reported healthy, verified like any other, of strictly
 * lower version.  The journal is untrusted: it may choose among those, and never gets a key upwards.
 */
static const struct offer *
previous(const struct crypto *c)
{
	const struct offer *chosen = &c->offers[c->current];

	if ((chosen->said.flags & OFFER_healthy) != 0)
		return NULL;
	for (uint32_t i = 0; i < c->offered; i++) {
		const struct offer *o = &c->offers[i];

		if (i != c->current && o->good && (o->said.flags & OFFER_previous) != 0 &&
		    o->verified.manifest.version < chosen->verified.manifest.version)
			return o;
	}
	return NULL;
}

static enum event
make_report(struct crypto *c, const struct offer *prev, struct doc_report *report)
{
	const struct offer *chosen = &c->offers[c->current];
	enum event event;

	*report = (struct doc_report){ .version = chosen->verified.manifest.version, .slot = chosen->said.slot,
		.keys_good = chosen->verified.keys_good, .keys_need = c->config.threshold, .enrolled_now = c->enrolled_now,
		.previous_key = prev != NULL, .last_failure = chosen->said.outcome, .ms_start = c->ms_start, .ms_closed = c->ms_closed,
		.ms_surveyed = c->ms_surveyed, .ms_supplied = c->ms_supplied, .ms_verified = c->ms_verified, .ms_loading = clock_ms(),
		.cause = c->cause == CHOSEN_ticket ? CAUSE_ticket : c->cause == CHOSEN_fallback ? CAUSE_fallback : CAUSE_newest };
	memcpy(report->generation, chosen->verified.id, sizeof report->generation);
	memcpy(report->node, c->node, sizeof report->node);
	event = tpm_pcr(c->tpm, 4, report->pcr4);
	if (event == EV_none)
		event = tpm_pcr(c->tpm, 7, report->pcr7);
	if (event == EV_none)
		event = tpm_pcr(c->tpm, 8, report->pcr8);
	return event;
}

struct tail {
	uint8_t *at;
	size_t left;
	uint32_t ino;
};

/* One entry; where its content belongs, or NULL when there is no room. */
static uint8_t *
entry(struct tail *t, const char *name, uint32_t mode, size_t size)
{
	struct newc_entry e = { .ino = ++t->ino, .mode = mode, .nlink = 1, .size_bytes = (uint32_t)size };
	size_t whole = newc_entry_bytes(strlen(name), size);
	uint8_t *content;
	long offset;

	(void)memcpy(e.name, name, strlen(name));	/* constants of ours, shorter than NEWC_NAME_MAX */
	if (whole > t->left || (offset = newc_begin(&e, t->at, t->left)) < 0)
		return NULL;
	content = t->at + offset;
	t->at += whole;
	t->left -= whole;
	return content;
}

/* Our archive behind the initramfs: it comes last, so that nothing in the generation's own can come after it. */
static enum event
write_tail(struct crypto *c, const struct offer *prev, const struct doc_report *report)
{
	static char text[DOC_MAX];
	struct tail t = { .at = c->handover + c->tail_at, .left = TAIL_BYTES };
	long len = doc_write(DOC_report, report, text, sizeof text);
	uint8_t *p;

	if (len < 0 || (p = entry(&t, "luks.key", S_IFREG | 0400, KEY_BYTES)) == NULL)
		return EV_load_key;
	memcpy(p, c->secrets->luks_key, KEY_BYTES);
	if (prev != NULL) {
		if ((p = entry(&t, "luks.key.prev", S_IFREG | 0400, KEY_BYTES)) == NULL)
			return EV_load_key;
		memcpy(p, c->secrets->luks_key_prev, KEY_BYTES);
	}
	if (entry(&t, "sallyport", S_IFDIR | 0755, 0) == NULL ||
	    (p = entry(&t, "sallyport/report", S_IFREG | 0444, (size_t)len)) == NULL)
		return EV_load_key;
	memcpy(p, text, (size_t)len);
	return newc_trailer(t.at, t.left) < 0 ? EV_load_key : EV_none;
}

static enum event
derive_and_write(struct crypto *c)
{
	const struct offer *chosen = &c->offers[c->current], *prev = previous(c);
	struct doc_report report;
	enum event event = tpm_measure(c->tpm, chosen->verified.id, sizeof chosen->verified.id);

	/* Before any key exists: from here on PCR 8 names the generation, and nothing of ours can be written any more. */
	if (event == EV_none)
		event = make_report(c, prev, &report);
	if (event == EV_none)
		event = derive(c, chosen->verified.id, c->secrets->luks_key);
	if (event == EV_none && prev != NULL)
		event = derive(c, prev->verified.id, c->secrets->luks_key_prev);
	if (event == EV_none)
		event = write_tail(c, prev, &report);
	wipe_secrets(c);
	tpm_finish(c->tpm);
	c->tpm = NULL;
	return event;
}

/* By the lane: the broker neither sees nor holds this message. */
static int
hand_over(struct crypto *c)
{
	const struct verified *v = &c->offers[c->current].verified;
	static struct msg_crypto_handover body;
	int fds[2] = { c->kernel_fd, c->handover_fd }, len;

	body = (struct msg_crypto_handover){ .kernel_bytes = v->manifest.kernel_size, .initramfs_bytes = c->handover_bytes };
	len = cmdline_join(v->manifest.cmdline, v->id, body.cmdline);
	if (len < 0)
		return len;
	body.cmdline_bytes = (uint32_t)len;
	if (fcntl(c->handover_fd, F_ADD_SEALS, (int)memfd_seals(FD_handover, 1)) != 0)
		return -errno;
	return worker_send(FD_LANE, &c->state, MSG_crypto_handover, &body, fds);
}

void
load_generation(struct crypto *c)
{
	enum event event = derive_and_write(c);

	if (event != EV_none)
		crypto_fail(c, event, 0);
	if (hand_over(c) != 0)
		crypto_fail(c, EV_load_memory, 0);
	/* Ours is the mapping alone: as long as kexec-worker holds the descriptor, it is what can still wipe. */
	(void)close(c->handover_fd);
	(void)close(c->kernel_fd);
	c->handover_fd = c->kernel_fd = -1;
}

void
load_loaded(struct crypto *c, const struct msg_kexec_loaded *body)
{
	struct msg_crypto_wiped wiped = { .wiped_bytes = TAIL_BYTES };
	struct msg_crypto_unloaded unloaded = { .event = body->error == ENOMEM ? EV_load_memory : EV_load_kernel, .detail = body->error };

	sodium_memzero(c->handover + c->tail_at, TAIL_BYTES);
	if (body->error == 0)
		crypto_send(c, MSG_crypto_wiped, &wiped);
	else
		crypto_send(c, MSG_crypto_unloaded, &unloaded);
	/* Gone before the jump: the kernel wipes the freed pages (init_on_free), so that none of ours is left in memory. */
	crypto_exit(c, EXIT_CLOSED);
}
