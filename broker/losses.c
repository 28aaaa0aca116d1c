/*
 * What the loss or the silence of a program leads to.  Inside the wall.
 * Distrusts every worker: one that left, lied or hangs is named, replaced if it may be, and never waited for without a clock.
 */
#include <string.h>
#include <unistd.h>

#include "broker.h"
#include "exits.h"
#include "steps.h"

int
step_forward(struct broker *b, const struct frame *frame)
{
	struct msg_store_recorded recorded;
	struct msg_store_offered offered;
	struct msg_store_filled filled;

	if (frame->id == MSG_crypto_want)
		memcpy(&b->want, frame->body, sizeof b->want);
	if (frame->id == MSG_store_offered) {
		memcpy(&offered, frame->body, sizeof offered);
		b->stops = offered.stops;
	}
	if (frame->id == MSG_store_recorded) {
		memcpy(&recorded, frame->body, sizeof recorded);	/* in range: msg_check() comes first */
		return b->recording[recorded.what] > 0 ? (b->recording[recorded.what]--, 0) : -1;
	}
	if (frame->id != MSG_store_filled)
		return 0;
	/*
	 * About what was asked last, and by its number.  An older number is right only while two questions are open: the first was on its
	 * way to a store-worker that is gone, and a fresh one answers it.
	 */
	memcpy(&filled, frame->body, sizeof filled);
	if (filled.slot != b->want.slot || filled.part != b->want.part || filled.number > b->want.number)
		return -1;
	return filled.number == b->want.number || b->state.open[MSG_crypto_want] > 1 ? 0 : -1;
}

/* Nobody will answer crypto-worker any more. */
static void
say_lost_for_good(struct broker *b)
{
	struct msg_broker_lost lost = { .program = PEER_store, .final = 1 };

	admit_forget(&b->state, PEER_store);
	broker_send(b, MSG_broker_lost, &lost);
	step_expect(b, STEP_MS);
}

/*
 * A question for a store-worker that is not there: a fresh one is on its way, and crypto-worker hears of it by broker_lost; or there will
 * be none, and it must hear that.
 */
void
step_undeliverable(struct broker *b, enum peer peer)
{
	if (peer == PEER_store && b->store_spent)
		say_lost_for_good(b);
}

static void
store_lost(struct broker *b)
{
	const uint32_t needed = PHASE(SURVEY) | PHASE(SUPPLY) | PHASE(VERIFY) | PHASE(RECORD);

	admit_forget(&b->state, PEER_store);
	memset(b->recording, 0, sizeof b->recording);
	if (b->restarts < RESTARTS_MAX && (b->state.phase & needed) != 0) {
		b->restarts++;
		step_start_program(b, PEER_store);
		return;
	}
	b->store_spent = 1;
	switch (b->state.phase) {
	case PHASE(SURVEY):
	case PHASE(SUPPLY):
		print_event(EV_program_spent, "store-worker", b->restarts);
		say_lost_for_good(b);
		break;
	case PHASE(RECORD):
		/* A broken cache never stops a boot. */
		print_event(EV_program_spent, "store-worker: the attempt is not recorded", b->restarts);
		step_load(b);
		break;
	case PHASE(STOP):
		if (b->stopping == 0)
			step_begin_wait(b);
		break;
	default:
		break;
	}
}

static void
crypto_lost(struct broker *b, enum loss loss)
{
	struct msg_broker_arm arm = { .seconds = b->watchdog_s };

	if (b->state.phase == PHASE(STOP))
		return;		/* it has said why and ended */
	if (b->state.phase != PHASE(GO) || loss != LOST_closed) {
		step_stop(b, loss == LOST_closed ? EV_program_died : EV_program_misbehaved, "crypto-worker", 0);
		return;
	}
	/* Its memory went back to the kernel, wiped (init_on_free), before its channel closed: exit_mm() comes before exit_files(). */
	if (b->watchdog_s == 0) {
		step_jump(b);
		return;
	}
	broker_send(b, MSG_broker_arm, &arm);
	step_expect(b, GO_MS);
}

void
step_lost(struct broker *b, enum peer peer, enum loss loss, const char *why)
{
	if (peer == PEER_init)
		broker_exit(EXIT_CLOSED);
	(void)close(b->channel[peer]);	/* a socket: nothing is buffered that could be lost */
	b->channel[peer] = -1;
	if (loss == LOST_misbehaved)
		print_event(EV_program_misbehaved, peer_name(peer), 0);
	if (loss != LOST_closed || peer != PEER_crypto || (b->state.phase & (PHASE(GO) | PHASE(STOP))) == 0)
		print_line("%s%s %s (phase %s)", peer_name(peer), loss == LOST_closed ? "" : ":", why, phase_name(b->state.phase));
	switch (peer) {
	case PEER_store:
		store_lost(b);
		return;
	case PEER_crypto:
		crypto_lost(b, loss);
		return;
	case PEER_kexec:
		/* Nobody is left who could reboot in order: after the wait init lets the kernel do it. */
		if (b->stopping == 2)
			broker_exit(EXIT_PEER);		/* it was to reboot and did not */
		if (b->state.phase != PHASE(STOP))
			step_stop(b, EV_program_died, "kexec-worker", 0);
		return;
	case PEER_init:
	case PEER_broker:
	case PEER_COUNT:
		break;
	}
	broker_exit(EXIT_BUG);
}

void
step_timeout(struct broker *b)
{
	if (b->stopping == 1) {
		step_reboot(b);
		return;
	}
	if (b->stopping == 2 || b->state.phase == PHASE(GO))
		broker_exit(EXIT_PEER);		/* the reboot or the jump did not come */
	if (b->state.phase == PHASE(STOP)) {
		step_begin_wait(b);	/* what was still to be written down is not */
		return;
	}
	/*
	 * Who is silent?  init, if it was to start a program; the store, if a question to it is open and not about what is over; else
	 * crypto-worker, which has no second life.
	 */
	if (b->state.open[MSG_broker_start] != 0) {
		step_stop(b, EV_program_silent, "init", 0);
		return;
	}
	if ((b->state.phase & (PHASE(LOAD) | PHASE(GO))) == 0 && b->channel[PEER_store] >= 0 &&
	    (b->state.open[MSG_broker_survey] | b->state.open[MSG_crypto_want] |
	    b->state.open[MSG_broker_record]) != 0) {
		print_event(EV_program_silent, "store-worker", 0);
		step_lost(b, PEER_store, LOST_silent, "no answer in time");
		return;
	}
	/* In LOAD one of two: the hand-over does not pass here, so nobody here knows how far it came. */
	step_stop(b, EV_program_silent, b->state.phase == PHASE(LOAD) ? "crypto-worker or kexec-worker" : "crypto-worker", 0);
}
