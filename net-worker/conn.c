/*
 * From a host of the config to a connection that is encrypted and verified.  In net-worker.
 * Distrusts the name servers, the network and whoever answers: a connection that stands is the host's, by its certificate.
 */
#include <errno.h>
#include <string.h>

#include "conn.h"
#include "tls.h"

static const struct host *to;	/* whose the open connection is */
static int kept;		/* 1: it waits for the next request */

/*
 * A host's addresses.  They are kept: that a name cannot be asked for any more, because the time or the name server is gone, is no reason
 * to give up on a host that was there.
 */
static int
look_up(struct host *host, const struct patience *p, struct failure *why)
{
	struct address found[ADDRESSES_MAX];
	unsigned count = 0;
	int error, rc;

	if (host->count > 0 && !host->stale)
		return 0;
	rc = resolve(&host->url, p, found, &count, &error);
	if (rc == 0) {
		memcpy(host->address, found, sizeof host->address);
		host->count = count;
		host->stale = 0;
	}
	if (host->count > 0)
		return 0;
	if (rc == -ETIMEDOUT)	/* nobody was asked */
		*why = (struct failure){ .event = EV_net_slow };
	else
		*why = (struct failure){ .event = EV_net_name, .detail = (uint32_t)(error < 0 ? -error : error), .lasting = rc == -ENOENT };
	return -EIO;
}

/* The socket, or a failure that is told by the step at which it came. */
static int
reach(struct host *host, const struct patience *p, int *fd, struct failure *why)
{
	int rc = look_up(host, p, why);

	if (rc != 0)
		return rc;
	rc = dial(host->address, host->count, p, fd);
	if (rc == 0 || rc == -ECANCELED)
		return rc;
	host->stale = 1;
	*why = (struct failure){ .event = EV_net_connect, .detail = (uint32_t)-rc };
	return -EIO;
}

int
conn_open(struct host *host, const struct patience *p, int *reused, struct failure *why)
{
	int fd, rc;

	*reused = kept && to == host && tls_usable();
	kept = 0;
	if (*reused)
		return 0;
	conn_close();
	rc = reach(host, p, &fd, why);
	if (rc == 0)
		rc = tls_open(fd, &host->url, host->pin, p, why);
	if (rc == 0)
		to = host;
	return rc;
}

int
conn_send(const void *data, size_t n, const struct patience *p)
{
	return tls_send(data, n, p);
}

int
conn_recv(void *out, size_t n, const struct patience *p)
{
	return tls_recv(out, n, p);
}

void
conn_keep(void)
{
	kept = 1;
}

void
conn_close(void)
{
	kept = 0;
	to = NULL;
	tls_close();
}
