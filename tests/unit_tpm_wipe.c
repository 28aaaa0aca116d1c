/*
 * After crypto-worker has read the secret, opened the credential or set the TPM's authorisations, no copy is left in its memory but the
 * caller's own.  Outside the wall: tests only.
 * Searches the writable memory of this very process; linked with wipe_alloc.c as crypto-worker is.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "tpm_fixture.h"
#include "tpm_tools.h"

enum { WINDOW = 1 << 16, NEEDLE = 16 };

static uint8_t window[WINDOW + NEEDLE];

/* What is searched for, in guarded memory: the caller's own, which do not count. */
static struct {
	const uint8_t *value;
	size_t parts;		/* pieces of NEEDLE bytes; 0: lies in value, but is the copy of another */
} sought[8];
static size_t nsought;

static void
seek(const uint8_t *value, size_t parts)
{
	sought[nsought].value = value;
	sought[nsought++].parts = parts;
}

static unsigned
match(const uint8_t *p, uintptr_t here)
{
	unsigned hits = 0;

	for (size_t k = 0; k < nsought; k++)
		if (here - (uintptr_t)sought[k].value < TPM_SECRET_BYTES)
			return 0;
	for (size_t k = 0; k < nsought; k++)
		for (size_t part = 0; part < sought[k].parts; part++)
			hits += memcmp(p, sought[k].value + part * NEEDLE, NEEDLE) == 0;
	return hits;
}

/* Hits of 16 bytes of either half of the secrets between two addresses, the caller's buffers left out. */
static unsigned
search(int mem, uintptr_t from, uintptr_t to)
{
	unsigned hits = 0;

	for (uintptr_t at = from; at < to; at += WINDOW) {
		size_t want = to - at < sizeof window ? to - at : sizeof window;
		ssize_t n;

		n = pread(mem, window, want, (off_t)at);
		for (size_t i = 0; n >= NEEDLE && i < WINDOW && i + NEEDLE <= (size_t)n; i++)
			hits += match(window + i, at + i);
	}
	sodium_memzero(window, sizeof window);
	return hits;
}

static unsigned
copies(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	unsigned long from, to;
	char line[512], mode[5];
	unsigned hits = 0, mappings = 0;
	const uintptr_t self = (uintptr_t)window;

	assert_true(maps != NULL && mem >= 0);
	while (fgets(line, sizeof line, maps) != NULL)
		if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) == 3 && mode[0] == 'r' && mode[1] == 'w' &&
		    to - from < 1UL << 30) {	/* larger: only a sanitizer's shadow is */
			/* around the window: what is searched passes through it */
			if (from <= self && to >= self + sizeof window)
				hits += search(mem, from, self) + search(mem, self + sizeof window, to);
			else
				hits += search(mem, from, to);
			mappings++;
		}
	assert_true(mappings > 5);
	(void)fclose(maps);
	(void)close(mem);
	return hits;
}

static void
no_copy_of_the_secret_is_left(void **state)
{
	uint8_t *planted = malloc(TPM_SECRET_BYTES);
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	assert_non_null(planted);
	nsought = 0;
	seek(written.sec_node_secret, 2);
	seek(found.sec_node_secret, 0);
	assert_int_equal(copies(), 0);
	memcpy(planted, written.sec_node_secret, TPM_SECRET_BYTES);
	assert_int_equal(copies(), 2);		/* both halves */
	free(planted);
	assert_int_equal(copies(), 0);		/* freed is wiped */

	swtpm_make(&s, NULL);
	tpm = power_on(&s);
	assert_event(tpm_enrol(tpm, &written), EV_none);
	assert_int_equal(copies(), 0);
	assert_event(tpm_read(tpm, &found), EV_none);
	assert_true(is_found());
	assert_int_equal(copies(), 0);
	assert_event(tpm_close(tpm, 0), EV_none);
	tpm_finish(tpm);
	assert_int_equal(copies(), 0);
	swtpm_remove(&s);
}

static uint8_t *
guarded(int random)
{
	uint8_t *p = sodium_malloc(TPM_AUTH_BYTES);

	assert_non_null(p);
	memset(p, 0, TPM_AUTH_BYTES);
	if (random)
		randombytes_buf(p, TPM_AUTH_BYTES);
	return p;
}

static void
nor_of_the_credential_and_the_authorisations(void **state)
{
	uint8_t ek[TPM_PUBLIC_MAX], ak[TPM_PUBLIC_MAX], cert[TPM_CERT_MAX], name[34] = { 0, 0x0b }, blob[514], secret[514];
	uint8_t *sec_owner = guarded(1), *sec_lockout = guarded(1), *value = guarded(1), *got = guarded(0);
	uint32_t nek, nak, ncert, nblob, nsecret;
	struct tools tools;
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	nsought = 0;
	seek(sec_owner, 2);
	seek(sec_lockout, 2);
	seek(value, 2);
	seek(got, 0);
	swtpm_make(&s, NULL);
	tools_make(&tools);
	enrol_with_org(&s);
	tpm = boot(&s);
	assert_event(tpm_ak_public(tpm, ak, &nak), EV_none);
	assert_event(tpm_ek_public(tpm, ek, &nek, cert, &ncert), EV_none);
	assert_int_equal(crypto_hash_sha256(name + 2, ak, nak), 0);
	tools_credential(&tools, ek, nek, name, value, 32, blob, &nblob, secret, &nsecret);
	assert_event(tpm_activate(tpm, blob, nblob, secret, nsecret, got), EV_none);
	assert_memory_equal(got, value, 32);
	assert_int_equal(copies(), 0);
	assert_event(tpm_take_owner(tpm, sec_owner, sec_lockout), EV_none);
	assert_int_equal(copies(), 0);
	assert_event(tpm_take_owner(tpm, sec_owner, sec_lockout), EV_none);
	assert_int_equal(copies(), 0);
	/* what does not succeed leaves none either */
	assert_event(tpm_take_owner(tpm, sec_lockout, sec_owner), EV_org_escrow);
	assert_int_equal(copies(), 0);
	/* the twin: ESYS does keep what it is told, and would have it still */
	{
		TPM2B_AUTH auth = { .size = TPM_AUTH_BYTES };

		memcpy(auth.buffer, sec_owner, TPM_AUTH_BYTES);
		assert_int_equal(Esys_TR_SetAuth(tpm->esys, ESYS_TR_RH_OWNER, &auth), 0);
		sodium_memzero(&auth, sizeof auth);
		assert_int_equal(copies(), 2);
	}
	tpm_finish(tpm);
	assert_int_equal(copies(), 0);
	sodium_free(sec_owner);
	sodium_free(sec_lockout);
	sodium_free(value);
	sodium_free(got);
	tools_remove(&tools);
	swtpm_remove(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_copy_of_the_secret_is_left),
		cmocka_unit_test(nor_of_the_credential_and_the_authorisations),
	};

	return cmocka_run_group_tests(tests, fixture_setup, NULL);
}
