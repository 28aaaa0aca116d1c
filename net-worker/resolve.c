/*
 * Names to addresses, by the C library's own resolver.  In net-worker.
 * Distrusts the answers: an address is all that is taken of them, and TLS says who is there.
 */
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "dial.h"

static int
take(struct address *out, const struct addrinfo *info, uint16_t port)
{
	memset(out, 0, sizeof *out);
	out->family = info->ai_family;
	out->bytes = info->ai_addrlen;
	if (info->ai_family == AF_INET && info->ai_addrlen == sizeof out->at.v4) {
		memcpy(&out->at.v4, info->ai_addr, sizeof out->at.v4);
		out->at.v4.sin_port = htons(port);
		return 1;
	}
	if (info->ai_family == AF_INET6 && info->ai_addrlen == sizeof out->at.v6) {
		memcpy(&out->at.v6, info->ai_addr, sizeof out->at.v6);
		out->at.v6.sin6_port = htons(port);
		return 1;
	}
	return 0;
}

int
resolve(const struct url *host, const struct patience *p, struct address out[ADDRESSES_MAX], unsigned *count, int *error)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *list = NULL;
	unsigned n = 0;

	*error = 0;
	if (host->kind != HOST_name)
		hints.ai_flags = AI_NUMERICHOST;
	else if (!p->first && patience_left(p) < RESOLVE_MS)
		return -ETIMEDOUT;
	*error = getaddrinfo(host->host, NULL, &hints, &list);
	if (*error != 0)
		return *error == EAI_NONAME || *error == EAI_NODATA ? -ENOENT : -EAGAIN;
	/* In the order of RFC 6724, as the library sorted them. */
	for (const struct addrinfo *i = list; i != NULL && n < ADDRESSES_MAX; i = i->ai_next)
		n += (unsigned)take(&out[n], i, host->port);
	freeaddrinfo(list);
	*count = n;
	return n > 0 ? 0 : -ENOENT;
}
