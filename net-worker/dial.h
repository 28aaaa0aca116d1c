#ifndef NET_WORKER_DIAL_H
#define NET_WORKER_DIAL_H
/*
 * From a name to a connected socket.
 */
#include <netinet/in.h>

#include "net.h"
#include "url.h"

enum { ADDRESSES_MAX = WAIT_FDS_MAX };

struct address {
	int family;
	socklen_t bytes;
	union {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} at;
};

/*
 * musl's getaddrinfo(3), which asks the servers of /etc/resolv.conf, A and AAAA at once, and gives up after RESOLVE_MS, for init has
 * written "timeout:2" there (broker/lease.c).  It cannot be interrupted: with less time left it is not begun unless *p says so.
 * 0, or -ETIMEDOUT nobody was asked, -ENOENT there is no such name, -EAGAIN no server answers, or it has an error; *error gets
 * getaddrinfo's.
 */
enum { RESOLVE_MS = 2000 };
int resolve(const struct url *host, const struct patience *p, struct address out[ADDRESSES_MAX], unsigned *count, int *error);

/*
 * Connects to whichever answers first: they are begun one after the other, DIAL_NEXT_MS apart or when one fails, for a first address that
 * leads nowhere must not cost all the time (RFC 8305 in small).  0 and a non-blocking socket, or a negative errno, -ECANCELED among them.
 */
enum { DIAL_NEXT_MS = 500 };
int dial(const struct address *to, unsigned count, const struct patience *p, int *out);
#endif
