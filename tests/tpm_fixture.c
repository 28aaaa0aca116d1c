/*
 * What the tests of crypto-worker's TPM half share.  Outside the wall: tests only.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "tpm_fixture.h"

struct tpm_secret written, found;
struct tap_line tap;

void
must_be_event(enum event got, enum event wanted, const char *file, int line)
{
	if (got != wanted)
		fail_msg("%s:%d: event %d, not %d", file, line, (int)got, (int)wanted);
}

int
fixture_setup(void **state)
{
	(void)state;
	/* The kernel's device cannot raise it; our sockets can. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sodium_init() < 0)
		return -1;
	written.sec_node_secret = sodium_malloc(TPM_SECRET_BYTES);
	found.sec_node_secret = sodium_malloc(TPM_SECRET_BYTES);
	if (written.sec_node_secret == NULL || found.sec_node_secret == NULL)
		return -1;
	randombytes_buf(written.node, sizeof written.node);
	randombytes_buf(written.org_key, sizeof written.org_key);
	randombytes_buf(written.sec_node_secret, TPM_SECRET_BYTES);
	return 0;
}

void
clear_found(void)
{
	memset(found.node, 0xee, sizeof found.node);
	memset(found.org_key, 0xee, sizeof found.org_key);
	memset(found.sec_node_secret, 0xee, TPM_SECRET_BYTES);
}

int
is_found(void)
{
	return memcmp(found.node, written.node, sizeof found.node) == 0 &&
	    memcmp(found.org_key, written.org_key, sizeof found.org_key) == 0 &&
	    memcmp(found.sec_node_secret, written.sec_node_secret, TPM_SECRET_BYTES) == 0;
}

int
is_untouched(void)
{
	for (size_t i = 0; i < TPM_SECRET_BYTES; i++)
		if (found.sec_node_secret[i] != 0xee || found.org_key[i] != 0xee || found.node[i % TPM_NODE_BYTES] != 0xee)
			return 0;
	return 1;
}

enum event
open_beside(struct swtpm *s, struct tpm **tpm)
{
	int fd = dup(s->fd);

	assert_true(fd >= 0);
	*tpm = NULL;
	return tpm_open(fd, tpm);
}

struct tpm *
power_on(struct swtpm *s)
{
	struct tpm *tpm;

	swtpm_on(s, 1);
	assert_event(open_beside(s, &tpm), EV_none);
	return tpm;
}

enum event
open_tapped(struct swtpm *s, struct tpm **tpm)
{
	swtpm_on(s, 1);
	tap_start(&tap, s);
	*tpm = NULL;
	return tpm_open(tap.client, tpm);
}

void
finish_tapped(struct tpm *tpm)
{
	if (tpm != NULL)
		tpm_finish(tpm);
	tap_stop(&tap);
}

void
enrol_and_close(struct swtpm *s)
{
	struct tpm *tpm = power_on(s);

	assert_event(tpm_index_state(tpm), EV_tpm_not_enrolled);
	assert_event(tpm_enrol(tpm, &written), EV_none);
	assert_int_equal(tpm_detail(tpm), 0);
	clear_found();
	assert_event(tpm_read(tpm, &found), EV_none);
	assert_true(is_found());
	assert_event(tpm_close(tpm, 0), EV_none);
	tpm_finish(tpm);
}

void
enrol_with_org(struct swtpm *s)
{
	struct tpm *tpm = power_on(s);

	assert_event(tpm_enrol(tpm, &written), EV_none);
	assert_event(tpm_ak_make(tpm), EV_none);
	assert_event(tpm_close(tpm, 0), EV_none);
	assert_event(tpm_state_begin(tpm), EV_none);
	tpm_finish(tpm);
}

struct tpm *
boot(struct swtpm *s)
{
	struct tpm *tpm = power_on(s);

	assert_event(tpm_read(tpm, &found), EV_none);
	assert_event(tpm_close(tpm, 0), EV_none);
	return tpm;
}

enum tap
cut_power(void *context, unsigned n, const uint8_t *command, size_t command_bytes, uint8_t *answer, size_t *answer_bytes)
{
	const struct cut *c = context;

	(void)command, (void)command_bytes, (void)answer_bytes;
	return n == c->at && (answer != NULL) == c->after ? TAP_cut : TAP_pass;
}

unsigned
overheard(const uint8_t *what, size_t len_bytes)
{
	unsigned hits = 0;

	for (size_t i = 0; i + 8 <= len_bytes; i++)
		hits += memmem(tap.record, tap.record_bytes, what + i, 8) != NULL;
	return hits;
}

unsigned
raw_handles(struct swtpm *s)
{
	uint8_t c[] = { 0x80, 0x01, 0, 0, 0, 22, 0, 0, 0x01, 0x7a, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 64 }, a[SWTPM_BYTES_MAX];
	const uint8_t types[] = { 0x80, 0x02, 0x03 };
	unsigned count = 0;
	size_t n;

	for (size_t i = 0; i < sizeof types; i++) {
		c[14] = types[i];
		assert_int_equal(swtpm_command(s, c, sizeof c, a, &n), 0);
		assert_true(n >= 19);
		count += wire_get32(a + 15);
	}
	return count;
}

uint32_t
raw_lockout_counter(struct swtpm *s)
{
	const uint8_t c[] = { 0x80, 0x01, 0, 0, 0, 22, 0, 0, 0x01, 0x7a, 0, 0, 0, 6, 0, 0, 0x02, 0x0e, 0, 0, 0, 1 };
	uint8_t a[SWTPM_BYTES_MAX];
	size_t n;

	assert_int_equal(swtpm_command(s, c, sizeof c, a, &n), 0);
	assert_int_equal(n, 27);
	assert_int_equal(wire_get32(a + 19), 0x20e);
	return wire_get32(a + 23);
}

size_t
raw_pcr(struct swtpm *s, uint16_t alg, unsigned pcr, uint8_t out[64])
{
	const uint8_t bits = (uint8_t)(1 << pcr % 8);
	const uint8_t c[] = { 0x80, 0x01, 0, 0, 0, 20, 0, 0, 0x01, 0x7e, 0, 0, 0, 1, (uint8_t)(alg >> 8), (uint8_t)alg, 3,
	    pcr < 8 ? bits : 0, pcr >= 8 && pcr < 16 ? bits : 0, pcr >= 16 ? bits : 0 };
	uint8_t a[SWTPM_BYTES_MAX];
	size_t n, at = 10 + 4 + 4 + 6;

	assert_int_equal(swtpm_command(s, c, sizeof c, a, &n), 0);
	if (n < at + 4 + 2 || wire_get32(a + at) != 1)
		return 0;
	assert_int_equal(n, at + 6 + wire_get16(a + at + 4));
	memcpy(out, a + at + 6, n - at - 6);
	return n - at - 6;
}
