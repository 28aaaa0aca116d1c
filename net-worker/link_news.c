/*
 * What the kernel says of interfaces and addresses, rtnetlink(7).  In net-link.  Pure.
 * The kernel is believed; that it is the kernel who speaks, the caller has seen by the sender's port.
 */
#include <assert.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "link.h"

static_assert(sizeof(struct nlmsghdr) + sizeof(struct ifaddrmsg) == NEWS_ASK_ADDRESSES_BYTES, "question");
static_assert(sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg) == NEWS_ASK_CARRIER_BYTES, "question");

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

/* The next message's length, type and content; 0: there is none (any more), or it is no message. */
static size_t
next_message(const uint8_t **at, size_t *left, uint16_t *type, const uint8_t **body)
{
	struct nlmsghdr h;
	size_t step;

	if (*left < sizeof h)
		return 0;
	memcpy(&h, *at, sizeof h);
	if (h.nlmsg_len < sizeof h || h.nlmsg_len > *left)
		return 0;
	*type = h.nlmsg_type;
	*body = *at + sizeof h;
	step = NLMSG_ALIGN((size_t)h.nlmsg_len) < *left ? NLMSG_ALIGN((size_t)h.nlmsg_len) : *left;
	*at += step;
	*left -= step;
	return h.nlmsg_len;
}

int
news_has_address(const uint8_t *bytes, size_t len_bytes, uint32_t index)
{
	const uint8_t *body;
	struct ifaddrmsg a;
	uint16_t type;
	size_t n;

	while ((n = next_message(&bytes, &len_bytes, &type, &body)) != 0) {
		if (type != RTM_NEWADDR || n < sizeof(struct nlmsghdr) + sizeof a)
			continue;
		memcpy(&a, body, sizeof a);
		if (a.ifa_family == AF_INET6 && a.ifa_index == index && a.ifa_scope == RT_SCOPE_UNIVERSE &&
		    (flags_of(body + sizeof a, n - sizeof(struct nlmsghdr) - sizeof a, a.ifa_flags) & UNUSABLE) == 0)
			return 1;
	}
	return 0;
}

/*
 * IFF_LOWER_UP is the carrier itself.  IFF_RUNNING, all that ioctl(2) tells, is what the kernel has last seen when it came to look (RFC 2863):
 * it is said of an interface that has just been brought up even without a carrier, and not said of one that had none when its driver was
 * loaded, for up to a second after there is one.  Sent is all the while (dev_activate()).
 */
int
news_has_carrier(const uint8_t *bytes, size_t len_bytes, uint32_t index)
{
	const unsigned want = IFF_UP | IFF_LOWER_UP;
	const uint8_t *body;
	struct ifinfomsg i;
	int has = -1;
	uint16_t type;
	size_t n;

	while ((n = next_message(&bytes, &len_bytes, &type, &body)) != 0) {
		if ((type != RTM_NEWLINK && type != RTM_DELLINK) || n < sizeof(struct nlmsghdr) + sizeof i)
			continue;
		memcpy(&i, body, sizeof i);
		if (i.ifi_index == (int)index)
			has = type == RTM_NEWLINK && (i.ifi_flags & (want | IFF_DORMANT)) == want;
	}
	return has;
}

void
news_ask_addresses(uint8_t out[NEWS_ASK_ADDRESSES_BYTES])
{
	struct nlmsghdr h = { .nlmsg_len = NEWS_ASK_ADDRESSES_BYTES, .nlmsg_type = RTM_GETADDR, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP };
	struct ifaddrmsg a = { .ifa_family = AF_INET6 };

	memcpy(out, &h, sizeof h);
	memcpy(out + sizeof h, &a, sizeof a);
}

void
news_ask_carrier(uint8_t out[NEWS_ASK_CARRIER_BYTES], uint32_t index)
{
	struct nlmsghdr h = { .nlmsg_len = NEWS_ASK_CARRIER_BYTES, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST };
	struct ifinfomsg i = { .ifi_index = (int)index };

	memcpy(out, &h, sizeof h);
	memcpy(out + sizeof h, &i, sizeof i);
}
