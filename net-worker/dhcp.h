#ifndef NET_DHCP_H
#define NET_DHCP_H
/*
 * DHCPv4 as preboot needs it: RFC 2131, RFC 2132, RFC 3396 (long options), RFC 3442 (routes).  Pure: bytes and a clock come in as
 * arguments, no system call, no allocation.  Addresses are in the machine's order.
 *
 * No client identifier is sent: a server then knows the machine by its MAC address (RFC 2131, 4.2), so that reservations by MAC hold and
 * the generation, whose own client sends whatever it likes, does not take a second address from a server that matches by either.
 * No host name, no vendor class either: nothing is told that is not needed, and nothing asked for that is not used.
 */
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "bodies.h"
#include "netif.h"

enum {
	DHCP_SERVER_PORT = 67, DHCP_CLIENT_PORT = 68,
	DHCP_MAX = 1500,		/* bytes of a reply: one Ethernet frame; longer ones are cut by the socket and not looked at */
	DHCP_SENT = 300,		/* bytes: what relays of BOOTP's time let pass, RFC 1542, 2.1 */
	DHCP_LEASE_LEAST_S = 60,	/* preboot does not renew: a shorter lease might be another's before it is done */
};

enum dhcp_type { DHCP_discover = 1, DHCP_offer = 2, DHCP_request = 3, DHCP_ack = 5, DHCP_nak = 6 };

/* What an offer or an ack says, each field in its range; of a nak type and server alone. */
struct dhcp_reply {
	enum dhcp_type type;
	uint32_t server, address;
	uint32_t prefix;		/* 1..32 */
	uint32_t gateway;		/* 0: none */
	uint32_t dns[DNS_MAX];		/* 0 behind the last one */
	uint32_t mtu;			/* 576..9000; 0: none said, or no good one */
	uint32_t lease_s;		/* 0: for ever */
	uint32_t routes;
	struct {
		uint32_t to, by, prefix;
	} route[ROUTES_MAX];		/* more are not taken */
};

/*
 * 0; -ENOMSG: not for us (another's, an older question's, no DHCP at all); -EBADMSG: for us and of no use: malformed, or an address that
 * no host can have.  take_routes: options 121 and 249 count, and then the routers of option 3 do not (RFC 3442).
 */
int dhcp_parse(const uint8_t *packet, size_t len_bytes, uint32_t xid, const uint8_t mac[MAC_BYTES], int take_routes, struct dhcp_reply *out);

struct dhcp_ask {
	enum dhcp_type type;		/* DHCP_discover or DHCP_request */
	uint32_t xid;
	uint32_t secs;			/* since the first one */
	uint32_t address, server;	/* DHCP_request: of the offer */
	int routes;			/* ask for them */
	uint8_t mac[MAC_BYTES];
};
void dhcp_build(const struct dhcp_ask *ask, uint8_t out[DHCP_SENT]);

/* The client: dhcp_client.c.  Times are CLOCK_MONOTONIC in milliseconds; every random number is 32 fresh bits of the caller's. */
struct dhcp_client {
	uint8_t mac[MAC_BYTES];
	uint8_t take_routes;
	uint8_t requesting;		/* 1: an offer was taken; 0: discovering */
	uint8_t unusable;		/* 1: something for us came that is of no use */
	uint8_t tries;			/* discovers, or requests of this offer, that were sent */
	uint32_t xid;
	uint32_t address, server;	/* requesting: of the offer */
	uint32_t base_ms, delay_ms;	/* the first wait for an answer, and the next one */
	uint64_t start_ms, next_ms, over_ms;
};

void dhcp_start(struct dhcp_client *c, const uint8_t mac[MAC_BYTES], int take_routes, uint64_t now_ms, uint64_t wait_ms, uint32_t random);

/* When dhcp_send() or dhcp_over() has something to say. */
uint64_t dhcp_due_ms(const struct dhcp_client *c);

/* 1: *ask is to be broadcast now; 0: not yet. */
int dhcp_send(struct dhcp_client *c, uint64_t now_ms, uint32_t random, struct dhcp_ask *ask);

/* Something came.  1: *reply is the ack that makes the lease; 0: go on. */
int dhcp_hear(struct dhcp_client *c, uint64_t now_ms, uint32_t random, const uint8_t *packet, size_t len_bytes, struct dhcp_reply *reply);

/* EV_none while there is time; then why there is no lease. */
enum event dhcp_over(const struct dhcp_client *c, uint64_t now_ms);
#endif
