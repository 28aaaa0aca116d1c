/*
 * What every message leads to: the boot's steps.  Inside the wall; losses.c has what happens when a program is lost.
 * Distrusts the workers' numbers no more than check_NAME() does: they are printed and counted, never used as sizes or places.
 */
#include <string.h>
#include <unistd.h>

#include "broker.h"
#include "exits.h"
#include "steps.h"
#include "wait.h"

enum { PROGRESS_BYTES = 16 << 20 };	/* between two lines of progress */

void
step_expect(struct broker *b, uint64_t ms)
{
	b->deadline_ms = now_ms() + ms;
}

void
step_expect_at_least(struct broker *b, uint64_t ms)
{
	uint64_t end = now_ms() + ms;

	if (b->deadline_ms < end)
		b->deadline_ms = end;
}

void
step_dismiss(struct broker *b, enum peer peer)
{
	if (b->channel[peer] >= 0)
		(void)close(b->channel[peer]);
	b->channel[peer] = -1;
	b->spent[peer] = 1;
}

/* The end of this attempt to boot: say so, wait, reboot.  Nothing is asked of a person and nothing is read from one. */
void
step_begin_wait(struct broker *b)
{
	uint64_t ms = wait_ms(b->retry_wait_s, b->stops);

	b->state.phase = PHASE(STOP);
	b->stopping = 1;
	step_dismiss(b, PEER_store);
	step_dismiss(b, PEER_crypto);
	step_dismiss(b, PEER_link);
	step_dismiss(b, PEER_net);
	print_line("stopped: reboot in %llu s", (unsigned long long)ms / 1000);
	step_expect(b, ms);
}

void
step_record(struct broker *b, uint32_t what, uint32_t event)
{
	struct msg_broker_record body = { .what = what, .event = event };

	if (what == RECORD_stopped)
		body.stops = b->stops < STOPS_MAX ? b->stops + 1 : STOPS_MAX;
	else {
		body.slot = b->candidate.slot;
		memcpy(body.id, b->candidate.id, sizeof body.id);
	}
	if (b->channel[PEER_store] >= 0)
		b->recording[what]++;	/* else: step_started() asks the fresh one */
	broker_send(b, MSG_broker_record, &body);
	step_expect(b, STEP_MS);
}

void
step_stop(struct broker *b, uint32_t event, const char *about, uint32_t detail)
{
	b->state.phase = PHASE(STOP);
	print_event(event, about, detail);
	step_dismiss(b, PEER_crypto);
	step_dismiss(b, PEER_link);
	step_dismiss(b, PEER_net);
	/* That it stopped is kept for the next boot's wait; without a store, or before there is one, that boot waits no longer. */
	if (b->channel[PEER_store] >= 0)
		step_record(b, RECORD_stopped, 0);
	else
		step_begin_wait(b);
}

void
step_reboot(struct broker *b)
{
	struct msg_broker_reboot reboot = { 0 };
	struct msg_broker_stop say = { 0 };

	b->stopping = 2;
	step_expect(b, GO_MS);
	if (b->channel[PEER_kexec] >= 0)
		broker_send(b, MSG_broker_reboot, &reboot);
	else
		broker_send(b, MSG_broker_stop, &say);
}

void
step_jump(struct broker *b)
{
	struct msg_broker_go go = { 0 };

	print_checkpoint(9, "jump");
	broker_send(b, MSG_broker_go, &go);
	step_expect(b, GO_MS);
}

void
step_load(struct broker *b)
{
	struct msg_broker_load body = { 0 };

	broker_send(b, MSG_broker_load, &body);
	step_expect(b, LOAD_MS);
}

void
step_next(struct broker *b)
{
	struct msg_broker_next body = { 0 };

	broker_send(b, MSG_broker_next, &body);
	step_expect(b, STEP_MS);
}

void
step_print_progress(struct broker *b, uint32_t part, uint64_t done_bytes, uint64_t total_bytes)
{
	if (part != PART_kernel && part != PART_initramfs)
		return;		/* a document: there at once */
	if (done_bytes >= b->progress_bytes && done_bytes - b->progress_bytes < PROGRESS_BYTES)
		return;
	b->progress_bytes = done_bytes;
	print_line("%s: %llu of %llu bytes", part == PART_kernel ? "kernel" : "initramfs", (unsigned long long)done_bytes,
	    (unsigned long long)total_bytes);
}

void
step_start(struct broker *b)
{
	print_checkpoint(1, "preboot is up; init, broker and crypto-worker are confined");
	step_start_program(b, PEER_crypto);
	step_expect(b, TPM_MS);
}

/* --- init --- */

static void
on_init_armed(struct broker *b, const struct msg_init_armed *body)
{
	if (b->state.phase == PHASE(STOP))
		return;		/* kexec-worker has died meanwhile: there is nobody left to jump */
	if (body->error != 0)
		print_event(EV_watchdog, "init", body->error);
	else
		print_line("watchdog: a reset in %u s unless the generation takes it over", body->seconds);
	step_jump(b);
}

/* --- crypto-worker --- */

static void
on_crypto_closed(struct broker *b, const struct msg_crypto_closed *body)
{
	char node[33];

	print_checkpoint(2, "the door behind is closed: TPM read and locked, PCR 8 extended in %u bank%s; node %s%s", body->banks,
	    body->banks == 1 ? "" : "s", short_id(body->node, 16, node), (body->flags & CLOSED_enrolled_now) != 0 ? ", enrolled now" : "");
	step_start_program(b, PEER_kexec);
	step_start_program(b, PEER_store);
}

static void
on_crypto_failed(struct broker *b, const struct msg_crypto_failed *body)
{
	step_stop(b, body->event, "crypto-worker", body->detail);
}

static void
on_crypto_refused(struct broker *b, const struct msg_crypto_refused *body)
{
	print_candidate(&body->c);
	step_expect(b, STEP_MS);
}

static void
on_crypto_surveyed(struct broker *b, const struct msg_crypto_surveyed *body)
{
	print_checkpoint(3, "cache surveyed: %u of %u generations may be booted", body->usable, body->offered);
	step_link(b);
}

static void
on_crypto_chosen(struct broker *b, const struct msg_crypto_chosen *body)
{
	char id[33];

	b->begun = body->cause == CHOSEN_ticket ? RECORD_ticket : RECORD_begun;
	b->candidate = body->c;
	b->progress_bytes = 0;
	if (body->c.slot == SLOT_NONE)
		print_line("generation %s v%llu from the org: %llu bytes to fetch", short_id(body->c.id, 6, id),
		    (unsigned long long)body->c.version, (unsigned long long)body->total_bytes);
	else
		print_line("generation %s v%llu from slot %u%s: %llu bytes to fetch", short_id(body->c.id, 6, id),
		    (unsigned long long)body->c.version, body->c.slot, body->cause == CHOSEN_fallback ? ", a fallback" : "",
		    (unsigned long long)body->total_bytes);
	step_expect(b, STEP_MS);
}

static void
on_crypto_none(struct broker *b, const struct msg_crypto_none *body)
{
	step_stop(b, body->event, "cache", 0);
}

static void
on_crypto_supplied(struct broker *b, const struct msg_crypto_supplied *body)
{
	print_checkpoint(5, "supplied from %s: %llu bytes", b->candidate.slot == SLOT_NONE ? "the org" : "the cache",
	    (unsigned long long)body->total_bytes);
	step_expect(b, STEP_MS);
}

static void
on_crypto_rejected(struct broker *b, const struct msg_crypto_rejected *body)
{
	print_candidate(&body->c);
	step_next(b);
}

static void
on_crypto_verified(struct broker *b, const struct msg_crypto_verified *body)
{
	char id[33];

	b->candidate = body->c;
	b->watchdog_s = body->watchdog_s;
	step_dismiss(b, PEER_net);	/* everything is there */
	print_checkpoint(6, "generation %s v%llu verified: %u of %u release keys (%u needed)", short_id(body->c.id, 6, id),
	    (unsigned long long)body->c.version, body->c.keys_good, body->c.keys_listed, body->c.keys_need);
	if (b->spent[PEER_store] || body->c.slot == SLOT_NONE) {
		if (b->spent[PEER_store])
			print_event(EV_program_spent, "store-worker: the attempt is not recorded", 0);
		print_checkpoint(7, "attempt not recorded");
		step_load(b);
	} else
		step_record(b, b->begun, 0);
}

static void
on_crypto_wiped(struct broker *b, const struct msg_crypto_wiped *body)
{
	print_checkpoint(8, "loaded; key wiped (%llu bytes); waiting for crypto-worker to end", (unsigned long long)body->wiped_bytes);
	step_expect(b, GO_MS);
}

static void
on_crypto_unloaded(struct broker *b, const struct msg_crypto_unloaded *body)
{
	print_event(body->event, "kexec-worker", body->detail);
	if (b->channel[PEER_store] < 0)
		step_begin_wait(b);
	else if (b->candidate.slot == SLOT_NONE)
		step_record(b, RECORD_stopped, 0);	/* the journal is about what is in the cache; that there was a stop it keeps all the same */
	else
		step_record(b, RECORD_failed, body->event);
}

/* --- store-worker --- */

static void
on_store_progress(struct broker *b, const struct msg_store_progress *body)
{
	if (b->state.phase == PHASE(STOP))
		return;		/* nobody waits for it any more */
	step_expect_at_least(b, STEP_MS);
	step_print_progress(b, body->part, body->done_bytes, body->total_bytes);
}

static void
on_store_recorded(struct broker *b, const struct msg_store_recorded *body)
{
	if (body->event != 0 && body->what != RECORD_stopped)
		print_event(body->event, "store-worker: not recorded, the boot goes on", 0);
	if (b->state.phase == PHASE(STOP)) {
		/* An attempt that was still being written when the boot ended is not what is waited for; behind a failure comes the stop. */
		if (body->what == RECORD_failed)
			step_record(b, RECORD_stopped, 0);
		else if (body->what == RECORD_stopped)
			step_begin_wait(b);
		return;
	}
	print_checkpoint(7, "attempt %s", body->event == 0 ? "recorded" : "not recorded");
	step_load(b);
}

/* The one message that brings a descriptor to the broker itself. */
static struct frame *handled;

static void
on_init_started(struct broker *b, const struct msg_init_started *body)
{
	step_started(b, body, handled);
}

void
step_message(struct broker *b, struct frame *frame)
{
	const void *body = frame->body;

	handled = frame;
	switch ((enum msg_id)frame->id) {
#define TO_broker(name) on_##name(b, body); return;
#define NOT_OURS break;
#include "dispatch.def"
	}
	broker_exit(EXIT_BUG);	/* not ours to receive: admit() lets none of them through */
}
