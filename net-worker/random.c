/*
 * Random numbers, each of them the kernel's.  In net-worker.
 * No generator lives in this process: nothing that a fork or a copy of its memory could make two of (CVE-2026-25835).
 */
#include <errno.h>
#include <sys/random.h>

#include "mbed.h"
#include "net.h"

enum { GETRANDOM_MOST = 256 };	/* up to here getrandom(2) is neither cut short nor interrupted */

int
random_bytes(void *out, size_t n)
{
	uint8_t *at = out;

	while (n > 0) {
		size_t part = n < GETRANDOM_MOST ? n : GETRANDOM_MOST;
		ssize_t got = getrandom(at, part, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

/* What Mbed TLS asks (image/mbedtls_config.h). */
psa_status_t
mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context, uint8_t *output, size_t size, size_t *length)
{
	(void)context;	/* there is no state */
	*length = 0;
	if (random_bytes(output, size) != 0)
		return PSA_ERROR_INSUFFICIENT_ENTROPY;
	*length = size;
	return PSA_SUCCESS;
}

uint64_t
random_jitter(uint64_t ms)
{
	uint64_t random = 0;

	if (ms < 2 || random_bytes(&random, sizeof random) != 0)
		return ms;
	return ms - ms / 2 + random % ms;
}
