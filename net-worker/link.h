#ifndef NET_LINK_H
#define NET_LINK_H
/*
 * net-link's parts: link.c (the program), link_find.c (the interface), link_lease.c (what becomes of config and of DHCP's answer),
 * link_news.c (what the kernel says of addresses); dhcp.h.
 */
#include <stddef.h>
#include <stdint.h>

#include "dhcp.h"
#include "doc.h"
#include "msg.h"
#include "netif.h"

/* --- link_find.c --- */
enum found { FOUND_none, FOUND_no_carrier, FOUND_up };

/*
 * Looks for the interface that config wants, by ioctl(2) on any socket; *out is set with FOUND_up: of all that are, the lowest index.
 * carrier() says whether the interface with that index is up and has one.
 */
enum found link_find(int socket_fd, const struct doc_config *config, int (*carrier)(uint32_t index), struct netif *out);

/* --- link_lease.c --- */
enum how { HOW_dhcp, HOW_ra, HOW_static };
enum how link_how(const struct doc_config *config);

/* Each makes the whole lease of an interface.  0, or -EINVAL: it would not be in range (check_link_lease). */
int link_lease_dhcp(const struct doc_config *config, const struct netif *i, const struct dhcp_reply *reply, struct msg_link_lease *out);
int link_lease_ra(const struct doc_config *config, const struct netif *i, struct msg_link_lease *out);
int link_lease_static(const struct doc_config *config, const struct netif *i, struct msg_link_lease *out);

/* --- link_news.c --- */

/* Do these messages of the kernel (rtnetlink(7)) say that this interface has a global IPv6 address that can be used?  1 or 0. */
int news_has_address(const uint8_t *bytes, size_t len_bytes, uint32_t index);

/* Do they say of this interface whether it is up and has a carrier?  The last word counts: 1 or 0; -1: they do not say. */
int news_has_carrier(const uint8_t *bytes, size_t len_bytes, uint32_t index);

/* Questions, whose answers are news as well: all IPv6 addresses; one interface. */
enum { NEWS_ASK_ADDRESSES_BYTES = 24, NEWS_ASK_CARRIER_BYTES = 32 };
void news_ask_addresses(uint8_t out[NEWS_ASK_ADDRESSES_BYTES]);
void news_ask_carrier(uint8_t out[NEWS_ASK_CARRIER_BYTES], uint32_t index);
#endif
