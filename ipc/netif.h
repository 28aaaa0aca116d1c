#ifndef IPC_NETIF_H
#define IPC_NETIF_H
/*
 * Network interfaces, and how config names them: "first", a name, or a MAC address.  init brings up what is wanted, net-link waits for it
 * and init applies the lease to it: all three by these functions.  Names and MAC addresses are as drivers have them and prove nothing.
 */
#include <stdint.h>

#include "bodies.h"

enum {
	MAC_BYTES = 6,
	NETIF_INDEX_MOST = 256,	/* the kernel counts from 1, and preboot makes few: more would be no machine that we know */
};

struct netif {
	char name[INTERFACE_BYTES];	/* NUL behind it to the end */
	uint8_t mac[MAC_BYTES];
	uint32_t index;
};

/* "52:54:00:12:34:56", either case, into mac.  0, or -EINVAL: it is none. */
int netif_mac(const char *text, uint8_t mac[MAC_BYTES]);

/* Does config's line interface mean an Ethernet interface with this name and address?  1 or 0; "first" means all of them. */
int netif_wanted(const char *text, const char *name, const uint8_t mac[MAC_BYTES]);

/* NAME.VLAN, as init makes it; vlan 0: NAME.  0, or -ENAMETOOLONG. */
int netif_vlan(char out[INTERFACE_BYTES], const char *name, uint64_t vlan);

/* Is this NAME.VLAN of that vlan?  Where the point stands, or NULL; vlan 0: NULL. */
const char *netif_vlan_of(const char *name, uint64_t vlan);

/* The Ethernet interface with this index, by any socket: netdevice(7).  0 or a negative errno; -ENODEV: another kind. */
int netif_look(int socket_fd, uint32_t index, struct netif *out);

/* ioctl(2) as the filters want it: musl's ioctl(3) extends the request's sign.  0 or a negative errno. */
int netif_ioctl(int socket_fd, unsigned request, void *argument);
#endif
