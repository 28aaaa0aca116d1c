/*
 * crypto-worker's dispatch: one message in, one handler.  Innermost side of the wall.
 * Distrusts the broker: what admit() does not let pass ends this program, and with it the boot.
 */
#include "crypto.h"
#include "exits.h"

static struct frame frame;

static void
on_store_offer(struct crypto *c, const struct msg_store_offer *body)
{
	if (c->state.phase == PHASE(SURVEY))	/* the inventory is made: what a fresh store-worker offers is not looked at */
		survey_offer(c, body);
}

static void
on_store_offered(struct crypto *c, const struct msg_store_offered *body)
{
	if (c->state.phase == PHASE(SURVEY))
		survey_offered(c, body);
}

static void
on_store_filled(struct crypto *c, const struct msg_store_filled *body)
{
	/* An answer to what was asked of a store-worker that is gone says nothing.  Which part it is about we know: it is what was asked. */
	if (c->want_fd < 0 || body->number != c->want.number)
		return;
	if (c->state.phase == PHASE(SURVEY))
		survey_filled(c, body);
	else
		supply_filled(c, body);
}

static void
on_broker_lost(struct crypto *c, const struct msg_broker_lost *body)
{
	const int final = body->final != 0;

	/* Nothing is forgotten as open: a want that was on its way may still be answered by the fresh one, and that answer is legal. */
	switch (c->state.phase) {
	case PHASE(SURVEY):
		survey_lost(c, final);	/* net-worker does not run yet: the broker's lie costs the boot, nothing else */
		return;
	case PHASE(ASK):
		if (body->program == PEER_net)
			ask_lost(c, final);
		return;
	case PHASE(SUPPLY):
		if (body->program == PEER_net || c->keeping)
			download_lost(c, (enum peer)body->program, final);
		else
			supply_lost(c, final);
		return;
	default:
		return;		/* nothing is asked of either */
	}
}

static void
on_broker_ask(struct crypto *c, const struct msg_broker_ask *body)
{
	(void)body;	/* it says nothing */
	if (c->config.org[0] == '\0')
		crypto_exit(c, EXIT_PEER);
	ask_challenge(c);
}

static void
on_broker_offline(struct crypto *c, const struct msg_broker_offline *body)
{
	if (c->config.org[0] == '\0')
		crypto_exit(c, EXIT_PEER);
	ask_failed(c, (enum event)body->event);
}

static void
on_net_got(struct crypto *c, const struct msg_net_got *body)
{
	/* An answer to what was asked of a net-worker that is gone says nothing. */
	if (c->get_fd < 0 || c->post_fd >= 0 || body->number != c->get_number)
		return;
	if (c->state.phase == PHASE(ASK))
		ask_got(c, body);
	else
		download_got(c, body);
}

static void
on_net_posted(struct crypto *c, const struct msg_net_posted *body)
{
	if (c->get_fd >= 0 && c->post_fd >= 0 && body->number == c->get_number)
		ask_posted(c, body);
}

static void
on_store_kept(struct crypto *c, const struct msg_store_kept *body)
{
	download_kept(c, body);
}

static void
on_broker_next(struct crypto *c, const struct msg_broker_next *body)
{
	(void)body;	/* it says nothing */
	supply_next(c);
}

static void
on_broker_load(struct crypto *c, const struct msg_broker_load *body)
{
	(void)body;	/* it says nothing */
	load_generation(c);
}

static void
on_kexec_loaded(struct crypto *c, const struct msg_kexec_loaded *body)
{
	load_loaded(c, body);
}

static void
dispatch(struct crypto *c)
{
	const void *body = frame.body;

	switch ((enum msg_id)frame.id) {
#define TO_crypto(name) on_##name(c, body); return;
#define NOT_OURS break;
#include "dispatch.def"
	}
	crypto_exit(c, EXIT_BUG);	/* not ours to receive: admit() lets none of them through */
}

void
crypto_receive(struct crypto *c)
{
	enum admit_why why;
	int rc = worker_recv(FD_CHANNEL, WAY_hub, &c->state, &frame, &why);

	if (rc <= 0)
		crypto_exit(c, rc == 0 ? EXIT_CLOSED : EXIT_PEER);
	dispatch(c);
	frame_close(&frame);
}
