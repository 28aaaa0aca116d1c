/*
 * net-link's pure parts: names of interfaces, the three kinds of lease, the kernel's news.
 */
#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "link.h"

static const struct netif eth0 = { .name = "eth0", .mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 }, .index = 2 };
static struct doc_config config;
static struct msg_link_lease lease;

static void
names(void **state)
{
	static const char *const no_macs[] = { "", "eth0", "52:54:00:12:34", "52:54:00:12:34:5", "52:54:00:12:34:567", "52-54-00-12-34-56",
		"52:54:00:12:34:5g", "52:54:00:12:3456:", ":52:54:00:12:34:5", "5 :54:00:12:34:56" };
	uint8_t mac[MAC_BYTES];
	char name[INTERFACE_BYTES];

	(void)state;
	assert_int_equal(netif_mac("52:54:00:12:34:56", mac), 0);
	assert_memory_equal(mac, eth0.mac, sizeof mac);
	assert_int_equal(netif_mac("fF:Aa:00:12:34:56", mac), 0);
	assert_memory_equal(mac, "\xff\xaa\x00\x12\x34\x56", sizeof mac);
	for (size_t i = 0; i < sizeof no_macs / sizeof no_macs[0]; i++)
		assert_int_equal(netif_mac(no_macs[i], mac), -EINVAL);
	assert_true(netif_wanted("first", "eth7", eth0.mac));
	assert_true(netif_wanted("eth0", "eth0", eth0.mac));
	assert_false(netif_wanted("eth0", "eth1", eth0.mac));
	assert_false(netif_wanted("eth", "eth0", eth0.mac));
	assert_true(netif_wanted("52:54:00:12:34:56", "eth1", eth0.mac));
	assert_false(netif_wanted("52:54:00:12:34:57", "eth0", eth0.mac));
	assert_int_equal(netif_vlan(name, "eth0", 4094), 0);
	assert_memory_equal(name, "eth0.4094\0\0\0\0\0\0", sizeof name);
	assert_int_equal(netif_vlan(name, "eth0", 0), 0);
	assert_string_equal(name, "eth0");
	assert_int_equal(netif_vlan(name, "abcdefghij.4094", 0), 0);
	assert_int_equal(netif_vlan(name, "abcdefghij", 4094), 0);
	assert_string_equal(name, "abcdefghij.4094");
	assert_int_equal(netif_vlan(name, "abcdefghijk", 4094), -ENAMETOOLONG);
	assert_string_equal(netif_vlan_of("eth0.7", 7), ".7");
	assert_null(netif_vlan_of("eth0.7", 17));
	assert_null(netif_vlan_of("eth0.17", 7));
	assert_null(netif_vlan_of("eth0", 7));
	assert_null(netif_vlan_of(".7", 7));
	assert_null(netif_vlan_of("eth0.7", 0));
}

static void
set(const char *address, const char *gateway, const char *dns)
{
	memset(&config, 0, sizeof config);
	memset(&lease, 0xa5, sizeof lease);
	(void)snprintf(config.address, sizeof config.address, "%s", address);
	(void)snprintf(config.gateway, sizeof config.gateway, "%s", gateway);
	config.dns.count = dns[0] != '\0';
	(void)snprintf(config.dns.at[0], sizeof config.dns.at[0], "%s", dns);
}

static void
fixed(void **state)
{
	static const struct { const char *address, *gateway, *dns; int rc; } rows[] = {
		{ "192.0.2.10/24", "192.0.2.1", "192.0.2.3", 0 }, { "192.0.2.10/1", "", "", 0 }, { "192.0.2.10/32", "10.0.0.1", "2001:db8::3", 0 },
		{ "2001:db8::10/64", "2001:db8::1", "192.0.2.3", 0 }, { "2001:db8::10/128", "fe80::1", "", 0 }, { "fd00::1/1", "", "", 0 },
		{ "192.0.2.10", "", "", -EINVAL }, { "192.0.2.10/", "", "", -EINVAL }, { "192.0.2.10/0", "", "", -EINVAL },
		{ "192.0.2.10/33", "", "", -EINVAL }, { "192.0.2.10/24x", "", "", -EINVAL }, { "192.0.2.10/ 24", "", "", -EINVAL },
		{ "192.0.2.10/+24", "", "", -EINVAL }, { "192.0.2.10/4294967320", "", "", -EINVAL }, { "192.0.2/24", "", "", -EINVAL },
		{ "192.0.2.256/24", "", "", -EINVAL }, { "2001:db8::10/129", "", "", -EINVAL }, { "/24", "", "", -EINVAL },
		{ "127.0.0.1/8", "", "", -EINVAL }, { "224.0.0.1/24", "", "", -EINVAL }, { "0.0.0.0/24", "", "", -EINVAL },
		{ "::/64", "", "", -EINVAL }, { "::1/64", "", "", -EINVAL }, { "ff02::1/64", "", "", -EINVAL },
		{ "192.0.2.10/24", "2001:db8::1", "", -EINVAL }, { "2001:db8::10/64", "192.0.2.1", "", -EINVAL },
		{ "192.0.2.10/24", "router", "", -EINVAL }, { "192.0.2.10/24", "127.0.0.1", "", -EINVAL },
		{ "192.0.2.10/24", "", "dns.example", -EINVAL }, { "192.0.2.10/24", "", "127.0.0.1", -EINVAL },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:1111:2222:3333:4444/1", "", "", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		set(rows[i].address, rows[i].gateway, rows[i].dns);
		assert_int_equal(link_how(&config), HOW_static);
		if (link_lease_static(&config, &eth0, &lease) != rows[i].rc)
			fail_msg("%s by %s", rows[i].address, rows[i].gateway);
	}
	set("192.0.2.10/24", "192.0.2.1", "2001:db8::3");
	assert_int_equal(link_lease_static(&config, &eth0, &lease), 0);
	assert_string_equal(lease.interface, "eth0");
	assert_memory_equal(lease.mac, eth0.mac, sizeof eth0.mac);
	assert_int_equal(lease.index, 2);
	assert_int_equal(lease.prefix, 24);
	assert_memory_equal(lease.address, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\x0a", ADDRESS_BYTES);
	assert_memory_equal(lease.gateway, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", ADDRESS_BYTES);
	assert_memory_equal(lease.dns[0], "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\3", ADDRESS_BYTES);
}

static void
by_dhcp(void **state)
{
	struct dhcp_reply r = { .type = DHCP_ack, .server = 0xc0000202, .address = 0xc000020a, .prefix = 24, .gateway = 0xc0000201,
		.dns = { 0xc0000203, 0xc0000204 }, .mtu = 1400, .lease_s = 3600, .routes = 1, .route = { { 0x0a000000, 0xc0000209, 8 } } };

	(void)state;
	set("dhcp", "", "");
	assert_int_equal(link_how(&config), HOW_dhcp);
	assert_int_equal(link_lease_dhcp(&config, &eth0, &r, &lease), 0);
	assert_memory_equal(lease.address + 12, "\xc0\0\2\x0a", 4);
	assert_memory_equal(lease.gateway + 12, "\xc0\0\2\1", 4);
	assert_memory_equal(lease.server + 10, "\xff\xff\xc0\0\2\2", 6);
	assert_memory_equal(lease.dns[1] + 12, "\xc0\0\2\4", 4);
	assert_true(lease.mtu == 1400 && lease.lease_s == 3600 && lease.routes == 1 && lease.route[0].prefix == 8);
	assert_memory_equal(lease.route[0].to + 12, "\x0a\0\0\0", 4);
	/* Half of all addresses begin with 0.0.0.0. */
	r.route[0].to = 0;
	r.route[0].prefix = 1;
	assert_int_equal(link_lease_dhcp(&config, &eth0, &r, &lease), 0);
	assert_memory_equal(lease.route[0].to, "\0\0\0\0\0\0\0\0\0\0\xff\xff\0\0\0\0", ADDRESS_BYTES);
	/* Config's own name servers stand in the place of all of DHCP's. */
	set("dhcp", "", "2001:db8::3");
	assert_int_equal(link_lease_dhcp(&config, &eth0, &r, &lease), 0);
	assert_memory_equal(lease.dns[0], "\x20\x01\x0d\xb8", 4);
	assert_int_equal(lease.dns[1][15], 0);
	r.address = 0x7f000001;		/* dhcp.c never says so: the last look is check_link_lease()'s */
	assert_int_equal(link_lease_dhcp(&config, &eth0, &r, &lease), -EINVAL);
}

static void
by_the_kernel(void **state)
{
	(void)state;
	set("ra", "", "2001:db8::3");
	assert_int_equal(link_how(&config), HOW_ra);
	assert_int_equal(link_lease_ra(&config, &eth0, &lease), 0);
	assert_int_equal(lease.prefix, 0);
	assert_memory_equal(lease.address, (const uint8_t[ADDRESS_BYTES]){ 0 }, ADDRESS_BYTES);
	assert_memory_equal(lease.dns[0], "\x20\x01\x0d\xb8", 4);
}

/* One RTM_NEWADDR; flags in IFA_FLAGS as well unless it is 0. */
static size_t
address_message(uint8_t *out, uint16_t type, uint8_t family, uint32_t index, uint8_t scope, uint8_t low, uint32_t flags)
{
	struct ifaddrmsg a = { .ifa_family = family, .ifa_prefixlen = 64, .ifa_flags = low, .ifa_scope = scope, .ifa_index = index };
	struct rtattr address = { .rta_len = 20, .rta_type = IFA_ADDRESS }, more = { .rta_len = 8, .rta_type = IFA_FLAGS };
	struct nlmsghdr h = { .nlmsg_len = sizeof h + sizeof a + 20 + (flags != 0 ? 8 : 0), .nlmsg_type = type };
	size_t n = sizeof h + sizeof a + 20;

	memset(out, 0, 128);
	memcpy(out, &h, sizeof h);
	memcpy(out + sizeof h, &a, sizeof a);
	memcpy(out + sizeof h + sizeof a, &address, sizeof address);
	if (flags == 0)
		return n;
	memcpy(out + n, &more, sizeof more);
	memcpy(out + n + 4, &flags, sizeof flags);
	return n + 8;
}

static int
news(const uint8_t *bytes, size_t n)
{
	uint8_t *exact = malloc(n > 0 ? n : 1);
	int rc;

	assert_non_null(exact);
	memcpy(exact, bytes, n);
	rc = news_has_address(exact, n, 2);
	free(exact);
	return rc;
}

static void
the_kernels_news(void **state)
{
	static const struct { uint16_t type; uint8_t family; uint32_t index; uint8_t scope, low; uint32_t flags; int has; } rows[] = {
		{ RTM_NEWADDR, AF_INET6, 2, RT_SCOPE_UNIVERSE, 0, 0, 1 },
		{ RTM_NEWADDR, AF_INET6, 2, RT_SCOPE_UNIVERSE, 0, IFA_F_MANAGETEMPADDR, 1 },
		{ RTM_DELADDR, AF_INET6, 2, RT_SCOPE_UNIVERSE, 0, 0, 0 },
		{ RTM_NEWLINK, AF_INET6, 2, RT_SCOPE_UNIVERSE, 0, 0, 0 },
		{ RTM_NEWADDR, AF_INET, 2, RT_SCOPE_UNIVERSE, 0, 0, 0 },
		{ RTM_NEWADDR, AF_INET6, 3, RT_SCOPE_UNIVERSE, 0, 0, 0 },
		{ RTM_NEWADDR, AF_INET6, 2, RT_SCOPE_LINK, 0, 0, 0 },
		{ RTM_NEWADDR, AF_INET6, 2, RT_SCOPE_UNIVERSE, IFA_F_TENTATIVE, 0, 0 },
		{ RTM_NEWADDR, AF_INET6, 2, RT_SCOPE_UNIVERSE, 0, IFA_F_TENTATIVE | IFA_F_MANAGETEMPADDR, 0 },
		{ RTM_NEWADDR, AF_INET6, 2, RT_SCOPE_UNIVERSE, IFA_F_DADFAILED, 0, 0 },
		{ RTM_NEWADDR, AF_INET6, 2, RT_SCOPE_UNIVERSE, IFA_F_DEPRECATED, 0, 0 },
	};
	uint8_t one[128], two[256];
	struct nlmsghdr h;
	size_t n, m;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		n = address_message(one, rows[i].type, rows[i].family, rows[i].index, rows[i].scope, rows[i].low, rows[i].flags);
		if (news(one, n) != rows[i].has)
			fail_msg("row %zu", i);
	}
	/* Behind another one; and cut anywhere it is none. */
	n = address_message(two, RTM_NEWADDR, AF_INET, 2, 0, 0, 0);
	m = address_message(two + n, RTM_NEWADDR, AF_INET6, 2, 0, 0, IFA_F_NOPREFIXROUTE);
	assert_int_equal(news(two, n + m), 1);
	for (size_t cut = 0; cut < n + m; cut++)
		assert_int_equal(news(two, cut), 0);
	for (uint32_t len = 0; len < 2000; len += len < 200 ? 1 : 100) {
		memcpy(&h, two, sizeof h);
		h.nlmsg_len = len;
		memcpy(two, &h, sizeof h);
		(void)news(two, n + m);		/* whatever it says, no byte beyond is read */
	}
	memset(two + 24, 0, 4);			/* an attribute of no length */
	(void)news(two, n + m);
	news_ask_addresses(one);
	memcpy(&h, one, sizeof h);
	assert_true(h.nlmsg_len == NEWS_ASK_ADDRESSES_BYTES && h.nlmsg_type == RTM_GETADDR && h.nlmsg_flags == (NLM_F_REQUEST | NLM_F_DUMP));
}

static size_t
link_message(uint8_t *out, uint16_t type, int index, unsigned flags)
{
	struct ifinfomsg i = { .ifi_index = index, .ifi_flags = flags };
	struct nlmsghdr h = { .nlmsg_len = sizeof h + sizeof i, .nlmsg_type = type };

	memcpy(out, &h, sizeof h);
	memcpy(out + sizeof h, &i, sizeof i);
	return sizeof h + sizeof i;
}

static void
the_carrier(void **state)
{
	const unsigned up = IFF_UP | IFF_RUNNING | IFF_LOWER_UP | IFF_BROADCAST;
	uint8_t m[256];
	size_t n;

	(void)state;
	n = link_message(m, RTM_NEWLINK, 2, up);
	assert_int_equal(news_has_carrier(m, n, 2), 1);
	assert_int_equal(news_has_carrier(m, n, 3), -1);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(news_has_carrier(m, cut, 2), -1);
	n += link_message(m + n, RTM_NEWLINK, 2, IFF_UP | IFF_RUNNING);	/* the last word */
	assert_int_equal(news_has_carrier(m, n, 2), 0);
	n += link_message(m + n, RTM_NEWLINK, 2, up);
	n += link_message(m + n, RTM_NEWLINK, 3, 0);
	assert_int_equal(news_has_carrier(m, n, 2), 1);
	n += link_message(m + n, RTM_DELLINK, 2, up);
	assert_int_equal(news_has_carrier(m, n, 2), 0);
	for (unsigned without = 1; without <= IFF_LOWER_UP; without <<= 1) {
		n = link_message(m, RTM_NEWLINK, 2, up & ~without);
		assert_int_equal(news_has_carrier(m, n, 2), (without & (IFF_UP | IFF_LOWER_UP)) == 0);
	}
	n = link_message(m, RTM_NEWLINK, 2, up | IFF_DORMANT);
	assert_int_equal(news_has_carrier(m, n, 2), 0);
	n = link_message(m, RTM_NEWADDR, 2, up);
	assert_int_equal(news_has_carrier(m, n, 2), -1);
	news_ask_carrier(m, 7);
	assert_int_equal(news_has_carrier(m, NEWS_ASK_CARRIER_BYTES, 7), -1);	/* a question is no answer */
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names), cmocka_unit_test(fixed), cmocka_unit_test(by_dhcp),
		cmocka_unit_test(by_the_kernel), cmocka_unit_test(the_kernels_news), cmocka_unit_test(the_carrier) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
