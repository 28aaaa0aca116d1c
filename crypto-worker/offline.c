/*
 * Boots without a ticket, which the TPM counts: otherwise cutting the cable would undo every refusal.  Innermost side of the wall.
 * Distrusts the network's absence: that nobody answers may be an attacker's doing, and is worth so many boots and no more.
 */
#include "ask.h"

/* So many after the last ticket: what it said, or less if config says less.  None before the first one, none with the org's share. */
uint64_t
offline_most(const struct crypto *c)
{
	if (c->nv.time == 0 || c->config.release == RELEASE_org)
		return 0;
	return c->nv.offline_max < c->config.offline_max ? c->nv.offline_max : c->config.offline_max;
}

enum event
offline_count(struct crypto *c)
{
	struct tpm_state next = c->nv;
	enum event event;

	if (c->offline_counted)
		return EV_none;		/* this very boot */
	if (c->nv.offline >= offline_most(c))
		return EV_org_offline_spent;
	/* Counted before anything is booted: a power cut here costs one boot, never gives one. */
	next.offline++;
	event = tpm_state_write(c->tpm, &next);
	if (event != EV_none)
		return event;
	c->nv = next;
	c->offline_counted = 1;
	return EV_none;
}
