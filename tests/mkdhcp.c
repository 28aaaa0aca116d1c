/*
 * Writes the corpus of DHCP replies: good ones, and one of every shape that has broken a client elsewhere: those of PixieFail
 * (CVE-2023-45229 to -45235, DHCPv6's translated to DHCPv4), of CVE-2024-3661, of dhclient's and systemd's own history.
 * Run by hand when a shape is added; the files are kept.
 *
 *     mkdhcp FOLDER
 */
#include <stdio.h>

#include "dhcp_packet.h"

static struct packet p;
static const char *top;
static int bad;

static void
keep(const char *name)
{
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", top, name);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(p.at, 1, p.bytes, f) != p.bytes)
		bad = 1;
	if (f != NULL && fclose(f) != 0)
		bad = 1;
}

static void
begin(uint8_t type)
{
	packet_good(&p, type, PACKET_XID);
}

static void
end(const char *name)
{
	packet_end(&p);
	keep(name);
}

/* The good one with its last option replaced: file and sname are ended, should they count. */
#define SHAPE(name, code, ...) do { begin(DHCP_offer); p.at[44] = p.at[108] = 255; OPTION(&p, (code), __VA_ARGS__); end(name); } while (0)

static void
good(void)
{
	uint8_t many[255];

	begin(DHCP_offer); end("good-offer");
	begin(DHCP_ack); OPTION(&p, 26, 5, 220); OPTION(&p, 12, 'n', 'o', 'd', 'e'); end("good-ack");
	packet_head(&p, PACKET_XID, 0); OPTION(&p, 53, DHCP_nak); OPTION(&p, 54, 192, 0, 2, 2); end("good-nak");
	SHAPE("good-routes", 121, 0, 192, 0, 2, 1, 8, 10, 192, 0, 2, 9);
	SHAPE("good-routes-microsoft", 249, 24, 198, 51, 100, 192, 0, 2, 9);
	begin(DHCP_ack); OPTION(&p, 52, 3); packet_end(&p);
	memcpy(p.at + 108, "\x79\x03\x18\xc6\x33\xff", 6); memcpy(p.at + 44, "\x79\x05\x64\xc0\x00\x02\x07\xff", 8);
	keep("good-pieces-overloaded");
	memset(many, 10, sizeof many);
	begin(DHCP_offer); for (int i = 0; i < 4; i++) packet_option(&p, 6, many, 252); end("good-many-name-servers");
	begin(DHCP_offer); for (int i = 0; i < 300; i++) packet_byte(&p, 0); end("good-padded");
}

static void
lengths(void)
{
	uint8_t many[255];

	memset(many, 0x41, sizeof many);
	begin(DHCP_offer); keep("bad-no-end");
	begin(DHCP_offer); packet_byte(&p, 6); keep("bad-code-at-the-end");
	begin(DHCP_offer); packet_byte(&p, 6); packet_byte(&p, 255); keep("bad-length-past-the-end");		/* CVE-2023-45229: out of bounds */
	begin(DHCP_offer); packet_byte(&p, 6); packet_byte(&p, 8); packet_put(&p, many, 4); keep("bad-length-cut");
	packet_head(&p, PACKET_XID, IP(192, 0, 2, 10)); OPTION(&p, 53, DHCP_offer); packet_option(&p, 54, many, 255);
	end("bad-long-server-id");										/* CVE-2023-45230, -45235 */
	begin(DHCP_offer); packet_option(&p, 6, many, 255); end("bad-long-name-servers");			/* CVE-2023-45234 */
	begin(DHCP_offer); packet_option(&p, 6, many, 3); end("bad-short-name-servers");
	begin(DHCP_offer); packet_option(&p, 3, many, 0); packet_option(&p, 3, many, 5); end("bad-routers");
	begin(DHCP_offer); packet_option(&p, 54, many, 0); end("good-empty-piece");
	SHAPE("bad-mask-long", 1, 255, 255, 255, 0);								/* twice: joined */
	SHAPE("bad-type-twice", 53, DHCP_ack);
	SHAPE("bad-server-twice", 54, 192, 0, 2, 66);
	SHAPE("bad-lease-twice", 51, 0, 0, 14, 16);
	SHAPE("good-mtu-long", 26, 0, 0, 5, 220);
	begin(DHCP_offer); p.bytes = 100; keep("bad-short-header");
	p.bytes = 240; keep("bad-no-options");
	p.bytes = 0; keep("bad-empty");
	begin(DHCP_offer); while (p.bytes < DHCP_MAX) packet_byte(&p, 0); packet_byte(&p, 255); keep("bad-too-long");
	begin(DHCP_offer); for (int i = 0; i < 600; i++) { packet_byte(&p, 43); packet_byte(&p, 0); } end("good-empty-options");
}

static void
loops(void)
{
	SHAPE("good-overload-file", 52, 1);
	SHAPE("good-overload-both", 52, 3);
	SHAPE("bad-overload-4", 52, 4);
	SHAPE("bad-overload-255", 52, 255);
	begin(DHCP_offer); OPTION(&p, 52, 1); packet_end(&p); memset(p.at + 108, 0, 128); keep("bad-overload-without-end");	/* CVE-2023-45232 */
	begin(DHCP_offer); OPTION(&p, 52, 1); packet_end(&p); memcpy(p.at + 108, "\x34\x01\x03\xff", 4); keep("bad-overload-again"); /* -45233 */
	begin(DHCP_offer); OPTION(&p, 52, 3); packet_end(&p); p.at[44] = 255; memset(p.at + 108, 0, 126); p.at[234] = 6; p.at[235] = 200;
	keep("bad-overload-past-file");
	begin(DHCP_offer); OPTION(&p, 52, 2); packet_end(&p); memset(p.at + 44, 0, 62); p.at[106] = 6; p.at[107] = 1; keep("bad-overload-past-sname");
	begin(DHCP_offer); OPTION(&p, 52, 1); OPTION(&p, 52, 1); packet_end(&p); p.at[108] = 255; keep("bad-overload-twice");
}

static void
values(void)
{
	static const struct { const char *name; uint32_t address; } rows[] = { { "bad-address-none", 0 }, { "bad-address-loopback", IP(127, 0, 0, 1) },
		{ "bad-address-multicast", IP(224, 0, 0, 1) }, { "bad-address-broadcast", UINT32_MAX }, { "bad-address-subnet", IP(192, 0, 2, 0) },
		{ "bad-address-subnet-broadcast", IP(192, 0, 2, 255) }, { "bad-address-router", IP(192, 0, 2, 1) } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		begin(DHCP_offer);
		for (int k = 0; k < 4; k++)
			p.at[16 + k] = (uint8_t)(rows[i].address >> (24 - 8 * k) & 255);
		end(rows[i].name);
	}
	packet_head(&p, PACKET_XID, IP(192, 0, 2, 10)); OPTION(&p, 53, DHCP_offer); OPTION(&p, 54, 192, 0, 2, 2); OPTION(&p, 51, 0, 0, 14, 16);
	OPTION(&p, 1, 0, 0, 0, 0); end("bad-mask-zero");
	packet_head(&p, PACKET_XID, IP(192, 0, 2, 10)); OPTION(&p, 53, DHCP_offer); OPTION(&p, 54, 192, 0, 2, 2); OPTION(&p, 51, 0, 0, 14, 16);
	OPTION(&p, 1, 255, 0, 255, 0); end("bad-mask-holes");
	packet_head(&p, PACKET_XID, IP(192, 0, 2, 10)); OPTION(&p, 53, DHCP_offer); OPTION(&p, 54, 192, 0, 2, 2); OPTION(&p, 51, 0, 0, 0, 0);
	OPTION(&p, 1, 255, 255, 255, 0); end("bad-lease-zero");
	SHAPE("good-mtu-huge", 26, 255, 255);
	SHAPE("good-mtu-tiny", 26, 0, 68);
	SHAPE("good-routes-width-33", 121, 33, 10, 1, 2, 3, 4, 192, 0, 2, 9);	/* good: not taken */
	SHAPE("good-routes-cut", 121, 24, 10, 0);
	SHAPE("good-routes-everything", 121, 1, 0, 192, 0, 2, 66, 1, 128, 192, 0, 2, 66);	/* CVE-2024-3661 */
	SHAPE("bad-type-8", 53, 8);
	begin(DHCP_offer); p.at[0] = 1; end("bad-request");
	begin(DHCP_offer); p.at[2] = 255; end("bad-hlen");
	begin(DHCP_offer); p.at[7] ^= 1; end("bad-xid");
	begin(DHCP_offer); p.at[33] ^= 1; end("bad-chaddr");
	begin(DHCP_offer); p.at[239] ^= 1; end("bad-cookie");
}

int
main(int argc, char **argv)
{
	if (argc != 2) {
		(void)fprintf(stderr, "usage: mkdhcp FOLDER\n");
		return 2;
	}
	top = argv[1];
	good();
	lengths();
	loops();
	values();
	if (bad)
		(void)fprintf(stderr, "mkdhcp: %s: cannot be written\n", top);
	return bad;
}
