/*
 * check_NAME(): is a body in range, whoever sent it?  Stands on every side of the wall; distrusts every field.
 * Judges the body alone: who may send it, and when, is admit()'s.  Fields count from 1, those of a candidate one by one.
 * Here what starts, loads and ends programs; check_cache.c has SURVEY to RECORD but for what concerns the network: check_net.c.
 */
#include "check.h"

static const uint64_t HANDOVER_EXTRA = UINT64_C(1) << 16;	/* padding and the archive with keys and report (at most DOC_MAX) */

enum {
	BANKS_MAX = 8,			/* TPM_BANKS_MAX of crypto-worker */
	WAIT_MAX_MS = 24 * 60 * 60 * 1000,	/* a machine that waits longer looks dead */
	WATCHDOG_ROUNDED_S = 2 * WATCHDOG_MAX_S,	/* a driver rounds up to what its timer can do */
};

int
check_all_zero(const void *bytes, size_t len_bytes)
{
	const uint8_t *b = bytes;

	while (len_bytes > 0 && b[len_bytes - 1] == 0)
		len_bytes--;
	return len_bytes == 0;
}

int
check_known(uint32_t event)
{
	return event != EV_none && event_find(event) != NULL;
}

/* --- CLOSE --- */

int
check_crypto_closed(const struct msg_crypto_closed *body)
{
	if ((body->flags & ~(uint32_t)CLOSED_enrolled_now) != 0)
		return 1;
	if (!within(body->banks, 1, BANKS_MAX))	/* no bank: nothing was measured, the latch did not close */
		return 2;
	return check_all_zero(body->node, sizeof body->node) ? 3 : 0;	/* means "not enrolled" in the cache header */
}

int
check_crypto_failed(const struct msg_crypto_failed *body)
{
	return check_known(body->event) ? 0 : 1;	/* detail: any, a TPM sets it */
}

/* --- starting --- */

/* The workers; init and the broker are there before anyone can ask for them. */
static int
startable(uint32_t program)
{
	return program < PEER_COUNT && program != PEER_init && program != PEER_broker;
}

int
check_broker_start(const struct msg_broker_start *body)
{
	if (!startable(body->program))
		return 1;
	return body->zero != 0 ? 2 : 0;
}

int
check_init_started(const struct msg_init_started *body)
{
	if (!startable(body->program))
		return 1;
	return body->zero != 0 ? 2 : 0;
}

int
check_broker_lost(const struct msg_broker_lost *body)
{
	if (body->program != PEER_store && body->program != PEER_net)	/* of the others that crypto-worker talks to, none is lost without a reboot */
		return 1;
	return body->final > 1 ? 2 : 0;
}

/* --- LOAD --- */

int
check_broker_load(const struct msg_broker_load *body)
{
	return body->zero != 0;
}

int
check_crypto_handover(const struct msg_crypto_handover *body)
{
	if (!within(body->kernel_bytes, 1, IMAGE_MAX))
		return 1;
	if (!within(body->initramfs_bytes, 1, IMAGE_MAX + HANDOVER_EXTRA))
		return 2;
	if (!within(body->cmdline_bytes, 1, CMDLINE_MAX))	/* never empty: our additions are in it */
		return 3;
	if (body->zero != 0)
		return 4;
	for (uint32_t i = 0; i < body->cmdline_bytes; i++)
		if (body->cmdline[i] < ' ' || body->cmdline[i] > '~')	/* a NUL too: the kernel would stop before the rest */
			return 5;
	return check_all_zero(body->cmdline + body->cmdline_bytes, sizeof body->cmdline - body->cmdline_bytes) ? 0 : 5;
}

int
check_kexec_loaded(const struct msg_kexec_loaded *body)
{
	if (body->error > ERRNO_MAX)
		return 1;
	return body->zero != 0 ? 2 : 0;
}

int
check_crypto_wiped(const struct msg_crypto_wiped *body)
{
	return within(body->wiped_bytes, 1, IMAGE_MAX + HANDOVER_EXTRA) ? 0 : 1;	/* nothing wiped is not wiped */
}

int
check_crypto_unloaded(const struct msg_crypto_unloaded *body)
{
	return check_known(body->event) ? 0 : 1;	/* detail: any, for the log only */
}

/* --- GO, STOP --- */

int
check_broker_arm(const struct msg_broker_arm *body)
{
	if (!within(body->seconds, 1, WATCHDOG_MAX_S))
		return 1;
	return body->zero != 0 ? 2 : 0;
}

int
check_init_armed(const struct msg_init_armed *body)
{
	if (body->error > ERRNO_MAX)
		return 2;
	return body->error != 0 ? body->seconds != 0 : !within(body->seconds, 1, WATCHDOG_ROUNDED_S);
}

int
check_broker_go(const struct msg_broker_go *body)
{
	return body->zero != 0;
}

int
check_broker_reboot(const struct msg_broker_reboot *body)
{
	return body->zero != 0;
}

int
check_broker_stop(const struct msg_broker_stop *body)
{
	if (body->wait_ms > WAIT_MAX_MS)
		return 1;
	return body->zero != 0 ? 2 : 0;
}
