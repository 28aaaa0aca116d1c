/*
 * Which interface?  In net-link.  Asks the kernel by ioctl(2), netdevice(7): that takes no capability.
 */
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

#include "link.h"

/* NAME -> NAME.VLAN, which init made; its MAC address is the same. */
static int
look_vlan(int fd, uint64_t vlan, struct netif *i)
{
	struct ifreq r;
	char name[INTERFACE_BYTES];

	if (netif_vlan(name, i->name, vlan) != 0)
		return -1;
	memset(&r, 0, sizeof r);
	memcpy(r.ifr_name, name, sizeof name);
	if (netif_ioctl(fd, SIOCGIFINDEX, &r) != 0 || r.ifr_ifindex <= 0)
		return -1;
	memcpy(i->name, name, sizeof name);
	i->index = (uint32_t)r.ifr_ifindex;
	return 0;
}

enum found
link_find(int socket_fd, const struct doc_config *config, int (*carrier)(uint32_t index), struct netif *out)
{
	enum found best = FOUND_none;

	for (uint32_t index = 1; index <= NETIF_INDEX_MOST; index++) {
		struct netif i;

		if (netif_look(socket_fd, index, &i) != 0 || netif_vlan_of(i.name, config->vlan) != NULL ||
		    !netif_wanted(config->interface, i.name, i.mac) ||
		    (config->vlan != 0 && look_vlan(socket_fd, config->vlan, &i) != 0))
			continue;
		if (carrier(i.index)) {
			*out = i;
			return FOUND_up;
		}
		best = FOUND_no_carrier;
	}
	return best;
}
