/*
 * The fake of conn.c, wait.c and random.c.  Outside of every wall.
 */
#include <errno.h>
#include <string.h>

#include "fake_net.h"

void (*fake_host)(unsigned host, const char *request, struct fake_reply *reply);
const struct host *fake_hosts;
uint64_t fake_now_ms;
unsigned fake_connections, fake_requests;
int fake_kept_dies;

static const struct host *to;
static struct fake_reply reply;
static int kept, gone;
static size_t at;

uint64_t
clock_ms(void)
{
	return fake_now_ms;
}

uint64_t
patience_left(const struct patience *p)
{
	return fake_now_ms < p->until_ms ? p->until_ms - fake_now_ms : 0;
}

/* Time goes by, but not beyond the patience. */
static int
go_by(const struct patience *p, uint64_t ms)
{
	if (ms >= patience_left(p)) {
		fake_now_ms += patience_left(p);
		return -ETIMEDOUT;
	}
	fake_now_ms += ms;
	return 0;
}

int
wait_pause(const struct patience *p, uint64_t ms)
{
	return go_by(p, ms);
}

uint64_t
random_jitter(uint64_t ms)
{
	return ms;
}

int
conn_open(struct host *host, const struct patience *p, int *reused, struct failure *why)
{
	memset(&reply, 0, sizeof reply);
	*reused = kept && to == host;
	kept = gone = 0;
	if (*reused) {
		gone = fake_kept_dies;
		return 0;
	}
	fake_connections++;
	fake_host((unsigned)(host - fake_hosts), "", &reply);
	to = host;
	if (reply.refuse.event == 0)
		return 0;
	if (go_by(p, reply.refuse_ms) == -ETIMEDOUT && reply.refuse_ms != UINT64_MAX)
		reply.refuse = (struct failure){ .event = EV_net_slow };
	*why = reply.refuse;
	return -EIO;
}

int
conn_send(const void *data, size_t n, const struct patience *p)
{
	static char text[65536];

	(void)p;	/* it is sent at once */
	if (n >= sizeof text)
		return -EPROTO;
	memcpy(text, data, n);
	text[n] = '\0';
	fake_requests++;
	at = 0;
	memset(&reply, 0, sizeof reply);
	if (!gone)
		fake_host((unsigned)(to - fake_hosts), text, &reply);
	return 0;
}

int
conn_recv(void *out, size_t n, const struct patience *p)
{
	size_t part = reply.bytes - at;
	int rc;

	if (gone)
		return -ECONNRESET;
	if (part == 0 && reply.end == -ETIMEDOUT)
		return go_by(p, UINT64_MAX);
	if (part == 0)
		return reply.end;
	if (reply.piece != 0 && part > reply.piece)
		part = reply.piece;
	if (part > n)
		part = n;
	rc = go_by(p, reply.piece_ms);
	if (rc != 0)
		return rc;
	memcpy(out, (const uint8_t *)reply.data + at, part);
	at += part;
	return (int)part;
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
}
