/*
 * What the broker keeps in mind of messages that it hands on: which question is open, and that an answer is about it.  The middle of the wall.
 * Distrusts whoever answers: about something else, twice, or in the name of a worker that is gone.
 */
#include <string.h>

#include "broker.h"
#include "steps.h"

/*
 * About what was asked last, by its number.  An older number is right only while two questions are open: the first was on its way to a worker
 * that is gone, and a fresh one answers it.  What that one was about nobody keeps in mind: crypto-worker does not look at its answer.
 */
static int
numbered(const struct broker *b, uint32_t number, uint32_t last, uint32_t question)
{
	return number == last || (number < last && b->state.open[question] > 1) ? 0 : -1;
}

static int
leased(struct broker *b, const struct msg_link_lease *lease)
{
	b->leased = 1;
	step_print_lease(lease);
	step_expect(b, STEP_MS);
	return 0;
}

/* The org's word is worked on by the TPM.  An event's detail (HTTP status, TLS alert) is told here or nowhere. */
static int
answered(struct broker *b, uint32_t number, uint32_t last, uint32_t question, uint32_t event, uint32_t detail)
{
	if (numbered(b, number, last, question) != 0)
		return -1;
	if (number != last)
		return 0;
	if (event != EV_none)
		print_event(event, "net-worker", detail);
	step_expect(b, b->state.phase == PHASE(ASK) ? TPM_MS : STEP_MS);
	return 0;
}

static int
kept(struct broker *b, const struct msg_store_kept *body)
{
	const int last = body->number == b->keep.number;

	if (numbered(b, body->number, b->keep.number, MSG_crypto_keep) != 0 || (last && body->part != b->keep.part))
		return -1;
	if (!last || b->state.phase != PHASE(SUPPLY))
		return 0;	/* crypto-worker has given it up, or everything ended: nobody waits for it */
	if (body->event != EV_none)
		print_event(body->event, "store-worker: not kept, the boot goes on", 0);
	else if (body->part == PART_LAST)
		print_line("kept in slot %u of the cache", body->slot);
	step_expect(b, STEP_MS);
	return 0;
}

static int
filled(const struct broker *b, const struct msg_store_filled *body)
{
	if (body->number == b->want.number && (body->slot != b->want.slot || body->part != b->want.part))
		return -1;
	return numbered(b, body->number, b->want.number, MSG_crypto_want);
}

int
step_forward(struct broker *b, const struct frame *frame)
{
	const void *body = frame->body;		/* in range: msg_check() comes first; aligned for every body */
	const struct msg_net_got *got = body;
	const struct msg_net_posted *posted = body;
	const struct msg_store_recorded *recorded = body;

	switch ((int)frame->id) {
	case MSG_crypto_want:
		memcpy(&b->want, body, sizeof b->want);
		return 0;
	case MSG_crypto_keep:
		memcpy(&b->keep, body, sizeof b->keep);
		step_expect(b, KEEP_MS);
		return 0;
	case MSG_crypto_get:
		b->get = ((const struct msg_crypto_get *)body)->number;
		step_expect_net(b);
		return 0;
	case MSG_crypto_post:
		b->post = ((const struct msg_crypto_post *)body)->number;
		step_expect_net(b);
		return 0;
	case MSG_link_lease:
		return leased(b, body);
	case MSG_link_failed:
		/* Behind a lease crypto-worker would be told of no network, and init answer when LINK is over. */
		return b->leased ? -1 : 0;
	case MSG_store_offered:
		b->stops = ((const struct msg_store_offered *)body)->stops;
		return 0;
	case MSG_store_recorded:
		return b->recording[recorded->what] > 0 ? (b->recording[recorded->what]--, 0) : -1;
	case MSG_store_filled:
		return filled(b, body);
	case MSG_store_kept:
		return kept(b, body);
	case MSG_net_got:
		return answered(b, got->number, b->get, MSG_crypto_get, got->event, got->detail);
	case MSG_net_posted:
		return answered(b, posted->number, b->post, MSG_crypto_post, posted->event, posted->detail);
	default:
		return 0;
	}
}
