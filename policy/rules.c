/*
 * The policies' rows, made into arrays.  Build time and tests only, on the builder's side of the wall.
 * Trusts the .def files as the compiler read them: no text is parsed.
 */
#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <linux/watchdog.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "rules.h"

#define COND(arg, op, value, value_text) { (arg), OP_##op, (uint64_t)(value), value_text }
#define ALLOW(nr, why) { __FILE__, #nr, __NR_##nr, 0, { { 0 }, { 0 }, { 0 } }, why },
#define ALLOW_IF(nr, arg, op, value, why) { __FILE__, #nr, __NR_##nr, 1, { COND(arg, op, value, #value), { 0 }, { 0 } }, why },
#define ALLOW_IF2(nr, arg, op, value, arg2, op2, value2, why) \
	{ __FILE__, #nr, __NR_##nr, 2, { COND(arg, op, value, #value), COND(arg2, op2, value2, #value2), { 0 } }, why },
#define ALLOW_IF3(nr, arg, op, value, arg2, op2, value2, arg3, op3, value3, why) \
	{ __FILE__, #nr, __NR_##nr, 3, { COND(arg, op, value, #value), COND(arg2, op2, value2, #value2), COND(arg3, op3, value3, #value3) }, why },

static const struct rule init_rules[] = {
#include "init.def"
};
static const struct rule broker_rules[] = {
#include "broker.def"
};
static const struct rule store_rules[] = {
#include "store.def"
};
static const struct rule crypto_rules[] = {
#include "crypto.def"
};
static const struct rule kexec_rules[] = {
#include "kexec.def"
};
static const struct rule link_rules[] = {
#include "link.def"
};
static const struct rule net_rules[] = {
#include "net.def"
};

#define OF(program) [PEER_##program] = { #program, program##_rules, sizeof program##_rules / sizeof program##_rules[0] }
static const struct {
	const char *name;
	const struct rule *rules;
	size_t count;
} table[PEER_COUNT] = { OF(init), OF(broker), OF(store), OF(crypto), OF(kexec), OF(link), OF(net) };

const struct rule *
rules_of(enum peer program, size_t *count)
{
	*count = table[program].count;
	return table[program].rules;
}

const char *
rules_name(enum peer program)
{
	return table[program].name;
}

int
condition_holds(const struct condition *condition, const uint64_t args[6])
{
	uint64_t a = args[condition->arg], v = condition->value;

	switch (condition->op) {
	case OP_EQ:
		return a == v;
	case OP_NE:
		return a != v;
	case OP_LT:
		return a < v;
	case OP_LE:
		return a <= v;
	case OP_GE:
		return a >= v;
	case OP_GT:
		return a > v;
	case OP_MASK0:
		return (a & v) == 0;
	}
	return 0;
}

int
rule_permits(const struct rule *rule, long nr, const uint64_t args[6])
{
	if (rule->nr != nr)
		return 0;
	for (unsigned i = 0; i < rule->conditions; i++)
		if (!condition_holds(&rule->condition[i], args))
			return 0;
	return 1;
}
