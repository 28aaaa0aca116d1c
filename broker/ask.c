/*
 * LINK and ASK: an interface, an address, the org's word; or none of them, and crypto-worker says whether this boot may do without.
 * Inside the wall.  Distrusts net-link and net-worker most of all: what they say is counted and printed as numbers, and only advances.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker.h"
#include "steps.h"

enum { ADDRESS_TEXT = INET6_ADDRSTRLEN, V4_AT = 12, MARGIN_MS = 10000 };

/* As people write it; "none" for zeros. */
static const char *
address_text(const uint8_t a[ADDRESS_BYTES], char out[ADDRESS_TEXT])
{
	static const uint8_t mapped[V4_AT] = { [10] = 0xff, [11] = 0xff }, none[ADDRESS_BYTES];

	if (memcmp(a, none, sizeof none) == 0)
		return "none";
	if (memcmp(a, mapped, sizeof mapped) == 0)
		return inet_ntop(AF_INET, a + V4_AT, out, ADDRESS_TEXT);
	return inet_ntop(AF_INET6, a, out, ADDRESS_TEXT);
}

/* Forwarded to init, which applies it; the text is of checked bytes. */
void
step_print_lease(const struct msg_link_lease *lease)
{
	char address[ADDRESS_TEXT], gateway[ADDRESS_TEXT], dns[ADDRESS_TEXT], server[ADDRESS_TEXT];

	print_line("%s %02x:%02x:%02x:%02x:%02x:%02x: address %s/%u, gateway %s, name server %s, from %s", lease->interface, lease->mac[0],
	    lease->mac[1], lease->mac[2], lease->mac[3], lease->mac[4], lease->mac[5], address_text(lease->address, address), lease->prefix,
	    address_text(lease->gateway, gateway), address_text(lease->dns[0], dns), address_text(lease->server, server));
}

/* LINK begins.  Without an org crypto-worker says so by itself: crypto_offline. */
void
step_link(struct broker *b)
{
	if (b->org)
		step_start_program(b, PEER_link);
	step_expect(b, STEP_MS);
}

/* There is no network: is there a boot without it? */
void
step_no_network(struct broker *b, uint32_t event)
{
	struct msg_broker_offline body = { .event = event };

	step_dismiss(b, PEER_link);
	step_dismiss(b, PEER_net);
	broker_send(b, MSG_broker_offline, &body);
	step_expect(b, STEP_MS);
}

/* net-link has its own clocks, which config sets; this is for one that hangs. */
void
step_link_started(struct broker *b)
{
	step_expect(b, (uint64_t)(b->link_wait_s + b->net_wait_s) * 1000 + MARGIN_MS);
}

void
step_net_started(struct broker *b)
{
	struct msg_broker_ask ask = { 0 };
	struct msg_broker_lost lost = { .program = PEER_net };

	if (!b->asked)
		broker_send(b, MSG_broker_ask, &ask);
	else
		broker_send(b, MSG_broker_lost, &lost);
	b->asked = 1;
	step_expect(b, STEP_MS);
}

void
on_link_failed(struct broker *b, const struct msg_link_failed *body)
{
	print_event(body->event, "net-link", body->detail);
	step_no_network(b, body->event);
}

void
on_init_linked(struct broker *b, const struct msg_init_linked *body)
{
	(void)body;	/* it says nothing */
	if (b->state.phase == PHASE(STOP))
		return;
	step_dismiss(b, PEER_link);
	step_start_program(b, PEER_net);
}

void
on_init_unlinked(struct broker *b, const struct msg_init_unlinked *body)
{
	if (b->state.phase == PHASE(STOP))
		return;
	print_event(EV_net_apply, "init", body->error);
	step_no_network(b, EV_net_apply);
}

void
on_net_progress(struct broker *b, const struct msg_net_progress *body)
{
	step_expect(b, STEP_MS);
	step_print_progress(b, body->what, body->done_bytes, body->total_bytes);
}

void
on_crypto_enrolled(struct broker *b, const struct msg_crypto_enrolled *body)
{
	char ek[33], rest[33];

	/* all 64 digits: an operator compares them */
	print_line("enrolled with the org; EK %s%s", short_id(body->ek, 16, ek), short_id(body->ek + 16, 16, rest));
	if (body->pending)
		print_line("the org waits for an operator to approve this EK");
	step_expect(b, STEP_MS);
}

void
on_crypto_ticket(struct broker *b, const struct msg_crypto_ticket *body)
{
	char id[33];

	print_checkpoint(4, "ticket: boot generation %s; floor %llu, %u boots without another ticket", short_id(body->id, 6, id),
	    (unsigned long long)body->floor, body->offline_max);
	step_next(b);
}

void
on_crypto_offline(struct broker *b, const struct msg_crypto_offline *body)
{
	step_dismiss(b, PEER_link);
	step_dismiss(b, PEER_net);
	if (body->event == EV_none)
		print_checkpoint(4, "offline: the config names no organisation");
	else {
		print_event(body->event, "offline", 0);
		print_checkpoint(4, "offline: boot %u of %u without a ticket", body->boots, body->most);
	}
	step_next(b);
}
