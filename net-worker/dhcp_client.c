/*
 * The DHCP client's states: discover, request, lease; RFC 2131, 3.1 and 4.4.1.  In net-link; time and random numbers are arguments.
 * Distrusts servers: one that offers and then falls silent, says no, or speaks nonsense costs time, which has a bound, and nothing else.
 *
 * It does not wait one to ten seconds at first (4.4.1: against machines that start in step; firmware sees to that), does not probe the
 * address by ARP (it has no raw socket) and does not renew: preboot runs for seconds.
 */
#include <errno.h>
#include <string.h>

#include "dhcp.h"

enum {
	FIRST_MOST_MS = 4000,		/* RFC 2131, 4.1: 4 s, then 8, 16, 32, 64, each with a jitter */
	FIRST_LEAST_MS = 100,
	FIRST_SHARE = 8,		/* but of the first wait there must be some in all the time that there is */
	DELAY_MOST_MS = 64000,
	REQUESTS_MOST = 3,		/* then this server counts as gone */
};

/* A quarter more or less. */
static uint64_t
jitter(uint32_t ms, uint32_t random)
{
	return (uint64_t)ms - ms / 4 + random % (ms / 2 + 1);
}

/* From the beginning, with another number: what still answers the old one is not looked at. */
static void
discover(struct dhcp_client *c, uint64_t at_ms, uint32_t random)
{
	c->requesting = 0;
	c->tries = 0;
	c->xid = random;
	c->delay_ms = c->base_ms;
	c->next_ms = at_ms;
}

void
dhcp_start(struct dhcp_client *c, const uint8_t mac[MAC_BYTES], int take_routes, uint64_t now_ms, uint64_t wait_ms, uint32_t random)
{
	uint64_t first = wait_ms / FIRST_SHARE;

	memset(c, 0, sizeof *c);
	memcpy(c->mac, mac, sizeof c->mac);
	c->take_routes = take_routes != 0;
	c->base_ms = (uint32_t)(first > FIRST_MOST_MS ? FIRST_MOST_MS : first < FIRST_LEAST_MS ? FIRST_LEAST_MS : first);
	c->start_ms = now_ms;
	c->over_ms = now_ms + wait_ms;
	discover(c, now_ms, random);
}

uint64_t
dhcp_due_ms(const struct dhcp_client *c)
{
	return c->next_ms < c->over_ms ? c->next_ms : c->over_ms;
}

int
dhcp_send(struct dhcp_client *c, uint64_t now_ms, uint32_t random, struct dhcp_ask *ask)
{
	if (now_ms < c->next_ms || now_ms >= c->over_ms)
		return 0;
	if (c->requesting && c->tries == REQUESTS_MOST)
		discover(c, now_ms, random);
	memset(ask, 0, sizeof *ask);
	ask->type = c->requesting ? DHCP_request : DHCP_discover;
	ask->xid = c->xid;
	ask->secs = (uint32_t)((now_ms - c->start_ms) / 1000);
	ask->routes = c->take_routes;
	memcpy(ask->mac, c->mac, sizeof ask->mac);
	if (c->requesting) {
		ask->address = c->address;
		ask->server = c->server;
	}
	if (c->tries < UINT8_MAX)
		c->tries++;
	c->next_ms = now_ms + jitter(c->delay_ms, random);
	c->delay_ms = c->delay_ms > DELAY_MOST_MS / 2 ? DELAY_MOST_MS : 2 * c->delay_ms;
	return 1;
}

int
dhcp_hear(struct dhcp_client *c, uint64_t now_ms, uint32_t random, const uint8_t *packet, size_t len_bytes, struct dhcp_reply *reply)
{
	struct dhcp_reply r;
	int rc = dhcp_parse(packet, len_bytes, c->xid, c->mac, c->take_routes, &r);

	if (rc != 0) {
		c->unusable |= rc == -EBADMSG;
		return 0;
	}
	if (c->tries == 0)
		return 0;		/* the answer to what was not asked yet: whoever says it would set our pace */
	if (!c->requesting) {
		if (r.type != DHCP_offer)
			return 0;
		c->requesting = 1;	/* the first good one */
		c->address = r.address;
		c->server = r.server;
		c->tries = 0;
		c->delay_ms = c->base_ms;
		c->next_ms = now_ms;
		return 0;
	}
	if (r.server != c->server)
		return 0;		/* another server's offer, or its no to what it was not asked */
	if (r.type == DHCP_nak) {
		discover(c, now_ms + jitter(c->base_ms, random), random);	/* not at once: it would be a race that a liar sets the pace of */
		return 0;
	}
	if (r.type != DHCP_ack || r.address != c->address)
		return 0;
	*reply = r;
	return 1;
}

enum event
dhcp_over(const struct dhcp_client *c, uint64_t now_ms)
{
	if (now_ms < c->over_ms)
		return EV_none;
	return c->unusable ? EV_net_lease : EV_net_no_lease;
}
