/*
 * PID 1 applies the one lease: address, routes, name servers; then it can change the network no more.  Inside the wall.
 * Distrusts net-link, who heard it from whoever is on the wire: check_link_lease() has judged every field, and the interface is looked at here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "init.h"
#include "network.h"

enum { V4_AT = 12, V4_BITS = 32, METRIC_V6 = 1024 /* what the kernel itself gives such routes */ };

/* Of <linux/ipv6.h>, which does not go with <netinet/in.h>. */
struct address_v6 {
	struct in6_addr address;
	uint32_t prefix;
	int index;
};

static int
is_none(const uint8_t a[ADDRESS_BYTES])
{
	static const uint8_t none[ADDRESS_BYTES];

	return memcmp(a, none, sizeof none) == 0;
}

static int
is_v4(const uint8_t a[ADDRESS_BYTES])
{
	static const uint8_t mapped[V4_AT] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a, mapped, sizeof mapped) == 0;
}

static uint32_t
v4(const uint8_t a[ADDRESS_BYTES])
{
	uint32_t net;

	memcpy(&net, a + V4_AT, sizeof net);
	return ntohl(net);
}

static uint32_t
mask_of(uint32_t prefix)
{
	return prefix == 0 ? 0 : UINT32_MAX << (V4_BITS - prefix);
}

/* The one that config means, and not just any that net-link may name. */
static int
check_interface(const struct prepared *p, const struct msg_link_lease *l)
{
	const char *point = netif_vlan_of(l->interface, p->config.vlan);
	char base[INTERFACE_BYTES] = "";
	struct netif i;
	int rc;

	rc = netif_look(p->network.v4_fd, l->index, &i);
	if (rc != 0)
		return rc;
	if (memcmp(i.name, l->interface, sizeof i.name) != 0 || memcmp(i.mac, l->mac, sizeof i.mac) != 0 ||
	    (p->config.vlan != 0) != (point != NULL))
		return -ENODEV;
	memcpy(base, l->interface, point != NULL ? (size_t)(point - l->interface) : strlen(l->interface));
	return netif_wanted(p->config.interface, base, i.mac) ? 0 : -ENODEV;
}

static void
put_v4(struct sockaddr *out, uint32_t a)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(a) };

	memcpy(out, &in, sizeof in);
}

static int
put_v4_of(int fd, const char *name, unsigned request, uint32_t a)
{
	struct ifreq r;

	memset(&r, 0, sizeof r);
	memcpy(r.ifr_name, name, sizeof r.ifr_name);
	put_v4(&r.ifr_addr, a);
	return netif_ioctl(fd, request, &r);
}

/* by 0: it is on the wire itself. */
static int
route_v4(int fd, const struct msg_link_lease *l, uint32_t to, uint32_t prefix, uint32_t by)
{
	char name[INTERFACE_BYTES];
	struct rtentry r;
	int rc;

	memcpy(name, l->interface, sizeof name);
	memset(&r, 0, sizeof r);
	put_v4(&r.rt_dst, to & mask_of(prefix));
	put_v4(&r.rt_genmask, mask_of(prefix));
	put_v4(&r.rt_gateway, by);
	r.rt_flags = (unsigned short)(RTF_UP | (by != 0 ? RTF_GATEWAY : 0) | (prefix == V4_BITS ? RTF_HOST : 0));
	r.rt_dev = name;
	rc = netif_ioctl(fd, SIOCADDRT, &r);
	return rc == -EEXIST ? 0 : rc;
}

/* A router outside of the subnet, as with leases of one address, is a neighbour all the same. */
static int
route_by_v4(int fd, const struct msg_link_lease *l, uint32_t to, uint32_t prefix, uint32_t by)
{
	uint32_t mask = mask_of(l->prefix);
	int rc = (by & mask) != (v4(l->address) & mask) ? route_v4(fd, l, by, V4_BITS, 0) : 0;

	return rc == 0 ? route_v4(fd, l, to, prefix, by) : rc;
}

static int
apply_v4(const struct prepared *p, const struct msg_link_lease *l)
{
	int fd = p->network.v4_fd, rc;

	rc = put_v4_of(fd, l->interface, SIOCSIFADDR, v4(l->address));
	if (rc == 0)
		rc = put_v4_of(fd, l->interface, SIOCSIFNETMASK, mask_of(l->prefix));	/* the kernel took it by its class: RFC 791 */
	for (uint32_t i = 0; i < l->routes && rc == 0; i++)
		rc = route_by_v4(fd, l, v4(l->route[i].to), l->route[i].prefix, v4(l->route[i].by));
	if (rc == 0 && !is_none(l->gateway))
		rc = route_by_v4(fd, l, 0, 0, v4(l->gateway));
	return rc == 0 ? network_setting("ipv4", l->interface, "rp_filter", "1") : rc;
}

static int
route_v6(int fd, const struct msg_link_lease *l, const uint8_t to[ADDRESS_BYTES], uint16_t prefix, const uint8_t by[ADDRESS_BYTES])
{
	struct in6_rtmsg r;
	int rc;

	memset(&r, 0, sizeof r);
	memcpy(&r.rtmsg_dst, to, sizeof r.rtmsg_dst);
	memcpy(&r.rtmsg_gateway, by, sizeof r.rtmsg_gateway);
	r.rtmsg_dst_len = prefix;
	r.rtmsg_metric = METRIC_V6;
	r.rtmsg_flags = RTF_UP | (is_none(by) ? 0 : RTF_GATEWAY) | (prefix == 128 ? RTF_HOST : 0);
	r.rtmsg_ifindex = (int)l->index;
	rc = netif_ioctl(fd, SIOCADDRT, &r);
	return rc == -EEXIST ? 0 : rc;
}

static int
is_link_local(const uint8_t a[ADDRESS_BYTES])
{
	return a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
}

static int
same_subnet_v6(const struct msg_link_lease *l, const uint8_t a[ADDRESS_BYTES])
{
	for (uint32_t bit = 0; bit < l->prefix; bit++)
		if (((a[bit / 8] ^ l->address[bit / 8]) & 0x80 >> bit % 8) != 0)
			return 0;
	return 1;
}

static int
apply_v6(const struct prepared *p, const struct msg_link_lease *l)
{
	static const uint8_t none[ADDRESS_BYTES];
	struct address_v6 a = { .prefix = l->prefix, .index = (int)l->index };
	int fd = p->network.v6_fd, rc;

	memcpy(&a.address, l->address, sizeof a.address);
	rc = netif_ioctl(fd, SIOCSIFADDR, &a);
	if (rc != 0 && rc != -EEXIST)
		return rc;
	if (is_none(l->gateway))
		return 0;
	rc = is_link_local(l->gateway) || same_subnet_v6(l, l->gateway) ? 0 : route_v6(fd, l, l->gateway, 128, none);
	return rc == 0 ? route_v6(fd, l, none, 0, l->gateway) : rc;
}

/* What musl's resolver reads: at most three servers, and how long it waits for each. */
static int
write_resolv(const struct prepared *p, const struct msg_link_lease *l)
{
	char text[256], address[INET6_ADDRSTRLEN];
	int n = 0;

	for (int i = 0; i < DNS_MAX; i++) {
		if (is_none(l->dns[i]))
			continue;
		if (inet_ntop(is_v4(l->dns[i]) ? AF_INET : AF_INET6, l->dns[i] + (is_v4(l->dns[i]) ? V4_AT : 0), address, sizeof address) == NULL)
			return -EINVAL;
		n += snprintf(text + n, sizeof text - (size_t)n, "nameserver %s\n", address);
	}
	n += snprintf(text + n, sizeof text - (size_t)n, "options timeout:2 attempts:2\n");
	if (write(p->network.resolv_fd, text, (size_t)n) != n)
		return -EIO;
	if (close(p->network.resolv_fd) != 0)	/* a file open for writing keeps it from becoming read-only */
		return -errno;
	return mount(NULL, "/resolv", NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0 ? 0 : -errno;
}

/* Those that were brought up and are not it. */
static void
others_down(const struct prepared *p, const struct msg_link_lease *l)
{
	const char *point = netif_vlan_of(l->interface, p->config.vlan);
	size_t n = point != NULL ? (size_t)(point - l->interface) : strlen(l->interface);
	struct netif i;

	for (uint32_t index = 1; index <= NETIF_INDEX_MOST; index++)
		if (p->network.seen[index] && netif_look(p->network.v4_fd, index, &i) == 0 &&
		    (strlen(i.name) != n || memcmp(i.name, l->interface, n) != 0))
			(void)network_flag(p->network.v4_fd, i.name, 0);	/* it has no address; that is the wall */
}

int
network_apply(struct prepared *p, const struct msg_link_lease *l)
{
	struct network *n = &p->network;
	struct ifreq r;
	int rc;

	if (n->resolv_fd < 0)
		return -EALREADY;	/* or no network at all */
	rc = check_interface(p, l);
	if (rc != 0)
		return rc;
	if (l->mtu != 0) {
		memset(&r, 0, sizeof r);
		memcpy(r.ifr_name, l->interface, sizeof r.ifr_name);
		r.ifr_mtu = (int)l->mtu;
		(void)netif_ioctl(n->v4_fd, SIOCSIFMTU, &r);	/* a driver that cannot do it stays as it was */
	}
	if (!is_none(l->address))
		rc = is_v4(l->address) ? apply_v4(p, l) : apply_v6(p, l);
	if (rc == 0) {
		rc = write_resolv(p, l);
		n->resolv_fd = -1;
	}
	if (rc == 0)
		others_down(p, l);
	return rc;
}

void
network_end(struct prepared *p)
{
	int *all[] = { &p->network.udp_fd, &p->network.news_fd, &p->network.own_fd, &p->network.v4_fd, &p->network.v6_fd,
		&p->network.resolv_fd };

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (*all[i] >= 0)
			(void)close(*all[i]);	/* sockets: nothing to lose */
		*all[i] = -1;
	}
}
