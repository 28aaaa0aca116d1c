/*
 * check_NAME(): for every message a body that is legal, then each field just outside its range, and just inside; and the corpus.
 * The numbers are written out here, not taken from check.c.  Host-side test; plays whoever sends.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "event.h"
#include "msg.h"
#include "msg_samples.h"

#ifndef CORPUS
#define CORPUS "tests/corpus"	/* from the top folder */
#endif

static unsigned cases, inside;

/* Copies to exactly the body's size, so that a sanitizer sees one byte too far, and asks both ways. */
static int
ask(uint32_t id, const void *body)
{
	void *exact = malloc(msg_table[id].size);
	int wrong;

	assert_non_null(exact);
	memcpy(exact, body, msg_table[id].size);
	wrong = msg_check(id, exact);
	assert_memory_equal(exact, body, msg_table[id].size);
	free(exact);
	cases++;
	return wrong;
}

/* The legal body with one change: wrong in this field, or (0) still legal. */
#define TRY(name, want, change) \
	do { \
		struct msg_##name b = sample_##name(); \
		change; \
		int got_ = ask(MSG_##name, &b); \
		inside += (want) == 0; \
		if (got_ != (want)) \
			fail_msg(#name ": " #change ": field %d, wanted %d", got_, want); \
	} while (0)
/* A number's range: both edges inside, one beyond outside; least 0 has nothing below it. */
#define RANGE(name, want, field, least, most) \
	do { \
		TRY(name, 0, b.field = (least)); \
		TRY(name, 0, b.field = (most)); \
		TRY(name, want, b.field = (most) + 1); \
		TRY(name, want, memset(&b.field, 0xff, sizeof b.field)); \
		if ((least) > 0) \
			TRY(name, want, b.field = (least) - 1); \
	} while (0)
#define ZERO(name, want, field) \
	do { \
		TRY(name, want, b.field = 1); \
		TRY(name, want, ((uint8_t *)&b.field)[sizeof b.field - 1] = 0x80); \
	} while (0)
/* An event that must be there, or may be, or must not. */
#define EVENT_DUE(name, want, field) \
	do { \
		TRY(name, want, b.field = 0); \
		TRY(name, 0, b.field = EV_tpm_absent); \
		TRY(name, 0, b.field = EV_program_spent); \
		TRY(name, want, b.field = 200); \
		TRY(name, want, b.field = 999); \
		TRY(name, want, b.field = UINT32_C(0x80000000) + EV_tpm_absent); \
	} while (0)
#define EVENT_MAY(name, want, field) \
	do { \
		TRY(name, 0, b.field = 0); \
		TRY(name, 0, b.field = EV_cache_io); \
		TRY(name, want, b.field = 1); \
		TRY(name, want, b.field = 705); \
		TRY(name, want, b.field = UINT32_MAX); \
	} while (0)

/* A store-worker's codes: of caches, of sizes, of memory; any other would be somebody else's word. */
#define EVENT_STORE(name, want, field) \
	do { \
		EVENT_MAY(name, want, field); \
		TRY(name, 0, b.field = EV_cache_absent); \
		TRY(name, 0, b.field = EV_image_size); \
		TRY(name, 0, b.field = EV_load_memory); \
		TRY(name, want, b.field = EV_tpm_absent); \
		TRY(name, want, b.field = EV_image_kernel); \
		TRY(name, want, b.field = EV_load_kernel); \
		TRY(name, want, b.field = EV_program_died); \
	} while (0)

#define GIB UINT64_C(1073741824)

static void
closing_and_starting(void **state)
{
	(void)state;
	RANGE(crypto_closed, 1, flags, 0u, 1u);
	RANGE(crypto_closed, 2, banks, 1u, 8u);
	TRY(crypto_closed, 3, memset(b.node, 0, 16));
	TRY(crypto_closed, 0, (memset(b.node, 0, 16), b.node[15] = 1));
	EVENT_DUE(crypto_failed, 1, event);
	TRY(crypto_failed, 0, b.detail = UINT32_MAX);
	for (unsigned peer = 0; peer < 7; peer++) {
		int worker = peer == PEER_store || peer == PEER_crypto || peer == PEER_kexec;

		TRY(broker_start, worker ? 0 : 1, b.program = peer);
		TRY(init_started, worker ? 0 : 1, b.program = peer);
		TRY(broker_lost, peer == PEER_store ? 0 : 1, b.program = peer);
	}
	TRY(broker_start, 1, b.program = UINT32_MAX);
	ZERO(broker_start, 2, zero);
	ZERO(init_started, 2, zero);
	RANGE(broker_lost, 2, final, 0u, 1u);
}

static void
survey(void **state)
{
	static const uint64_t part_most[] = { 0, 16384, 8192, GIB, GIB, 0 };

	(void)state;
	ZERO(broker_survey, 1, zero);
	RANGE(store_offer, 1, slot, 0u, 7u);
	RANGE(store_offer, 2, flags, 0u, 7u);
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
		RANGE(name, 3, c.slot, 0u, 7u); \
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
	RANGE(crypto_refused, 3, c.slot, 0u, 7u);
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
	RANGE(crypto_chosen, 9, cause, 1u, 2u);
	ZERO(crypto_chosen, 10, zero);
	RANGE(crypto_chosen, 11, total_bytes, 2u, 2 * GIB);
	ZERO(broker_next, 1, zero);
	EVENT_DUE(crypto_none, 1, event);
	ZERO(crypto_none, 2, zero);
	RANGE(crypto_supplied, 1, total_bytes, 2u, 2 * GIB);
	RANGE(crypto_verified, 9, watchdog_s, 0u, 3600u);
	ZERO(crypto_verified, 10, zero);
}

static void
record_and_load(void **state)
{
	(void)state;
	TRY(broker_record, 1, memset(b.id, 0, sizeof b.id));
	RANGE(broker_record, 2, slot, 0u, 7u);
	TRY(broker_record, 0, (b.what = 1, b.event = 0));
	TRY(broker_record, 4, (b.what = 1, b.event = EV_load_kernel));
	TRY(broker_record, 0, (b.what = 2, b.event = EV_load_kernel));
	TRY(broker_record, 4, (b.what = 2, b.event = 0));
	TRY(broker_record, 4, (b.what = 2, b.event = 600));
	TRY(broker_record, 3, b.what = 0);
	TRY(broker_record, 3, b.what = 4);
	TRY(broker_record, 1, (b.what = 3, b.slot = 0, b.stops = 1));
	TRY(broker_record, 0, (memset(b.id, 0, sizeof b.id), b.what = 3, b.slot = 0, b.stops = 1));
	TRY(broker_record, 0, (memset(b.id, 0, sizeof b.id), b.what = 3, b.slot = 0, b.stops = 4));
	TRY(broker_record, 5, (memset(b.id, 0, sizeof b.id), b.what = 3, b.slot = 0, b.stops = 5));
	TRY(broker_record, 5, (memset(b.id, 0, sizeof b.id), b.what = 3, b.slot = 0));
	TRY(broker_record, 2, (memset(b.id, 0, sizeof b.id), b.what = 3));
	TRY(broker_record, 4, (memset(b.id, 0, sizeof b.id), b.what = 3, b.slot = 0, b.event = EV_load_kernel));
	ZERO(broker_record, 5, stops);
	RANGE(store_recorded, 1, what, 1u, 3u);
	EVENT_STORE(store_recorded, 2, event);
	ZERO(broker_load, 1, zero);
	RANGE(crypto_handover, 1, kernel_bytes, 1u, GIB);
	RANGE(crypto_handover, 2, initramfs_bytes, 1u, GIB + 65536);
	ZERO(crypto_handover, 4, zero);
	RANGE(kexec_loaded, 1, error, 0u, 4095u);
	ZERO(kexec_loaded, 2, zero);
	RANGE(crypto_wiped, 1, wiped_bytes, 1u, GIB + 65536);
	EVENT_DUE(crypto_unloaded, 1, event);
	TRY(crypto_unloaded, 0, b.detail = UINT32_MAX);
	RANGE(broker_arm, 1, seconds, 1u, 3600u);
	ZERO(broker_arm, 2, zero);
	RANGE(init_armed, 1, seconds, 1u, 7200u);
	TRY(init_armed, 1, b.error = 1);
	TRY(init_armed, 0, (b.seconds = 0, b.error = 4095));
	TRY(init_armed, 2, (b.seconds = 0, b.error = 4096));
	ZERO(broker_go, 1, zero);
	ZERO(broker_reboot, 1, zero);
	RANGE(broker_stop, 1, wait_ms, 0u, 86400000u);
	ZERO(broker_stop, 2, zero);
}

/* The command line: so long as it says, printable, and nothing behind it. */
static void
handover_cmdline(void **state)
{
	(void)state;
	TRY(crypto_handover, 3, (memset(b.cmdline, 0, sizeof b.cmdline), b.cmdline_bytes = 0));
	TRY(crypto_handover, 0, (memset(b.cmdline, 'x', 2047), b.cmdline_bytes = 2047));
	TRY(crypto_handover, 3, (memset(b.cmdline, 'x', 2048), b.cmdline_bytes = 2048));
	TRY(crypto_handover, 5, (memset(b.cmdline, 'x', 2048), b.cmdline_bytes = 2047));	/* no NUL */
	TRY(crypto_handover, 3, b.cmdline_bytes = UINT32_MAX);
	TRY(crypto_handover, 5, b.cmdline_bytes--);
	TRY(crypto_handover, 5, b.cmdline_bytes++);
	TRY(crypto_handover, 5, b.cmdline[2047] = 'x');
	TRY(crypto_handover, 5, b.cmdline[b.cmdline_bytes + 1] = 1);
	for (int c = -128; c < 128; c++)
		TRY(crypto_handover, c >= ' ' && c <= '~' ? 0 : 5, b.cmdline[3] = (char)c);
}

static void
all_legal(void **state)
{
	(void)state;
#define MSG(name, id, from, to, way, answers, under, max, fd, phases, next) TRY(name, 0, (void)b);
#include "msg.def"
	assert_int_equal(msg_check(MSG_none, ""), -1);
	assert_int_equal(msg_check(MSG_COUNT, ""), -1);
	assert_int_equal(msg_check(UINT32_MAX, ""), -1);
}

/* Nothing but zeros is legal only where zero is all that there is to say; nothing but ones only where any bytes are. */
static void
all_alike(void **state)
{
	static _Alignas(8) uint8_t body[MSG_HANDOVER_MAX];

	(void)state;
	for (uint32_t id = 1; id < MSG_COUNT; id++) {
		const char *name = msg_table[id].name;
		int plain = strcmp(name, "broker_survey") == 0 || strcmp(name, "broker_next") == 0 || strcmp(name, "broker_load") == 0 ||
		    strcmp(name, "broker_go") == 0 || strcmp(name, "broker_reboot") == 0 || strcmp(name, "broker_stop") == 0 ||
		    strcmp(name, "store_offered") == 0 || strcmp(name, "crypto_surveyed") == 0 || strcmp(name, "kexec_loaded") == 0;

		memset(body, 0, sizeof body);
		assert_int_equal(ask(id, body) == 0, plain);
		memset(body, 0xff, sizeof body);
		assert_int_equal(ask(id, body) == 0, id == MSG_crypto_node);
	}
	print_message("%u bodies judged, %u of them legal\n", cases, inside);
}

/* One file: good* must pass, bad* must not, both of exactly the message's size; other names have no place there. */
static int
replay(uint32_t id, const char *folder, const char *file)
{
	static _Alignas(8) uint8_t body[MSG_HANDOVER_MAX + 1];
	int good = strncmp(file, "good", 4) == 0, bad = strncmp(file, "bad", 3) == 0;
	char path[512];
	FILE *f;
	size_t n;

	assert_true(snprintf(path, sizeof path, "%s/%s", folder, file) < (int)sizeof path);
	if (!good && !bad)
		fail_msg("%s: neither good nor bad", path);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(body, 1, sizeof body, f);
	fclose(f);
	if (n != msg_table[id].size)
		fail_msg("%s: %zu bytes instead of %u", path, n, (unsigned)msg_table[id].size);
	if ((ask(id, body) == 0) != good)
		fail_msg("%s: field %d", path, ask(id, body));
	return good ? 1 : 2;
}

static void
corpus(void **state)
{
	unsigned files = 0;

	(void)state;
	for (uint32_t id = 1; id < MSG_COUNT; id++) {
		char folder[256];
		struct dirent *e;
		int seen = 0;
		DIR *d;

		assert_true(snprintf(folder, sizeof folder, "%s/%s", CORPUS, msg_table[id].name) < (int)sizeof folder);
		d = opendir(folder);
		if (d == NULL)
			fail_msg("%s: %s: every row of msg.def has a folder of its own", folder, strerror(errno));
		while ((e = readdir(d)) != NULL)
			if (e->d_name[0] != '.') {
				seen |= replay(id, folder, e->d_name);
				files++;
			}
		closedir(d);
		if (seen != 3)
			fail_msg("%s: needs a good and a bad file", folder);
	}
	print_message("%u files of the corpus\n", files);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_legal),
		cmocka_unit_test(closing_and_starting),
		cmocka_unit_test(survey),
		cmocka_unit_test(candidates),
		cmocka_unit_test(record_and_load),
		cmocka_unit_test(handover_cmdline),
		cmocka_unit_test(all_alike),
		cmocka_unit_test(corpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
