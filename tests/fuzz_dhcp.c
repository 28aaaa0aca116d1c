/*
 * Fuzz target of DHCP replies: with and without routes, what is accepted is in range, makes a lease that
 * check_link_lease() takes, and the client takes it for what it is.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "link.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mac[MAC_BYTES] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
	static struct doc_config config;	/* of its lines the lease reads dns alone: none */
	struct netif netif = { .name = "eth0", .index = 2 };
	struct msg_link_lease lease;
	struct dhcp_client client;
	struct dhcp_reply reply, again;

	for (int routes = 0; routes < 2; routes++) {
		int rc = dhcp_parse(data, size, 0x11223344, mac, routes, &reply);

		MUST(rc == 0 || rc == -ENOMSG || rc == -EBADMSG);
		/* The client hears the same, in both states. */
		dhcp_start(&client, mac, routes, 1000, 8000, 0x11223344);
		client.tries = 1;
		MUST(dhcp_hear(&client, 1000, 7, data, size, &again) == 0);
		MUST((client.unusable != 0) == (rc == -EBADMSG));
		MUST(client.requesting == (rc == 0 && reply.type == DHCP_offer));
		if (rc != 0)
			continue;
		MUST(reply.type == DHCP_offer || reply.type == DHCP_ack || reply.type == DHCP_nak);
		MUST(routes || reply.routes == 0);
		if (reply.type == DHCP_nak)
			continue;
		memcpy(netif.mac, mac, sizeof mac);
		MUST(link_lease_dhcp(&config, &netif, &reply, &lease) == 0);
		MUST(lease.routes <= ROUTES_MAX && lease.prefix >= 1 && lease.prefix <= 32);
		client.requesting = 1;
		client.tries = 1;
		client.server = reply.server;
		client.address = reply.address;
		client.xid = 0x11223344;
		MUST(dhcp_hear(&client, 1000, 7, data, size, &again) == (reply.type == DHCP_ack));
		if (reply.type == DHCP_ack)
			MUST(memcmp(&again, &reply, sizeof reply) == 0);
	}
	return 0;
}
