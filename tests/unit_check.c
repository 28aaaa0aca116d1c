/*
 * check_NAME(): for every message a body that is legal, then each field just outside its range, and just inside; and the corpus.
 * Here what starts, records, loads and ends; unit_check_cache.c and unit_check_net.c have the rest.
 * The numbers are written out here, not taken from check.c.  Host-side test; plays whoever sends.
 */
#include <dirent.h>
#include <stdio.h>

#include "check_try.h"

#ifndef CORPUS
#define CORPUS "tests/corpus"	/* from the top folder */
#endif

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
	for (unsigned peer = 0; peer < 9; peer++) {
		int worker = peer == PEER_store || peer == PEER_crypto || peer == PEER_kexec || peer == PEER_link || peer == PEER_net;

		TRY(broker_start, worker ? 0 : 1, b.program = peer);
		TRY(init_started, worker ? 0 : 1, b.program = peer);
		TRY(broker_lost, peer == PEER_store || peer == PEER_net ? 0 : 1, b.program = peer);
	}
	TRY(broker_start, 1, b.program = UINT32_MAX);
	ZERO(broker_start, 2, zero);
	ZERO(init_started, 2, zero);
	RANGE(broker_lost, 2, final, 0u, 1u);
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
	TRY(broker_record, 3, b.what = 5);
	TRY(broker_record, 0, (b.what = 4, b.event = 0));
	TRY(broker_record, 4, (b.what = 4, b.event = EV_load_kernel));
	TRY(broker_record, 1, (b.what = 3, b.slot = 0, b.stops = 1));
	TRY(broker_record, 0, (memset(b.id, 0, sizeof b.id), b.what = 3, b.slot = 0, b.stops = 1));
	TRY(broker_record, 0, (memset(b.id, 0, sizeof b.id), b.what = 3, b.slot = 0, b.stops = 4));
	TRY(broker_record, 5, (memset(b.id, 0, sizeof b.id), b.what = 3, b.slot = 0, b.stops = 5));
	TRY(broker_record, 5, (memset(b.id, 0, sizeof b.id), b.what = 3, b.slot = 0));
	TRY(broker_record, 2, (memset(b.id, 0, sizeof b.id), b.what = 3));
	TRY(broker_record, 4, (memset(b.id, 0, sizeof b.id), b.what = 3, b.slot = 0, b.event = EV_load_kernel));
	ZERO(broker_record, 5, stops);
	RANGE(store_recorded, 1, what, 1u, 4u);
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
		    strcmp(name, "broker_ask") == 0 || strcmp(name, "init_linked") == 0 || strcmp(name, "crypto_offline") == 0 ||
		    strcmp(name, "store_offered") == 0 || strcmp(name, "crypto_surveyed") == 0 || strcmp(name, "kexec_loaded") == 0;

		memset(body, 0, sizeof body);
		assert_int_equal(ask(id, body) == 0, plain);
		memset(body, 0xff, sizeof body);
		assert_int_equal(ask(id, body) == 0, id == MSG_crypto_node);
	}
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
		cmocka_unit_test(record_and_load),
		cmocka_unit_test(handover_cmdline),
		cmocka_unit_test(all_alike),
		cmocka_unit_test(corpus),
		cmocka_unit_test(tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
