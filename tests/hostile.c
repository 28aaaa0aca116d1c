/*
 * Hostile programs under the very policies of the shipped ones: each attack of hostile_attacks.h by each program, with its twins.
 * Wants root and the directory with the hostile programs.  What stands behind an attack that a policy permits is in hostile_walls.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "hostile_run.h"
#include "memfd.h"

enum { PROGRAMS = 4, NAME_MAX_BYTES = 48 };

struct target {
	enum peer program;
	enum hostile_attack attack;
};

static const enum peer programs[PROGRAMS] = { PEER_kexec, PEER_broker, PEER_store, PEER_crypto };

/* In a few words, for the table. */
static const char *
words(const struct hostile_end *end)
{
	static char text[3][48];
	static unsigned turn;
	char *at = text[turn++ % 3];

	if (end->signal == SIGSYS)
		(void)snprintf(at, sizeof text[0], "dies at %ld", end->nr);
	else if (end->signal != 0)
		(void)snprintf(at, sizeof text[0], "signal %d", end->signal);
	else if (end->key || end->descriptor)
		(void)snprintf(at, sizeof text[0], "%s", end->key ? "KEY" : "DESCRIPTOR");
	else if (!end->reported)
		(void)snprintf(at, sizeof text[0], "status %d", end->status);
	else if (end->error != 0)
		(void)snprintf(at, sizeof text[0], "errno %d", end->error);
	else
		(void)snprintf(at, sizeof text[0], "done");
	return at;
}

static int
reached(enum hostile_twin twin, const struct hostile_end *end)
{
	if (end->signal != 0 || end->status != 0 || !end->reported)
		return 0;
	switch (twin) {
	case TWIN_key:
		return end->key || end->descriptor;
	case TWIN_done:
		return end->error == 0;
	case TWIN_reach:
		return end->error != 0;
	}
	return 0;
}

static int
as_expected(const struct outcome *want, enum hostile_twin twin, const struct hostile_end *end)
{
	int nothing = !end->key && !end->descriptor;

	switch (want->kind) {
	case OUT_dies:
		return end->signal == SIGSYS && end->nr == want->number && !end->reported && nothing;
	case OUT_signal:
		return end->signal == want->number && !end->reported && nothing;
	case OUT_errno:
		return end->signal == 0 && end->reported && end->error == want->number && nothing;
	case OUT_may:
		return reached(twin, end);
	case OUT_not_its:
		break;
	}
	return 0;
}

static void
attack(void **state)
{
	const struct target *t = *state;
	const struct hostile_row *row = &hostile_rows[t->attack];
	struct hostile_end end[MODE_COUNT];

	for (unsigned mode = 0; mode < MODE_COUNT; mode++)
		end[mode] = hostile_run(t->program, (enum hostile_mode)mode, t->attack);
	print_message("%-6s %-18s %-12s | without filter: %-10s | bare: %-10s | %s\n", hostile_program(t->program), row->name,
	    words(&end[MODE_confined]), words(&end[MODE_walled]), words(&end[MODE_bare]), row->why);
	if (!reached(row->twin, &end[MODE_bare]))
		fail_msg("%s: the bare twin does not get what the attack is after: it proves nothing", row->name);
	if (end[MODE_walled].signal == SIGSYS)
		fail_msg("%s: dies of a filter that it does not have", row->name);
	if (!as_expected(hostile_expected(t->program, t->attack), row->twin, &end[MODE_confined]))
		fail_msg("%s as %s: %s", row->name, hostile_program(t->program), words(&end[MODE_confined]));
}

static void
the_search_finds_what_is_planted(void **state)
{
	struct maker m;
	int empty = memfd_create("empty", MFD_CLOEXEC);

	(void)state;
	maker_start(&m);
	assert_true(hostile_holds_key(m.handover));
	assert_true(hostile_holds_key(m.fill));
	assert_false(hostile_holds_key(m.kernel));
	assert_false(hostile_holds_key(empty));
	assert_int_equal(memfd_check(m.handover, FD_handover, 1, UID_crypto, HOSTILE_BYTES), 0);
	assert_int_equal(memfd_check(m.kernel, FD_handover, 0, UID_crypto, 4096), 0);
	assert_int_equal(memfd_check(m.fill, FD_fill, 0, UID_crypto, HOSTILE_BYTES), 0);
	assert_int_equal(close(empty), 0);
	maker_end(&m);
}

/* 0 or the errno of each way to change a memfd, by root without any policy. */
static void
change(int fd, int errors[7])
{
	void *p = mmap(NULL, HOSTILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *q;
	char path[40];
	int again;

	errors[0] = p == MAP_FAILED ? errno : 0;
	errors[1] = pwrite(fd, "evil", 4, HOSTILE_KEY_AT) == 4 ? 0 : errno;
	errors[2] = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0 ? 0 : errno;
	(void)snprintf(path, sizeof path, "/seen/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	assert_true(again >= 0);
	errors[3] = pwrite(again, "evil", 4, 0) == 4 ? 0 : errno;
	assert_int_equal(close(again), 0);
	q = mmap(NULL, HOSTILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(q != MAP_FAILED);
	errors[4] = mprotect(q, HOSTILE_BYTES, PROT_READ | PROT_WRITE) == 0 ? 0 : errno;
	errors[5] = fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) == 0 ? 0 : errno;
	errors[6] = ftruncate(fd, 0) == 0 ? 0 : errno;
	assert_int_equal(munmap(q, HOSTILE_BYTES), 0);
	if (p != MAP_FAILED)
		assert_int_equal(munmap(p, HOSTILE_BYTES), 0);
}

/* The hand-over's seals hold against everyone, with or without a policy; only its maker's older mapping still writes. */
static void
the_seals_hold_by_themselves(void **state)
{
	struct maker m;
	int errors[7];

	(void)state;
	maker_start(&m);
	change(m.handover, errors);
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(errors[i], i == 4 ? EACCES : EPERM);
	assert_true(hostile_holds_key(m.handover));
	change(m.fill, errors);		/* the twin */
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(errors[i], i == 6 ? EPERM : 0);	/* neither grows nor shrinks */
	maker_wipe(&m);
	assert_false(hostile_holds_key(m.handover));
	maker_end(&m);
}

int
main(int argc, char **argv)
{
	static char names[PROGRAMS * ATTACK_COUNT][NAME_MAX_BYTES];
	static struct target targets[PROGRAMS * ATTACK_COUNT];
	static struct CMUnitTest tests[PROGRAMS * ATTACK_COUNT + 2] = {
		cmocka_unit_test(the_search_finds_what_is_planted),
		cmocka_unit_test(the_seals_hold_by_themselves),
	};
	static const char *const copied[] = { "hostile_kexec", "hostile_kexec_twin", "hostile_broker", "hostile_broker_twin", "hostile_store",
		"hostile_store_twin", "hostile_crypto", "hostile_crypto_twin" };
	size_t n = 2;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: hostile DIRECTORY-OF-HOSTILE-PROGRAMS\n");
		return 2;
	}
	if (hostile_place(argv[1], copied, sizeof copied / sizeof copied[0]) != 0) {
		perror("hostile: wants root");
		return 1;
	}
	for (size_t p = 0; p < PROGRAMS; p++)
		for (size_t a = 0; a < ATTACK_COUNT; a++) {
			if (hostile_expected(programs[p], (enum hostile_attack)a)->kind == OUT_not_its)
				continue;
			targets[n - 2] = (struct target){ programs[p], (enum hostile_attack)a };
			(void)snprintf(names[n - 2], sizeof names[0], "%s: %s", hostile_program(programs[p]), hostile_rows[a].name);
			tests[n] = (struct CMUnitTest){ names[n - 2], attack, NULL, NULL, &targets[n - 2] };
			n++;
		}
	return hostile_leave(_cmocka_run_group_tests("hostile", tests, n, NULL, NULL));
}
