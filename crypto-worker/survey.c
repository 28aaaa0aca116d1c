/*
 * SURVEY: which cached generations may be booted?  Innermost side of the wall.
 * Distrusts everything that comes from the cache: sizes are bounded by check_store_offer(), documents are hostile until they verify.
 */
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "crypto.h"

static void survey_next(struct crypto *c);

void
candidate_of(const struct crypto *c, const struct offer *offer, enum event event, struct candidate *out)
{
	*out = (struct candidate){ .slot = offer->said.slot, .event = event, .keys_good = offer->verified.keys_good,
		.keys_need = (uint32_t)c->config.threshold, .keys_listed = c->config.release_key.count };
	memcpy(out->id, offer->verified.id, sizeof out->id);
	/* Version and line are said only of what the release keys vouch for. */
	if (offer->good)
		out->version = offer->verified.manifest.version;
	if (event == EV_doc_syntax)
		out->line = offer->verified.error.line;
}

void
survey_refuse(struct crypto *c, struct offer *offer, enum event event)
{
	struct msg_crypto_refused body;

	candidate_of(c, offer, event, &body.c);
	crypto_send(c, MSG_crypto_refused, &body);
}

void
survey_offer(struct crypto *c, const struct msg_store_offer *offer)
{
	if (c->offered == SLOTS_MAX)
		return;		/* more than there are slots: not looked at */
	memset(&c->offers[c->offered], 0, sizeof c->offers[0]);
	c->offers[c->offered++].said = *offer;
}

static void
surveyed(struct crypto *c)
{
	struct msg_crypto_surveyed body = { .offered = c->offered };
	struct msg_crypto_offline offline = { 0 };
	struct msg_crypto_node node;

	for (uint32_t i = 0; i < c->offered; i++)
		body.usable += c->offers[i].usable && (c->offers[i].said.flags & OFFER_failed) == 0;
	if (!c->header_knows_node && c->offered > 0) {
		memcpy(node.node, c->node, sizeof node.node);
		crypto_send(c, MSG_crypto_node, &node);
	}
	c->current = 0;
	c->ms_surveyed = clock_ms();
	crypto_send(c, MSG_crypto_surveyed, &body);
	if (c->config.org[0] == '\0')
		crypto_send(c, MSG_crypto_offline, &offline);	/* nobody is to be asked */
}

/* Documents in our own memory: what verifies is what is parsed. */
enum event
survey_judge(struct crypto *c, struct offer *offer, const uint8_t *manifest, size_t manifest_bytes, const uint8_t *minisig,
    size_t minisig_bytes)
{
	const struct verify_rules rules = { .release_keys = &c->config.release_key, .threshold = (uint32_t)c->config.threshold,
		.least_version = c->config.least_version > c->nv.floor ? c->config.least_version : c->nv.floor,
		.build_time = c->config.build_time, .memory_bytes = c->memory_bytes };
	enum event event = verify_manifest(&rules, manifest, manifest_bytes, minisig, minisig_bytes, &offer->verified);

	offer->good = offer->usable = event == EV_none;
	return event;
}

/* Both documents of the current offer are there: judge it. */
static void
judge(struct crypto *c, struct offer *offer, int minisig_fd)
{
	static uint8_t manifest[DOC_MAX], minisig[MINISIG_MAX];
	enum event event = EV_cache_io;

	/* Read once into our own memory, whatever the supplier still writes. */
	if (pread(c->manifest_fd, manifest, offer->said.manifest_bytes, 0) == (ssize_t)offer->said.manifest_bytes &&
	    pread(minisig_fd, minisig, offer->said.minisig_bytes, 0) == (ssize_t)offer->said.minisig_bytes)
		event = survey_judge(c, offer, manifest, offer->said.manifest_bytes, minisig, offer->said.minisig_bytes);
	if (event == EV_none && (offer->verified.manifest.kernel_size != offer->said.kernel_bytes ||
	    offer->verified.manifest.initramfs_size != offer->said.initramfs_bytes))
		event = EV_image_size;
	if (event != EV_none)
		survey_refuse(c, offer, event);
	offer->usable = event == EV_none;
}

void
survey_floor(struct crypto *c)
{
	for (uint32_t i = 0; i < c->offered; i++)
		if (c->offers[i].good && c->offers[i].verified.manifest.version < c->nv.floor)
			c->offers[i].good = c->offers[i].usable = 0;
}

static void
close_manifest(struct crypto *c)
{
	if (c->manifest_fd >= 0)
		(void)close(c->manifest_fd);	/* read to its end */
	c->manifest_fd = -1;
}

static void
survey_next(struct crypto *c)
{
	struct offer *offer;

	close_manifest(c);
	if (c->current == c->offered) {
		surveyed(c);
		return;
	}
	offer = &c->offers[c->current];
	want_part(c, offer->said.slot, PART_manifest, offer->said.manifest_bytes);
}

void
survey_offered(struct crypto *c, const struct msg_store_offered *body)
{
	struct msg_crypto_refused none = { .c = { .event = body->event, .keys_need = (uint32_t)c->config.threshold,
		.keys_listed = c->config.release_key.count } };

	if (body->event != 0)
		crypto_send(c, MSG_crypto_refused, &none);
	c->current = 0;
	survey_next(c);
}

void
survey_filled(struct crypto *c, const struct msg_store_filled *body)
{
	struct offer *offer = &c->offers[c->current];
	int fd = want_take(c);

	if (body->event != 0) {
		survey_refuse(c, offer, (enum event)body->event);
		(void)close(fd);	/* given up */
		c->current++;
		survey_next(c);
	} else if (c->want.part == PART_manifest) {
		c->manifest_fd = fd;
		want_part(c, offer->said.slot, PART_minisig, offer->said.minisig_bytes);
	} else {
		judge(c, offer, fd);
		(void)close(fd);	/* read to its end */
		c->current++;
		survey_next(c);
	}
}

/* A fresh store-worker is asked to offer anew, by the broker; a final loss means that there is nothing to boot from. */
void
survey_lost(struct crypto *c, int final)
{
	want_drop(c);
	close_manifest(c);
	c->offered = c->current = 0;
	if (final)
		surveyed(c);
}
