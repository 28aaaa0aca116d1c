/*
 * The good path of a boot through a real broker, with an org and without, and its ends.  Outside the wall: plays all the other programs.
 */
#include <stdio.h>

#include "broker_rig.h"
#include "exits.h"

int online;

void
say_and_take(enum peer from, uint32_t id)
{
	say(from, id);
	take((enum peer)msg_table[id].to, id);
}

void
fill(void)
{
	say_and_take(PEER_crypto, MSG_crypto_want);
	say_and_take(PEER_store, MSG_store_filled);
}

void
stop_recorded(void)
{
	const struct msg_store_recorded done = { .what = RECORD_stopped };

	if (rig.end[PEER_store] < 0 || broker.stopping != 0)
		return;
	assert_int_equal(broker.recording[RECORD_stopped], 1);
	peer_say(rig.end[PEER_store], MSG_store_recorded, &done);
	settle();
}

void
dismissed(enum peer peer)
{
	assert_true(is_closed(peer));
	drop_end(peer);
}

int
on_the_way(unsigned phase_no)
{
	return phase_no != PHASE_NO_ASK || online;
}

static void
failed(void)
{
	say(PEER_crypto, MSG_crypto_failed);
	stop_recorded();
}

void
offline(uint32_t event)
{
	const struct msg_crypto_offline body = { .event = event, .boots = event != EV_none, .most = event != EV_none ? 16 : 0 };

	peer_say(rig.end[PEER_crypto], MSG_crypto_offline, &body);
	settle();
	take(PEER_crypto, MSG_broker_next);
}

/* net-link has a lease, init applies it, net-worker is there. */
static void
to_ask(void)
{
	say(PEER_link, MSG_link_lease);
	assert_int_equal(rig.leases, 1);
	dismissed(PEER_link);
	take(PEER_crypto, MSG_broker_ask);
}

static void
ask(void)
{
	say_and_take(PEER_crypto, MSG_crypto_get);
	say_and_take(PEER_net, MSG_net_got);
	say_and_take(PEER_crypto, MSG_crypto_post);
	say_and_take(PEER_net, MSG_net_posted);
	say(PEER_crypto, MSG_crypto_ticket);
	take(PEER_crypto, MSG_broker_next);
}

void
to_supply(void)
{
	if (online) {
		to_ask();
		ask();
	} else
		offline(EV_none);
}

static void
to_verify(void)
{
	say(PEER_crypto, MSG_crypto_chosen);
	fill();
	say(PEER_crypto, MSG_crypto_supplied);
}

/* The good path up to the beginning of a phase. */
void
drive(unsigned phase_no)
{
	static const uint32_t offers[] = { MSG_store_offer, MSG_store_offered };

	assert_true(on_the_way(phase_no));
	open_rig();
	if (phase_no == PHASE_NO_CLOSE)
		return;
	say(PEER_crypto, MSG_crypto_closed);
	take(PEER_store, MSG_broker_survey);
	if (phase_no == PHASE_NO_STOP && !online)
		failed();
	if (phase_no == PHASE_NO_SURVEY || (phase_no == PHASE_NO_STOP && !online))
		return;
	for (unsigned i = 0; i < 2; i++)
		say_and_take(PEER_store, offers[i]);
	fill();
	say(PEER_crypto, MSG_crypto_surveyed);
	if (phase_no == PHASE_NO_LINK)
		return;
	if (phase_no == PHASE_NO_ASK || phase_no == PHASE_NO_STOP) {
		to_ask();
		if (phase_no == PHASE_NO_STOP)
			failed();
		return;
	}
	to_supply();
	if (phase_no == PHASE_NO_SUPPLY)
		return;
	to_verify();
	if (phase_no == PHASE_NO_VERIFY)
		return;
	say(PEER_crypto, MSG_crypto_verified);
	take(PEER_store, MSG_broker_record);
	if (online)
		dismissed(PEER_net);
	if (phase_no == PHASE_NO_RECORD)
		return;
	say(PEER_store, MSG_store_recorded);
	take(PEER_crypto, MSG_broker_load);
	if (phase_no == PHASE_NO_LOAD)
		return;
	say_and_take(PEER_kexec, MSG_kexec_loaded);
	say(PEER_crypto, MSG_crypto_wiped);
}

void
lost(enum peer peer, uint32_t final)
{
	const struct msg_broker_lost *body = (const void *)got.body;

	take(PEER_crypto, MSG_broker_lost);
	assert_int_equal(body->program, peer);
	assert_int_equal(body->final, final);
}

void
loads_and_jumps(void)
{
	assert_int_equal(broker.state.phase, PHASE(LOAD));
	say_and_take(PEER_kexec, MSG_kexec_loaded);
	say(PEER_crypto, MSG_crypto_wiped);
	assert_true(heard_nothing(PEER_kexec));		/* crypto-worker still lives */
	drop_end(PEER_crypto);
	settle();
	take(PEER_kexec, MSG_broker_go);
	assert_true(heard_nothing(PEER_kexec));
	assert_int_equal(rig.ended, RUNS);
}

void
ends_in_one_jump(void)
{
	assert_int_equal(broker.state.phase, PHASE(SUPPLY));
	to_verify();
	say(PEER_crypto, MSG_crypto_verified);
	take(PEER_store, MSG_broker_record);
	say(PEER_store, MSG_store_recorded);
	take(PEER_crypto, MSG_broker_load);
	loads_and_jumps();
}

void
ends_in_one_reboot(void)
{
	int by_kexec = broker.channel[PEER_kexec] >= 0;
	uint64_t left_ms;
	char line[64];

	assert_int_equal(broker.state.phase, PHASE(STOP));
	stop_recorded();
	assert_int_equal(broker.stopping, 1);
	(void)snprintf(line, sizeof line, "stopped: reboot in %d s", 30 << broker.stops);
	assert_true(printed(line));
	left_ms = broker.deadline_ms - now_ms();
	assert_true(left_ms <= 30000u << broker.stops && left_ms > (30000u << broker.stops) - 10000);
	silence();
	if (by_kexec)
		take(PEER_kexec, MSG_broker_reboot);
	else
		assert_int_equal(rig.stops, 1);
	silence();
	assert_int_equal(rig.ended, EXIT_PEER);
}
