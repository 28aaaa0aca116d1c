/*
 * TCP connections that are tried side by side until one stands.  In net-worker.
 * Distrusts the addresses: each may refuse, lead nowhere, or be somebody else.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dial.h"

struct tries {
	struct pollfd fds[ADDRESSES_MAX];	/* those under way */
	unsigned count;
	int error;				/* of the last one that failed */
};

static void
drop(struct tries *t, unsigned i)
{
	(void)close(t->fds[i].fd);	/* never connected, or not wanted */
	t->fds[i] = t->fds[--t->count];
}

/* Begins one; 0 when it is under way or done, else it failed at once. */
static int
begin(struct tries *t, const struct address *to)
{
	int fd = socket(to->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		return -errno;
	/* A request is a head and a body of several records: they should not wait for each other's acknowledgement. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
	    (connect(fd, &to->at.sa, to->bytes) == 0 || errno == EINPROGRESS || errno == EINTR)) {
		t->fds[t->count++] = (struct pollfd){ .fd = fd, .events = POLLOUT };
		return 0;
	}
	t->error = errno;
	(void)close(fd);	/* never connected */
	return -t->error;
}

/* The first that stands, or -1; those that failed are dropped. */
static int
look(struct tries *t)
{
	unsigned i = 0;

	while (i < t->count) {
		int error = 0, fd = t->fds[i].fd;
		socklen_t n = sizeof error;

		if (t->fds[i].revents == 0) {
			i++;
			continue;
		}
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
			error = errno;
		if (error == 0) {
			t->fds[i] = t->fds[--t->count];
			return fd;
		}
		t->error = error;
		drop(t, i);
	}
	return -1;
}

int
dial(const struct address *to, unsigned count, const struct patience *p, int *out)
{
	struct tries t = { .error = ENETUNREACH };
	unsigned next = 0;
	int rc = 0, fd = -1;

	while (fd < 0) {
		while (next < count && begin(&t, &to[next++]) != 0)
			;
		if (t.count == 0) {
			rc = -t.error;
			break;
		}
		rc = wait_for(t.fds, t.count, p, next < count ? DIAL_NEXT_MS : UINT64_MAX);
		if (rc == -ETIMEDOUT && next < count && patience_left(p) > 0)
			continue;	/* the next one as well */
		if (rc != 0)
			break;
		fd = look(&t);
	}
	while (t.count > 0)
		drop(&t, 0);
	if (fd < 0)
		return rc != 0 ? rc : -ECONNREFUSED;
	*out = fd;
	return 0;
}
