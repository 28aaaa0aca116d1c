#ifndef BROKER_NETWORK_H
#define BROKER_NETWORK_H
/*
 * PID 1's part of the network: network.c brings interfaces up, lease.c applies the lease.
 */
#include "init.h"
#include "netif.h"

/* Only with an org in the config: sockets, net-worker's root, settings.  Before confine(): later none can be made.  Nothing is up yet. */
void network_prepare(struct prepared *p);

/*
 * Brings up what is wanted and was not seen before: when LINK begins, for until the TPM's latch is closed not even the kernel shall hear the
 * network.  And network_news(), from then on, when own_fd is readable: some interfaces come late.
 */
void network_up(struct prepared *p);
void network_news(struct prepared *p);

/* Applies a lease, once.  0 or a negative errno: -ENODEV another interface than config's, -EALREADY. */
int network_apply(struct prepared *p, const struct msg_link_lease *l);

/* Closes all that could change the network. */
void network_end(struct prepared *p);

/* Between the two files. */
int network_setting(const char *family, const char *name, const char *key, const char *value);
int network_flag(int fd, const char name[INTERFACE_BYTES], int up);
#endif
