/*
 * A TPM that says what the test wants, in place of crypto-worker's TPM half (tpm.h).  Outside the wall.
 */
#include <string.h>

#include "crypto_play.h"
#include "fake_tpm.h"

struct tpm {
	int one;
};

struct fake_tpm fake;
static struct tpm the_tpm;

uint8_t
fake_secret(unsigned i)
{
	return (uint8_t)(i * 37 + 11);
}

enum event
tpm_open(int fd, struct tpm **out)
{
	assert_int_equal(fd, FD_TPM);
	fake.opens++;
	if (fake.open == EV_none || fake.open_leaves_one)
		*out = &the_tpm;
	return fake.open;
}

uint32_t
tpm_detail(const struct tpm *tpm)
{
	assert_non_null(tpm);
	return 0x99d;
}

uint32_t
tpm_banks(const struct tpm *tpm)
{
	assert_non_null(tpm);
	return 2;
}

enum event
tpm_index_state(struct tpm *tpm)
{
	assert_non_null(tpm);
	fake.indexes++;
	return fake.index[fake.enrols > 0];
}

enum event
tpm_enrol(struct tpm *tpm, const struct tpm_secret *secret)
{
	assert_non_null(tpm);
	fake.enrols++;
	memcpy(fake.node, secret->node, sizeof fake.node);
	memcpy(fake.org_key, secret->org_key, sizeof fake.org_key);
	return fake.enrol;
}

enum event
tpm_read(struct tpm *tpm, struct tpm_secret *secret)
{
	assert_non_null(tpm);
	assert_int_equal(fake.closes, 0);	/* behind a closed door there is nothing to read */
	fake.reads++;
	if (fake.read != EV_none)
		return fake.read;
	memcpy(secret->node, fake.node, sizeof fake.node);
	memcpy(secret->org_key, fake.org_key, sizeof fake.org_key);
	for (unsigned i = 0; i < TPM_SECRET_BYTES; i++)
		secret->sec_node_secret[i] = fake_secret(i);
	return EV_none;
}

enum event
tpm_close(struct tpm *tpm, int without_index)
{
	assert_non_null(tpm);
	assert_int_equal(play_hear(), 0);	/* nothing is said before the latch has closed */
	fake.closes++;
	fake.without_index = without_index;
	return fake.close;
}

enum event
tpm_measure(struct tpm *tpm, const void *data, size_t len_bytes)
{
	assert_non_null(tpm);
	assert_int_equal(len_bytes, sizeof fake.measured);
	fake.measures++;
	memcpy(fake.measured, data, len_bytes);
	return fake.measure;
}

enum event
tpm_pcr(struct tpm *tpm, unsigned pcr, uint8_t out[32])
{
	assert_non_null(tpm);
	assert_int_equal(fake.measures, 1);	/* PCR 8 is reported as the generation will find it */
	memset(out, (int)pcr, 32);
	return fake.pcr;
}

enum event
tpm_state_begin(struct tpm *tpm)
{
	assert_non_null(tpm);
	assert_int_equal(fake.closes, 1);	/* only then may it be written */
	assert_int_equal(fake.enrols, 1);
	fake.begins++;
	return fake.begin;
}

enum event
tpm_state_read(struct tpm *tpm, struct tpm_state *out)
{
	assert_non_null(tpm);
	if (fake.state_read == EV_none)
		*out = fake.state;
	return fake.state_read;
}

enum event
tpm_state_write(struct tpm *tpm, const struct tpm_state *state)
{
	assert_non_null(tpm);
	assert_int_equal(fake.closes, 1);
	assert_int_equal(fake.measures, 0);	/* behind the manifest's measurement nothing can be written */
	fake.writes++;
	if (fake.state_write == EV_none)
		fake.state = *state;
	return fake.state_write;
}

enum event
tpm_ak_make(struct tpm *tpm)
{
	assert_non_null(tpm);
	assert_int_equal(fake.enrols, 0);	/* an enrolment that is cut begins anew */
	fake.aks++;
	return fake.ak;
}

enum event
tpm_ak_public(struct tpm *tpm, uint8_t out[TPM_PUBLIC_MAX], uint32_t *bytes)
{
	assert_non_null(tpm);
	memset(out, 'a', FAKE_PUBLIC_BYTES);
	*bytes = FAKE_PUBLIC_BYTES;
	return fake.ak;
}

enum event
tpm_ek_public(struct tpm *tpm, uint8_t out[TPM_PUBLIC_MAX], uint32_t *bytes, uint8_t cert[TPM_CERT_MAX], uint32_t *cert_bytes)
{
	assert_non_null(tpm);
	memset(out, 'e', FAKE_PUBLIC_BYTES);
	*bytes = FAKE_PUBLIC_BYTES;
	memset(cert, 'c', FAKE_PUBLIC_BYTES);
	*cert_bytes = FAKE_PUBLIC_BYTES;
	return fake.ek;
}

/* The signature is what was signed, so that the test can tell what that was. */
enum event
tpm_quote(struct tpm *tpm, const uint8_t qualifying[32], struct tpm_quote *out)
{
	assert_non_null(tpm);
	assert_int_equal(fake.measures, 0);
	memset(out, 'q', sizeof *out);
	out->attest_bytes = FAKE_PUBLIC_BYTES;
	out->signature_bytes = 32;
	memcpy(out->signature, qualifying, 32);
	fake.quotes++;
	return fake.quote;
}

enum event
tpm_activate(struct tpm *tpm, const uint8_t *blob, uint32_t blob_bytes, const uint8_t *secret, uint32_t secret_bytes, uint8_t sec_out[32])
{
	assert_non_null(tpm);
	assert_true(blob_bytes >= 32 && secret_bytes > 0 && blob != NULL && secret != NULL);
	memcpy(sec_out, blob, 32);
	fake.activates++;
	return fake.activate;
}

enum event
tpm_take_owner(struct tpm *tpm, const uint8_t sec_owner[TPM_AUTH_BYTES], const uint8_t sec_lockout[TPM_AUTH_BYTES])
{
	assert_non_null(tpm);
	assert_memory_not_equal(sec_owner, sec_lockout, TPM_AUTH_BYTES);
	memcpy(fake.owner, sec_owner, TPM_AUTH_BYTES);
	fake.owns++;
	return fake.own;
}

void
tpm_finish(struct tpm *tpm)
{
	assert_non_null(tpm);
	fake.finishes++;
}
