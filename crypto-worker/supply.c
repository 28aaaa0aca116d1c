/*
 * SUPPLY and VERIFY: the images of one candidate after the other.  Innermost side of the wall.
 * The kernel is sealed, then hashed in place; the initramfs is hashed as copied into memory that nobody else can write.
 * What was hashed is what is used.
 */
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto.h"
#include "memfd.h"
#include "newc.h"

enum { CHUNK = 1 << 20, PAD_LEAST = 4 };

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);	/* a memfd: nothing is lost that is still wanted */
	*fd = -1;
}

static void
forget_images(struct crypto *c)
{
	want_drop(c);
	close_fd(&c->kernel_fd);
	close_fd(&c->initramfs_fd);
	close_fd(&c->handover_fd);
	if (c->handover != NULL)
		(void)munmap(c->handover, c->handover_bytes);	/* ours, and no secret in it yet */
	c->handover = NULL;
	c->kernel_sealed = c->initramfs_copied = 0;
}

void
supply_reject(struct crypto *c, enum event event)
{
	struct msg_crypto_rejected body;

	forget_images(c);
	c->offers[c->current].usable = 0;
	candidate_of(c, &c->offers[c->current], event, &body.c);
	crypto_send(c, MSG_crypto_rejected, &body);
}

/* The offer of the ticket's generation in the cache, or c->offered. */
static uint32_t
find_ticketed(const struct crypto *c)
{
	uint32_t i = 0;

	while (i < c->offered && (!c->offers[i].usable || memcmp(c->offers[i].verified.id, c->ticket_id, ID_BYTES) != 0))
		i++;
	return i;
}

/* The store's order is kept: it chooses among what we have verified, nothing more; what failed is booted by a ticket alone. */
static uint32_t
find_offline(const struct crypto *c)
{
	uint32_t i = 0;

	while (i < c->offered && (!c->offers[i].usable || (c->offers[i].said.flags & OFFER_failed) != 0))
		i++;
	return i;
}

void
supply_chosen(struct crypto *c, uint32_t cause)
{
	const struct doc_manifest *m = &c->offers[c->current].verified.manifest;
	struct msg_crypto_chosen chosen = { .cause = cause, .total_bytes = m->kernel_size + m->initramfs_size };

	candidate_of(c, &c->offers[c->current], EV_none, &chosen.c);
	c->cause = (uint8_t)cause;
	crypto_send(c, MSG_crypto_chosen, &chosen);
}

static void
choose(struct crypto *c, uint32_t i, uint32_t cause)
{
	c->current = i;
	supply_chosen(c, cause);
	want_part(c, c->offers[i].said.slot, PART_kernel, c->offers[i].verified.manifest.kernel_size);
}

/* The ticket's generation, from the cache or else from the org; what comes after it is a boot without a ticket, and counts as one. */
void
supply_next(struct crypto *c)
{
	struct msg_crypto_none none = { .event = EV_no_candidate };
	enum event denied;
	uint32_t i;

	if (c->ticketed && (i = find_ticketed(c)) < c->offered) {
		choose(c, i, CHOSEN_ticket);
		return;
	}
	if (c->ticketed && !c->org_tried) {
		c->org_tried = 1;
		download_begin(c);
		return;
	}
	i = find_offline(c);
	if (i == c->offered) {
		wipe_secrets(c);
		crypto_send(c, MSG_crypto_none, &none);
		crypto_exit(c, 0);
	}
	if (c->ticketed && (denied = offline_count(c)) != EV_none)
		crypto_fail(c, denied, crypto_detail(c, denied));
	choose(c, i, (c->offers[i].said.flags & OFFER_fallback) != 0 ? CHOSEN_fallback : CHOSEN_newest);
}

enum event
supply_seal_kernel(struct crypto *c)
{
	const struct doc_manifest *m = &c->offers[c->current].verified.manifest;
	enum event event;
	void *p;

	if (c->kernel_sealed)
		return EV_none;

	/* EBUSY: somebody maps it writable; other errors cannot be with a memfd of ours. */
	if (fcntl(c->kernel_fd, F_ADD_SEALS, (int)memfd_seals(FD_handover, 0)) != 0)
		return EV_image_misuse;
	p = mmap(NULL, m->kernel_size, PROT_READ, MAP_SHARED, c->kernel_fd, 0);
	if (p == MAP_FAILED)
		return EV_load_memory;
	event = verify_hash(p, m->kernel_size, m->kernel_blake2b) ? EV_none : EV_image_kernel;
	(void)munmap(p, m->kernel_size);	/* ours, whole */
	c->kernel_sealed = event == EV_none;
	return event;
}

static enum event
make_handover(struct crypto *c, const struct doc_manifest *m)
{
	/*
	 * At least four zeros before our archive: after each chunk of a legacy lz4 stream the kernel's decoder reads a 32-bit size, and only
	 * zero means its end.  With fewer it takes our archive for a chunk, fails, and boots on without the key (seen on 6.1 and 6.12).
	 */
	c->tail_at = (m->initramfs_size + PAD_LEAST + NEWC_ALIGN - 1) / NEWC_ALIGN * NEWC_ALIGN;
	c->handover_bytes = c->tail_at + TAIL_BYTES;
	c->handover_fd = memfd_create("handover", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (c->handover_fd < 0 || ftruncate(c->handover_fd, (off_t)c->handover_bytes) != 0)
		return EV_load_memory;
	c->handover = mmap(NULL, c->handover_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, c->handover_fd, 0);
	if (c->handover == MAP_FAILED) {
		c->handover = NULL;
		return EV_load_memory;
	}
	return EV_none;
}

/* Copies by pread(2), hashing the copy; spend: gives the source's pages back as it goes: one image, not two, is in memory at the end. */
static enum event
verify_initramfs(struct crypto *c, const struct doc_manifest *m, int spend)
{
	crypto_generichash_state hash;
	uint8_t digest[32];

	if (crypto_generichash_init(&hash, NULL, 0, sizeof digest) != 0)
		return EV_image_initramfs;
	for (uint64_t at = 0; at < m->initramfs_size;) {
		size_t len = m->initramfs_size - at < CHUNK ? (size_t)(m->initramfs_size - at) : CHUNK;
		ssize_t n = pread(c->initramfs_fd, c->handover + at, len, (off_t)at);

		if (n <= 0 || crypto_generichash_update(&hash, c->handover + at, (unsigned long long)n) != 0)
			return EV_image_initramfs;
		if (spend && fallocate(c->initramfs_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, n) != 0)
			return EV_load_memory;
		at += (uint64_t)n;
	}
	if (crypto_generichash_final(&hash, digest, sizeof digest) != 0 ||
	    sodium_memcmp(digest, m->initramfs_blake2b, sizeof digest) != 0)
		return EV_image_initramfs;
	return EV_none;
}

enum event
supply_copy_initramfs(struct crypto *c, int spend)
{
	const struct doc_manifest *m = &c->offers[c->current].verified.manifest;
	enum event event;

	if (c->initramfs_copied)
		return EV_none;
	event = make_handover(c, m);
	if (event == EV_none)
		event = verify_initramfs(c, m, spend);
	c->initramfs_copied = event == EV_none;
	return event;
}

void
supply_images(struct crypto *c)
{
	const struct doc_manifest *m = &c->offers[c->current].verified.manifest;
	struct msg_crypto_supplied supplied = { .total_bytes = m->kernel_size + m->initramfs_size };
	struct msg_crypto_verified verified = { .watchdog_s = (uint32_t)m->watchdog };
	enum event event;

	c->ms_supplied = clock_ms();
	crypto_send(c, MSG_crypto_supplied, &supplied);
	event = supply_seal_kernel(c);
	if (event == EV_none)
		event = supply_copy_initramfs(c, 1);
	if (event != EV_none) {
		supply_reject(c, event);
		return;
	}
	close_fd(&c->initramfs_fd);
	c->ms_verified = clock_ms();
	candidate_of(c, &c->offers[c->current], EV_none, &verified.c);
	crypto_send(c, MSG_crypto_verified, &verified);
}

void
supply_filled(struct crypto *c, const struct msg_store_filled *body)
{
	const struct offer *offer = &c->offers[c->current];

	if (body->event != 0)
		supply_reject(c, (enum event)body->event);
	else if (c->want.part == PART_kernel) {
		c->kernel_fd = want_take(c);
		want_part(c, offer->said.slot, PART_initramfs, offer->verified.manifest.initramfs_size);
	} else {
		c->initramfs_fd = want_take(c);
		supply_images(c);
	}
}

void
supply_lost(struct crypto *c, int final)
{
	if (c->want_fd < 0)
		return;		/* nothing was asked: between two candidates */
	if (final)
		supply_reject(c, EV_program_spent);
	else
		want_again(c);
}
