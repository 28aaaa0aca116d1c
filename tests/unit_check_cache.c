/*
 * check_NAME() of what is said of the cache, of candidates, and of what is kept: each field just outside its range, and just inside.
 * The numbers are written out here, not taken from check_cache.c.  Host-side test; plays whoever sends.
 */
#include "check_try.h"

static void
survey(void **state)
{
	static const uint64_t part_most[] = { 0, 16384, 8192, GIB, GIB, 0 };

	(void)state;
	ZERO(broker_survey, 1, zero);
	RANGE(store_offer, 1, slot, 0u, 7u);
	RANGE(store_offer, 2, flags, 0u, 15u);
	TRY(store_offer, 0, b.attempts = UINT32_MAX);
	RANGE(store_offer, 4, outcome, 0u, 999u);
	RANGE(store_offer, 5, manifest_bytes, 1u, 16384u);
	RANGE(store_offer, 6, minisig_bytes, 1u, 8192u);
	RANGE(store_offer, 7, kernel_bytes, 1u, GIB);
	RANGE(store_offer, 8, initramfs_bytes, 1u, GIB);
	RANGE(store_offered, 1, count, 0u, 8u);
	EVENT_STORE(store_offered, 2, event);
	RANGE(store_offered, 3, stops, 0u, 4u);
	ZERO(store_offered, 4, zero);
	RANGE(crypto_want, 1, slot, 0u, 7u);
	RANGE(store_filled, 1, slot, 0u, 7u);
	RANGE(store_progress, 1, slot, 0u, 7u);
	for (uint32_t part = 0; part <= 5; part++) {
		uint64_t most = part_most[part];
		int none = most == 0;

		TRY(crypto_want, none ? 2 : 0, (b.part = part, b.len_bytes = 1));
		TRY(crypto_want, none ? 2 : 0, (b.part = part, b.len_bytes = most));
		TRY(crypto_want, none ? 2 : 5, (b.part = part, b.len_bytes = most + 1));
		TRY(crypto_want, none ? 2 : 5, (b.part = part, b.len_bytes = 0));
		TRY(crypto_want, none ? 2 : 5, (b.part = part, b.len_bytes = UINT64_C(1) << 63));
		TRY(store_filled, none ? 2 : 0, b.part = part);
		TRY(store_progress, none ? 2 : 0, (b.part = part, b.done_bytes = b.total_bytes = most));
		TRY(store_progress, none ? 2 : 4, (b.part = part, b.done_bytes = b.total_bytes = most + 1));
		TRY(store_progress, none ? 2 : 4, (b.part = part, b.done_bytes = b.total_bytes = 0));
	}
	TRY(crypto_want, 3, b.number = 0);
	TRY(crypto_want, 0, b.number = UINT32_MAX);
	ZERO(crypto_want, 4, zero);
	EVENT_STORE(store_filled, 3, event);
	TRY(store_filled, 4, b.number = 0);
	TRY(store_filled, 0, b.number = UINT32_MAX);
	TRY(store_progress, 3, b.done_bytes = b.total_bytes + 1);
	TRY(store_progress, 0, b.done_bytes = 0);
	TRY(crypto_node, 1, memset(b.node, 0, 16));
	TRY(crypto_surveyed, 0, (b.usable = 0, b.offered = 0));
	TRY(crypto_surveyed, 0, (b.usable = 8, b.offered = 8));
	TRY(crypto_surveyed, 1, (b.usable = 9, b.offered = 9));
	TRY(crypto_surveyed, 1, (b.usable = 4, b.offered = 3));
	TRY(crypto_surveyed, 0, b.offered = 32);
	TRY(crypto_surveyed, 2, b.offered = 33);
	TRY(crypto_surveyed, 2, b.offered = UINT32_MAX);
}

/* What holds of every candidate. */
#define CANDIDATE(name) \
	do { \
		RANGE(name, 2, c.version, UINT64_C(1), (UINT64_C(1) << 53) - 1); \
		RANGE(name, 3, c.slot, 0u, 8u);	/* 8: it is the org's */ \
		TRY(name, 0, (b.c.keys_listed = 16, b.c.keys_need = 16, b.c.keys_good = 16)); \
		TRY(name, 0, (b.c.keys_listed = 1, b.c.keys_need = 1, b.c.keys_good = 1)); \
		TRY(name, 7, (b.c.keys_listed = 17, b.c.keys_need = 1, b.c.keys_good = 1)); \
		TRY(name, 7, (b.c.keys_listed = 0, b.c.keys_need = 0, b.c.keys_good = 0)); \
		TRY(name, 7, b.c.keys_listed = UINT32_MAX); \
		TRY(name, 5, b.c.keys_good = b.c.keys_listed + 1); \
		TRY(name, 5, b.c.keys_good = UINT32_MAX); \
		TRY(name, 6, b.c.keys_need = 0); \
		TRY(name, 6, (b.c.keys_good = b.c.keys_listed, b.c.keys_need = b.c.keys_listed + 1)); \
		TRY(name, 6, (b.c.keys_good = b.c.keys_listed, b.c.keys_need = UINT32_MAX)); \
	} while (0)
/* And of one whose manifest has verified. */
#define VERIFIED(name) \
	do { \
		CANDIDATE(name); \
		TRY(name, 1, memset(b.c.id, 0, sizeof b.c.id)); \
		TRY(name, 0, (memset(b.c.id, 0, sizeof b.c.id), b.c.id[0] = 1)); \
		TRY(name, 5, (b.c.keys_need = 2, b.c.keys_good = 1)); \
		TRY(name, 8, b.c.line = 1); \
	} while (0)

static void
candidates(void **state)
{
	(void)state;
	RANGE(crypto_refused, 2, c.version, UINT64_C(0), (UINT64_C(1) << 53) - 1);
	TRY(crypto_refused, 0, memset(b.c.id, 0, sizeof b.c.id));	/* its manifest never came */
	RANGE(crypto_refused, 3, c.slot, 0u, 8u);
	EVENT_DUE(crypto_refused, 4, c.event);
	TRY(crypto_refused, 0, b.c.keys_good = 0);
	TRY(crypto_refused, 5, b.c.keys_good = b.c.keys_listed + 1);
	TRY(crypto_refused, 6, b.c.keys_need = 0);
	TRY(crypto_refused, 6, b.c.keys_need = b.c.keys_listed + 1);
	TRY(crypto_refused, 0, (b.c.keys_listed = 16, b.c.keys_need = 16));
	TRY(crypto_refused, 7, b.c.keys_listed = 17);
	TRY(crypto_refused, 7, b.c.keys_listed = 0);
	RANGE(crypto_refused, 8, c.line, 0u, 16385u);
	VERIFIED(crypto_chosen);
	VERIFIED(crypto_rejected);
	VERIFIED(crypto_verified);
	EVENT_DUE(crypto_rejected, 4, c.event);
	TRY(crypto_chosen, 4, b.c.event = EV_image_kernel);
	TRY(crypto_chosen, 4, b.c.event = 1);
	TRY(crypto_verified, 4, b.c.event = EV_image_kernel);
	RANGE(crypto_chosen, 9, cause, 1u, 3u);
	ZERO(crypto_chosen, 10, zero);
	RANGE(crypto_chosen, 11, total_bytes, 2u, 2 * GIB);
	ZERO(broker_next, 1, zero);
	EVENT_DUE(crypto_none, 1, event);
	ZERO(crypto_none, 2, zero);
	RANGE(crypto_supplied, 1, total_bytes, 2u, 2 * GIB);
	RANGE(crypto_verified, 9, watchdog_s, 0u, 3600u);
	ZERO(crypto_verified, 10, zero);
}

/* What was downloaded and is kept: all four lengths, part after part. */
static void
keeping(void **state)
{
	(void)state;
	TRY(crypto_keep, 1, memset(b.id, 0, sizeof b.id));
	TRY(crypto_keep, 0, (memset(b.id, 0, sizeof b.id), b.id[31] = 1));
	RANGE(crypto_keep, 2, part, 1u, 4u);
	TRY(crypto_keep, 3, b.number = 0);
	TRY(crypto_keep, 0, b.number = UINT32_MAX);
	RANGE(crypto_keep, 4, bytes[0], 1u, 16384u);
	RANGE(crypto_keep, 4, bytes[1], 1u, 8192u);
	RANGE(crypto_keep, 4, bytes[2], 1u, GIB);
	RANGE(crypto_keep, 4, bytes[3], 1u, GIB);
	RANGE(store_kept, 1, slot, 0u, 7u);
	TRY(store_kept, 0, (b.event = EV_cache_full, b.slot = 8));
	TRY(store_kept, 1, (b.event = EV_cache_full, b.slot = 7));	/* kept and not kept */
	TRY(store_kept, 1, (b.event = EV_cache_full, b.slot = 9));
	RANGE(store_kept, 2, part, 1u, 4u);
	TRY(store_kept, 3, b.number = 0);
	TRY(store_kept, 0, b.number = UINT32_MAX);
	TRY(store_kept, 4, (b.event = EV_net_short, b.slot = 8));
	TRY(store_kept, 4, (b.event = EV_org_ticket, b.slot = 8));
	TRY(store_kept, 4, (b.event = 300, b.slot = 8));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survey),
		cmocka_unit_test(candidates),
		cmocka_unit_test(keeping),
		cmocka_unit_test(tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
