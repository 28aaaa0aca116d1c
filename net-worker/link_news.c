/*
 * What the kernel says of addresses, rtnetlink(7).  In net-link.  Pure.
 * The kernel is believed; that it is the kernel who speaks, the caller has seen by the sender's port.
 */
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "link.h"

/* Not yet, never, or no longer to be used. */
enum { UNUSABLE = IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED | IFA_F_OPTIMISTIC };

/* IFA_FLAGS has all 32 bits where the kernel sends it; the header has the lower 8. */
static uint32_t
flags_of(const uint8_t *at, size_t bytes, uint32_t flags)
{
	struct rtattr a;

	while (bytes >= sizeof a) {
		memcpy(&a, at, sizeof a);
		if (a.rta_len < sizeof a || a.rta_len > bytes)
			break;
		if (a.rta_type == IFA_FLAGS && a.rta_len >= sizeof a + sizeof flags)
			memcpy(&flags, at + sizeof a, sizeof flags);
		if (RTA_ALIGN(a.rta_len) >= bytes)
			break;
		at += RTA_ALIGN(a.rta_len);
		bytes -= RTA_ALIGN(a.rta_len);
	}
	return flags;
}

int
news_has_address(const uint8_t *bytes, size_t len_bytes, uint32_t index)
{
	struct nlmsghdr h;
	struct ifaddrmsg a;

	while (len_bytes >= sizeof h) {
		memcpy(&h, bytes, sizeof h);
		if (h.nlmsg_len < sizeof h || h.nlmsg_len > len_bytes)
			return 0;
		if (h.nlmsg_type == RTM_NEWADDR && h.nlmsg_len >= sizeof h + sizeof a) {
			memcpy(&a, bytes + sizeof h, sizeof a);
			if (a.ifa_family == AF_INET6 && a.ifa_index == index && a.ifa_scope == RT_SCOPE_UNIVERSE &&
			    (flags_of(bytes + sizeof h + sizeof a, h.nlmsg_len - sizeof h - sizeof a, a.ifa_flags) & UNUSABLE) == 0)
				return 1;
		}
		if (NLMSG_ALIGN(h.nlmsg_len) >= len_bytes)
			return 0;
		bytes += NLMSG_ALIGN(h.nlmsg_len);
		len_bytes -= NLMSG_ALIGN(h.nlmsg_len);
	}
	return 0;
}

void
news_ask(uint8_t out[NEWS_ASK_BYTES])
{
	struct nlmsghdr h = { .nlmsg_len = NEWS_ASK_BYTES, .nlmsg_type = RTM_GETADDR, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP };
	struct ifaddrmsg a = { .ifa_family = AF_INET6 };

	memcpy(out, &h, sizeof h);
	memcpy(out + sizeof h, &a, sizeof a);
}
