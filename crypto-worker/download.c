/*
 * The ticket's generation, from the org: documents, then images, then into the cache.  Innermost side of the wall.
 * Distrusts mirrors and org alike: the release keys and the ticket's id decide; and the cache, whose failure never stops a boot.
 */
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "crypto.h"
#include "exits.h"

static uint8_t manifest[DOC_MAX], minisig[DOC_MAX];
static size_t manifest_bytes, minisig_bytes;

void
download_begin(struct crypto *c)
{
	struct offer *offer = &c->offers[SLOTS_MAX];

	memset(offer, 0, sizeof *offer);
	offer->said.slot = SLOT_NONE;
	memcpy(offer->verified.id, c->ticket_id, sizeof offer->verified.id);	/* until its manifest is there */
	get_part(c, PART_manifest, c->ticket_id, DOC_MAX);
}

/* Before it is chosen it is refused, afterwards rejected; the next one is looked for either way. */
static void
give_up(struct crypto *c, enum event event)
{
	struct offer *offer = &c->offers[SLOTS_MAX];

	get_drop(c);
	if (c->current == SLOTS_MAX) {
		supply_reject(c, event);
		return;
	}
	offer->good = offer->usable = 0;
	survey_refuse(c, offer, event);
	supply_next(c);
}

static void
judge(struct crypto *c)
{
	struct offer *offer = &c->offers[SLOTS_MAX];
	const struct doc_manifest *m = &offer->verified.manifest;
	enum event event = survey_judge(c, offer, manifest, manifest_bytes, minisig, minisig_bytes);

	if (event == EV_none && sodium_memcmp(offer->verified.id, c->ticket_id, sizeof c->ticket_id) != 0)
		event = EV_net_http;	/* well signed, and another one */
	if (event != EV_none) {
		give_up(c, event);
		return;
	}
	c->current = SLOTS_MAX;
	supply_chosen(c, CHOSEN_ticket);
	get_part(c, PART_kernel, c->ticket_id, m->kernel_size);
}

static void
keep(struct crypto *c, uint32_t part)
{
	const struct doc_manifest *m = &c->offers[SLOTS_MAX].verified.manifest;
	const int made = part == PART_manifest || part == PART_minisig;
	int fd, rc;

	c->keep = (struct msg_crypto_keep){ .part = part, .number = c->keep.number + 1,
		.bytes = { manifest_bytes, minisig_bytes, m->kernel_size, m->initramfs_size } };
	memcpy(c->keep.id, c->ticket_id, sizeof c->keep.id);
	c->keeping = 1;
	if (made)
		fd = part == PART_manifest ? fill_with(manifest, manifest_bytes, FD_keep) : fill_with(minisig, minisig_bytes, FD_keep);
	else
		fd = part == PART_kernel ? c->kernel_fd : c->initramfs_fd;
	if (fd < 0)
		crypto_fail(c, EV_load_memory, 0);
	rc = worker_send(FD_CHANNEL, &c->state, MSG_crypto_keep, &c->keep, &fd);
	if (made)
		(void)close(fd);	/* the store has it */
	if (rc != 0)
		crypto_exit(c, EXIT_PEER);
}

/* A document of the generation is there. */
static void
got_document(struct crypto *c, uint64_t len_bytes)
{
	const int first = c->get.what == PART_manifest;
	size_t n = get_text(c, len_bytes, first ? manifest : minisig);

	if (n == 0)
		give_up(c, EV_net_http);
	else if (first) {
		manifest_bytes = n;
		get_part(c, PART_minisig, c->ticket_id, MINISIG_MAX);
	} else {
		minisig_bytes = n;
		judge(c);
	}
}

static void
got_image(struct crypto *c, uint64_t len_bytes)
{
	const struct doc_manifest *m = &c->offers[SLOTS_MAX].verified.manifest;
	enum event event;

	if (len_bytes != c->get.len_bytes) {
		give_up(c, EV_net_size);
		return;
	}
	if (c->get.what == PART_kernel) {
		c->kernel_fd = get_take(c);
		event = supply_seal_kernel(c);
		if (event == EV_none)
			get_part(c, PART_initramfs, c->ticket_id, m->initramfs_size);
		else
			give_up(c, event);
		return;
	}
	/*
	 * Looked at before anything of it goes into the cache, and what is booted is the copy that was looked at.  net-worker and the store may
	 * still write to the source: then the slot has something else, and the next boot sees that.
	 */
	c->initramfs_fd = get_take(c);
	event = supply_copy_initramfs(c, 0);
	if (event == EV_none)
		keep(c, PART_manifest);
	else
		give_up(c, event);
}

void
download_got(struct crypto *c, const struct msg_net_got *body)
{
	if (body->event != EV_none)
		give_up(c, (enum event)body->event);
	else if (c->get.what == PART_manifest || c->get.what == PART_minisig)
		got_document(c, body->len_bytes);
	else
		got_image(c, body->len_bytes);
}

/* The boot goes on, kept or not; the broker has said why not. */
static void
kept(struct crypto *c, uint32_t slot)
{
	c->keeping = 0;
	c->offers[SLOTS_MAX].said.slot = slot;
	supply_images(c);
}

void
download_kept(struct crypto *c, const struct msg_store_kept *body)
{
	if (!c->keeping || body->number != c->keep.number)
		return;
	if (body->event == EV_none && c->keep.part < PART_LAST)
		keep(c, c->keep.part + 1);
	else
		kept(c, body->event == EV_none ? body->slot : SLOT_NONE);
}

void
download_lost(struct crypto *c, enum peer peer, int final)
{
	if (peer == PEER_store) {
		if (c->keeping)
			kept(c, SLOT_NONE);
	} else if (c->get_fd >= 0) {
		if (final)
			give_up(c, EV_program_spent);
		else
			get_again(c);
	}
}
