/*
 * What crypto-worker says, and what it wipes before it ends.  The innermost side of the wall.
 * Distrusts the broker: if it cannot be told, this is the end, and an end leaves no secret.
 */
#include <sodium.h>

#include "crypto.h"
#include "exits.h"

void
wipe_secrets(struct crypto *c)
{
	if (c->secrets != NULL)
		sodium_free(c->secrets);	/* wipes */
	c->secrets = NULL;
}

void
crypto_wipe(struct crypto *c)
{
	if (c->handover != NULL)
		sodium_memzero(c->handover + c->tail_at, TAIL_BYTES);
	wipe_secrets(c);
	if (c->tpm != NULL)
		tpm_finish(c->tpm);
}

void
crypto_send(struct crypto *c, uint32_t id, const void *body)
{
	if (worker_send(FD_CHANNEL, &c->state, id, body, NULL) != 0)
		crypto_exit(c, EXIT_PEER);
}

uint32_t
crypto_detail(const struct crypto *c, enum event event)
{
	return event / 100 == 2 ? tpm_detail(c->tpm) : 0;
}

_Noreturn void
crypto_fail(struct crypto *c, enum event event, uint32_t detail)
{
	struct msg_crypto_failed body = { .event = event, .detail = detail };

	wipe_secrets(c);
	crypto_send(c, MSG_crypto_failed, &body);
	crypto_exit(c, EXIT_CLOSED);
}
