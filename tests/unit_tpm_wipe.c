/*
 * After crypto-worker has read the secret, no copy is left in its memory but the caller's own.  Outside the wall: tests only.
 * Searches the writable memory of this very process; linked with wipe_alloc.c as crypto-worker is.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "tpm_fixture.h"

enum { WINDOW = 1 << 16, NEEDLE = 16 };

static uint8_t window[WINDOW + NEEDLE];

/* Hits of 16 bytes of either half of the secret between two addresses, the caller's two buffers left out. */
static unsigned
search(int mem, uintptr_t from, uintptr_t to)
{
	unsigned hits = 0;

	for (uintptr_t at = from; at < to; at += WINDOW) {
		size_t want = to - at < sizeof window ? to - at : sizeof window;
		ssize_t n;

		n = pread(mem, window, want, (off_t)at);
		for (size_t i = 0; n >= NEEDLE && i + NEEDLE <= (size_t)n; i++) {
			uintptr_t here = at + i, w = (uintptr_t)written.sec_node_secret, f = (uintptr_t)found.sec_node_secret;

			if (i >= WINDOW || here - w < TPM_SECRET_BYTES || here - f < TPM_SECRET_BYTES)
				continue;
			hits += memcmp(window + i, written.sec_node_secret, NEEDLE) == 0 ||
			    memcmp(window + i, written.sec_node_secret + NEEDLE, NEEDLE) == 0;
		}
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_copy_of_the_secret_is_left),
	};

	return cmocka_run_group_tests(tests, fixture_setup, NULL);
}
