/*
 * The DHCP client against a clock of our own: when it sends, whom it believes, when it gives up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dhcp_packet.h"

enum { WAIT_MS = 30000, MIDDLE = 500 /* of jitter(): a delay's random % (ms / 2 + 1) that changes nothing, for 1000 ms */ };

static struct dhcp_client c;
static struct dhcp_ask ask;
static struct dhcp_reply r;
static struct packet p;

static void
begin(uint64_t wait_ms)
{
	dhcp_start(&c, packet_mac, 0, 1000, wait_ms, PACKET_XID);
	assert_int_equal(dhcp_due_ms(&c), 1000);
	assert_int_equal(dhcp_send(&c, 1000, 0, &ask), 1);
	assert_int_equal(ask.type, DHCP_discover);
	assert_int_equal(ask.xid, PACKET_XID);
	assert_int_equal(ask.secs, 0);
	assert_memory_equal(ask.mac, packet_mac, sizeof packet_mac);
}

/* A server's packet, from server 192.0.2.LAST. */
static int
hear(uint64_t now, uint8_t type, uint32_t xid, uint8_t last, uint8_t host)
{
	packet_good(&p, type, xid);
	p.at[19] = host;
	for (size_t i = 240; i + 5 < p.bytes; i += 2 + (size_t)p.at[i + 1])
		if (p.at[i] == 54)
			p.at[i + 5] = last;
	packet_end(&p);
	return dhcp_hear(&c, now, 77, p.at, p.bytes, &r);
}

static void
the_usual_way(void **state)
{
	(void)state;
	begin(WAIT_MS);
	assert_int_equal(hear(1010, DHCP_offer, PACKET_XID, 2, 10), 0);
	assert_int_equal(dhcp_due_ms(&c), 1010);
	assert_int_equal(dhcp_send(&c, 1010, 0, &ask), 1);
	assert_int_equal(ask.type, DHCP_request);
	assert_int_equal(ask.xid, PACKET_XID);
	assert_int_equal(ask.address, IP(192, 0, 2, 10));
	assert_int_equal(ask.server, IP(192, 0, 2, 2));
	assert_int_equal(dhcp_send(&c, 1010, 0, &ask), 0);	/* once */
	assert_int_equal(hear(1020, DHCP_ack, PACKET_XID, 2, 10), 1);
	assert_int_equal(r.address, IP(192, 0, 2, 10));
	assert_int_equal(r.gateway, IP(192, 0, 2, 1));
	assert_int_equal(dhcp_over(&c, 1020), EV_none);
}

/* RFC 2131, 4.1: each wait twice the one before, a quarter more or less; and nothing is sent when the time is over. */
static void
back_off(void **state)
{
	static const uint32_t randoms[] = { 0, UINT32_MAX, 12345, 4000000000u };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (uint64_t wait = 1000; wait <= 600000; wait += 59900) {
			uint64_t base = wait / 8 > 4000 ? 4000 : wait / 8 < 100 ? 100 : wait / 8, delay = base, now = 1000;
			unsigned sent = 1;

			begin(wait);
			/* the first delay was drawn with 0: three quarters */
			assert_int_equal(c.next_ms, 1000 + base - base / 4);
			for (;;) {
				now = dhcp_due_ms(&c);
				if (now >= 1000 + wait)
					break;
				assert_int_equal(dhcp_send(&c, now - 1, randoms[i], &ask), 0);
				assert_int_equal(dhcp_send(&c, now, randoms[i], &ask), 1);
				assert_int_equal(ask.type, DHCP_discover);
				assert_int_equal(ask.xid, PACKET_XID);
				assert_int_equal(ask.secs, (now - 1000) / 1000);
				delay = 2 * delay > 64000 ? 64000 : 2 * delay;
				assert_in_range(c.next_ms - now, delay - delay / 4, delay + delay / 4);
				sent++;
			}
			assert_in_range(sent, 3, 20);
			assert_int_equal(dhcp_over(&c, 1000 + wait - 1), EV_none);
			assert_int_equal(dhcp_over(&c, 1000 + wait), EV_net_no_lease);
			assert_int_equal(dhcp_send(&c, 1000 + wait, 0, &ask), 0);
		}
}

static void
the_first_good_offer(void **state)
{
	(void)state;
	begin(WAIT_MS);
	/* No discover was answered with these, or not by anyone we asked. */
	assert_int_equal(hear(1001, DHCP_ack, PACKET_XID, 2, 10), 0);
	assert_int_equal(hear(1001, DHCP_nak, PACKET_XID, 2, 10), 0);
	assert_int_equal(hear(1001, DHCP_offer, PACKET_XID + 1, 2, 10), 0);
	assert_int_equal(c.requesting, 0);
	assert_int_equal(c.unusable, 0);
	/* A bad one is passed over: 192.0.2.255 is the subnet's broadcast address. */
	assert_int_equal(hear(1002, DHCP_offer, PACKET_XID, 66, 255), 0);
	assert_int_equal(c.requesting, 0);
	assert_int_equal(c.unusable, 1);
	assert_int_equal(hear(1003, DHCP_offer, PACKET_XID, 2, 10), 0);
	assert_int_equal(hear(1004, DHCP_offer, PACKET_XID, 66, 66), 0);
	/* Before it was asked for: no answer. */
	assert_int_equal(hear(1004, DHCP_ack, PACKET_XID, 2, 10), 0);
	assert_int_equal(hear(1004, DHCP_nak, PACKET_XID, 2, 10), 0);
	assert_int_equal(c.requesting, 1);
	assert_int_equal(dhcp_send(&c, 1004, 0, &ask), 1);
	assert_int_equal(ask.server, IP(192, 0, 2, 2));
	/* Another server's, another address: not what was asked for. */
	assert_int_equal(hear(1005, DHCP_ack, PACKET_XID, 66, 10), 0);
	assert_int_equal(hear(1005, DHCP_ack, PACKET_XID, 2, 11), 0);
	assert_int_equal(hear(1005, DHCP_nak, PACKET_XID, 66, 10), 0);
	assert_int_equal(hear(1005, DHCP_offer, PACKET_XID, 2, 10), 0);
	assert_int_equal(c.requesting, 1);
	assert_int_equal(hear(1006, DHCP_ack, PACKET_XID, 2, 10), 1);
}

/* A no is no reason to hurry: who says it could otherwise make us send as fast as it likes. */
static void
no(void **state)
{
	uint64_t again;

	(void)state;
	begin(WAIT_MS);
	(void)hear(1001, DHCP_offer, PACKET_XID, 2, 10);
	assert_int_equal(dhcp_send(&c, 1001, 0, &ask), 1);
	assert_int_equal(hear(1002, DHCP_nak, PACKET_XID, 2, 10), 0);
	assert_int_equal(c.requesting, 0);
	again = dhcp_due_ms(&c);
	assert_in_range(again - 1002, 2812, 4688);	/* 3750 and a quarter */
	assert_int_equal(dhcp_send(&c, again - 1, 0, &ask), 0);
	assert_int_equal(dhcp_send(&c, again, 0, &ask), 1);
	assert_int_equal(ask.type, DHCP_discover);
	assert_int_equal(ask.xid, 77);
	assert_int_equal(hear(again + 1, DHCP_offer, PACKET_XID, 2, 10), 0);	/* the old number is dead */
	assert_int_equal(c.requesting, 0);
	assert_int_equal(hear(again + 1, DHCP_offer, 77, 2, 10), 0);
	assert_int_equal(c.requesting, 1);
}

/* It offered and fell silent: three requests, then everybody is asked again. */
static void
silent_server(void **state)
{
	uint64_t now = 1001;

	(void)state;
	begin(WAIT_MS * 10);
	(void)hear(now, DHCP_offer, PACKET_XID, 2, 10);
	for (int i = 0; i < 3; i++) {
		now = dhcp_due_ms(&c);
		assert_int_equal(dhcp_send(&c, now, MIDDLE, &ask), 1);
		assert_int_equal(ask.type, DHCP_request);
	}
	now = dhcp_due_ms(&c);
	assert_int_equal(dhcp_send(&c, now, 4711, &ask), 1);
	assert_int_equal(ask.type, DHCP_discover);
	assert_int_equal(ask.xid, 4711);
	assert_int_equal(hear(now, DHCP_ack, PACKET_XID, 2, 10), 0);	/* too late */
	assert_int_equal(hear(now, DHCP_offer, 4711, 3, 10), 0);
	assert_int_equal(dhcp_send(&c, now, 0, &ask), 1);
	assert_int_equal(ask.server, IP(192, 0, 2, 3));
}

/* However a server plays it, the number of packets that it can have of us has a bound, and the end comes in time. */
static void
a_liar_sets_no_pace(void **state)
{
	(void)state;
	for (int play = 0; play < 3; play++) {
		unsigned sent = 1;
		uint64_t now;

		begin(WAIT_MS);
		for (now = 1000; dhcp_over(&c, now) == EV_none; now++) {
			sent += (unsigned)dhcp_send(&c, now, 0, &ask);
			(void)hear(now, DHCP_offer, c.xid, 2, 10);
			if (play == 1 || (play == 2 && (now & 1) != 0))
				(void)hear(now, DHCP_nak, c.xid, 2, 10);
		}
		assert_int_equal(now, 1000 + WAIT_MS);
		assert_int_equal(dhcp_over(&c, now), EV_net_no_lease);
		assert_in_range(sent, 4, 30);
	}
}

static void
only_nonsense(void **state)
{
	(void)state;
	begin(WAIT_MS);
	assert_int_equal(hear(1001, DHCP_offer, PACKET_XID, 2, 255), 0);
	assert_int_equal(dhcp_over(&c, 1000 + WAIT_MS), EV_net_lease);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_way), cmocka_unit_test(back_off), cmocka_unit_test(the_first_good_offer), cmocka_unit_test(no),
		cmocka_unit_test(silent_server), cmocka_unit_test(a_liar_sets_no_pace), cmocka_unit_test(only_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
