/*
 * Tries: which host is asked next, after which pause, until when.  In net-worker.
 * Distrusts the hosts: none may cost another's time, and whatever they do, it ends.
 */
#include <errno.h>
#include <string.h>

#include "fetch.h"

struct tries {
	struct fetch *f;
	struct order *order;
	uint64_t end_ms;		/* of everything */
	uint64_t new_ms;		/* when there last was a byte that had not been there before */
	uint64_t most;			/* bytes that were there at once */
	unsigned first, last, count;
	uint8_t asked[HOSTS_MAX];
	uint8_t out[HOSTS_MAX];		/* failed for good */
	uint16_t idle[HOSTS_MAX];	/* tries that brought nothing new */
	uint64_t not_before_ms[HOSTS_MAX];
};

enum { NOBODY = HOSTS_MAX };

static int
is_better(const struct tries *t, unsigned a, unsigned b)
{
	if (t->idle[a] != t->idle[b])
		return t->idle[a] < t->idle[b];
	return t->f->bad[a] < t->f->bad[b];
}

/* Whoever was tried least; among those, who did not fail the last time; among those, the first. */
static unsigned
choose(const struct tries *t)
{
	unsigned best = NOBODY;

	for (unsigned h = t->first; h <= t->last; h++)
		if (!t->out[h] && (best == NOBODY || is_better(t, h, best)))
			best = h;
	return best;
}

/* How many are still to be asked in this round, h among them. */
static unsigned
round_left(const struct tries *t, unsigned h)
{
	unsigned n = 0;

	for (unsigned i = t->first; i <= t->last; i++)
		n += !t->out[i] && t->idle[i] == t->idle[h];
	return n;
}

/* When the tries are over if nothing new comes. */
static uint64_t
end_of(const struct tries *t)
{
	uint64_t idle = t->new_ms + t->f->wait_ms * (t->last - t->first + 1);

	return t->order->image && idle < t->end_ms ? idle : t->end_ms;
}

/* A document's host gets its share of what time is left, an image's all of its own silence. */
static uint64_t
until(const struct tries *t, unsigned h)
{
	uint64_t now = clock_ms(), end = end_of(t), left = now < end ? end - now : 0;

	if (!t->order->image)
		return now + left / round_left(t, h);
	return now + (left < t->f->wait_ms ? left : t->f->wait_ms);
}

/* Waits for the host's turn.  0; -ETIMEDOUT: that would be too late; -ECANCELED. */
static int
back_off(const struct tries *t, unsigned h)
{
	struct patience p = { .channel = t->f->channel, .until_ms = end_of(t) };
	uint64_t now = clock_ms(), ms = 0;

	if (t->idle[h] > 0) {
		ms = BACK_OFF_MS;
		for (unsigned i = 1; i < t->idle[h] && ms < BACK_OFF_MOST_MS; i++)
			ms *= 2;
		ms = random_jitter(ms);
	}
	if (t->not_before_ms[h] > now && t->not_before_ms[h] - now > ms)
		ms = t->not_before_ms[h] - now;
	if (ms >= patience_left(&p))
		return -ETIMEDOUT;	/* to wait for what comes too late would cost the time of what does not */
	return ms == 0 ? 0 : wait_pause(&p, ms);
}

/* Notes how a try ended. */
static void
note(struct tries *t, unsigned h, const struct failure *why)
{
	t->out[h] = why->lasting;
	if (t->order->done > t->most) {
		/* It goes on: where it was, and at once. */
		t->most = t->order->done;
		t->new_ms = clock_ms();
		memset(t->idle, 0, sizeof t->idle);
	} else {
		t->f->bad[h] = 1;
		t->idle[h]++;
	}
	t->not_before_ms[h] = t->order->retry_after_ms > 0 ? clock_ms() + t->order->retry_after_ms : 0;
}

static int
try_host(struct tries *t, unsigned h, struct failure *why)
{
	struct patience p = { .channel = t->f->channel, .first = !t->asked[h], .until_ms = until(t, h) };

	t->order->silence_ms = t->f->wait_ms;
	t->order->until_ms = t->end_ms;
	t->asked[h] = 1;
	t->count++;
	return exchange(&t->f->host[h], t->order, &p, why);
}

int
fetch(struct fetch *f, unsigned first, unsigned last, struct order *order, struct failure *why)
{
	uint64_t now = clock_ms();
	struct tries t = { .f = f, .order = order, .first = first, .last = last, .new_ms = now };
	struct failure now_why;
	unsigned h;
	int rc;

	t.end_ms = now + (order->image ? f->wait_ms * (last - first + 1) + order->bytes / IMAGE_RATE : f->wait_ms);
	order->done = 0;
	order->etag[0] = '\0';
	*why = (struct failure){ .event = EV_net_slow };
	while (t.count < TRIES_MOST && (h = choose(&t)) != NOBODY) {
		rc = back_off(&t, h);
		if (rc == -ETIMEDOUT && round_left(&t, h) > 1) {
			t.idle[h]++;	/* it wants to be asked later than there is time: the others meanwhile */
			continue;
		}
		if (rc == -ETIMEDOUT || (t.count > 0 && clock_ms() >= end_of(&t)))
			break;
		if (rc != 0)
			return rc;
		rc = try_host(&t, h, &now_why);
		if (rc == 0) {
			f->bad[h] = 0;
			return 0;
		}
		if (rc != -EIO)
			return rc;
		note(&t, h, &now_why);
		/* That time was up says less than what happened before. */
		if (now_why.event != EV_net_slow || why->event == EV_net_slow)
			*why = now_why;
	}
	return -EIO;
}
