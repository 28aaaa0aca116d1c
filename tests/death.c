/*
 * Death tests of the filters, byte for byte those that the programs carry: what is not in a list dies by SIGSYS with its own number, what
 * is in it lives, every condition dies one off, and nothing gets in by another entry.  denied.def alone is independent of the lists.
 *
 * Verdicts need three things: the signal, the number, and an unconfined twin of the same call that does not die so.
 */
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sched.h>
#include <sys/mount.h>

#include "death_run.h"
#include "rules.h"

#include "init.bpf.h"
#include "broker.bpf.h"
#include "store.bpf.h"
#include "crypto.bpf.h"
#include "kexec.bpf.h"
#include "link.bpf.h"
#include "net.bpf.h"

enum { NUMBERS = 512, X32_BIT = 0x40000000, X32_NUMBERS = 600, URETPROBE = 335, UPROBE = 336 };

#define FILTER(program) [PEER_##program] = { filter_##program, sizeof filter_##program / sizeof filter_##program[0] }
static const struct filter filters[PEER_COUNT] = { FILTER(init), FILTER(broker), FILTER(store), FILTER(crypto), FILTER(kexec), FILTER(link),
	FILTER(net) };
static const struct filter *const unconfined[] = { NULL };
static const uint64_t zeros[6];
static const uint64_t nowhere[6] = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };

/* uretprobe and uprobe: the kernel's own calls out of its own trampolines; newer kernels let them pass every filter (seccomp(2)). */
static int
kernels_exception(long nr)
{
	return nr == URETPROBE || nr == UPROBE;
}

static int
listed(enum peer program, long nr)
{
	size_t count;
	const struct rule *rules = rules_of(program, &count);

	for (size_t i = 0; i < count; i++)
		if (rules[i].nr == nr)
			return 1;
	return 0;
}

static int
permitted(enum peer program, long nr, const uint64_t args[6])
{
	size_t count;
	const struct rule *rules = rules_of(program, &count);

	for (size_t i = 0; i < count; i++)
		if (rule_permits(&rules[i], nr, args))
			return 1;
	return 0;
}

/* Arguments that the rule permits and that lead nowhere. */
static void
harmless(const struct rule *rule, uint64_t args[6])
{
	for (unsigned i = 0; i < 6; i++)
		args[i] = UINT64_MAX;
	for (unsigned i = 0; i < rule->conditions; i++) {
		const struct condition *c = &rule->condition[i];

		switch (c->op) {
		case OP_EQ:
		case OP_LE:
		case OP_GE:
			args[c->arg] = c->value;
			break;
		case OP_NE:
		case OP_GT:
			args[c->arg] = c->value + 1;
			break;
		case OP_LT:
			args[c->arg] = c->value - 1;
			break;
		case OP_MASK0:
			args[c->arg] = 0;
			break;
		}
	}
}

/* Does the call end otherwise where no filter is?  Asked once of each that is made with arguments of ours, whatever the program. */
static int
twin_lives(enum entry entry, uint64_t nr, const uint64_t args[6])
{
	static unsigned char known[2][2 * X32_NUMBERS];	/* 0 not yet, 1 dies, 2 lives */
	uint64_t base = nr & ~(uint64_t)X32_BIT;
	unsigned char *know = NULL;

	if (base < X32_NUMBERS && (args == nowhere || args == zeros))
		know = &known[entry][base + ((nr & X32_BIT) != 0 ? X32_NUMBERS : 0)];
	if (know != NULL && *know != 0)
		return *know == 2;
	if (death_run(unconfined, entry, nr, args).signal == SIGSYS) {
		if (know != NULL)
			*know = 1;
		return 0;
	}
	if (know != NULL)
		*know = 2;
	return 1;
}

static void
must_die(enum peer program, enum entry entry, uint64_t nr, const uint64_t args[6], const char *what)
{
	const struct filter *const one[] = { &filters[program], NULL };
	struct end end = death_run(one, entry, nr, args);

	if (end.signal != SIGSYS || (uint32_t)end.nr != (uint32_t)nr)
		fail_msg("%s: %s (%#lx) lives, or dies of something else: signal %d, number %ld", rules_name(program), what,
		    (unsigned long)nr, end.signal, end.nr);
	if (!twin_lives(entry, nr, args))
		fail_msg("%s: %s (%#lx): its unconfined twin dies as well", rules_name(program), what, (unsigned long)nr);
}

static void
must_live(enum peer program, const struct filter *const *loaded, uint64_t nr, const uint64_t args[6], const char *what)
{
	struct end end = death_run(loaded, ENTRY_syscall, nr, args);

	if (end.signal == SIGSYS || (nr != (uint64_t)end.nr && end.nr != 231 /* exit_group */))
		fail_msg("%s: %s (%#lx) dies: signal %d, number %ld", rules_name(program), what, (unsigned long)nr, end.signal, end.nr);
}

static void
unlisted_dies(void **state)
{
	enum peer program = *(enum peer *)*state;
	unsigned died = 0;

	for (long nr = 0; nr < NUMBERS; nr++) {
		if (listed(program, nr) || kernels_exception(nr))
			continue;
		must_die(program, ENTRY_syscall, (uint64_t)nr, nowhere, "unlisted call");
		died++;
	}
	must_die(program, ENTRY_syscall, UINT32_MAX, nowhere, "call -1");
	must_die(program, ENTRY_syscall, INT32_MAX, nowhere, "the highest call");
	print_message("%s: %u unlisted numbers under %d die\n", rules_name(program), died, NUMBERS);
}

/* They may die like others (kernels before the exception), or end as they do in an unconfined process: nothing in between. */
static void
exception_is_the_kernels(void **state)
{
	enum peer program = *(enum peer *)*state;
	const struct filter *const one[] = { &filters[program], NULL };

	for (long nr = URETPROBE; nr <= UPROBE; nr++) {
		struct end end = death_run(one, ENTRY_syscall, (uint64_t)nr, nowhere);
		struct end twin = death_run(unconfined, ENTRY_syscall, (uint64_t)nr, nowhere);

		assert_false(listed(program, nr));
		assert_true(end.signal == SIGSYS || end.signal == twin.signal);
	}
}

static void
x32_dies(void **state)
{
	enum peer program = *(enum peer *)*state;

	for (long nr = 0; nr < X32_NUMBERS; nr++)	/* x32 has numbers of its own from 512 on */
		must_die(program, ENTRY_syscall, (uint64_t)nr | X32_BIT, nowhere, "x32 call");
}

static void
int80_dies(void **state)
{
	enum peer program = *(enum peer *)*state;

	if (!death_has_int80()) {
		print_message("%s: no int 0x80 in this kernel: not tried\n", rules_name(program));
		skip();
	}
	for (long nr = 0; nr < NUMBERS; nr++)
		must_die(program, ENTRY_int80, (uint64_t)nr, zeros, "i386 call");	/* sigsuspend(-1) would sleep through an alarm */
}

static void
listed_lives(void **state)
{
	enum peer program = *(enum peer *)*state;
	const struct filter *const one[] = { &filters[program], NULL };
	const struct filter *const chain[] = { &filters[PEER_init], &filters[program], NULL };
	size_t count;
	const struct rule *rules = rules_of(program, &count);

	for (size_t i = 0; i < count; i++) {
		uint64_t args[6];

		harmless(&rules[i], args);
		assert_true(permitted(program, rules[i].nr, args));
		must_live(program, one, (uint64_t)rules[i].nr, args, rules[i].name);
		/* As it really runs: a worker has init's filter beneath its own. */
		must_live(program, chain, (uint64_t)rules[i].nr, args, rules[i].name);
	}
}

static void
one_off(enum peer program, const struct rule *rule, unsigned which, uint64_t value)
{
	const struct filter *const one[] = { &filters[program], NULL };
	uint64_t args[6];

	harmless(rule, args);
	args[rule->condition[which].arg] = value;
	if (permitted(program, rule->nr, args))
		must_live(program, one, (uint64_t)rule->nr, args, rule->name);
	else
		must_die(program, ENTRY_syscall, (uint64_t)rule->nr, args, rule->name);
}

/* Each condition, with its neighbours, every single bit turned (the upper half too), nothing and everything. */
static void
conditions_die_one_off(void **state)
{
	enum peer program = *(enum peer *)*state;
	size_t count;
	const struct rule *rules = rules_of(program, &count);

	for (size_t i = 0; i < count; i++)
		for (unsigned c = 0; c < rules[i].conditions; c++) {
			uint64_t value = rules[i].condition[c].value;

			one_off(program, &rules[i], c, value - 1);
			one_off(program, &rules[i], c, value + 1);
			one_off(program, &rules[i], c, 0);
			one_off(program, &rules[i], c, UINT64_MAX);
			one_off(program, &rules[i], c, (uint64_t)(int64_t)(int32_t)value);
			for (unsigned bit = 0; bit < 64; bit++)
				one_off(program, &rules[i], c, value ^ UINT64_C(1) << bit);
		}
}

/* No condition of a call may rest on a descriptor's number: the first argument of these is one (DESIGN, section 2). */
static void
no_rule_on_a_descriptor(void **state)
{
	static const char *const on_fd[] = { "read", "write", "pread64", "pwrite64", "recvmsg", "sendmsg", "fcntl", "fstat", "close",
		"fallocate", "ftruncate", "fdatasync", "dup2", "kexec_file_load", "ioctl", "getsockopt", "setsockopt" };
	enum peer program = *(enum peer *)*state;
	size_t count;
	const struct rule *rules = rules_of(program, &count);

	for (size_t i = 0; i < count; i++)
		for (size_t f = 0; f < sizeof on_fd / sizeof on_fd[0]; f++)
			for (unsigned c = 0; c < rules[i].conditions; c++)
				if (rules[i].condition[c].arg == 0 && __builtin_strcmp(rules[i].name, on_fd[f]) == 0)
					fail_msg("%s: %s rests on a number", rules_name(program), on_fd[f]);
}

static void
attacks_die(void **state)
{
	enum peer program = *(enum peer *)*state;
	size_t count;
	const struct denied *rows = denied_rows(&count);
	unsigned tried = 0;

	for (size_t i = 0; i < count; i++)
		if (rows[i].program == program) {
			must_die(program, ENTRY_syscall, (uint64_t)rows[i].nr, rows[i].args, rows[i].attack);
			tried++;
		}
	assert_true(tried >= 10);
	print_message("%s: %u attacks of denied.def die\n", rules_name(program), tried);
}

int
main(void)
{
	static enum peer all[PEER_COUNT] = { PEER_init, PEER_broker, PEER_store, PEER_crypto, PEER_kexec, PEER_link, PEER_net };
#define T(test, program) { #program ": " #test, test, NULL, NULL, &all[PEER_##program] }
#define ALL(program) T(unlisted_dies, program), T(exception_is_the_kernels, program), T(x32_dies, program), T(int80_dies, program), \
	T(listed_lives, program), T(conditions_die_one_off, program), T(no_rule_on_a_descriptor, program), T(attacks_die, program)
	const struct CMUnitTest tests[] = { ALL(init), ALL(broker), ALL(store), ALL(crypto), ALL(kexec), ALL(link), ALL(net) };

	/* What lives by mistake should find nothing of the machine that the tests run on. */
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		perror("death: wants root");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
