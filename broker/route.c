/*
 * The broker's channels: receive, judge, forward.  The middle of the wall.
 * Distrusts every worker.  It cannot read, map or write any descriptor that it forwards, and the hand-over never comes by it.
 */
#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "broker.h"
#include "exits.h"

static struct frame frame;

uint64_t
now_ms(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		broker_exit(EXIT_KERNEL);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void
broker_init(struct broker *b)
{
	admit_init(&b->state, PEER_broker);
	for (unsigned p = 0; p < PEER_COUNT; p++)
		b->channel[p] = -1;
	b->channel[PEER_init] = FD_INIT;
}

void
broker_send(struct broker *b, uint32_t id, const void *body)
{
	int fd = b->channel[msg_table[id].to];

	if (fd < 0)
		return;		/* nobody is there to answer: no question is open */
	admit_note(&b->state, id);
	/* The sockets do not block here: a worker that does not read is found by its silence, never waited for. */
	(void)chan_send(fd, id, body, NULL);
}

/* A worker that ended with something unread gives ECONNRESET first and its last words after it, see unix(7). */
static int
receive_frame(int fd)
{
	int rc = chan_recv(fd, &frame);

	return rc == -ECONNRESET ? chan_recv(fd, &frame) : rc;
}

/* Why this frame misbehaves, or NULL. */
static const char *
judge(struct broker *b, enum peer from)
{
	enum admit_why why = admit(&b->state, from, WAY_hub, frame.id, frame.body_bytes, frame.nfds);

	if (why != ADMIT_ok)
		return admit_text(why);
	if (msg_check(frame.id, frame.body) != 0)
		return "field out of range";
	return step_forward(b, &frame) != 0 ? "answer about something else" : NULL;
}

/* Order of work on receipt, for all messages: exact size -> admit() -> check_NAME() -> note -> forward or on_NAME(). */
static void
receive(struct broker *b, enum peer from)
{
	const char *why;
	enum peer to;
	int rc = receive_frame(b->channel[from]);

	if (rc == -EAGAIN)
		return;
	if (rc == 0 || rc == -ECONNRESET) {
		step_lost(b, from, LOST_closed, "closed its channel");
		return;
	}
	why = rc < 0 ? "malformed frame" : judge(b, from);
	if (why != NULL) {
		frame_close(&frame);
		step_lost(b, from, LOST_misbehaved, why);
		return;
	}
	admit_note(&b->state, frame.id);
	to = (enum peer)msg_table[frame.id].to;
	if (to == PEER_broker)
		step_message(b, &frame);
	else if (b->channel[to] < 0 || chan_send(b->channel[to], frame.id, frame.body, frame.fds) != 0)
		step_undeliverable(b, frame.id);
	frame_close(&frame);
}

void
broker_run_once(struct broker *b)
{
	struct pollfd set[PEER_COUNT];
	uint64_t now = now_ms(), wait = b->deadline_ms > now ? b->deadline_ms - now : 0;
	struct timespec timeout = { .tv_sec = (time_t)(wait / 1000), .tv_nsec = (long)(wait % 1000) * 1000000 };
	int n;

	for (unsigned p = 0; p < PEER_COUNT; p++)
		set[p] = (struct pollfd){ .fd = b->channel[p], .events = POLLIN };
	n = ppoll(set, PEER_COUNT, &timeout, NULL);
	if (n < 0 && errno != EINTR)
		broker_exit(EXIT_KERNEL);
	if (n == 0) {
		step_timeout(b);
		return;
	}
	for (unsigned p = 0; n > 0 && p < PEER_COUNT; p++)
		if (set[p].revents != 0 && b->channel[p] == set[p].fd && set[p].fd >= 0)
			receive(b, (enum peer)p);
}
