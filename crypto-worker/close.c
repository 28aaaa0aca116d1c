/*
 * The door behind: reads the node's secret from the TPM, or enrols, and closes the latch on every path before anything else runs.
 * Innermost side of the wall.  Distrusts the TPM's answers and the cache's header, of which it gets a sealed copy from init.
 */
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "crypto.h"

enum header { HEADER_invalid, HEADER_blank, HEADER_node };

/* The cache's header, or its second copy if that one is torn: does it know a node? */
static enum header
read_header(uint8_t node[TPM_NODE_BYTES])
{
	static const uint8_t none[TPM_NODE_BYTES];
	uint8_t sector[CACHE_SECTOR];
	struct cache_header header;

	for (off_t at = 0; at <= CACHE_SECTOR; at += CACHE_SECTOR)
		if (pread(FD_HEADER, sector, sizeof sector, at) == (ssize_t)sizeof sector && cache_decode_header(sector, &header) == 0) {
			memcpy(node, header.node, TPM_NODE_BYTES);
			return memcmp(node, none, sizeof none) == 0 ? HEADER_blank : HEADER_node;
		}
	return HEADER_invalid;
}

/* Makes node id and node secret here, and has the TPM keep them.  Only on a TPM without our index and a cache that knows no node. */
static enum event
enrol(struct crypto *c, enum header header, struct tpm_secret *secret)
{
	enum event event;

	if (header == HEADER_node)
		return EV_tpm_cleared;
	if (c->config.enrol == ENROL_none)
		return EV_tpm_not_enrolled;
	if (header == HEADER_invalid)
		return EV_cache_format;
	randombytes_buf(secret->node, sizeof secret->node);
	randombytes_buf(secret->sec_node_secret, TPM_SECRET_BYTES);
	memcpy(secret->org_key, c->config.org_key.key[0].key, sizeof secret->org_key);
	/* First what can be made twice: an enrolment that is cut has no secret yet, and begins anew. */
	event = c->config.enrol == ENROL_org ? tpm_ak_make(c->tpm) : EV_none;
	if (event == EV_none)
		event = tpm_enrol(c->tpm, secret);
	if (event != EV_none)
		return event;
	c->enrolled_now = 1;
	/* Once through the way of every later boot: what cannot be read back is not enrolled. */
	sodium_memzero(secret->sec_node_secret, TPM_SECRET_BYTES);
	event = tpm_index_state(c->tpm);
	return event != EV_none ? event : tpm_read(c->tpm, secret);
}

static enum event
obtain(struct crypto *c, enum event config, int *has_index)
{
	struct tpm_secret secret = { .sec_node_secret = c->secrets->node_secret };
	uint8_t known[TPM_NODE_BYTES];
	enum header header = read_header(known);
	enum event event = tpm_index_state(c->tpm);

	*has_index = event == EV_none;
	if (config != EV_none)
		return config;		/* nothing is read, and nobody enrolled, for a config that is not understood */
	if (event == EV_none)
		event = tpm_read(c->tpm, &secret);
	else if (event == EV_tpm_not_enrolled) {
		event = enrol(c, header, &secret);
		*has_index = event == EV_none;
	}
	if (event != EV_none)
		return event;
	if (header == HEADER_node && sodium_memcmp(known, secret.node, sizeof known) != 0)
		return EV_tpm_exchanged;
	c->header_knows_node = header == HEADER_node;
	memcpy(c->node, secret.node, sizeof c->node);
	memcpy(c->org_key, secret.org_key, sizeof c->org_key);
	return EV_none;
}

void
close_latch(struct crypto *c, enum event config)
{
	struct msg_crypto_closed body = { 0 };
	enum event event = tpm_open(FD_TPM, &c->tpm), latch;
	int has_index = 0;
	uint32_t detail;

	/* Without a working TPM there is no latch to close and nothing behind it to read. */
	if (event != EV_none && c->tpm == NULL)
		crypto_fail(c, event, 0);
	if (event == EV_none)
		event = obtain(c, config, &has_index);
	detail = tpm_detail(c->tpm);
	/* Unconditional: also when nothing was read, and on every error (ATTACKS: a latch that depended on the attacker's data). */
	latch = tpm_close(c->tpm, !has_index);
	if (event != EV_none)
		crypto_fail(c, event, event / 100 == 2 ? detail : 0);	/* a response code says something of 2xx events alone */
	if (latch != EV_none)
		crypto_fail(c, latch, tpm_detail(c->tpm));
	/* Floor, lease, time: what an org's word is remembered in.  Only preboot with its latch closed can write it. */
	if (c->enrolled_now)
		event = tpm_state_begin(c->tpm);
	if (event == EV_none && c->config.org[0] != '\0')
		event = tpm_state_read(c->tpm, &c->nv);
	if (event != EV_none)
		crypto_fail(c, event, tpm_detail(c->tpm));
	c->now = c->nv.time > c->config.build_time ? c->nv.time : c->config.build_time;
	body.flags = c->enrolled_now ? CLOSED_enrolled_now : 0;
	body.banks = tpm_banks(c->tpm);
	memcpy(body.node, c->node, sizeof body.node);
	c->ms_closed = clock_ms();
	crypto_send(c, MSG_crypto_closed, &body);
}
