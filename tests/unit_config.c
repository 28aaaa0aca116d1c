/*
 * What must hold together in a config: each rule with the key and the reason that it gives, beside a twin that is good.
 * Host-side test; plays whoever makes a config, or has altered one.
 */
#include <stdio.h>

#include "config.h"
#include "doc_samples.h"

static unsigned tried;

/* A machine without an organisation, as sallyport-org config makes it by default. */
static struct doc_config
offline(void)
{
	static const char rest[] = CONFIG_NO_ORG;
	const size_t head = (size_t)(strstr(sample_config, "\norg ") + 1 - sample_config);
	static char text[DOC_MAX];
	struct doc_config c;

	memcpy(text, sample_config, head);
	memcpy(text + head, rest, strlen(rest));
	assert_int_equal(doc_parse(DOC_config, text, head + strlen(rest), &c, sizeof c, NULL), 0);
	c.org_key.key[0].key[0] ^= 1;	/* no release key */
	return c;
}

/* One that enrols with an organisation, by a fixed IPv4 address. */
static struct doc_config
online(void)
{
	struct doc_config c;

	assert_int_equal(doc_parse(DOC_config, sample_config, strlen(sample_config), &c, sizeof c, NULL), 0);
	c.org_key.key[0].key[0] ^= 1;
	c.enrol = ENROL_org;
	c.dhcp_routes = ROUTES_ignore;
	return c;
}

/* The config with one change: wrong is the key and part of why, or NULL: it is good. */
#define TRY(base, wrong, part, change) \
	do { \
		struct doc_config c = base(); \
		const char *key = "untouched", *why = "untouched"; \
		int rc; \
		\
		change; \
		rc = config_check(&c, &key, &why); \
		judge(rc, key, why, wrong, part, __LINE__); \
	} while (0)
#define GOOD(base, change) TRY(base, NULL, NULL, change)
#define SET(field, text) (void)snprintf(c.field, sizeof c.field, "%s", text)

static void
judge(int rc, const char *key, const char *why, const char *want, const char *part, int line)
{
	tried++;
	if (want == NULL) {
		if (rc != 0)
			fail_msg("line %d: %s: %s", line, key, why);
		assert_string_equal(key, "untouched");
		assert_string_equal(why, "untouched");
		return;
	}
	if (rc != -EINVAL || strcmp(key, want) != 0 || strstr(why, part) == NULL)
		fail_msg("line %d: %d, %s: %s; wanted %s: %s", line, rc, key, why, want, part);
}

static void
keys(void **state)
{
	(void)state;
	GOOD(offline, (void)c);
	GOOD(online, (void)c);
	GOOD(offline, c.threshold = 1);
	TRY(offline, "threshold", "more than there are", c.threshold = 3);
	TRY(offline, "org_key", "a release key too", c.org_key.key[0] = c.release_key.key[1]);
	for (uint32_t n = 1; n <= 31; n += 15) {
		TRY(online, "org_pin", "32 bytes", c.org_pin.bytes = n);
		TRY(online, "invite", "32 bytes", c.invite.bytes = n);
		TRY(online, "escrow_key", "32 bytes", c.escrow_key.bytes = n);
	}
	GOOD(online, c.org_pin.bytes = 0);
	GOOD(online, c.invite.bytes = 0);
	TRY(online, "escrow_key", "all zero", memset(c.escrow_key.at, 0, 32));
	GOOD(online, (memset(c.escrow_key.at, 0, 32), c.escrow_key.at[0] = 9));
}

static void
organisation(void **state)
{
	static const uint8_t two[] = { 0x30, 1, 0, 0x30, 2, 5, 0 };

	(void)state;
	TRY(offline, "enrol", "wants the line org", c.enrol = ENROL_org);
	GOOD(offline, c.enrol = ENROL_none);
	TRY(offline, "release", "wants the line org", c.release = RELEASE_org);
	GOOD(online, c.release = RELEASE_org);
	TRY(offline, "mirror", "wants the line org", (c.mirror.count = 1, SET(mirror.at[0], "m.example")));
	TRY(offline, "org_ca", "wants the line org", (c.org_ca.bytes = 3, memcpy(c.org_ca.at, two, 3)));
	TRY(offline, "org_pin", "wants the line org", c.org_pin.bytes = 32);
	TRY(offline, "invite", "enrol org", c.invite.bytes = 32);
	TRY(online, "invite", "enrol org", (c.enrol = ENROL_none, c.tpm_owner = OWNER_keep, c.escrow_key.bytes = 0));
	GOOD(online, (c.enrol = ENROL_none, c.tpm_owner = OWNER_keep, c.escrow_key.bytes = 0, c.invite.bytes = 0));
	TRY(online, "enrol", "local is for machines without", c.enrol = ENROL_local);
	TRY(online, "org_ca", "org wants its CA", c.org_ca.bytes = 0);
	TRY(online, "org_ca", "DER", c.org_ca.bytes = 4);
	TRY(online, "org_ca", "DER", (c.org_ca.at[5] = 0x30, c.org_ca.bytes = 6));
	TRY(online, "org_ca", "DER", c.org_ca.at[0] = 0x31);
	GOOD(online, (memcpy(c.org_ca.at, two, sizeof two), c.org_ca.bytes = sizeof two));
	TRY(online, "org_ca", "DER", (memcpy(c.org_ca.at, two, sizeof two), c.org_ca.at[4] = 3, c.org_ca.bytes = sizeof two));
	TRY(offline, "tpm_owner", "enrol org", (c.tpm_owner = OWNER_take, c.escrow_key.bytes = 32, c.escrow_key.at[0] = 9));
	TRY(online, "escrow_key", "take wants one", c.escrow_key.bytes = 0);
	TRY(online, "escrow_key", "wants tpm_owner take", c.tpm_owner = OWNER_keep);
	TRY(online, "org", "HOST", SET(org, "sally.example/os"));
	TRY(online, "org", "HOST", SET(org, "2001:db8::1"));
	GOOD(online, SET(org, "[2001:db8::1]"));
	TRY(online, "mirror", "HOST", SET(mirror.at[1], "m.example/"));
	GOOD(online, SET(mirror.at[1], "m.example/x"));
	TRY(online, "mirror", "HOST", (c.mirror.count = 4, SET(mirror.at[2], "m.example"), SET(mirror.at[3], "m_example")));
}

static void
hosts(void **state)
{
	static const struct { const char *text; int alone, with_path, name; } rows[] = {
		{ "a", 0, 0, 1 }, { "sally.example", 0, 0, 1 }, { "Sally-1.Example:1", 0, 0, 1 }, { "xn--bcher-kva.example:65535", 0, 0, 1 },
		{ "192.0.2.7", 0, 0, 0 }, { "192.0.2.7:8443", 0, 0, 0 }, { "[::1]", 0, 0, 0 }, { "[2001:db8::1]:8443", 0, 0, 0 },
		{ "4.example", 0, 0, 1 },
		{ "1.2.3.4a", 0, 0, 1 },
		{ "a/b", -1, 0, 1 }, { "a:1/b", -1, 0, 1 }, { "[::1]:1/b", -1, 0, 0 }, { "a/b-c/.d", -1, -1, 0 }, { "a/b.c_d~e/f-g", -1, 0, 1 },
		{ "a/", -1, -1, 0 }, { "a//b", -1, -1, 0 }, { "a/b/", -1, -1, 0 }, { "a/..", -1, -1, 0 }, { "a/./b", -1, -1, 0 }, { "a/b c", -1, -1, 0 },
		{ "a/b?c", -1, -1, 0 }, { "a/b%20c", -1, -1, 0 }, { "a/b#c", -1, -1, 0 }, { "a/b:1", -1, -1, 0 },
		{ "", -1, -1, 0 }, { ":1", -1, -1, 0 }, { "/a", -1, -1, 0 }, { "a:", -1, -1, 0 }, { "a:0", -1, -1, 0 }, { "a:080", -1, -1, 0 },
		{ "a:65536", -1, -1, 0 }, { "a:4294967297", -1, -1, 0 }, { "a:99999999999999999999", -1, -1, 0 }, { "a:1x", -1, -1, 0 },
		{ "a:+1", -1, -1, 0 }, { "a:1:2", -1, -1, 0 }, { "a b", -1, -1, 0 }, { "a_b", -1, -1, 0 }, { "-a", -1, -1, 0 }, { "a-", -1, -1, 0 },
		{ "a.-b", -1, -1, 0 }, { "a-.b", -1, -1, 0 }, { "a..b", -1, -1, 0 }, { ".a", -1, -1, 0 }, { "a.", -1, -1, 0 }, { "1.2.3", -1, -1, 0 },
		{ "1.2.3.4.5", -1, -1, 0 }, { "256.0.2.7", -1, -1, 0 }, { "192.0.2.07", -1, -1, 0 }, { "0x7f000001", -1, -1, 0 },
		{ "127.0.0.0X1", -1, -1, 0 }, { "0x.example", 0, 0, 1 }, { "10", -1, -1, 0 },
		{ "::1", -1, -1, 0 }, { "2001:db8::1", -1, -1, 0 }, { "[::1", -1, -1, 0 }, { "[]", -1, -1, 0 }, { "[a]", -1, -1, 0 },
		{ "[::1]x", -1, -1, 0 },
		{ "[fe80::1%eth0]", -1, -1, 0 }, { "[192.0.2.7]", -1, -1, 0 }, { "a@b", -1, -1, 0 }, { "https://a", -1, -1, 0 },
	};
	char label[300];
	int name;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		name = -1;
		if ((config_host(rows[i].text, 0, &name) == 0) != (rows[i].alone == 0) || (rows[i].alone == 0 && name != rows[i].name))
			fail_msg("%s alone: name %d", rows[i].text, name);
		name = -1;
		if ((config_host(rows[i].text, 1, &name) == 0) != (rows[i].with_path == 0) || (rows[i].with_path == 0 && name != rows[i].name))
			fail_msg("%s with a path: name %d", rows[i].text, name);
		if (rows[i].with_path != 0)
			assert_int_equal(name, -1);	/* untouched */
		tried += 2;
	}
	for (size_t n = 62; n <= 64; n++) {	/* a label; */
		memset(label, 'a', sizeof label);
		label[n] = '\0';
		assert_int_equal(config_host(label, 0, &name), n <= 63 ? 0 : -EINVAL);
	}
	for (size_t n = 252; n <= 254; n++) {	/* a name */
		for (size_t i = 0; i < n; i++)
			label[i] = i % 50 == 49 ? '.' : 'a';
		label[n] = '\0';
		assert_int_equal(config_host(label, 0, &name), n <= 253 ? 0 : -EINVAL);
	}
}

/* In a buffer of just that size: a sanitizer sees one byte too far. */
static size_t
der(size_t n, const uint8_t *bytes, size_t filled)
{
	uint8_t *exact = calloc(n > 0 ? n : 1, 1);
	size_t got;

	assert_non_null(exact);
	memcpy(exact, bytes, filled < n ? filled : n);
	got = config_der(exact, n);
	free(exact);
	tried++;
	return got;
}

static void
certificates(void **state)
{
#define DER(n, ...) der(n, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))
	(void)state;
	assert_int_equal(DER(3, 0x30, 1, 0), 3);
	assert_int_equal(DER(4, 0x30, 1, 0), 3);	/* something follows */
	assert_int_equal(DER(2, 0x30, 1), 0);
	assert_int_equal(DER(2, 0x30, 0), 0);
	assert_int_equal(DER(1, 0x30), 0);
	assert_int_equal(DER(0, 0x30), 0);
	assert_int_equal(DER(3, 0x31, 1, 0), 0);
	assert_int_equal(DER(129, 0x30, 0x7f), 129);
	assert_int_equal(DER(128, 0x30, 0x7f), 0);
	assert_int_equal(DER(200, 0x30, 0x80), 0);	/* indefinite */
	assert_int_equal(DER(131, 0x30, 0x81, 0x80), 131);
	assert_int_equal(DER(130, 0x30, 0x81, 0x80), 0);
	assert_int_equal(DER(131, 0x30, 0x81, 0x7f), 0);	/* not the shortest */
	assert_int_equal(DER(2, 0x30, 0x81), 0);
	assert_int_equal(DER(260, 0x30, 0x82, 1, 0), 260);
	assert_int_equal(DER(259, 0x30, 0x82, 1, 0), 0);
	assert_int_equal(DER(260, 0x30, 0x82, 0, 0xff), 0);
	assert_int_equal(DER(3, 0x30, 0x82, 1), 0);
	assert_int_equal(DER(4096, 0x30, 0x82, 0x0f, 0xfc), 4096);
	assert_int_equal(DER(4096, 0x30, 0x82, 0x0f, 0xfd), 0);
	assert_int_equal(DER(4096, 0x30, 0x82, 0xff, 0xff), 0);
	assert_int_equal(DER(4096, 0x30, 0x83, 0, 1, 0), 0);
	assert_int_equal(DER(4096, 0x30, 0xff), 0);
}

static void
interfaces(void **state)
{
	(void)state;
	GOOD(offline, SET(interface, "first"));
	GOOD(offline, SET(interface, "eth0"));
	GOOD(offline, SET(interface, "enp0s31f6"));
	GOOD(offline, SET(interface, "fifteen-letters"));
	TRY(offline, "interface", "neither first", SET(interface, "sixteen-letters!"));
	TRY(offline, "interface", "neither first", SET(interface, "a/b"));
	TRY(offline, "interface", "neither first", SET(interface, "a:b"));
	TRY(offline, "interface", "neither first", SET(interface, "a b"));
	TRY(offline, "interface", "neither first", SET(interface, ".."));
	GOOD(offline, SET(interface, "52:54:00:12:34:56"));
	GOOD(offline, SET(interface, "fe:ff:ff:ff:ff:ff"));
	TRY(offline, "interface", "MAC", SET(interface, "52:54:00:12:34:5"));
	TRY(offline, "interface", "MAC", SET(interface, "52:54:00:12:34:567"));
	TRY(offline, "interface", "MAC", SET(interface, "52-54-00-12-34-56"));
	TRY(offline, "interface", "MAC", SET(interface, "52:54:00:12:34:5A"));
	TRY(offline, "interface", "MAC", SET(interface, "53:54:00:12:34:56"));	/* a group's */
	TRY(offline, "interface", "MAC", SET(interface, "ff:ff:ff:ff:ff:ff"));
	TRY(offline, "interface", "MAC", SET(interface, "00:00:00:00:00:00"));
	TRY(offline, "vlan", "by its name", c.vlan = 1);
	GOOD(offline, (SET(interface, "eth0"), c.vlan = 4094));
	GOOD(offline, (SET(interface, "52:54:00:12:34:56"), c.vlan = 4094));
	GOOD(offline, (SET(interface, "ten-letter"), c.vlan = 4094));
	TRY(offline, "vlan", "15 characters", (SET(interface, "eleven-lett"), c.vlan = 1000));
	GOOD(offline, (SET(interface, "eleven-lett"), c.vlan = 999));
	TRY(offline, "vlan", "15 characters", (SET(interface, "fourteen-lette"), c.vlan = 1));
}

static void
addresses(void **state)
{
	static const char *const bad[] = { "DHCP", "dhcp ", "slaac", "192.0.2.7", "192.0.2.7/", "192.0.2.7/0", "192.0.2.7/33", "192.0.2.7/024",
		"192.0.2.7/2x", "192.0.2.7/+24", "192.0.2/24", "192.0.2.256/24", "192.0.2.07/24", "0.0.0.0/24", "127.0.0.1/8", "224.0.0.1/24",
		"255.255.255.255/8", "/24", "::/64", "::1/64", "ff02::1/64", "::ffff:192.0.2.7/120", "2001:db8::7", "2001:db8::7/0", "2001:db8::7/129",
		"2001:db8::7/4294967360", "2001:db8::g/64", "2001:db8::7%eth0/64", "[2001:db8::7]/64", "192.0.2.7/24/24" };
	static const char *const own[] = { "192.0.2.7/24", "192.0.2.7/1", "192.0.2.7/32", "192.0.2.6/31", "192.0.2.7/31", "2001:db8::7/64",
		"2001:db8::7/1", "2001:db8::7/128", "2001:db8::/64", "fe80::1/64" };

	(void)state;
#define NO_GATEWAY(text) (SET(address, text), SET(gateway, ""))
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		TRY(online, "address", "neither dhcp nor ra", NO_GATEWAY(bad[i]));
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		GOOD(online, NO_GATEWAY(own[i]));
	TRY(online, "address", "broadcast", NO_GATEWAY("192.0.2.0/24"));
	TRY(online, "address", "broadcast", NO_GATEWAY("192.0.2.255/24"));
	TRY(online, "address", "broadcast", NO_GATEWAY("192.0.2.4/30"));
	GOOD(online, NO_GATEWAY("192.0.2.255/23"));
	GOOD(online, NO_GATEWAY("dhcp"));
	GOOD(online, NO_GATEWAY("ra"));
	TRY(online, "gateway", "wants ADDRESS/PREFIX", SET(address, "dhcp"));
	TRY(online, "gateway", "wants ADDRESS/PREFIX", SET(address, "ra"));
	GOOD(online, SET(gateway, "192.0.2.254"));
	TRY(online, "gateway", "no address", SET(gateway, "192.0.2"));
	TRY(online, "gateway", "no address", SET(gateway, "127.0.0.1"));
	TRY(online, "gateway", "no address", SET(gateway, "0.0.0.0"));
	TRY(online, "gateway", "no address", SET(gateway, "192.0.2.1/24"));
	TRY(online, "gateway", "no address", SET(gateway, "router.example"));
	TRY(online, "gateway", "other way round", SET(gateway, "fe80::1"));
	TRY(online, "gateway", "own address", SET(gateway, "192.0.2.7"));
	TRY(online, "gateway", "out of reach", SET(gateway, "192.0.3.1"));
	TRY(online, "gateway", "out of reach", SET(address, "192.0.2.7/32"));
	TRY(online, "gateway", "broadcast", SET(gateway, "192.0.2.0"));
	TRY(online, "gateway", "broadcast", SET(gateway, "192.0.2.255"));
	GOOD(online, (SET(address, "192.0.2.6/31"), SET(gateway, "192.0.2.7")));
	GOOD(online, (SET(address, "192.0.3.7/23"), SET(gateway, "192.0.2.1")));
	TRY(online, "gateway", "out of reach", (SET(address, "192.0.4.7/23"), SET(gateway, "192.0.3.1")));
	GOOD(online, (SET(address, "2001:db8::7/64"), SET(gateway, "2001:db8::1")));
	GOOD(online, (SET(address, "2001:db8::7/64"), SET(gateway, "fe80::1")));
	GOOD(online, (SET(address, "2001:db8::7/64"), SET(gateway, "febf::1")));
	TRY(online, "gateway", "out of reach", (SET(address, "2001:db8::7/64"), SET(gateway, "fec0::1")));
	TRY(online, "gateway", "out of reach", (SET(address, "2001:db8::7/64"), SET(gateway, "2001:db8:0:1::1")));
	TRY(online, "gateway", "own address", (SET(address, "2001:db8::7/64"), SET(gateway, "2001:db8:0::0:7")));
	TRY(online, "gateway", "other way round", (SET(address, "2001:db8::7/64"), SET(gateway, "192.0.2.1")));
	TRY(online, "gateway", "no address", (SET(address, "2001:db8::7/64"), SET(gateway, "ff02::2")));
}

static void
servers(void **state)
{
	(void)state;
	TRY(online, "dns", "no address", SET(dns.at[0], "resolver.example"));
	TRY(online, "dns", "no address", SET(dns.at[1], "::1"));
	TRY(online, "dns", "no address", SET(dns.at[1], "127.0.0.53"));
	TRY(online, "dns", "twice", SET(dns.at[0], "2001:db8:0::53"));
	GOOD(online, (SET(dns.at[0], "32.1.13.184"), c.dns.count = 2));		/* the same first bytes, another family */
	TRY(online, "dns", "only DHCP", c.dns.count = 0);
	GOOD(online, (c.dns.count = 0, SET(address, "dhcp"), SET(gateway, "")));
	TRY(online, "dns", "only DHCP", (c.dns.count = 0, SET(address, "ra"), SET(gateway, "")));
	TRY(online, "dns", "only DHCP", (c.dns.count = 0, SET(org, "192.0.2.9")));		/* a mirror has a name */
	GOOD(online, (c.dns.count = 0, SET(org, "192.0.2.9"), SET(mirror.at[0], "[2001:db8::9]/os")));
	TRY(online, "dns", "only DHCP", (c.dns.count = 0, c.mirror.count = 0));
	TRY(online, "dhcp_routes", "dhcp", c.dhcp_routes = ROUTES_take);
	TRY(online, "dhcp_routes", "dhcp", (c.dhcp_routes = ROUTES_take, SET(address, "ra"), SET(gateway, "")));
	GOOD(online, (c.dhcp_routes = ROUTES_take, SET(address, "dhcp"), SET(gateway, "")));
	GOOD(offline, (SET(address, "192.0.2.7/24"), SET(gateway, "192.0.2.1")));		/* nobody needs a name */
	print_message("%u configs, hosts and certificates\n", tried);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(organisation),
		cmocka_unit_test(hosts),
		cmocka_unit_test(certificates),
		cmocka_unit_test(interfaces),
		cmocka_unit_test(addresses),
		cmocka_unit_test(servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
