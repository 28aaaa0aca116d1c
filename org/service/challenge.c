/*
 * Challenges: when it was made (6 bytes, milliseconds since the start), 10 random bytes, and 16 of BLAKE2b over both, keyed.  On the
 * organisation's side, before anything is authenticated; pure but for the random bytes.
 * Distrusts whoever asks for many, for each costs him more than us, and whoever brings one back.
 */
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "challenge.h"

enum { TIME_BYTES = 6, RANDOM_BYTES = 10, SAID_BYTES = TIME_BYTES + RANDOM_BYTES, MAC_BYTES = CHALLENGE_BYTES - SAID_BYTES };

void
challenges_init(struct challenges *challenges, uint64_t now_ms, unsigned good_s)
{
	*challenges = (struct challenges){ .began_ms = now_ms, .good_ms = UINT64_C(1000) * good_s };
	randombytes_buf(challenges->sec_key, sizeof challenges->sec_key);
}

void
challenges_end(struct challenges *challenges)
{
	sodium_memzero(challenges, sizeof *challenges);
}

static void
make_mac(const struct challenges *challenges, const uint8_t said[SAID_BYTES], uint8_t mac[MAC_BYTES])
{
	(void)crypto_generichash(mac, MAC_BYTES, said, SAID_BYTES, challenges->sec_key, sizeof challenges->sec_key);	/* fixed sizes */
}

void
challenges_issue(const struct challenges *challenges, uint64_t now_ms, uint8_t out[CHALLENGE_BYTES])
{
	uint64_t since_ms = now_ms - challenges->began_ms;	/* 48 bits are 8900 years */

	for (unsigned i = TIME_BYTES; i-- > 0; since_ms >>= 8)
		out[i] = (uint8_t)since_ms;
	randombytes_buf(out + TIME_BYTES, RANDOM_BYTES);
	make_mac(challenges, out, out + SAID_BYTES);
}

int
challenges_judge(const struct challenges *challenges, const uint8_t challenge[CHALLENGE_BYTES], uint64_t now_ms, uint64_t *left_ms)
{
	uint64_t since_ms = 0, age_ms;
	uint8_t mac[MAC_BYTES];

	make_mac(challenges, challenge, mac);
	if (sodium_memcmp(mac, challenge + SAID_BYTES, sizeof mac) != 0)
		return -EBADMSG;
	for (unsigned i = 0; i < TIME_BYTES; i++)
		since_ms = since_ms << 8 | challenge[i];
	age_ms = now_ms - challenges->began_ms - since_ms;	/* ours are never from the future: the clock is monotonic */
	if (age_ms >= challenges->good_ms)
		return -ETIME;
	*left_ms = challenges->good_ms - age_ms;
	return 0;
}
