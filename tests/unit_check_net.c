/*
 * check_NAME() of LINK and ASK: each field just outside its range, and just inside.
 * The numbers are written out here, not taken from check_net.c.  Host-side test; plays net-link, net-worker and whoever else sends.
 */
#include "check_try.h"

enum { OWN, GATEWAY, SERVER, DNS0, DNS1, DNS2, TO, BY };

/* An address of a lease, put where it stands. */
static void
put(struct msg_link_lease *b, int which, const uint8_t a[ADDRESS_BYTES])
{
	uint8_t *const at[] = { b->address, b->gateway, b->server, b->dns[0], b->dns[1], b->dns[2], b->route[0].to, b->route[0].by };

	memcpy(at[which], a, ADDRESS_BYTES);
}

static void
put4(struct msg_link_lease *b, int which, uint8_t a0, uint8_t a1, uint8_t a2, uint8_t a3)
{
	const uint8_t a[ADDRESS_BYTES] = { [10] = 0xff, [11] = 0xff, [12] = a0, [13] = a1, [14] = a2, [15] = a3 };

	put(b, which, a);
}

static void
put6(struct msg_link_lease *b, int which, uint8_t first, uint8_t last)
{
	const uint8_t a[ADDRESS_BYTES] = { [0] = first, [15] = last };

	put(b, which, a);
}

static void
put_none(struct msg_link_lease *b, int which)
{
	put6(b, which, 0, 0);
}

/* An IPv6 lease: no gateway yet, no routes. */
static void
make_v6(struct msg_link_lease *b)
{
	put6(b, OWN, 0x20, 7);
	put6(b, GATEWAY, 0xfe, 1);
	b->prefix = 64;
	b->routes = 0;
	memset(b->route, 0, sizeof b->route);
}

static void
lease_interface(void **state)
{
	(void)state;
	TRY(link_lease, 1, memset(b.interface, 0, 16));
	TRY(link_lease, 1, memset(b.interface, 'e', 16));	/* no NUL */
	TRY(link_lease, 0, memset(b.interface, 'e', 15));
	TRY(link_lease, 1, b.interface[15] = 'x');	/* something behind the NUL */
	TRY(link_lease, 1, b.interface[5] = 1);
	TRY(link_lease, 1, b.interface[0] = '.');
	TRY(link_lease, 0, b.interface[1] = '.');	/* eth0.7's dot */
	for (int c = -128; c < 128; c++)
		TRY(link_lease, c > ' ' && c <= '~' && c != '/' && c != ':' ? 0 : 1, b.interface[3] = c != 0 ? (char)c : ' ');
	for (unsigned i = 0; i < 6; i++)
		TRY(link_lease, 0, b.mac[i] = 0xff);
	TRY(link_lease, 2, b.mac[6] = 1);
	TRY(link_lease, 2, b.mac[7] = 0x80);
	RANGE(link_lease, 3, index, 1u, 2147483647u);
}

/* Which addresses may stand where: one of a host, of the own address's family. */
static void
lease_addresses(void **state)
{
	static const int fields[] = { [OWN] = 5, [GATEWAY] = 6, [SERVER] = 7, [DNS0] = 8, [DNS1] = 8, [DNS2] = 8, [BY] = 14 };
	static const uint8_t loopback[ADDRESS_BYTES] = { [15] = 1 };

	(void)state;
	for (int at = OWN; at <= BY; at++) {
		if (at == TO)
			continue;
		TRY(link_lease, 0, put4(&b, at, 1, 0, 0, 0));
		TRY(link_lease, 0, put4(&b, at, 126, 255, 255, 255));
		TRY(link_lease, 0, put4(&b, at, 169, 254, 1, 1));
		TRY(link_lease, 0, put4(&b, at, 223, 255, 255, 254));
		TRY(link_lease, fields[at], put4(&b, at, 0, 0, 0, 0));
		TRY(link_lease, fields[at], put4(&b, at, 0, 255, 255, 255));
		TRY(link_lease, fields[at], put4(&b, at, 127, 0, 0, 1));
		TRY(link_lease, fields[at], put4(&b, at, 224, 0, 0, 1));
		TRY(link_lease, fields[at], put4(&b, at, 255, 255, 255, 255));
	}
	for (int at = SERVER; at <= DNS2; at++) {	/* either family */
		TRY(link_lease, 0, put_none(&b, at));
		TRY(link_lease, 0, put6(&b, at, 0x20, 1));
		TRY(link_lease, 0, put6(&b, at, 0, 2));
		TRY(link_lease, 0, put6(&b, at, 0xfe, 0));
		TRY(link_lease, fields[at], put6(&b, at, 0xff, 2));
		TRY(link_lease, fields[at], put(&b, at, loopback));
	}
	TRY(link_lease, 0, put_none(&b, GATEWAY));
	TRY(link_lease, 6, put6(&b, GATEWAY, 0x20, 1));		/* the other family */
	TRY(link_lease, 6, (make_v6(&b), put4(&b, GATEWAY, 10, 0, 2, 2)));
	TRY(link_lease, 0, make_v6(&b));
	TRY(link_lease, 0, (make_v6(&b), put_none(&b, GATEWAY)));
	TRY(link_lease, 5, (make_v6(&b), put6(&b, OWN, 0xff, 2)));
	TRY(link_lease, 5, (make_v6(&b), put(&b, OWN, loopback)));
	TRY(link_lease, 6, (make_v6(&b), put6(&b, GATEWAY, 0xff, 2)));
	/* no address of our own: the kernel finds one, and the way out */
	TRY(link_lease, 0, (make_v6(&b), put_none(&b, OWN), put_none(&b, GATEWAY), b.prefix = 0));
	TRY(link_lease, 4, (make_v6(&b), put_none(&b, OWN), put_none(&b, GATEWAY)));
	TRY(link_lease, 6, (make_v6(&b), put_none(&b, OWN), b.prefix = 0));
	TRY(link_lease, 11, (put_none(&b, OWN), put_none(&b, GATEWAY), b.prefix = 0));	/* with the IPv4 sample's route */
}

static void
lease_numbers(void **state)
{
	(void)state;
	RANGE(link_lease, 4, prefix, 1u, 32u);
	TRY(link_lease, 0, (make_v6(&b), b.prefix = 1));
	TRY(link_lease, 0, (make_v6(&b), b.prefix = 128));
	TRY(link_lease, 4, (make_v6(&b), b.prefix = 0));
	TRY(link_lease, 4, (make_v6(&b), b.prefix = 129));
	TRY(link_lease, 0, b.mtu = 0);
	RANGE(link_lease, 9, mtu, 576u, 9000u);
	TRY(link_lease, 0, (make_v6(&b), b.mtu = 1280));
	TRY(link_lease, 9, (make_v6(&b), b.mtu = 1279));
	TRY(link_lease, 9, (make_v6(&b), put_none(&b, OWN), put_none(&b, GATEWAY), b.prefix = 0, b.mtu = 1279));
	TRY(link_lease, 0, b.lease_s = 0);
	TRY(link_lease, 0, b.lease_s = UINT32_MAX);
	TRY(link_lease, 13, b.routes = 0);	/* and one there all the same */
	TRY(link_lease, 0, (b.routes = 0, memset(b.route, 0, sizeof b.route)));
	TRY(link_lease, 13, b.routes = 2);	/* the second is nothing at all */
	TRY(link_lease, 0, (b.routes = 2, b.route[1] = b.route[0]));
	TRY(link_lease, 0, (b.routes = 4, b.route[3] = b.route[2] = b.route[1] = b.route[0]));
	TRY(link_lease, 11, b.routes = 5);
	TRY(link_lease, 11, b.routes = UINT32_MAX);
	TRY(link_lease, 11, (make_v6(&b), b.routes = 1));
	ZERO(link_lease, 12, zero);
	TRY(link_lease, 13, b.route[3].zero = 1);
	TRY(link_lease, 13, b.route[1].prefix = 1);
	TRY(link_lease, 13, put6(&b, TO, 0x20, 0));
	TRY(link_lease, 13, put_none(&b, TO));
	TRY(link_lease, 0, (put4(&b, TO, 0, 0, 0, 0), b.route[0].prefix = 0));	/* the default route, RFC 3442 */
	TRY(link_lease, 14, put_none(&b, BY));
	TRY(link_lease, 14, put6(&b, BY, 0x20, 1));
	RANGE(link_lease, 15, route[0].prefix, 0u, 32u);
	ZERO(link_lease, 16, route[0].zero);
}

static void
linking(void **state)
{
	(void)state;
	EVENT_NET(link_failed, 1, event, (void)0);
	TRY(link_failed, 1, b.event = 0);
	RANGE(link_failed, 2, detail, 0u, 4095u);
	ZERO(init_linked, 1, zero);
	RANGE(init_unlinked, 1, error, 1u, 4095u);
	ZERO(init_unlinked, 2, zero);
	ZERO(broker_ask, 1, zero);
	EVENT_DUE(broker_offline, 1, event);
	ZERO(broker_offline, 2, zero);
}

#define TIME_MOST UINT64_C(253402300799)

/* Asks for another thing, by the generation's id, or without one. */
static void
ask_for(struct msg_crypto_get *b, uint32_t what)
{
	b->what = what;
	if (what == 5)
		memset(b->id, 0, sizeof b->id);
}

static void
getting_and_posting(void **state)
{
	static const uint64_t most[] = { 0, 16384, 8192, GIB, GIB, 16384, 0 };

	(void)state;
	for (uint32_t what = 0; what <= 6; what++) {
		const int none = most[what] == 0, wrong = none ? 4 : 3;

		TRY(crypto_get, none ? 4 : 0, (ask_for(&b, what), b.len_bytes = 1));
		TRY(crypto_get, none ? 4 : 0, (ask_for(&b, what), b.len_bytes = most[what]));
		TRY(crypto_get, wrong, (ask_for(&b, what), b.len_bytes = most[what] + 1));
		TRY(crypto_get, wrong, (ask_for(&b, what), b.len_bytes = 0));
		TRY(crypto_get, wrong, (ask_for(&b, what), b.len_bytes = UINT64_C(1) << 63));
		TRY(net_progress, none ? 3 : 0, (b.what = what, b.done_bytes = 0, b.total_bytes = 1));
		TRY(net_progress, none ? 3 : 0, (b.what = what, b.done_bytes = b.total_bytes = most[what]));
		TRY(net_progress, none ? 3 : 2, (b.what = what, b.done_bytes = b.total_bytes = most[what] + 1));
		TRY(net_progress, none ? 3 : 2, (b.what = what, b.done_bytes = b.total_bytes = 0));
	}
	TRY(crypto_get, 4, b.what = UINT32_MAX);
	TRY(crypto_get, 1, memset(b.id, 0, sizeof b.id));	/* a part of no generation */
	TRY(crypto_get, 1, (b.what = 5, b.len_bytes = 1));	/* a generation's challenge */
	RANGE(crypto_get, 2, time, UINT64_C(1), TIME_MOST);
	TRY(crypto_get, 5, b.number = 0);
	TRY(crypto_get, 0, b.number = UINT32_MAX);
	TRY(net_progress, 1, b.done_bytes = b.total_bytes + 1);
	TRY(net_progress, 1, b.done_bytes = UINT64_MAX);
	ZERO(net_progress, 4, zero);

	RANGE(net_got, 1, len_bytes, UINT64_C(1), GIB);
	TRY(net_got, 2, b.number = 0);
	TRY(net_got, 0, b.number = UINT32_MAX);
	EVENT_NET(net_got, 3, event, b.len_bytes = 0);
	TRY(net_got, 1, b.event = EV_net_short);	/* and so many bytes all the same */
	TRY(net_got, 1, (b.event = EV_net_short, b.len_bytes = 1));
	TRY(net_got, 0, b.detail = UINT32_MAX);
	ZERO(net_got, 5, zero);

	RANGE(crypto_post, 1, time, UINT64_C(1), TIME_MOST);
	RANGE(crypto_post, 2, what, 1u, 3u);
	TRY(crypto_post, 3, b.number = 0);
	TRY(crypto_post, 0, b.number = UINT32_MAX);
	RANGE(crypto_post, 4, body_bytes, 1u, 32768u);
	RANGE(crypto_post, 5, answer_bytes, 1u, 16384u);

	RANGE(net_posted, 1, len_bytes, 1u, 16384u);
	TRY(net_posted, 2, b.number = 0);
	TRY(net_posted, 0, b.number = UINT32_MAX);
	EVENT_NET(net_posted, 3, event, b.len_bytes = 0);
	TRY(net_posted, 1, b.event = EV_net_status);
	TRY(net_posted, 0, b.detail = UINT32_MAX);
}

static void
what_the_org_says(void **state)
{
	(void)state;
	TRY(crypto_enrolled, 1, memset(b.ek, 0, sizeof b.ek));
	TRY(crypto_enrolled, 0, (memset(b.ek, 0, sizeof b.ek), b.ek[31] = 1));
	RANGE(crypto_enrolled, 2, pending, 0u, 1u);
	ZERO(crypto_enrolled, 3, zero);
	TRY(crypto_ticket, 1, memset(b.id, 0, sizeof b.id));
	RANGE(crypto_ticket, 2, time, UINT64_C(1), TIME_MOST);
	RANGE(crypto_ticket, 3, floor, UINT64_C(0), (UINT64_C(1) << 53) - 1);
	RANGE(crypto_ticket, 4, offline_max, 0u, 1000000u);
	ZERO(crypto_ticket, 5, zero);
	/* with an org: why, and which boot of how many it is */
	TRY(crypto_offline, 0, b.event = EV_org_challenge);
	TRY(crypto_offline, 1, b.event = 200);
	TRY(crypto_offline, 1, b.event = UINT32_MAX);
	TRY(crypto_offline, 0, (b.boots = 1, b.most = 1));
	TRY(crypto_offline, 2, b.boots = 0);
	TRY(crypto_offline, 0, (b.boots = 1000000, b.most = 1000000));
	TRY(crypto_offline, 2, (b.boots = 1000001, b.most = 1000001));
	TRY(crypto_offline, 3, b.most = b.boots - 1);
	TRY(crypto_offline, 3, b.most = 1000001);
	/* without one nothing is counted */
	TRY(crypto_offline, 0, (b.event = 0, b.boots = 0, b.most = 0));
	TRY(crypto_offline, 2, (b.event = 0, b.most = 0));
	TRY(crypto_offline, 3, (b.event = 0, b.boots = 0));
	ZERO(crypto_offline, 4, zero);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lease_interface),
		cmocka_unit_test(lease_addresses),
		cmocka_unit_test(lease_numbers),
		cmocka_unit_test(linking),
		cmocka_unit_test(getting_and_posting),
		cmocka_unit_test(what_the_org_says),
		cmocka_unit_test(tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
