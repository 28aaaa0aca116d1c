/*
 * The lease: from config, from config and DHCP's answer, or from config and the kernel's own address.  In net-link.  Pure.
 * The config is the image's, and was checked where it was made; what does not fit all the same is no lease.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "link.h"

enum { V4_AT = 12, V4_BITS = 32, V6_BITS = 128 };

/* ::ffff:a.b.c.d */
static void
put_v4(uint8_t out[ADDRESS_BYTES], uint32_t a)
{
	memset(out, 0, ADDRESS_BYTES);
	out[10] = out[11] = 0xff;
	for (unsigned i = 0; i < 4; i++)
		out[V4_AT + i] = (uint8_t)(a >> (24 - 8 * i) & 0xff);
}

/* 0 is none. */
static void
put_some_v4(uint8_t out[ADDRESS_BYTES], uint32_t a)
{
	if (a != 0)
		put_v4(out, a);
}

/* An address of either kind; its bits, or 0: it is none. */
static uint32_t
get_address(const char *text, uint8_t out[ADDRESS_BYTES])
{
	struct in_addr v4;
	uint8_t v6[ADDRESS_BYTES];

	if (inet_pton(AF_INET, text, &v4) == 1) {
		put_v4(out, ntohl(v4.s_addr));
		return V4_BITS;
	}
	if (inet_pton(AF_INET6, text, v6) != 1)
		return 0;
	memcpy(out, v6, sizeof v6);
	return V6_BITS;
}

/* ADDRESS/PREFIX. */
static int
get_with_prefix(const char *text, uint8_t out[ADDRESS_BYTES], uint32_t *prefix)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/'), *p;
	uint32_t bits, n = 0;

	if (slash == NULL || (size_t)(slash - text) >= sizeof address)
		return -EINVAL;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	bits = get_address(address, out);
	for (p = slash + 1; *p >= '0' && *p <= '9' && n <= V6_BITS; p++)
		n = 10 * n + (uint32_t)(*p - '0');
	if (bits == 0 || p == slash + 1 || *p != '\0' || n == 0 || n > bits)
		return -EINVAL;
	*prefix = n;
	return 0;
}

/* The interface and config's name servers: what every lease has. */
static int
begin(const struct doc_config *config, const struct netif *i, struct msg_link_lease *out)
{
	memset(out, 0, sizeof *out);
	memcpy(out->interface, i->name, sizeof out->interface);
	memcpy(out->mac, i->mac, sizeof i->mac);
	out->index = i->index;
	for (uint32_t n = 0; n < config->dns.count && n < DNS_MAX; n++)
		if (get_address(config->dns.at[n], out->dns[n]) == 0)
			return -EINVAL;
	return 0;
}

static int
end(const struct msg_link_lease *lease)
{
	return msg_check(MSG_link_lease, lease) == 0 ? 0 : -EINVAL;
}

enum how
link_how(const struct doc_config *config)
{
	if (strcmp(config->address, "dhcp") == 0)
		return HOW_dhcp;
	return strcmp(config->address, "ra") == 0 ? HOW_ra : HOW_static;
}

int
link_lease_dhcp(const struct doc_config *config, const struct netif *i, const struct dhcp_reply *reply, struct msg_link_lease *out)
{
	if (begin(config, i, out) != 0)
		return -EINVAL;
	put_v4(out->address, reply->address);
	put_some_v4(out->gateway, reply->gateway);
	put_v4(out->server, reply->server);
	out->prefix = reply->prefix;
	out->mtu = reply->mtu;
	out->lease_s = reply->lease_s;
	for (unsigned n = 0; n < DNS_MAX && config->dns.count == 0; n++)
		put_some_v4(out->dns[n], reply->dns[n]);
	out->routes = reply->routes;
	for (uint32_t n = 0; n < reply->routes && n < ROUTES_MAX; n++) {
		put_v4(out->route[n].to, reply->route[n].to);
		put_v4(out->route[n].by, reply->route[n].by);
		out->route[n].prefix = reply->route[n].prefix;
	}
	return end(out);
}

int
link_lease_ra(const struct doc_config *config, const struct netif *i, struct msg_link_lease *out)
{
	return begin(config, i, out) == 0 ? end(out) : -EINVAL;
}

int
link_lease_static(const struct doc_config *config, const struct netif *i, struct msg_link_lease *out)
{
	if (begin(config, i, out) != 0 || get_with_prefix(config->address, out->address, &out->prefix) != 0)
		return -EINVAL;
	if (config->gateway[0] != '\0' && get_address(config->gateway, out->gateway) == 0)
		return -EINVAL;
	return end(out);
}
