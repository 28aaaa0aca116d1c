/*
 * check_NAME() of LINK and ASK: what is said of the network, and what the org is asked.
 * Stands on every side of the wall; distrusts every field.  Fields count from 1, those of a route one by one.
 */
#include <string.h>

#include "check.h"

enum {
	MTU_LEAST = 576,	/* what every IPv4 host takes, RFC 791 */
	MTU_LEAST_V6 = 1280,	/* under it the kernel takes IPv6 off the interface, RFC 8200, 5 */
	MTU_MOST = 9000,	/* jumbo frames; more is a driver's own affair */
	OFFLINE_MOST = 1000000,	/* as in doc.def */
	LEASE_FIELDS = 12,
};

/* What net-link and net-worker may give as a reason.  Any other code would be somebody else's word in their mouth. */
static int
known_of_network(uint32_t event)
{
	const struct event_row *row = event_find(event);

	return row != NULL && (row->code / 100 == 8 || event == EV_load_memory);
}

static int
is_v4(const uint8_t a[ADDRESS_BYTES])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a, mapped, sizeof mapped) == 0;
}

/* One host's address: not "any", not loopback, not multicast, not the limited broadcast. */
static int
is_host(const uint8_t a[ADDRESS_BYTES])
{
	static const uint8_t loopback[ADDRESS_BYTES] = { [15] = 1 };

	if (is_v4(a))
		return a[12] != 0 && a[12] != 127 && a[12] < 224;
	return !check_all_zero(a, ADDRESS_BYTES) && memcmp(a, loopback, sizeof loopback) != 0 && a[0] != 0xff;
}

static int
none_or_host(const uint8_t a[ADDRESS_BYTES])
{
	return check_all_zero(a, ADDRESS_BYTES) || is_host(a);
}

/* As the kernel takes names of interfaces, and no byte that would do something to a console. */
static int
is_interface(const char name[INTERFACE_BYTES])
{
	size_t n = strnlen(name, INTERFACE_BYTES);

	if (n == 0 || n == INTERFACE_BYTES || !check_all_zero(name + n, INTERFACE_BYTES - n))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/' || name[i] == ':')
			return 0;
	return name[0] != '.';
}

/* --- LINK --- */

int
check_link_lease(const struct msg_link_lease *body)
{
	const int has_address = !check_all_zero(body->address, ADDRESS_BYTES);

	if (!is_interface(body->interface))
		return 1;
	if (body->mac[6] != 0 || body->mac[7] != 0)
		return 2;
	if (body->index == 0 || body->index > INT32_MAX)
		return 3;
	/* no prefix of a network that is the whole world: it would make every host a neighbour */
	if (has_address ? !within(body->prefix, 1, is_v4(body->address) ? 32 : 128) : body->prefix != 0)
		return 4;
	if (has_address && !is_host(body->address))
		return 5;
	if (!none_or_host(body->gateway) || (!check_all_zero(body->gateway, ADDRESS_BYTES) &&
	    (!has_address || is_v4(body->gateway) != is_v4(body->address))))
		return 6;
	if (!none_or_host(body->server))
		return 7;
	for (int i = 0; i < DNS_MAX; i++)
		if (!none_or_host(body->dns[i]))
			return 8;
	if (body->mtu != 0 && !within(body->mtu, has_address && is_v4(body->address) ? MTU_LEAST : MTU_LEAST_V6, MTU_MOST))
		return 9;
	/* lease_s: any; preboot is over before it ends */
	if (body->routes > ROUTES_MAX || (body->routes > 0 && (!has_address || !is_v4(body->address))))
		return 11;
	if (body->zero != 0)
		return 12;
	for (uint32_t i = 0; i < ROUTES_MAX; i++) {
		if (i >= body->routes) {
			if (!check_all_zero(&body->route[i], sizeof body->route[i]))
				return LEASE_FIELDS + 1;
			continue;
		}
		if (!is_v4(body->route[i].to))
			return LEASE_FIELDS + 1;
		if (!is_v4(body->route[i].by) || !is_host(body->route[i].by))
			return LEASE_FIELDS + 2;
		if (body->route[i].prefix > 32)
			return LEASE_FIELDS + 3;
		if (body->route[i].zero != 0)
			return LEASE_FIELDS + 4;
	}
	return 0;
}

int
check_link_failed(const struct msg_link_failed *body)
{
	if (!known_of_network(body->event))
		return 1;
	return body->detail > ERRNO_MAX ? 2 : 0;
}

int
check_init_linked(const struct msg_init_linked *body)
{
	return body->zero != 0;
}

int
check_init_unlinked(const struct msg_init_unlinked *body)
{
	if (!within(body->error, 1, ERRNO_MAX))
		return 1;
	return body->zero != 0 ? 2 : 0;
}

/* --- ASK --- */

int
check_broker_ask(const struct msg_broker_ask *body)
{
	return body->zero != 0;
}

int
check_broker_offline(const struct msg_broker_offline *body)
{
	if (!check_known(body->event))
		return 1;
	return body->zero != 0 ? 2 : 0;
}

/* The most bytes of what can be got. */
static uint64_t
get_max(uint32_t what)
{
	return what == GET_challenge ? DOC_MAX : check_part_max(what);
}

int
check_crypto_get(const struct msg_crypto_get *body)
{
	if (check_all_zero(body->id, sizeof body->id) != (body->what == GET_challenge))
		return 1;
	if (!within(body->time, 1, TIME_MAX))
		return 2;
	if (get_max(body->what) == 0)
		return 4;
	if (!within(body->len_bytes, 1, get_max(body->what)))
		return 3;
	return body->number == 0 ? 5 : 0;
}

int
check_net_got(const struct msg_net_got *body)
{
	if (body->event != EV_none && !known_of_network(body->event))
		return 3;
	if (body->event != EV_none ? body->len_bytes != 0 : !within(body->len_bytes, 1, IMAGE_MAX))
		return 1;
	if (body->number == 0)
		return 2;
	return body->zero != 0 ? 5 : 0;		/* detail: any, for the log only */
}

int
check_crypto_post(const struct msg_crypto_post *body)
{
	if (!within(body->time, 1, TIME_MAX))
		return 1;
	if (!within(body->what, POST_request, POST_LAST))
		return 2;
	if (body->number == 0)
		return 3;
	if (!within(body->body_bytes, 1, 2 * DOC_MAX))	/* a document and its quote */
		return 4;
	return within(body->answer_bytes, 1, DOC_MAX) ? 0 : 5;
}

int
check_net_posted(const struct msg_net_posted *body)
{
	if (body->event != EV_none && !known_of_network(body->event))
		return 3;
	if (body->event != EV_none ? body->len_bytes != 0 : !within(body->len_bytes, 1, DOC_MAX))
		return 1;
	return body->number == 0 ? 2 : 0;	/* detail: any */
}

int
check_net_progress(const struct msg_net_progress *body)
{
	if (body->done_bytes > body->total_bytes)	/* a share above one would be printed */
		return 1;
	if (get_max(body->what) == 0)
		return 3;
	if (!within(body->total_bytes, 1, get_max(body->what)))	/* it is divided by */
		return 2;
	return body->zero != 0 ? 4 : 0;
}

int
check_crypto_enrolled(const struct msg_crypto_enrolled *body)
{
	if (check_all_zero(body->ek, sizeof body->ek))
		return 1;
	if (body->pending > 1)
		return 2;
	return body->zero != 0 ? 3 : 0;
}

int
check_crypto_ticket(const struct msg_crypto_ticket *body)
{
	if (check_all_zero(body->id, sizeof body->id))	/* means "none" wherever ids are kept */
		return 1;
	if (!within(body->time, 1, TIME_MAX))
		return 2;
	if (body->floor > VERSION_MAX)
		return 3;
	if (body->offline_max > OFFLINE_MOST)
		return 4;
	return body->zero != 0 ? 5 : 0;
}

int
check_crypto_offline(const struct msg_crypto_offline *body)
{
	if (body->event != EV_none && !check_known(body->event))
		return 1;
	/* Without an org nothing is counted; with one no boot is beyond the most. */
	if (body->event == EV_none ? body->boots != 0 : !within(body->boots, 1, OFFLINE_MOST))
		return 2;
	if (body->event == EV_none ? body->most != 0 : !within(body->most, body->boots, OFFLINE_MOST))
		return 3;
	return body->zero != 0 ? 4 : 0;
}
