/*
 * Power fails, or the disk does, at every write and every fdatasync while a generation is kept; and ten thousand boots of one cache.
 * A generation is offered whole or not at all, no other slot changes, and the last healthy generation is there at every instant.
 */
#include "keep_fixture.h"

enum { SEEDS = 4, NEW = 11, HEALTHY = 10 };

/* What the cache is before the cuts: which generation is kept, and where it goes. */
static const struct scene {
	uint8_t filler;		/* is in slot 2, or 0: it is empty */
	uint8_t damaged;	/* 1: slot 1, which has 11, is damaged */
	uint8_t n;
	uint32_t slot, other;	/* that may change */
} scenes[] = {
	{ 0, 0, 20, 2, SLOT_NONE },	/* an empty slot */
	{ 21, 0, 20, 1, SLOT_NONE },	/* another one goes */
	{ 21, 1, 11, 1, SLOT_NONE },	/* its own slot */
	{ 0, 1, 11, 2, 1 },	/* its copy goes afterwards */
	{ 0, 0, 10, 2, 0 },	/* the last healthy one's copy goes afterwards */
};

static unsigned kept_new, kept_old, offers_seen;

static void
make_scene(const struct scene *scene)
{
	uint32_t slot;

	start_worker();
	if (scene->filler != 0) {
		assert_int_equal(ask_keep_all(scene->filler, &slot), EV_none);
		assert_int_equal(slot, 2);
	}
	if (scene->damaged)
		assert_int_equal(cache_write_at(disk, "damage", 6, cache_slot_at(&geometry, 1) + CACHE_IMAGES_AT + 99), 0);
	assert_int_equal(fdatasync(disk), 0);
	lossy_power_on();
	remember();
}

/* Is this generation whole in some slot? */
static int
is_there(uint8_t n)
{
	for (uint32_t i = 0; i < SLOTS; i++)
		if (holds(i) == n && is_whole(i, n))
			return 1;
	return 0;
}

static int
is_unchanged(uint32_t slot)
{
	uint64_t at = cache_slot_at(&geometry, slot);

	return memcmp(before + at, after + at, geometry.slot_bytes) == 0;
}

/* What holds after every cut, and that the next boot makes it good. */
static void
assert_sound(const struct scene *scene, const struct cache_journal *old)
{
	struct msg_store_offer offers[SLOTS_MAX];
	uint32_t event, slot;
	unsigned n;

	assert_rest_unchanged(scene->slot, scene->other);
	for (uint32_t i = 0; i < SLOTS; i++)
		if (holds(i) != 0 && !is_whole(i, holds(i)))
			assert_true(is_unchanged(i));	/* the damaged one, as it was */
	assert_true(is_there(HEALTHY));
	read_journal();
	assert_memory_equal(journal.healthy, id(HEALTHY), ID_BYTES);
	if (journal.sequence == old->sequence) {
		assert_memory_equal(&journal, old, sizeof journal);
		kept_old++;
	} else {
		assert_memory_equal(journal.entry[0].id, id(scene->n), ID_BYTES);
		assert_true(is_there(scene->n));
		kept_new++;
	}
	start_worker();
	n = ask_survey(offers, &event);
	assert_int_equal(event, EV_none);
	for (unsigned i = 0; i < n; i++) {
		const struct cache_slot s = slot_of(holds(offers[i].slot));

		assert_int_equal(offers[i].kernel_bytes, s.kernel_bytes);
		assert_int_equal(ask_part_event(offers[i].slot, PART_minisig, s.minisig_bytes), EV_none);
		offers_seen++;
	}
	assert_int_equal(ask_keep_all(scene->n, &slot), EV_none);
	assert_true(holds(slot) == scene->n && is_whole(slot, scene->n));
	assert_true(is_there(HEALTHY));
	for (uint32_t i = 0; i < SLOTS; i++)
		assert_true(i == slot || holds(i) != scene->n);
	expect_silence();
}

/* How many writes and syncs the keeping takes. */
static unsigned
count_ops(const struct scene *scene)
{
	unsigned open_before = fds_open(), ops;
	uint32_t slot;

	start_worker();
	assert_int_equal(ask_keep_all(scene->n, &slot), EV_none);
	assert_int_equal(slot, scene->slot);
	assert_true(is_whole(slot, scene->n));
	assert_int_equal(fds_open(), open_before);
	ops = lossy.ops;
	lossy_restore(before);
	return ops;
}

/* No write is tried any more, by no message. */
static void
assert_left_alone(void)
{
	const struct msg_crypto_keep body = body_of(NEW, PART_manifest);
	const struct msg_crypto_node node = { .node = { 1 } };
	unsigned ops = lossy.ops;
	uint32_t slot;

	assert_int_equal(ask_keep(&body, &slot), EV_cache_io);
	assert_int_equal(slot, SLOT_NONE);
	assert_int_equal(ask_record(HEALTHY, RECORD_begun, EV_none), EV_cache_io);
	assert_int_equal(tell(MSG_crypto_node, &node, NULL), 1);
	assert_int_equal(lossy.ops, ops);
}

/* Keeps with power or the disk failing in this op; the worker sees an error of the disk in both cases. */
static void
keep_and_fail(const struct scene *scene, unsigned cut_at, unsigned fail_at)
{
	uint32_t slot;

	start_worker();
	lossy.cut_at = cut_at;
	lossy.fail_at = fail_at;
	assert_int_equal(ask_keep_all(scene->n, &slot), EV_cache_io);
	assert_int_equal(slot, SLOT_NONE);
	assert_int_equal(lossy.ops, cut_at + fail_at);	/* nothing behind it */
}

static void
power_fails_at_every_write_and_sync(void **state)
{
	(void)state;
	for (unsigned k = 0; k < sizeof scenes / sizeof scenes[0]; k++) {
		struct cache_journal old;
		unsigned ops;

		make_scene(&scenes[k]);
		read_journal();
		old = journal;
		ops = count_ops(&scenes[k]);
		assert_true(ops >= 14);		/* header, four parts, header, journal: each written and synced */
		kept_new = kept_old = offers_seen = 0;
		for (unsigned cut = 1; cut <= ops; cut++) {
			for (unsigned seed = 0; seed < SEEDS; seed++) {
				keep_and_fail(&scenes[k], cut, LOSSY_NEVER);
				lossy_power_on();
				assert_sound(&scenes[k], &old);
				lossy_restore(before);
			}
		}
		assert_true(kept_old > SEEDS * (ops - 3) && kept_new > 0 && offers_seen > 0);
		assert_true(kept_old + kept_new == SEEDS * ops);
		(void)tear_down_keep(state);
		assert_int_equal(set_up_keep(state), 0);
	}
}

static void
the_disk_fails_at_every_write_and_sync_and_is_left_alone(void **state)
{
	(void)state;
	for (unsigned k = 0; k < sizeof scenes / sizeof scenes[0]; k++) {
		struct cache_journal old;
		unsigned ops, failed_syncs = 0;

		make_scene(&scenes[k]);
		read_journal();
		old = journal;
		ops = count_ops(&scenes[k]);
		for (unsigned fail = 1; fail <= ops; fail++) {
			for (unsigned seed = 0; seed < SEEDS; seed++) {
				keep_and_fail(&scenes[k], LOSSY_NEVER, fail);
				failed_syncs += lossy.failed_syncs;
				assert_rest_unchanged(scenes[k].slot, scenes[k].other);
				assert_left_alone();
				lossy_power_on();
				assert_sound(&scenes[k], &old);
				lossy_restore(before);
			}
		}
		assert_true(failed_syncs >= 7 * SEEDS);
		(void)tear_down_keep(state);
		assert_int_equal(set_up_keep(state), 0);
	}
}

static void
a_disk_without_power_is_told_and_gets_nothing(void **state)
{
	const struct msg_crypto_keep body = body_of(20, PART_manifest);
	uint32_t slot;

	(void)state;
	remember();
	lossy.off = 1;
	assert_int_equal(ask_keep(&body, &slot), EV_cache_io);
	lossy.off = 0;
	assert_nothing_written();
	assert_int_equal(ask_keep(&body, &slot), EV_none);	/* reading failed: nothing is known to be wrong with what was written */
}

/* --- many boots of one cache --- */
static uint8_t healthy_now;
static unsigned tally[8];
enum tally { DONE, FULL, CUT, FAILED, GIVEN_UP, PUSHED_OUT, REPORTED, DAMAGED };

/* Keeps n, all of it or a part, with or without something that fails. */
static void
keep_something(uint8_t n)
{
	enum part last = lossy_any(8) == 0 ? (enum part)(1 + lossy_any(3)) : PART_LAST;
	uint32_t event = EV_none, slot, how = lossy_any(6);

	if (how < 2)
		lossy.cut_at = 1 + lossy_any(16);
	else if (how == 2)
		lossy.fail_at = 1 + lossy_any(16);
	lossy.most = lossy_any(4) == 0 ? 700 : SIZE_MAX;
	for (enum part p = PART_manifest; p <= last && event == EV_none; p++) {
		struct msg_crypto_keep body = body_of(n, p);

		if (n == 15)
			body.bytes[PART_initramfs - 1] = 4 * MIB;
		event = ask_keep(&body, &slot);
	}
	assert_true(event == EV_none || event == EV_cache_io || event == EV_cache_full);
	if (event == EV_cache_full)
		assert_true(n == 15 && lossy.ops == 0);
	tally[FULL] += event == EV_cache_full;
	tally[CUT] += lossy.off != 0;
	tally[FAILED] += event == EV_cache_io && !lossy.off;
	tally[GIVEN_UP] += last != PART_LAST;
	if (event == EV_none && last == PART_LAST) {
		tally[DONE]++;
		assert_true(holds(slot) == n && is_whole(slot, n));
		read_journal();
		assert_memory_equal(journal.entry[0].id, id(n), ID_BYTES);
	}
	lossy.most = SIZE_MAX;
}

/* What happens to the cache elsewhere: the OS reports, an operator drops, a header is torn; never the last healthy one's. */
static void
something_else(void)
{
	static const uint8_t torn[20] = { 1 };
	uint32_t slot = lossy_any(SLOTS);
	uint8_t n = holds(slot);

	if (n == 0)
		return;
	read_journal();
	switch (lossy_any(5)) {
	case 0:
		assert_int_equal(ask_record(n, RECORD_begun, EV_none), EV_none);
		return;
	case 1:
		assert_int_equal(ask_record(n, RECORD_failed, EV_load_kernel), EV_none);
		return;
	case 2:
		if (cache_journal_healthy(&journal, id(n)) == 0) {
			healthy_now = n;
			tally[REPORTED]++;
		}
		break;
	case 3:
		if (n != healthy_now) {
			assert_int_equal(cache_write_slot(disk, &geometry, slot, NULL), 0);
			cache_journal_drop(&journal, id(n));
		}
		break;
	default:
		if (n != healthy_now) {
			assert_int_equal(cache_write_at(disk, torn, sizeof torn, cache_slot_at(&geometry, slot)), 0);
			tally[DAMAGED]++;
		}
	}
	assert_int_equal(cache_write_journal(disk, &journal), 0);
}

/* One keeping wrote to no slot but one, and to none that holds another generation than the one pushed out. */
static void
assert_wrote_one_slot(const uint8_t held[SLOTS], uint8_t n)
{
	unsigned changed = 0;

	for (uint32_t i = 0; i < SLOTS; i++) {
		uint64_t at = cache_slot_at(&geometry, i);

		if (held[i] == n || !lossy_touched(at, at + geometry.slot_bytes))
			continue;
		changed++;
		assert_true(held[i] == 0 || held[i] != healthy_now);
		tally[PUSHED_OUT] += held[i] != 0;
	}
	assert_true(changed <= 1);
	assert_int_equal(lossy_touched(0, CACHE_JOURNAL_A) || lossy_touched(CACHE_HEADER_AGAIN, CACHE_SLOTS_AT), 0);
}

static void
ten_thousand_boots_keep_the_last_healthy_and_offer_nothing_by_halves(void **state)
{
	(void)state;
	healthy_now = HEALTHY;
	memset(tally, 0, sizeof tally);
	for (unsigned boot = 0; boot < 10000; boot++) {
		uint8_t held[SLOTS], n = (uint8_t)(1 + lossy_any(15));

		for (uint32_t i = 0; i < SLOTS; i++)
			held[i] = holds(i);
		lossy_untouch();
		start_worker();
		/* The last healthy one's own slot is written anew only when its copy is damaged, and then there is nothing to be lost. */
		if (lossy_any(3) == 0 || (n == healthy_now && held[0] != 0 && held[1] != 0 && held[2] != 0 && held[3] != 0))
			something_else();
		else {
			keep_something(n);
			assert_wrote_one_slot(held, n);
		}
		lossy_power_on();	/* every boot ends so: what was told durable must be */
		for (uint32_t i = 0; i < SLOTS; i++) {
			uint64_t at = cache_slot_at(&geometry, i);

			if (holds(i) != 0 && (boot % 100 == 0 || lossy_touched(at, at + geometry.slot_bytes)))
				assert_true(is_whole(i, holds(i)));
		}
		read_journal();
		assert_memory_equal(journal.healthy, id(healthy_now), ID_BYTES);
		assert_non_null(cache_journal_find(&journal, journal.healthy));
		assert_true(holds(0) == healthy_now || holds(1) == healthy_now || holds(2) == healthy_now || holds(3) == healthy_now);
	}
	for (unsigned i = 0; i < sizeof tally / sizeof tally[0]; i++)
		assert_true(tally[i] > 100);	/* the test itself: all of it did happen */
	assert_true(tally[DONE] > 2000 && tally[CUT] > 1000);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_CACHE(power_fails_at_every_write_and_sync),
		ON_CACHE(the_disk_fails_at_every_write_and_sync_and_is_left_alone),
		ON_CACHE(a_disk_without_power_is_told_and_gets_nothing),
		ON_CACHE(ten_thousand_boots_keep_the_last_healthy_and_offer_nothing_by_halves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
