#ifndef TESTS_DHCP_PACKET_H
#define TESTS_DHCP_PACKET_H
/* A DHCP server's packets, byte by byte, apart from dhcp.c: what it reads is written here a second time on purpose. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "dhcp.h"

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static const uint8_t packet_mac[MAC_BYTES] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
enum { PACKET_XID = 0x11223344 };

struct packet {
	uint8_t at[2000];
	size_t bytes;
};

static inline void
packet_put(struct packet *p, const void *bytes, size_t n)
{
	memcpy(p->at + p->bytes, bytes, n);
	p->bytes += n;
}

static inline void
packet_byte(struct packet *p, uint8_t b)
{
	p->at[p->bytes++] = b;
}

/* An option with these bytes. */
#define OPTION(p, code, ...) packet_option((p), (code), (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))
static inline void
packet_option(struct packet *p, uint8_t code, const uint8_t *value, size_t n)
{
	packet_byte(p, code);
	packet_byte(p, (uint8_t)n);
	packet_put(p, value, n);
}

/* The fixed part, to the cookie. */
static inline void
packet_head(struct packet *p, uint32_t xid, uint32_t address)
{
	memset(p, 0, sizeof *p);
	p->at[0] = 2;
	p->at[1] = 1;
	p->at[2] = 6;
	for (int i = 0; i < 4; i++) {
		p->at[4 + i] = (uint8_t)(xid >> (24 - 8 * i) & 0xff);
		p->at[16 + i] = (uint8_t)(address >> (24 - 8 * i) & 0xff);
	}
	memcpy(p->at + 28, packet_mac, sizeof packet_mac);
	memcpy(p->at + 236, "\x63\x82\x53\x63", 4);
	p->bytes = 240;
}

/* A good one without its end: 192.0.2.10/24 by .1, from .2, DNS .3 and .4, an hour. */
static inline void
packet_good(struct packet *p, uint8_t type, uint32_t xid)
{
	packet_head(p, xid, IP(192, 0, 2, 10));
	OPTION(p, 53, type);
	OPTION(p, 54, 192, 0, 2, 2);
	OPTION(p, 51, 0, 0, 14, 16);
	OPTION(p, 1, 255, 255, 255, 0);
	OPTION(p, 3, 192, 0, 2, 1);
	OPTION(p, 6, 192, 0, 2, 3, 192, 0, 2, 4);
}

static inline void
packet_end(struct packet *p)
{
	packet_byte(p, 255);
}
#endif
