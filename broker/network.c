/*
 * PID 1's part of the network: sockets that others need made for them, interfaces up, VLANs.  Inside the wall.
 * Reads nothing from the wire: the config of its own image, and that the kernel has news of interfaces, whatever they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_vlan.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"
#include "network.h"

enum { EARLY_WAIT_MS = 10000, DHCP_CLIENT_PORT = 68 };

enum v6 { V6_off, V6_ra, V6_fixed };

int
network_setting(const char *family, const char *name, const char *key, const char *value)
{
	char path[96];
	size_t len = strlen(value);
	int fd, ok;

	(void)snprintf(path, sizeof path, "/proc/sys/net/%s/conf/%s/%s", family, name, key);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ok = write(fd, value, len) == (ssize_t)len;
	ok = close(fd) == 0 && ok;
	return ok ? 0 : -EIO;
}

/* Nothing on the wire changes a route, an address or a neighbour of ours unless config asks for it. */
static int
settle(const char *name, enum v6 v6)
{
	static const struct { const char *key, *value; } v4_rows[] = {
		{ "accept_redirects", "0" }, { "secure_redirects", "0" }, { "send_redirects", "0" }, { "accept_source_route", "0" },
		{ "forwarding", "0" },
		{ "arp_ignore", "1" }, { "arp_announce", "2" },	/* an interface answers for its own address alone */
		{ "rp_filter", "0" },	/* until the lease: without an address it would drop DHCP's answers */
	};
	static const struct { const char *key, *value[3]; } v6_rows[] = {
		{ "accept_redirects", { "0", "0", "0" } }, { "accept_source_route", { "-1", "-1", "-1" } }, { "forwarding", { "0", "0", "0" } },
		{ "accept_ra", { "0", "1", "0" } }, { "autoconf", { "0", "1", "0" } }, { "use_tempaddr", { "0", "0", "0" } },
		{ "accept_dad", { "0", "1", "0" } },	/* a fixed address is used at once: nobody is there to choose another */
		{ "disable_ipv6", { "1", "0", "0" } },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof v4_rows / sizeof v4_rows[0] && rc == 0; i++)
		rc = network_setting("ipv4", name, v4_rows[i].key, v4_rows[i].value);
	for (size_t i = 0; i < sizeof v6_rows / sizeof v6_rows[0] && rc == 0; i++) {
		rc = network_setting("ipv6", name, v6_rows[i].key, v6_rows[i].value[v6]);
		if (rc == -ENOENT && v6 == V6_off)
			return 0;	/* a kernel without IPv6 */
	}
	return rc;
}

static enum v6
wanted_v6(const struct doc_config *config)
{
	if (strcmp(config->address, "ra") == 0)
		return V6_ra;
	return strchr(config->address, ':') != NULL ? V6_fixed : V6_off;
}

int
network_flag(int fd, const char name[INTERFACE_BYTES], int up)
{
	struct ifreq r;
	int rc;

	memset(&r, 0, sizeof r);
	memcpy(r.ifr_name, name, INTERFACE_BYTES);
	rc = netif_ioctl(fd, SIOCGIFFLAGS, &r);
	if (rc != 0)
		return rc;
	r.ifr_flags = (short)(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
	return netif_ioctl(fd, SIOCSIFFLAGS, &r);
}

/* NAME.VLAN: the kernel's own way to name it. */
static int
make_vlan(int fd, const char *name, uint64_t vlan, char made[INTERFACE_BYTES])
{
	struct vlan_ioctl_args a;
	int rc = netif_vlan(made, name, vlan);

	if (rc != 0)
		return rc;
	memset(&a, 0, sizeof a);
	a.cmd = ADD_VLAN_CMD;
	a.u.VID = (int)vlan;
	(void)snprintf(a.device1, sizeof a.device1, "%s", name);
	rc = netif_ioctl(fd, SIOCSIFVLAN, &a);
	return rc == -EEXIST ? 0 : rc;
}

static int
bring_up(const struct prepared *p, const struct netif *i)
{
	char vlan[INTERFACE_BYTES];
	enum v6 v6 = wanted_v6(&p->config);
	int fd = p->network.v4_fd, rc;

	rc = settle(i->name, p->config.vlan != 0 ? V6_off : v6);
	if (rc == 0 && p->config.vlan != 0) {
		rc = make_vlan(fd, i->name, p->config.vlan, vlan);
		if (rc == 0)
			rc = settle(vlan, v6);
	}
	if (rc == 0)
		rc = network_flag(fd, i->name, 1);
	return rc == 0 && p->config.vlan != 0 ? network_flag(fd, vlan, 1) : rc;
}

void
network_up(struct prepared *p)
{
	p->network.up = 1;
	for (uint32_t index = 1; index <= NETIF_INDEX_MOST; index++) {
		struct netif i;
		char about[64];
		int rc;

		if (p->network.seen[index] || netif_look(p->network.v4_fd, index, &i) != 0 ||
		    netif_vlan_of(i.name, p->config.vlan) != NULL || !netif_wanted(p->config.interface, i.name, i.mac))
			continue;
		p->network.seen[index] = 1;	/* whatever comes of it: net-link says what is missing */
		rc = bring_up(p, &i);
		if (rc != 0) {
			(void)snprintf(about, sizeof about, "%.*s: %s", INTERFACE_BYTES, i.name, strerror(-rc));
			init_say(p, "interface not up", about);
		}
	}
}

void
network_news(struct prepared *p)
{
	uint8_t bytes[64];	/* they are cut: that there is something new is all that matters */
	struct iovec iov = { bytes, sizeof bytes };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };

	while (recvmsg(p->network.own_fd, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) >= 0 || errno == ENOBUFS || errno == EINTR)
		;
	network_up(p);
}

static int
news_socket(unsigned groups)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof a) != 0 ? -1 : fd;
}

/* Not bound to an interface: net-link chooses that, once, and needs no capability for it (Linux 5.7). */
static int
dhcp_socket(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(DHCP_CLIENT_PORT), .sin_addr.s_addr = htonl(INADDR_ANY) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) != 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) != 0)
		return -1;
	return fd;
}

/* net-worker's root: it is read-only before net-worker is started, and holds this one file. */
static int
resolv_root(void)
{
	int fd;

	if (mount("resolv", "/resolv", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=8k,nr_inodes=4,mode=0555") != 0 ||
	    mkdir("/resolv/etc", 0755) != 0 || chmod("/resolv/etc", 0755) != 0)
		return -1;
	fd = open("/resolv/etc/resolv.conf", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	return fd >= 0 && fchmod(fd, 0444) != 0 ? -1 : fd;
}

void
network_prepare(struct prepared *p)
{
	struct network *n = &p->network;

	memset(n, 0, sizeof *n);
	n->udp_fd = n->news_fd = n->own_fd = n->v4_fd = n->v6_fd = n->resolv_fd = -1;
	if (p->config.org[0] == '\0')
		return;
	n->udp_fd = dhcp_socket();
	n->news_fd = news_socket(RTMGRP_LINK | RTMGRP_IPV6_IFADDR);
	n->own_fd = news_socket(RTMGRP_LINK);
	n->v4_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	n->v6_fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	n->resolv_fd = resolv_root();
	if (n->udp_fd < 0 || n->news_fd < 0 || n->own_fd < 0 || n->v4_fd < 0 || n->resolv_fd < 0 ||
	    (n->v6_fd < 0 && wanted_v6(&p->config) != V6_off))
		init_reboot(p, "no network sockets", EARLY_WAIT_MS);	/* the kernel lacks what every kernel has */
	if (settle("all", wanted_v6(&p->config)) != 0 || settle("default", V6_off) != 0)
		init_reboot(p, "network settings", EARLY_WAIT_MS);
}
