/*
 * store-worker's handlers: offers what is in the cache, fills memfds from it, keeps the journal and the node id; keep.c: keeps generations.
 * Stands before the disk. Distrusts the disk (whoever had the machine in hand wrote it), the broker and what it forwards.
 * System calls: recvmsg, sendmsg, pread64, pwrite64, fdatasync, fstat, fcntl(F_GET_SEALS), close.  Nothing is allocated.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "event.h"
#include "memfd.h"
#include "recv.h"
#include "serve.h"

enum {
	PROGRESS_LEAST = 8 << 20,	/* bytes between two store_progress */
	/*
	 * The broker takes 255 store_progress per attempt. Two images make at most twice this many, so that even five workers,
	 * four of them lost at the end of their work, stay below.
	 */
	PROGRESS_MOST = 24,
};

static struct frame frame;
uint8_t store_chunk[STORE_CHUNK];

void
store_init(struct store *store, int channel, int disk, uint32_t maker_uid)
{
	memset(store, 0, sizeof *store);
	store->channel = channel;
	store->disk = disk;
	store->maker_uid = maker_uid;
	admit_init(&store->state, PEER_store);
}

static int
answer(struct store *store, uint32_t id, const void *body)
{
	return worker_send(store->channel, &store->state, id, body, NULL);
}

/* The code for what ipc/cache.h returned; invalid is the one for "nothing valid is there". */
static uint32_t
event_of(int rc, enum event invalid)
{
	if (rc == 0)
		return EV_none;
	return rc == -ENODATA || rc == -EINVAL ? (uint32_t)invalid : (uint32_t)EV_cache_io;
}

uint32_t
store_read_header(const struct store *store, struct cache_header *header)
{
	struct stat st;

	if (fstat(store->disk, &st) != 0)
		return EV_cache_io;
	if (S_ISCHR(st.st_mode))	/* init gives /dev/null where there is no partition */
		return EV_cache_absent;
	return event_of(cache_read_header(store->disk, header), EV_cache_format);
}

static int
send_offer(struct store *store, const struct cache_journal *journal, const struct cache_slot *slot, uint32_t number, uint32_t flags)
{
	const struct cache_entry *row = cache_journal_find(journal, slot->id);
	struct msg_store_offer offer = {
		.slot = number,
		.flags = flags,
		.attempts = row != NULL ? row->attempts : 0,
		.outcome = cache_journal_last_failure(journal, slot->id),
		.manifest_bytes = slot->manifest_bytes,
		.minisig_bytes = slot->minisig_bytes,
		.kernel_bytes = slot->kernel_bytes,
		.initramfs_bytes = slot->initramfs_bytes,
	};

	return answer(store, MSG_store_offer, &offer);
}

static int
on_broker_survey(struct store *store, const struct msg_broker_survey *survey)
{
	struct cache_slot slots[SLOTS_MAX];
	uint32_t order[SLOTS_MAX], flags[SLOTS_MAX];
	struct msg_store_offered end = { 0 };
	uint8_t present[SLOTS_MAX];
	struct cache_journal journal;
	struct cache_header header;
	int rc, unreadable;

	(void)survey;	/* it says nothing but its name */
	end.event = store_read_header(store, &header);
	if (end.event != EV_none)
		return answer(store, MSG_store_offered, &end);
	unreadable = cache_read_slots(store->disk, &header, slots, present);
	/* Without a journal the order is lost, not the machine: what is there is offered as it stands. */
	if (cache_read_journal(store->disk, &journal) != 0)
		memset(&journal, 0, sizeof journal);
	end.stops = journal.stops;
	end.count = cache_order(&journal, slots, present, order, flags);
	for (uint32_t i = 0; i < end.count; i++) {
		rc = send_offer(store, &journal, &slots[order[i]], order[i], flags[i]);
		if (rc != 0)
			return rc;
	}
	if (end.count == 0)
		end.event = unreadable != 0 ? EV_cache_io : EV_cache_empty;
	return answer(store, MSG_store_offered, &end);
}

/* Where the wanted part lies; 0 or the event that says why it does not. */
static uint32_t
locate(const struct store *store, const struct msg_crypto_want *want, uint64_t *at)
{
	struct cache_header header;
	struct cache_slot slot;
	uint32_t event = store_read_header(store, &header);

	if (event == EV_none)
		event = event_of(cache_read_slot(store->disk, &header, want->slot, &slot), EV_cache_slot);
	if (event != EV_none)
		return event;
	if (cache_part_bytes(&slot, (enum part)want->part) != want->len_bytes)
		return EV_image_size;
	*at = cache_part_at(&header, want->slot, &slot, (enum part)want->part);
	return EV_none;
}

/* Copies the part into the memfd.  *event gets the world's failures; the return value has the peer's. */
static int
copy_part(struct store *store, const struct msg_crypto_want *want, int memfd, uint64_t at, uint32_t *event)
{
	struct msg_store_progress progress = { .slot = want->slot, .part = want->part, .total_bytes = want->len_bytes };
	uint64_t step = (want->len_bytes + PROGRESS_MOST - 1) / PROGRESS_MOST, done = 0;
	int rc;

	if (step < PROGRESS_LEAST)
		step = PROGRESS_LEAST;
	while (done < want->len_bytes) {
		size_t n = want->len_bytes - done < STORE_CHUNK ? (size_t)(want->len_bytes - done) : STORE_CHUNK;

		if (cache_read_at(store->disk, store_chunk, n, at + done) != 0) {
			*event = EV_cache_io;
			return 0;
		}
		rc = cache_write_at(memfd, store_chunk, n, done);
		if (rc == -ENOSPC || rc == -ENOMEM) {
			*event = EV_load_memory;
			return 0;
		}
		if (rc != 0)	/* read-only, or sealed against us: nobody sends that by mistake */
			return -EBADF;
		done += n;
		if (done - progress.done_bytes >= step) {
			progress.done_bytes = done;
			rc = answer(store, MSG_store_progress, &progress);
			if (rc != 0)
				return rc;
		}
	}
	*event = EV_none;
	return 0;
}

static int
on_crypto_want(struct store *store, const struct msg_crypto_want *want)
{
	struct msg_store_filled filled = { .slot = want->slot, .part = want->part, .number = want->number };
	int memfd = frame_take_fd(&frame, 0), rc;
	uint64_t at;

	rc = memfd_check(memfd, FD_fill, 0, store->maker_uid, want->len_bytes);
	if (rc == 0) {
		filled.event = locate(store, want, &at);
		if (filled.event == EV_none)
			rc = copy_part(store, want, memfd, at, &filled.event);
	}
	(void)close(memfd);	/* memory: there is no write-back whose error could come late */
	return rc == 0 ? answer(store, MSG_store_filled, &filled) : rc;
}

static int
on_crypto_keep(struct store *store, const struct msg_crypto_keep *keep)
{
	struct msg_store_kept kept = { .slot = SLOT_NONE, .part = keep->part, .number = keep->number };
	int memfd = frame_take_fd(&frame, 0), rc;

	rc = keep_part(store, keep, memfd, &kept.event);
	(void)close(memfd);	/* it was only read */
	if (rc == 0 && kept.event == EV_none)
		kept.slot = store->keep.slot;
	return rc == 0 ? answer(store, MSG_store_kept, &kept) : rc;
}

/* Writes the journal; 0 or the event that says why it is not durable. */
static uint32_t
record(struct store *store, const struct msg_broker_record *body)
{
	struct cache_journal journal;
	struct cache_header header;
	uint32_t event;
	int rc;

	/*
	 * After a failed fdatasync the kernel shows what the disk does not hold, fsync(2): the next write could take the only sector
	 * that is whole.
	 */
	if (store->broken)
		return EV_cache_io;
	event = store_read_header(store, &header);	/* nothing is written to what is no cache partition */
	if (event != EV_none)
		return event;
	rc = cache_read_journal(store->disk, &journal);
	if (rc != 0 && rc != -ENODATA)
		return EV_cache_io;
	if (body->what == RECORD_begun || body->what == RECORD_ticket) {
		cache_journal_begun(&journal, body->id);
		if (body->what == RECORD_ticket)
			cache_journal_first(&journal, body->id);
	} else if (body->what == RECORD_stopped)
		cache_journal_stopped(&journal, body->stops);
	else
		cache_journal_failed(&journal, body->id, body->event);
	rc = cache_write_journal(store->disk, &journal);
	store->broken = rc != 0;
	return rc == 0 ? EV_none : EV_cache_io;
}

static int
on_broker_record(struct store *store, const struct msg_broker_record *body)
{
	struct msg_store_recorded recorded = { .what = body->what, .event = record(store, body) };

	return answer(store, MSG_store_recorded, &recorded);
}

/* Was the first header torn?  Then the second one counts, and init and crypto-worker, who look at the first, know no node. */
static int
first_header_is_torn(const struct store *store)
{
	uint8_t sector[CACHE_SECTOR];
	struct cache_header header;

	return cache_read_at(store->disk, sector, sizeof sector, 0) != 0 || cache_decode_header(sector, &header) != 0;
}

/* Has no answer: a node id that is not kept costs a hint, not the boot. */
static int
on_crypto_node(struct store *store, const struct msg_crypto_node *body)
{
	struct cache_header header;

	if (store->broken || store_read_header(store, &header) != EV_none)
		return 0;
	if (memcmp(header.node, body->node, sizeof header.node) == 0 && !first_header_is_torn(store))
		return 0;
	memcpy(header.node, body->node, sizeof header.node);
	store->broken = cache_write_header(store->disk, &header) != 0;
	return 0;
}

#define TO_store(name) \
	{ \
		struct msg_##name body; \
		memcpy(&body, frame.body, sizeof body); \
		return on_##name(store, &body); \
	}
#define NOT_OURS return -EPROTO;

static int
dispatch(struct store *store)
{
	switch ((enum msg_id)frame.id) {
#include "dispatch.def"
	}
	return -EPROTO;
}

int
store_receive(struct store *store)
{
	int rc = worker_recv(store->channel, WAY_hub, &store->state, &frame, &store->why);

	if (rc <= 0)
		return rc;
	rc = dispatch(store);
	frame_close(&frame);
	if (rc == -EPIPE)	/* the broker left while we answered */
		return 0;
	return rc == 0 ? 1 : rc;
}
