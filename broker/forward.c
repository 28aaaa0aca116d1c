/*
 * What the broker keeps in mind of messages that it hands on: which question is open, and that an answer is about it.  The middle of the wall.
 * Distrusts whoever answers: about something else, twice, or in the name of a worker that is gone.
 */
#include <string.h>

#include "broker.h"
#include "steps.h"

/*
 * About what was asked last, by its number.  An older number is right only while two questions are open: the first was on its way to a worker
 * that is gone, and a fresh one answers it.
 */
static int
numbered(const struct broker *b, uint32_t number, uint32_t last, uint32_t question)
{
	return number == last || (number < last && b->state.open[question] > 1) ? 0 : -1;
}

int
step_forward(struct broker *b, const struct frame *frame)
{
	const void *body = frame->body;
	const struct msg_store_offered *offered = body;
	const struct msg_store_recorded *recorded = body;
	const struct msg_store_filled *filled = body;
	const struct msg_store_kept *kept = body;

	/* In range: msg_check() comes first.  frame->body is aligned for every body. */
	switch ((int)frame->id) {
	case MSG_crypto_want:
		memcpy(&b->want, body, sizeof b->want);
		return 0;
	case MSG_crypto_keep:
		memcpy(&b->keep, body, sizeof b->keep);
		return 0;
	case MSG_crypto_get:
		b->get = ((const struct msg_crypto_get *)body)->number;
		return 0;
	case MSG_crypto_post:
		b->post = ((const struct msg_crypto_post *)body)->number;
		return 0;
	case MSG_link_lease:
		b->leased = 1;
		step_print_lease(body);
		step_expect(b, STEP_MS);
		return 0;
	case MSG_link_failed:
		return b->leased ? -1 : 0;	/* both would leave this boot with and without a network: init's answer would come out of turn */
	case MSG_store_offered:
		b->stops = offered->stops;
		return 0;
	case MSG_store_recorded:
		return b->recording[recorded->what] > 0 ? (b->recording[recorded->what]--, 0) : -1;
	case MSG_store_filled:
		if (filled->slot != b->want.slot || filled->part != b->want.part)
			return -1;
		return numbered(b, filled->number, b->want.number, MSG_crypto_want);
	case MSG_store_kept:
		return kept->part != b->keep.part ? -1 : numbered(b, kept->number, b->keep.number, MSG_crypto_keep);
	case MSG_net_got:
		return numbered(b, ((const struct msg_net_got *)body)->number, b->get, MSG_crypto_get);
	case MSG_net_posted:
		return numbered(b, ((const struct msg_net_posted *)body)->number, b->post, MSG_crypto_post);
	default:
		return 0;
	}
}
