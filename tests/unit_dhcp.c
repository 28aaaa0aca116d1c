/*
 * DHCPv4 packets: what is good is understood in full, and every way of being wrong that is known (PixieFail's among them) is no reply.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "dhcp_packet.h"

static struct packet p;
static struct dhcp_reply r;

/* From a buffer of just that size, so that a sanitizer sees one byte too far; a refusal leaves *out untouched. */
static int
parse(const struct packet *packet, int routes)
{
	struct dhcp_reply before;
	uint8_t *exact = malloc(packet->bytes > 0 ? packet->bytes : 1);
	int rc;

	assert_non_null(exact);
	memcpy(exact, packet->at, packet->bytes);
	memset(&r, 0xa5, sizeof r);
	before = r;
	rc = dhcp_parse(exact, packet->bytes, PACKET_XID, packet_mac, routes, &r);
	free(exact);
	if (rc != 0)
		assert_memory_equal(&before, &r, sizeof r);
	return rc;
}

static void
refused(int rc)
{
	assert_int_equal(parse(&p, 0), rc);
	assert_int_equal(parse(&p, 1), rc);
}

static void
good_is_understood(void **state)
{
	(void)state;
	packet_good(&p, DHCP_ack, PACKET_XID);
	OPTION(&p, 26, 5, 220);
	OPTION(&p, 12, 'x', 'y');	/* not asked for, of no interest */
	packet_end(&p);
	packet_put(&p, "junk behind the end", 19);
	assert_int_equal(parse(&p, 0), 0);
	assert_int_equal(r.type, DHCP_ack);
	assert_int_equal(r.server, IP(192, 0, 2, 2));
	assert_int_equal(r.address, IP(192, 0, 2, 10));
	assert_int_equal(r.prefix, 24);
	assert_int_equal(r.gateway, IP(192, 0, 2, 1));
	assert_int_equal(r.dns[0], IP(192, 0, 2, 3));
	assert_int_equal(r.dns[1], IP(192, 0, 2, 4));
	assert_int_equal(r.dns[2], 0);
	assert_int_equal(r.mtu, 1500);
	assert_int_equal(r.lease_s, 3600);
	assert_int_equal(r.routes, 0);
}

static void
not_for_us(void **state)
{
	static const struct { size_t at; uint8_t value; } rows[] = { { 0, 1 }, { 1, 6 }, { 2, 16 }, { 2, 0 }, { 4, 0 }, { 7, 0x45 }, { 28, 0x53 },
		{ 33, 0 }, { 236, 0 }, { 239, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		packet_good(&p, DHCP_offer, PACKET_XID);
		packet_end(&p);
		assert_int_equal(parse(&p, 0), 0);
		p.at[rows[i].at] = rows[i].value;
		refused(-ENOMSG);
	}
	packet_good(&p, DHCP_offer, PACKET_XID);
	packet_end(&p);
	p.bytes = 240;		/* no option at all */
	refused(-ENOMSG);
	p.bytes = 0;
	refused(-ENOMSG);
	packet_good(&p, DHCP_offer, PACKET_XID);
	packet_end(&p);
	p.bytes = DHCP_MAX;
	assert_int_equal(parse(&p, 0), 0);
	p.bytes = DHCP_MAX + 1;
	refused(-ENOMSG);
}

/* At every byte: never good, never past the end. */
static void
cut_is_refused(void **state)
{
	size_t all;

	(void)state;
	packet_good(&p, DHCP_offer, PACKET_XID);
	OPTION(&p, 121, 0, 192, 0, 2, 1);
	packet_end(&p);
	all = p.bytes;
	assert_int_equal(parse(&p, 1), 0);
	for (p.bytes = 0; p.bytes < all; p.bytes++)
		refused(p.bytes <= 240 ? -ENOMSG : -EBADMSG);
}

/* An option of each kind, replaced by one of this length. */
static void
lengths(void **state)
{
	static const struct { uint8_t code; uint8_t good, step; } rows[] = { { 53, 1, 0 }, { 54, 4, 0 }, { 51, 4, 0 }, { 1, 4, 0 }, { 3, 4, 4 },
		{ 6, 4, 4 }, { 52, 1, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (unsigned n = 0; n <= 16; n++) {
			const uint8_t value[16] = { 192, 0, 2, 1, 192, 0, 2, 1, 192, 0, 2, 1, 192, 0, 2, 1 };
			const uint8_t one[1] = { rows[i].code == 53 ? DHCP_offer : 1 }, mask[4] = { 255, 255, 255, 0 };
			int ok = n == rows[i].good || (rows[i].step != 0 && n % rows[i].step == 0) || (rows[i].code == 52 && n == 0);

			packet_head(&p, PACKET_XID, IP(192, 0, 2, 10));
			p.at[108] = 255;	/* file: its end, should it count */
			if (rows[i].code != 53)
				OPTION(&p, 53, DHCP_offer);
			if (rows[i].code != 54)
				OPTION(&p, 54, 192, 0, 2, 2);
			if (rows[i].code != 51)
				OPTION(&p, 51, 0, 0, 14, 16);
			if (rows[i].code != 1)
				OPTION(&p, 1, 255, 255, 255, 0);
			if (n == 1 && rows[i].good == 1)
				packet_option(&p, rows[i].code, one, 1);
			else
				packet_option(&p, rows[i].code, n == 4 && rows[i].code == 1 ? mask : value, n);
			packet_end(&p);
			if (parse(&p, 0) != (ok ? 0 : -EBADMSG))
				fail_msg("option %u of %u bytes", rows[i].code, n);
		}
}

static void
types(void **state)
{
	(void)state;
	for (unsigned type = 0; type <= 255; type++) {
		packet_good(&p, (uint8_t)type, PACKET_XID);
		packet_end(&p);
		assert_int_equal(parse(&p, 0), type == DHCP_offer || type == DHCP_ack || type == DHCP_nak ? 0 : -EBADMSG);
	}
	/* A no has a server, and nothing else counts. */
	packet_head(&p, PACKET_XID, 0);
	OPTION(&p, 53, DHCP_nak);
	OPTION(&p, 54, 192, 0, 2, 2);
	packet_end(&p);
	assert_int_equal(parse(&p, 0), 0);
	assert_int_equal(r.type, DHCP_nak);
	assert_int_equal(r.address, 0);
	packet_head(&p, PACKET_XID, 0);
	OPTION(&p, 53, DHCP_nak);
	packet_end(&p);
	refused(-EBADMSG);
}

/* An address, its mask and its router: which go together. */
static void
addresses(void **state)
{
	static const struct { uint32_t address, mask, router; int ok; } rows[] = {
		{ IP(192, 0, 2, 10), IP(255, 255, 255, 0), IP(192, 0, 2, 1), 1 },
		{ IP(10, 0, 0, 1), IP(255, 0, 0, 0), IP(10, 255, 255, 254), 1 },
		{ IP(10, 0, 0, 1), IP(128, 0, 0, 0), IP(100, 0, 0, 1), 1 },
		{ IP(10, 0, 0, 1), IP(255, 255, 255, 255), IP(169, 254, 1, 1), 1 },	/* one address: the router is outside */
		{ IP(10, 0, 0, 0), IP(255, 255, 255, 255), IP(10, 0, 0, 1), 1 },
		{ IP(10, 0, 0, 0), IP(255, 255, 255, 254), IP(10, 0, 0, 1), 1 },	/* RFC 3021 */
		{ IP(10, 0, 0, 1), IP(255, 255, 255, 254), IP(10, 0, 0, 0), 1 },
		{ IP(0, 0, 0, 0), IP(255, 255, 255, 0), IP(0, 0, 0, 1), 0 },
		{ IP(0, 1, 2, 3), IP(255, 0, 0, 0), IP(0, 1, 2, 4), 0 },
		{ IP(127, 0, 0, 1), IP(255, 0, 0, 0), IP(127, 0, 0, 2), 0 },
		{ IP(224, 0, 0, 1), IP(255, 255, 255, 0), IP(224, 0, 0, 2), 0 },
		{ IP(240, 0, 0, 1), IP(255, 255, 255, 0), IP(240, 0, 0, 2), 0 },
		{ IP(255, 255, 255, 255), IP(255, 255, 255, 0), IP(192, 0, 2, 1), 0 },
		{ IP(192, 0, 2, 0), IP(255, 255, 255, 0), IP(192, 0, 2, 1), 0 },	/* the subnet's name */
		{ IP(192, 0, 2, 255), IP(255, 255, 255, 0), IP(192, 0, 2, 1), 0 },	/* its broadcast address */
		{ IP(192, 0, 2, 10), IP(0, 0, 0, 0), IP(192, 0, 2, 1), 0 },
		{ IP(192, 0, 2, 10), IP(255, 0, 255, 0), IP(192, 0, 2, 1), 0 },
		{ IP(192, 0, 2, 10), IP(0, 0, 0, 255), IP(192, 0, 2, 1), 0 },
		{ IP(192, 0, 2, 10), IP(255, 255, 255, 0), IP(192, 0, 2, 10), 0 },	/* ourselves */
		{ IP(192, 0, 2, 10), IP(255, 255, 255, 0), IP(192, 0, 3, 1), 0 },	/* no neighbour */
		{ IP(192, 0, 2, 10), IP(255, 255, 255, 0), IP(192, 0, 2, 255), 0 },
		{ IP(192, 0, 2, 10), IP(255, 255, 255, 0), IP(192, 0, 2, 0), 0 },
		{ IP(192, 0, 2, 10), IP(255, 255, 255, 0), IP(0, 0, 0, 0), 0 },
		{ IP(192, 0, 2, 10), IP(255, 255, 255, 0), IP(127, 0, 0, 1), 0 },
		{ IP(192, 0, 2, 10), IP(255, 255, 255, 255), IP(224, 0, 0, 1), 0 },
		{ IP(192, 0, 2, 10), IP(255, 255, 255, 255), IP(192, 0, 2, 10), 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint32_t m = rows[i].mask, g = rows[i].router;

		packet_head(&p, PACKET_XID, rows[i].address);
		OPTION(&p, 53, DHCP_ack);
		OPTION(&p, 54, 192, 0, 2, 2);
		OPTION(&p, 51, 255, 255, 255, 255);
		OPTION(&p, 1, (uint8_t)(m >> 24), (uint8_t)(m >> 16 & 255), (uint8_t)(m >> 8 & 255), (uint8_t)(m & 255));
		OPTION(&p, 3, (uint8_t)(g >> 24), (uint8_t)(g >> 16 & 255), (uint8_t)(g >> 8 & 255), (uint8_t)(g & 255));
		packet_end(&p);
		if (parse(&p, 0) != (rows[i].ok ? 0 : -EBADMSG))
			fail_msg("row %zu", i);
		if (rows[i].ok)
			assert_true(r.lease_s == 0 && r.gateway == g && r.address == rows[i].address);
	}
}

static void
servers_leases_mtus(void **state)
{
	static const uint8_t servers[][4] = { { 0, 0, 0, 0 }, { 127, 0, 0, 1 }, { 224, 0, 0, 1 }, { 255, 255, 255, 255 } };
	static const struct { uint16_t mtu, is; } mtus[] = { { 0, 0 }, { 68, 0 }, { 575, 0 }, { 576, 576 }, { 1500, 1500 }, { 9000, 9000 }, { 9001, 0 },
		{ 65535, 0 } };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		packet_head(&p, PACKET_XID, IP(192, 0, 2, 10));
		OPTION(&p, 53, DHCP_offer);
		packet_option(&p, 54, servers[i], 4);
		OPTION(&p, 51, 0, 0, 14, 16);
		OPTION(&p, 1, 255, 255, 255, 0);
		packet_end(&p);
		refused(-EBADMSG);
	}
	for (uint8_t s = 0; s < 120; s++) {
		packet_head(&p, PACKET_XID, IP(192, 0, 2, 10));
		OPTION(&p, 53, DHCP_offer);
		OPTION(&p, 54, 192, 0, 2, 2);
		OPTION(&p, 51, 0, 0, 0, s);
		OPTION(&p, 1, 255, 255, 255, 0);
		packet_end(&p);
		assert_int_equal(parse(&p, 0), s < DHCP_LEASE_LEAST_S ? -EBADMSG : 0);
		assert_true(s < DHCP_LEASE_LEAST_S || (r.lease_s == s && r.gateway == 0 && r.dns[0] == 0));
	}
	for (size_t i = 0; i < sizeof mtus / sizeof mtus[0]; i++) {
		packet_good(&p, DHCP_offer, PACKET_XID);
		OPTION(&p, 26, (uint8_t)(mtus[i].mtu >> 8), (uint8_t)(mtus[i].mtu & 255));
		packet_end(&p);
		assert_int_equal(parse(&p, 0), 0);
		assert_int_equal(r.mtu, mtus[i].is);
	}
	packet_good(&p, DHCP_offer, PACKET_XID);
	OPTION(&p, 26, 0, 0, 5, 220);	/* of another length: none */
	packet_end(&p);
	assert_int_equal(parse(&p, 0), 0);
	assert_int_equal(r.mtu, 0);
}

/* CVE-2023-45230, -45234 and the like: long lists and long options stay inside. */
static void
name_servers(void **state)
{
	(void)state;
	packet_head(&p, PACKET_XID, IP(192, 0, 2, 10));
	OPTION(&p, 53, DHCP_offer);
	OPTION(&p, 54, 192, 0, 2, 2);
	OPTION(&p, 51, 0, 0, 14, 16);
	OPTION(&p, 1, 255, 255, 255, 0);
	OPTION(&p, 6, 127, 0, 0, 1, 0, 0, 0, 0, 10, 0, 0, 1);
	OPTION(&p, 6, 255, 255, 255, 255, 10, 0, 0, 2);
	for (int k = 0; k < 4; k++) {
		uint8_t many[252];

		memset(many, 10, sizeof many);
		packet_option(&p, 6, many, sizeof many);
	}
	packet_end(&p);
	assert_true(p.bytes <= DHCP_MAX);
	assert_int_equal(parse(&p, 0), 0);
	assert_int_equal(r.dns[0], IP(10, 0, 0, 1));
	assert_int_equal(r.dns[1], IP(10, 0, 0, 2));
	assert_int_equal(r.dns[2], IP(10, 10, 10, 10));
}

/* RFC 3396: one option in pieces, also across the overloaded fields, in their order; what must be one is then too long. */
static void
pieces(void **state)
{
	static const uint8_t once[] = { 1, 51, 53, 54 };

	(void)state;
	packet_good(&p, DHCP_ack, PACKET_XID);
	OPTION(&p, 121, 24, 198, 51);
	OPTION(&p, 52, 3);
	packet_end(&p);
	memcpy(p.at + 108, "\x79\x03\x64\xc0\x00\xff", 6);	/* file: 100, 192.0 */
	memcpy(p.at + 44, "\x79\x02\x02\x07\xff", 5);		/* sname: 2.7 */
	assert_int_equal(parse(&p, 1), 0);
	assert_int_equal(r.routes, 1);
	assert_int_equal(r.route[0].to, IP(198, 51, 100, 0));
	assert_int_equal(r.route[0].by, IP(192, 0, 2, 7));
	assert_int_equal(r.route[0].prefix, 24);
	assert_int_equal(r.gateway, 0);		/* RFC 3442: routers do not count then */
	assert_int_equal(parse(&p, 0), 0);
	assert_int_equal(r.routes, 0);
	assert_int_equal(r.gateway, IP(192, 0, 2, 1));
	for (size_t i = 0; i < sizeof once; i++) {
		packet_good(&p, DHCP_ack, PACKET_XID);
		packet_option(&p, once[i], (const uint8_t[]){ 2, 0, 0, 0 }, once[i] == 53 ? 1 : 4);
		packet_end(&p);
		refused(-EBADMSG);
	}
}

static void
overload(void **state)
{
	(void)state;
	for (unsigned v = 0; v <= 255; v++) {
		packet_good(&p, DHCP_offer, PACKET_XID);
		OPTION(&p, 52, (uint8_t)v);
		packet_end(&p);
		p.at[108] = p.at[44] = 255;
		assert_int_equal(parse(&p, 0), v >= 1 && v <= 3 ? 0 : -EBADMSG);
	}
	/* A field without an end, with a length past its end, with an overload of its own: a loop elsewhere. */
	packet_good(&p, DHCP_offer, PACKET_XID);
	OPTION(&p, 52, 1);
	packet_end(&p);
	refused(-EBADMSG);
	memset(p.at + 108, 0, 128);
	p.at[108 + 126] = 6;
	p.at[108 + 127] = 1;
	refused(-EBADMSG);
	memcpy(p.at + 108, "\x34\x01\x02\xff", 4);
	refused(-EBADMSG);
	p.at[108] = 255;
	assert_int_equal(parse(&p, 0), 0);
}

static void
routes(void **state)
{
	static const struct { uint8_t bytes[20], n; int rc; unsigned routes; uint32_t gateway; } rows[] = {
		{ { 0, 192, 0, 2, 9 }, 5, 0, 0, IP(192, 0, 2, 9) },
		{ { 0, 192, 0, 2, 9, 0, 192, 0, 2, 8 }, 10, 0, 0, IP(192, 0, 2, 9) },
		{ { 8, 10, 192, 0, 2, 9, 32, 10, 1, 2, 3, 192, 0, 2, 9 }, 15, 0, 2, 0 },
		{ { 9, 10, 255, 192, 0, 2, 9 }, 7, 0, 1, 0 },
		{ { 8, 10, 0, 0, 0, 0 }, 6, 0, 0, 0 },			/* a neighbour: not taken */
		{ { 33, 10, 1, 2, 3, 4, 192, 0, 2, 9 }, 10, -EBADMSG, 0, 0 },
		{ { 255, 10, 1, 2, 3, 192, 0, 2, 9 }, 9, -EBADMSG, 0, 0 },
		{ { 8, 10, 192, 0, 2 }, 5, -EBADMSG, 0, 0 },
		{ { 24 }, 1, -EBADMSG, 0, 0 },
		{ { 8, 10, 192, 0, 3, 9 }, 6, -EBADMSG, 0, 0 },		/* by no neighbour */
		{ { 8, 10, 192, 0, 2, 10 }, 6, -EBADMSG, 0, 0 },	/* by ourselves */
		{ { 0, 127, 0, 0, 1 }, 5, -EBADMSG, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (int ms = 0; ms < 2; ms++) {
			packet_good(&p, DHCP_offer, PACKET_XID);
			packet_option(&p, ms ? 249 : 121, rows[i].bytes, rows[i].n);
			packet_end(&p);
			if (parse(&p, 1) != rows[i].rc)
				fail_msg("row %zu", i);
			if (rows[i].rc == 0)
				assert_true(r.routes == rows[i].routes && r.gateway == rows[i].gateway);
			/* Whatever it says, it is ignored unless config takes it: CVE-2024-3661. */
			assert_int_equal(parse(&p, 0), 0);
			assert_true(r.routes == 0 && r.gateway == IP(192, 0, 2, 1));
		}
	packet_good(&p, DHCP_offer, PACKET_XID);
	for (uint8_t k = 0; k < 9; k++)
		OPTION(&p, 121, 24, 10, 0, k, 192, 0, 2, 9);
	OPTION(&p, 249, 0, 192, 0, 2, 7);	/* only without 121 */
	packet_end(&p);
	assert_int_equal(parse(&p, 1), 0);
	assert_int_equal(r.routes, ROUTES_MAX);
	assert_int_equal(r.route[ROUTES_MAX - 1].to, IP(10, 0, ROUTES_MAX - 1, 0));
	assert_int_equal(r.gateway, 0);
	packet_good(&p, DHCP_offer, PACKET_XID);
	OPTION(&p, 121, 9, 10, 255, 192, 0, 2, 9);
	packet_end(&p);
	assert_int_equal(parse(&p, 1), 0);
	assert_int_equal(r.route[0].to, IP(10, 128, 0, 0));	/* bits beyond the width are none */
}

static void
what_is_sent(void **state)
{
	static const uint8_t options[] = { 53, 1, 3, 50, 4, 192, 0, 2, 10, 54, 4, 192, 0, 2, 2, 55, 7, 121, 249, 1, 3, 6, 26, 51, 255, 0 };
	struct dhcp_ask ask = { .type = DHCP_request, .xid = PACKET_XID, .secs = 300, .address = IP(192, 0, 2, 10), .server = IP(192, 0, 2, 2),
		.routes = 1 };
	uint8_t out[DHCP_SENT];

	(void)state;
	memcpy(ask.mac, packet_mac, sizeof ask.mac);
	dhcp_build(&ask, out);
	assert_memory_equal(out, "\x01\x01\x06\x00\x11\x22\x33\x44\x01\x2c\x80\x00", 12);
	for (unsigned i = 12; i < 236; i++)
		if (i < 28 || i >= 34)
			assert_int_equal(out[i], 0);
	assert_memory_equal(out + 28, packet_mac, 6);
	assert_memory_equal(out + 236, "\x63\x82\x53\x63", 4);
	assert_memory_equal(out + 240, options, sizeof options);
	ask = (struct dhcp_ask){ .type = DHCP_discover, .secs = 70000 };
	dhcp_build(&ask, out);
	assert_memory_equal(out + 8, "\xff\xff\x80\x00", 4);
	assert_memory_equal(out + 240, "\x35\x01\x01\x37\x05\x01\x03\x06\x1a\x33\xff\x00", 12);
}

/* What mkdhcp wrote: the names say what must come of it. */
static void
corpus(void **state)
{
	unsigned good = 0, bad = 0;
	DIR *d = opendir("tests/corpus/dhcp");
	struct dirent *e;

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		char path[512];
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof path, "tests/corpus/dhcp/%s", e->d_name);
		f = fopen(path, "rb");
		assert_non_null(f);
		p.bytes = fread(p.at, 1, sizeof p.at, f);
		assert_int_equal(fclose(f), 0);
		if ((parse(&p, 0) == 0) != (strncmp(e->d_name, "good", 4) == 0))
			fail_msg("%s: %d", e->d_name, parse(&p, 0));
		good += strncmp(e->d_name, "good", 4) == 0;
		bad += strncmp(e->d_name, "bad", 3) == 0;
	}
	assert_int_equal(closedir(d), 0);
	print_message("%u good, %u bad\n", good, bad);
	assert_true(good >= 18 && bad >= 35);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_is_understood), cmocka_unit_test(not_for_us), cmocka_unit_test(cut_is_refused),
		cmocka_unit_test(lengths), cmocka_unit_test(types), cmocka_unit_test(addresses), cmocka_unit_test(servers_leases_mtus),
		cmocka_unit_test(name_servers), cmocka_unit_test(pieces), cmocka_unit_test(overload), cmocka_unit_test(routes),
		cmocka_unit_test(what_is_sent), cmocka_unit_test(corpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
