/*
 * What the loss or the silence of a program leads to.  Inside the wall.
 * Distrusts every worker: one that left, lied or hangs is named, replaced if it may be, and never waited for without a clock.
 */
#include <string.h>
#include <unistd.h>

#include "broker.h"
#include "exits.h"
#include "steps.h"

/* Nobody will answer crypto-worker any more. */
static void
say_lost_for_good(struct broker *b, enum peer peer)
{
	struct msg_broker_lost lost = { .program = peer, .final = 1 };

	admit_forget(&b->state, peer);
	broker_send(b, MSG_broker_lost, &lost);
	step_expect_at_least(b, STEP_MS);
}

/*
 * A question for a worker that is not there is not open: a fresh one is on its way, and crypto-worker hears of it by broker_lost and asks
 * again; or there will be none, and it must hear that.
 */
void
step_undeliverable(struct broker *b, uint32_t id)
{
	const enum peer peer = (enum peer)msg_table[id].to;

	if ((peer != PEER_store && peer != PEER_net) || b->channel[peer] >= 0)
		return;		/* one that does not read is found by its silence */
	if (b->state.open[id] > 0)
		b->state.open[id]--;
	if (b->spent[peer])
		say_lost_for_good(b, peer);
}

/* 1: a fresh one is on its way. */
static int
replace(struct broker *b, enum peer peer, uint32_t needed)
{
	admit_forget(&b->state, peer);
	if (b->restarts[peer] >= RESTARTS_MAX || (b->state.phase & needed) == 0) {
		b->spent[peer] = 1;
		return 0;
	}
	b->restarts[peer]++;
	step_start_program(b, peer);
	return 1;
}

static void
store_lost(struct broker *b)
{
	memset(b->recording, 0, sizeof b->recording);
	if (replace(b, PEER_store, PHASE(SURVEY) | PHASE(LINK) | PHASE(ASK) | PHASE(SUPPLY) | PHASE(VERIFY) | PHASE(RECORD)))
		return;
	switch (b->state.phase) {
	case PHASE(SURVEY):
	case PHASE(LINK):
	case PHASE(ASK):
	case PHASE(SUPPLY):
		print_event(EV_program_spent, "store-worker", b->restarts[PEER_store]);
		say_lost_for_good(b, PEER_store);
		break;
	case PHASE(RECORD):
		/* A broken cache never stops a boot. */
		print_event(EV_program_spent, "store-worker: the attempt is not recorded", b->restarts[PEER_store]);
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

/* It ends by itself behind its lease. */
static void
link_lost(struct broker *b)
{
	if (b->state.phase != PHASE(LINK) || b->leased || replace(b, PEER_link, PHASE(LINK)))
		return;
	print_event(EV_program_spent, "net-link", b->restarts[PEER_link]);
	step_no_network(b, EV_program_spent);
}

static void
net_lost(struct broker *b)
{
	/* VERIFY: the ticket's generation may be in the cache and wrong there; then the org is asked for it. */
	const uint32_t needed = PHASE(ASK) | PHASE(SUPPLY) | PHASE(VERIFY);
	const int over = now_ms() >= b->network_over_ms;

	if (replace(b, PEER_net, over ? 0 : needed) || (b->state.phase & needed) == 0)
		return;
	if (over)
		print_event(EV_net_slow, "net-worker", 0);
	else
		print_event(EV_program_spent, "net-worker", b->restarts[PEER_net]);
	say_lost_for_good(b, PEER_net);
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

/* Who has done its part closes its channel. */
static int
expected_end(const struct broker *b, enum peer peer)
{
	return (peer == PEER_crypto && (b->state.phase & (PHASE(GO) | PHASE(STOP))) != 0) || (peer == PEER_link && b->leased);
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
	if (loss != LOST_closed || !expected_end(b, peer))
		print_line("%s%s %s (phase %s)", peer_name(peer), loss == LOST_closed ? "" : ":", why, phase_name(b->state.phase));
	switch (peer) {
	case PEER_store:
		store_lost(b);
		return;
	case PEER_link:
		link_lost(b);
		return;
	case PEER_net:
		net_lost(b);
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

/* Of whom an answer is due. */
static enum peer
silent_worker(const struct broker *b)
{
	const uint8_t *open = b->state.open;

	if ((b->state.phase & (PHASE(LOAD) | PHASE(GO))) != 0)
		return PEER_crypto;
	if (b->channel[PEER_link] >= 0)
		return PEER_link;
	if (b->channel[PEER_net] >= 0 && (open[MSG_crypto_get] | open[MSG_crypto_post]) != 0)
		return PEER_net;
	if (b->channel[PEER_store] >= 0 && (open[MSG_broker_survey] | open[MSG_crypto_want] | open[MSG_crypto_keep] |
	    open[MSG_broker_record]) != 0)
		return PEER_store;
	return PEER_crypto;
}

void
step_timeout(struct broker *b)
{
	enum peer silent;

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
	 * Who is silent?  init, if it was to start a program or to apply a lease; a worker, if a question to it is open and not about what is
	 * over; else crypto-worker, which has no second life.
	 */
	if ((b->state.open[MSG_broker_start] | b->state.open[MSG_link_lease]) != 0 && b->state.phase != PHASE(LOAD)) {
		step_stop(b, EV_program_silent, "init", 0);
		return;
	}
	silent = silent_worker(b);
	if (silent != PEER_crypto) {
		print_event(EV_program_silent, peer_name(silent), 0);
		step_lost(b, silent, LOST_silent, "no answer in time");
		return;
	}
	/* In LOAD one of two: the hand-over does not pass here, so nobody here knows how far it came. */
	step_stop(b, EV_program_silent, b->state.phase == PHASE(LOAD) ? "crypto-worker or kexec-worker" : "crypto-worker", 0);
}
