/*
 * Waiting: with an end, by a clock that nobody sets, and never past the broker's leaving.
 * In net-worker, before everything that comes from outside; distrusts nobody here, for nothing is read.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "net.h"

enum { POLL_MOST_MS = 60000 };	/* one poll(2): its time is an int, ours is not */

uint64_t
clock_ms(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		return UINT64_MAX;
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t
patience_left(const struct patience *p)
{
	uint64_t now = clock_ms();

	return now < p->until_ms ? p->until_ms - now : 0;
}

/* poll(2) with the channel as the last one.  0: one of fds; -EAGAIN: nothing yet. */
static int
poll_once(struct pollfd *all, unsigned count, uint64_t ms)
{
	int n = poll(all, count + 1, ms < POLL_MOST_MS ? (int)ms : POLL_MOST_MS);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	/* Asked for nothing, the channel tells of its end alone: what the broker says next waits its turn. */
	if ((all[count].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
		return -ECANCELED;
	return n > 0 ? 0 : -EAGAIN;
}

int
wait_for(struct pollfd *fds, unsigned count, const struct patience *p, uint64_t at_most_ms)
{
	struct pollfd all[WAIT_FDS_MAX + 1];
	uint64_t start = clock_ms(), end = p->until_ms;
	int rc;

	if (count > WAIT_FDS_MAX)
		return -EINVAL;
	if (at_most_ms < UINT64_MAX - start && start + at_most_ms < end)
		end = start + at_most_ms;
	for (unsigned i = 0; i < count; i++)
		all[i] = fds[i];
	all[count] = (struct pollfd){ .fd = p->channel, .events = 0 };
	for (;;) {
		uint64_t now = clock_ms();

		rc = poll_once(all, count, now < end ? end - now : 0);
		if (rc != -EAGAIN)
			break;
		if (clock_ms() >= end)
			return -ETIMEDOUT;
	}
	for (unsigned i = 0; i < count; i++)
		fds[i].revents = all[i].revents;
	return rc;
}

int
wait_pause(const struct patience *p, uint64_t ms)
{
	int rc = wait_for(NULL, 0, p, ms);

	if (rc != -ETIMEDOUT)
		return rc;
	return patience_left(p) > 0 ? 0 : -ETIMEDOUT;
}
