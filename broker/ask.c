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

enum {
	ADDRESS_TEXT = INET6_ADDRSTRLEN,
	V4_AT = 12,
	MARGIN_MS = 10000,
	HOSTS = 5,		/* the org and the most mirrors: each may be silent for net_wait_s before the next is asked for an image */
	/*
	 * A network that is slow enough never ends, and one that says just enough to be waited for keeps a machine from the boot without a
	 * ticket that it may have.  After so long it does: a GiB at less than 1 MB/s is not fetched.  Under init's own limit for all.
	 */
	NETWORK_MS = 20 * 60 * 1000,
};

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

/* The kernel takes nearly any byte in a name; whoever owns net-link does not write our marks on the console with it. */
static const char *
interface_text(const char name[INTERFACE_BYTES], char out[INTERFACE_BYTES + 1])
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	size_t n;

	for (n = 0; n < INTERFACE_BYTES && name[n] != '\0'; n++)
		out[n] = strchr(plain, name[n]) != NULL ? name[n] : '?';
	out[n] = '\0';
	return out;
}

/* Forwarded to init, which applies it. */
void
step_print_lease(const struct msg_link_lease *lease)
{
	char interface[INTERFACE_BYTES + 1], address[ADDRESS_TEXT], gateway[ADDRESS_TEXT], dns[ADDRESS_TEXT], server[ADDRESS_TEXT];

	print_line("%s %02x:%02x:%02x:%02x:%02x:%02x: address %s/%u, gateway %s, name server %s, from %s",
	    interface_text(lease->interface, interface), lease->mac[0], lease->mac[1], lease->mac[2], lease->mac[3], lease->mac[4],
	    lease->mac[5], address_text(lease->address, address), lease->prefix, address_text(lease->gateway, gateway),
	    address_text(lease->dns[0], dns), address_text(lease->server, server));
}

/* LINK begins.  Without an org crypto-worker says so by itself: crypto_offline. */
void
step_link(struct broker *b)
{
	step_expect(b, STEP_MS);
	if (b->org)
		step_start_program(b, PEER_link);
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
	step_expect(b, (b->link_wait_s + b->net_wait_s) * 1000 + MARGIN_MS);
}

/* net-worker has its own clock too, net_wait_s for any silence of a host; this is for one that hangs, and for all silences together. */
void
step_expect_net(struct broker *b)
{
	uint64_t now = now_ms(), ms = STEP_MS + HOSTS * b->net_wait_s * 1000;

	if (now < b->network_over_ms)
		step_expect_at_least(b, now + ms < b->network_over_ms ? ms : b->network_over_ms - now);
}

/* The first one begins ASK; whatever was asked of the one before, the next one is asked again. */
void
step_net_started(struct broker *b)
{
	struct msg_broker_ask ask = { 0 };
	struct msg_broker_lost lost = { .program = PEER_net };

	if (b->state.phase == PHASE(LINK)) {
		b->network_over_ms = now_ms() + NETWORK_MS;
		step_expect(b, STEP_MS);
		broker_send(b, MSG_broker_ask, &ask);
	} else {
		step_expect_at_least(b, STEP_MS);
		broker_send(b, MSG_broker_lost, &lost);
	}
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
	step_expect_net(b);
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
	step_expect(b, TPM_MS);		/* it may set the TPM's authorisations now */
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
