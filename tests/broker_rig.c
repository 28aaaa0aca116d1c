/*
 * The surroundings of a real broker (all of it but main.c): init, five workers, a console, and time.
 * Outside the wall.  broker's main.c is not linked, since it confines and exits: its exit is played here.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "broker_rig.h"
#include "exits.h"

enum { SETTLE_MAX = 4000 };

struct broker broker;
struct rig rig;
struct frame got;
union peer_body said;

_Noreturn void
broker_exit(int status)
{
	rig.ended = status;
	longjmp(rig.ended_here, 1);
}

void
drop_end(enum peer peer)
{
	if (rig.end[peer] >= 0)
		(void)close(rig.end[peer]);
	rig.end[peer] = -1;
}

static void
turn(void)
{
	if (rig.ended == RUNS && setjmp(rig.ended_here) == 0)
		broker_run_once(&broker);
}

void
start_answered(uint32_t program)
{
	struct msg_init_started started = { .program = program };
	int pair[2];

	peer_pair(pair);
	assert_int_equal(fcntl(pair[1], F_SETFL, O_RDWR | O_NONBLOCK), 0);	/* as init does */
	drop_end((enum peer)program);	/* init has killed the old one */
	rig.end[program] = pair[0];
	assert_int_equal(chan_send(rig.end[PEER_init], MSG_init_started, &started, &pair[1]), 0);
	(void)close(pair[1]);
}

void
lease_answered(void)
{
	const struct msg_init_linked linked = { 0 };
	const struct msg_init_unlinked unlinked = { .error = rig.apply_error };

	if (rig.apply_error == 0)
		assert_int_equal(chan_send(rig.end[PEER_init], MSG_init_linked, &linked, NULL), 0);
	else
		assert_int_equal(chan_send(rig.end[PEER_init], MSG_init_unlinked, &unlinked, NULL), 0);
}

static void
arm_answered(void)
{
	struct msg_broker_arm arm;
	struct msg_init_armed armed = { .error = rig.arm_error };

	memcpy(&arm, got.body, sizeof arm);
	rig.arms++;
	if (rig.arm_error == 0)
		armed.seconds = arm.seconds;
	if (!rig.init_is_slow)
		assert_int_equal(chan_send(rig.end[PEER_init], MSG_init_armed, &armed, NULL), 0);
}

static void
play_init(void)
{
	while (rig.end[PEER_init] >= 0 && peer_recv(rig.end[PEER_init], &got) == 1) {
		assert_int_equal(msg_check(got.id, got.body), 0);
		if (got.id == MSG_broker_stop)
			rig.stops++;
		else if (got.id == MSG_broker_arm)
			arm_answered();
		else if (got.id == MSG_link_lease) {
			rig.leases++;
			if (!rig.init_is_slow)
				lease_answered();
		} else {
			uint32_t program = ((const struct msg_broker_start *)(const void *)got.body)->program;

			assert_int_equal(got.id, MSG_broker_start);
			rig.starts[program]++;
			if (!rig.init_is_slow)
				start_answered(program);
		}
	}
}

/* The broker handles what lies there, and init answers, until nothing lies there. */
void
settle(void)
{
	for (unsigned i = 0; rig.ended == RUNS; i++) {
		struct pollfd set[PEER_COUNT];

		assert_true(i < SETTLE_MAX);
		play_init();
		for (unsigned p = 0; p < PEER_COUNT; p++)
			set[p] = (struct pollfd){ .fd = broker.channel[p], .events = POLLIN };
		if (poll(set, PEER_COUNT, 0) == 0)
			return;
		turn();
	}
}

/* Time passes up to the deadline, and nobody has said anything. */
void
silence(void)
{
	settle();
	broker.deadline_ms = 0;
	turn();
	settle();
}

int
printed(const char *text)
{
	ssize_t n;

	while ((n = read(rig.console, rig.printed + rig.printed_bytes, sizeof rig.printed - 1 - rig.printed_bytes)) > 0)
		rig.printed_bytes += (size_t)n;
	rig.printed[rig.printed_bytes] = '\0';
	for (size_t i = 0; i < rig.printed_bytes; i++)
		assert_true((rig.printed[i] >= ' ' && rig.printed[i] <= '~') || rig.printed[i] == '\r' || rig.printed[i] == '\n');
	assert_null(strstr(rig.printed, "EVIL"));	/* no byte that a worker chose */
	return strstr(rig.printed, text) != NULL;
}

void
say(enum peer from, uint32_t id)
{
	peer_sample(id, &said);
	peer_say(rig.end[from], id, &said);
	settle();
}

void
take(enum peer to, uint32_t id)
{
	assert_int_equal(peer_recv(rig.end[to], &got), 1);
	assert_string_equal(msg_table[got.id].name, msg_table[id].name);
	frame_close(&got);
}

int
is_closed(enum peer peer)
{
	int rc;

	while ((rc = peer_recv(rig.end[peer], &got)) == 1)
		frame_close(&got);
	return rc == 0;
}

/* Nothing at all has come there. */
int
heard_nothing(enum peer peer)
{
	return rig.end[peer] < 0 || peer_recv(rig.end[peer], &got) <= 0;
}

void
close_rig(void)
{
	for (unsigned p = 0; p < PEER_COUNT; p++) {
		drop_end((enum peer)p);
		if (p != PEER_init && broker.channel[p] >= 0)
			(void)close(broker.channel[p]);
	}
	(void)close(rig.console);
	peer_reserve();		/* FD_INIT and FD_CONSOLE are placeholders again */
}

void
open_rig(void)
{
	int pair[2], console[2];

	rig = (struct rig){ .ended = RUNS };
	memset(&broker, 0, sizeof broker);
	for (unsigned p = 0; p < PEER_COUNT; p++)
		rig.end[p] = -1;
	peer_pair(pair);
	assert_int_equal(fcntl(pair[1], F_SETFL, O_RDWR | O_NONBLOCK), 0);
	rig.end[PEER_init] = pair[0];
	peer_place(pair[1], FD_INIT);
	assert_int_equal(pipe2(console, O_CLOEXEC | O_NONBLOCK), 0);
	rig.console = console[0];
	peer_place(console[1], FD_CONSOLE);
	broker_init(&broker);
	broker.retry_wait_s = 30;
	broker.link_wait_s = 15;
	broker.net_wait_s = 30;
	broker.org = online != 0;
	step_start(&broker);
	settle();
}
