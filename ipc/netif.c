/*
 * Network interfaces by name, address and index.  In init and net-link; the text is the sealed config's, the names are the kernel's.
 */
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netif.h"

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
netif_mac(const char *text, uint8_t mac[MAC_BYTES])
{
	uint8_t out[MAC_BYTES];

	if (strlen(text) != 3 * MAC_BYTES - 1)
		return -EINVAL;
	for (unsigned i = 0; i < MAC_BYTES; i++) {
		int high = digit(text[3 * i]), low = digit(text[3 * i + 1]);

		if (high < 0 || low < 0 || (i + 1 < MAC_BYTES && text[3 * i + 2] != ':'))
			return -EINVAL;
		out[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(mac, out, sizeof out);
	return 0;
}

int
netif_wanted(const char *text, const char *name, const uint8_t mac[MAC_BYTES])
{
	uint8_t want[MAC_BYTES];

	if (strcmp(text, "first") == 0)
		return 1;
	if (netif_mac(text, want) == 0)	/* no name has a colon */
		return memcmp(want, mac, sizeof want) == 0;
	return strcmp(text, name) == 0;
}

int
netif_vlan(char out[INTERFACE_BYTES], const char *name, uint64_t vlan)
{
	char text[2 * INTERFACE_BYTES];
	int n;

	if (vlan == 0)
		n = snprintf(text, sizeof text, "%s", name);
	else
		n = snprintf(text, sizeof text, "%s.%u", name, (unsigned)vlan);
	if (n < 0 || n >= INTERFACE_BYTES)
		return -ENAMETOOLONG;
	memset(out, 0, INTERFACE_BYTES);
	memcpy(out, text, (size_t)n);
	return 0;
}

const char *
netif_vlan_of(const char *name, uint64_t vlan)
{
	char end[INTERFACE_BYTES];
	size_t n = strlen(name), m;

	if (vlan == 0 || netif_vlan(end, "", vlan) != 0)
		return NULL;
	m = strlen(end);
	return n > m && strcmp(name + n - m, end) == 0 ? name + n - m : NULL;
}

int
netif_ioctl(int socket_fd, unsigned request, void *argument)
{
	return syscall(SYS_ioctl, socket_fd, request, argument) == 0 ? 0 : -errno;
}

int
netif_look(int socket_fd, uint32_t index, struct netif *out)
{
	struct ifreq r;
	int rc;

	static_assert(IFNAMSIZ == INTERFACE_BYTES, "names of interfaces");
	memset(&r, 0, sizeof r);
	r.ifr_ifindex = (int)index;
	rc = netif_ioctl(socket_fd, SIOCGIFNAME, &r);
	if (rc == 0)
		rc = netif_ioctl(socket_fd, SIOCGIFHWADDR, &r);
	if (rc != 0)
		return rc;
	if (r.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -ENODEV;
	memset(out, 0, sizeof *out);
	memcpy(out->name, r.ifr_name, strnlen(r.ifr_name, sizeof out->name - 1));
	memcpy(out->mac, r.ifr_hwaddr.sa_data, sizeof out->mac);
	out->index = index;
	return 0;
}
