/*
 * The org's share in crypto-worker: what keys are derived from with it and without, and what is left of it in memory.
 * The test plays net-worker, the org and kexec-worker, all honest; the keys that are due are computed by HMAC alone (crypto_handover.c).
 */
#include <sodium.h>

#include "crypto_handover.h"
#include "crypto_org.h"
#include "exits.h"
#include "fake_tpm.h"

static struct doc_ticket ticket;

static void
to_ticket(uint8_t release)
{
	org_open();
	crypto.config.release = release;
	org_to_ask(both, 2, (const uint32_t[]){ OFFER_fallback, OFFER_healthy | OFFER_previous });
	org_challenge();
	org_expect_request();
	ticket = org_ticket(&newest);
}

static void
to_keys(void)
{
	org_give(&ticket);
	play_expect(MSG_crypto_ticket);
	assert_int_equal(play_supply(both, 2), MSG_crypto_verified);
	play_say(MSG_broker_load);
	take_handover();
}

/* Both keys, this generation's and the former one's, are of the share where config wants one, and else not, whatever the ticket brings. */
static void
keys_are_of_the_share_where_config_says_so(void **state)
{
	(void)state;
	for (uint8_t release = RELEASE_local; release <= RELEASE_org; release++) {
		to_ticket(release);
		assert_int_equal(ticket.share.bytes, sizeof ticket.share.at);
		to_keys();
		derived_share = release == RELEASE_org ? org_share : NULL;
		check_archive(&newest, &older);
		loaded(0);
		check_wiped_from(handed.tail_at);
		derived_share = NULL;
		drop_handover();
		play_close();
	}
}

/* By masked XOR, for the test seals in this very process: what it computed goes from the stack before it is looked for. */
static void
masked_box(uint8_t point[KEY_BYTES], uint8_t key[KEY_BYTES])
{
	static const uint8_t zero[crypto_core_hsalsa20_INPUTBYTES];

	assert_int_equal(crypto_scalarmult_curve25519(point, crypto.secrets->share_key, ticket.share.at), 0);
	assert_int_equal(crypto_core_hsalsa20(key, zero, point, NULL), 0);
	for (unsigned i = 0; i < KEY_BYTES; i++) {
		point[i] ^= 0x5a;
		key[i] ^= 0x5a;
	}
	sodium_stackzero(1 << 16);
}

static void
nothing_of_what_opened_the_share_is_left(void **state)
{
	uint8_t point[KEY_BYTES], key[KEY_BYTES], secret[KEY_BYTES], prk[KEY_BYTES], luks[KEY_BYTES];

	(void)state;
	to_ticket(RELEASE_org);
	masked_box(point, key);
	for (unsigned i = 0; i < KEY_BYTES; i++)
		secret[i] = crypto.secrets->share_key[i] ^ 0x5a;
	assert_int_equal(masked_copies(secret), 1);
	org_give(&ticket);
	assert_int_equal(masked_copies(point), 0);
	assert_int_equal(masked_copies(key), 0);
	assert_int_equal(masked_copies(secret), 0);
	play_expect(MSG_crypto_ticket);
	assert_int_equal(play_supply(both, 2), MSG_crypto_verified);
	play_say(MSG_broker_load);
	take_handover();
	derived_share = org_share;
	masked_key(newest.id, luks, prk);
	derived_share = NULL;
	assert_int_equal(masked_copies(prk), 0);
	loaded(0);
	assert_int_equal(masked_copies(luks), 0);
	drop_handover();
	play_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_of_the_share_where_config_says_so),
		cmocka_unit_test(nothing_of_what_opened_the_share_is_left),
	};

	return cmocka_run_group_tests(tests, play_setup, play_teardown);
}
