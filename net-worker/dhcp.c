/*
 * DHCPv4 packets, read and written.  In net-link, behind the wall's outer side.
 * Distrusts every byte: whoever is on the wire can send this.  What is not exactly as it must be is no reply at all.
 */
#include <errno.h>
#include <string.h>

#include "dhcp.h"

/* RFC 2131, figure 1. */
enum { AT_OP = 0, AT_HTYPE = 1, AT_HLEN = 2, AT_XID = 4, AT_SECS = 8, AT_FLAGS = 10, AT_YIADDR = 16, AT_CHADDR = 28, AT_SNAME = 44,
	AT_FILE = 108, AT_COOKIE = 236, AT_OPTIONS = 240, SNAME_BYTES = 64, FILE_BYTES = 128 };
enum { OP_REQUEST = 1, OP_REPLY = 2, HTYPE_ETHERNET = 1, FLAG_BROADCAST = 0x80 };

enum { OPT_PAD = 0, OPT_MASK = 1, OPT_ROUTER = 3, OPT_DNS = 6, OPT_MTU = 26, OPT_ADDRESS = 50, OPT_LEASE = 51, OPT_OVERLOAD = 52,
	OPT_TYPE = 53, OPT_SERVER = 54, OPT_WANTED = 55, OPT_ROUTES = 121, OPT_ROUTES_MS = 249, OPT_END = 255 };
enum { MTU_LEAST = 576, MTU_MOST = 9000 /* as in check_net.c */, AREAS = 3 };

static const uint8_t cookie[4] = { 99, 130, 83, 99 };

/* Where options stand: the field itself and, by option 52, file and sname; RFC 3396, 5: joined in this order. */
struct areas {
	const uint8_t *at[AREAS];
	size_t bytes[AREAS];
	unsigned count;
};

struct value {
	uint8_t at[DHCP_MAX];
	size_t bytes;		/* joined; 0: it is not there, or empty */
};

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16 & 0xff);
	p[2] = (uint8_t)(v >> 8 & 0xff);
	p[3] = (uint8_t)(v & 0xff);
}

/* Every length stays inside, and the end is marked. */
static int
area_ok(const uint8_t *at, size_t bytes)
{
	for (size_t i = 0; i < bytes;) {
		if (at[i] == OPT_END)
			return 1;
		if (at[i] == OPT_PAD) {
			i++;
			continue;
		}
		if (bytes - i < 2 || at[i + 1] > bytes - i - 2)
			return 0;
		i += 2 + (size_t)at[i + 1];
	}
	return 0;
}

/* All instances of an option, joined: one that stands twice and must not is then too long (RFC 3396, 7).  The areas are ok. */
static void
find(const struct areas *areas, uint8_t code, struct value *v)
{
	v->bytes = 0;
	for (unsigned a = 0; a < areas->count; a++) {
		const uint8_t *at = areas->at[a];

		for (size_t i = 0; at[i] != OPT_END;) {
			if (at[i] == OPT_PAD) {
				i++;
				continue;
			}
			if (at[i] == code) {
				memcpy(v->at + v->bytes, at + i + 2, at[i + 1]);	/* all of it is at most the packet */
				v->bytes += at[i + 1];
			}
			i += 2 + (size_t)at[i + 1];
		}
	}
}

static int
find_areas(const uint8_t *packet, size_t len_bytes, struct areas *areas)
{
	struct value v;

	areas->at[0] = packet + AT_OPTIONS;
	areas->bytes[0] = len_bytes - AT_OPTIONS;
	areas->count = 1;
	if (!area_ok(areas->at[0], areas->bytes[0]))
		return -EBADMSG;
	find(areas, OPT_OVERLOAD, &v);
	if (v.bytes == 0)
		return 0;
	if (v.bytes != 1 || v.at[0] < 1 || v.at[0] > 3)
		return -EBADMSG;
	if ((v.at[0] & 1) != 0) {
		areas->at[areas->count] = packet + AT_FILE;
		areas->bytes[areas->count++] = FILE_BYTES;
	}
	if ((v.at[0] & 2) != 0) {
		areas->at[areas->count] = packet + AT_SNAME;
		areas->bytes[areas->count++] = SNAME_BYTES;
	}
	for (unsigned a = 1; a < areas->count; a++)
		if (!area_ok(areas->at[a], areas->bytes[a]))
			return -EBADMSG;
	find(areas, OPT_OVERLOAD, &v);	/* in an overloaded field it would be a loop */
	return v.bytes == 1 ? 0 : -EBADMSG;
}

/* One host's address: as is_host() of check_net.c has it. */
static int
is_host(uint32_t a)
{
	return a >> 24 != 0 && a >> 24 != 127 && a >> 24 < 224;
}

static uint32_t
mask_of(uint32_t prefix)
{
	return prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

/* A neighbour: in the subnet, neither its name nor its broadcast address, nor ourselves.  A lease of one address has no subnet. */
static int
is_neighbour(const struct dhcp_reply *r, uint32_t a)
{
	uint32_t mask = mask_of(r->prefix);

	if (!is_host(a) || a == r->address)
		return 0;
	if (r->prefix == 32)
		return 1;
	return (a & mask) == (r->address & mask) && (r->prefix == 31 || ((a & ~mask) != 0 && (a & ~mask) != ~mask));
}

/* RFC 3442: width, as many bytes of the destination as it has, router. */
static int
get_routes(const struct value *v, struct dhcp_reply *r)
{
	for (size_t i = 0; i < v->bytes;) {
		uint32_t width = v->at[i], to = 0, by;
		size_t octets = (width + 7) / 8;

		if (width > 32 || v->bytes - i < 1 + octets + 4)
			return -EBADMSG;
		for (size_t k = 0; k < octets; k++)
			to |= (uint32_t)v->at[i + 1 + k] << (24 - 8 * k);
		by = get32(v->at + i + 1 + octets);
		i += 1 + octets + 4;
		if (by == 0)		/* a neighbour without a router: the kernel asks the wire for those of the subnet anyway */
			continue;
		if (!is_neighbour(r, by))
			return -EBADMSG;
		if (width == 0) {
			r->gateway = r->gateway != 0 ? r->gateway : by;
			continue;
		}
		if (r->routes < ROUTES_MAX) {
			r->route[r->routes].to = to & mask_of(width);
			r->route[r->routes].by = by;
			r->route[r->routes++].prefix = width;
		}
	}
	return 0;
}

static int
get_gateway(const struct areas *areas, int take_routes, struct dhcp_reply *r)
{
	struct value v;

	if (take_routes) {
		find(areas, OPT_ROUTES, &v);
		if (v.bytes == 0)
			find(areas, OPT_ROUTES_MS, &v);
		if (v.bytes != 0)
			return get_routes(&v, r);
	}
	find(areas, OPT_ROUTER, &v);
	if (v.bytes % 4 != 0)
		return -EBADMSG;
	if (v.bytes == 0)
		return 0;		/* the org may be a neighbour */
	r->gateway = get32(v.at);	/* in order of preference: the first one */
	return is_neighbour(r, r->gateway) ? 0 : -EBADMSG;
}

static int
get_dns(const struct areas *areas, struct dhcp_reply *r)
{
	struct value v;
	unsigned n = 0;

	find(areas, OPT_DNS, &v);
	if (v.bytes % 4 != 0)
		return -EBADMSG;
	for (size_t i = 0; i < v.bytes && n < DNS_MAX; i += 4)
		if (is_host(get32(v.at + i)))
			r->dns[n++] = get32(v.at + i);
	return 0;
}

/* What an offer and an ack must have. */
static int
get_terms(const struct areas *areas, struct dhcp_reply *r)
{
	struct value v;
	uint32_t mask;

	find(areas, OPT_MASK, &v);
	if (v.bytes != 4)
		return -EBADMSG;
	mask = get32(v.at);
	r->prefix = (uint32_t)__builtin_popcount(mask);
	if (r->prefix == 0 || mask != mask_of(r->prefix))
		return -EBADMSG;
	if (!is_host(r->address) || (r->prefix < 31 && ((r->address & ~mask) == 0 || (r->address & ~mask) == ~mask)))
		return -EBADMSG;
	find(areas, OPT_LEASE, &v);
	if (v.bytes != 4 || get32(v.at) < DHCP_LEASE_LEAST_S)
		return -EBADMSG;
	r->lease_s = get32(v.at) == UINT32_MAX ? 0 : get32(v.at);
	find(areas, OPT_MTU, &v);
	if (v.bytes == 2) {
		r->mtu = (uint32_t)v.at[0] << 8 | v.at[1];
		if (r->mtu < MTU_LEAST || r->mtu > MTU_MOST)
			r->mtu = 0;
	}
	return 0;
}

int
dhcp_parse(const uint8_t *packet, size_t len_bytes, uint32_t xid, const uint8_t mac[MAC_BYTES], int take_routes, struct dhcp_reply *out)
{
	struct dhcp_reply r = { 0 };
	struct areas areas;
	struct value v;

	if (len_bytes <= AT_OPTIONS || len_bytes > DHCP_MAX || packet[AT_OP] != OP_REPLY || packet[AT_HTYPE] != HTYPE_ETHERNET ||
	    packet[AT_HLEN] != MAC_BYTES || get32(packet + AT_XID) != xid || memcmp(packet + AT_CHADDR, mac, MAC_BYTES) != 0 ||
	    memcmp(packet + AT_COOKIE, cookie, sizeof cookie) != 0)
		return -ENOMSG;
	if (find_areas(packet, len_bytes, &areas) != 0)
		return -EBADMSG;
	find(&areas, OPT_TYPE, &v);
	if (v.bytes != 1 || (v.at[0] != DHCP_offer && v.at[0] != DHCP_ack && v.at[0] != DHCP_nak))
		return -EBADMSG;
	r.type = (enum dhcp_type)v.at[0];
	find(&areas, OPT_SERVER, &v);
	if (v.bytes != 4 || !is_host(get32(v.at)))
		return -EBADMSG;
	r.server = get32(v.at);
	if (r.type != DHCP_nak) {
		r.address = get32(packet + AT_YIADDR);
		if (get_terms(&areas, &r) != 0 || get_gateway(&areas, take_routes, &r) != 0 || get_dns(&areas, &r) != 0)
			return -EBADMSG;
	}
	*out = r;
	return 0;
}

void
dhcp_build(const struct dhcp_ask *ask, uint8_t out[DHCP_SENT])
{
	static const uint8_t wanted[] = { OPT_MASK, OPT_ROUTER, OPT_DNS, OPT_MTU, OPT_LEASE };
	uint8_t *o = out + AT_OPTIONS;

	memset(out, 0, DHCP_SENT);
	out[AT_OP] = OP_REQUEST;
	out[AT_HTYPE] = HTYPE_ETHERNET;
	out[AT_HLEN] = MAC_BYTES;
	put32(out + AT_XID, ask->xid);
	out[AT_SECS] = (uint8_t)(ask->secs > UINT16_MAX ? 0xff : ask->secs >> 8);
	out[AT_SECS + 1] = (uint8_t)(ask->secs > UINT16_MAX ? 0xff : ask->secs & 0xff);
	out[AT_FLAGS] = FLAG_BROADCAST;		/* the interface has no address: the kernel takes in no unicast */
	memcpy(out + AT_CHADDR, ask->mac, MAC_BYTES);
	memcpy(out + AT_COOKIE, cookie, sizeof cookie);
	*o++ = OPT_TYPE;
	*o++ = 1;
	*o++ = (uint8_t)ask->type;
	if (ask->type == DHCP_request) {
		*o++ = OPT_ADDRESS;
		*o++ = 4;
		put32(o, ask->address);
		o += 4;
		*o++ = OPT_SERVER;
		*o++ = 4;
		put32(o, ask->server);
		o += 4;
	}
	*o++ = OPT_WANTED;
	*o++ = (uint8_t)(sizeof wanted + (ask->routes ? 2 : 0));
	if (ask->routes) {			/* RFC 3442: before the router option */
		*o++ = OPT_ROUTES;
		*o++ = OPT_ROUTES_MS;
	}
	memcpy(o, wanted, sizeof wanted);
	o += sizeof wanted;
	*o = OPT_END;
}
