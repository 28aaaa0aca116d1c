#ifndef POLICY_RULES_H
#define POLICY_RULES_H
/*
 * The rows of PROGRAM.def as data: for mkpolicy, which makes filters of them, and for the tests, which judge the filters by them.
 * Not linked into any program of the image: there the finished filter is all that is left.
 *
 *   ALLOW(nr, "why")                                          ALLOW_IF(nr, arg, op, value, "why")
 *   ALLOW_IF2(nr, arg, op, value, arg, op, value, "why")      both must hold; ALLOW_IF3: all three
 *
 * Arguments are compared as what they are to the kernel's entry, 64 bits, unsigned.
 */
#include <stddef.h>
#include <stdint.h>

#include "peer.h"

enum op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GE, OP_GT, OP_MASK0 /* arg & value == 0 */ };

struct condition {
	unsigned arg;		/* 0..5 */
	enum op op;
	uint64_t value;
	const char *value_text;
};

enum { CONDITIONS_MAX = 3 };

struct rule {
	const char *file;	/* "base.def": where the row stands */
	const char *name;	/* of the system call */
	long nr;		/* as this build's headers have it; mkpolicy compares it with libseccomp's */
	unsigned conditions;	/* 0..CONDITIONS_MAX */
	struct condition condition[CONDITIONS_MAX];
	const char *why;
};

/* The rows of a program, those of included files first; *count gets how many. */
const struct rule *rules_of(enum peer program, size_t *count);

/* "kexec" as in kexec.def. */
const char *rules_name(enum peer program);

/* Does the rule, or the condition, permit these arguments? */
int condition_holds(const struct condition *condition, const uint64_t args[6]);
int rule_permits(const struct rule *rule, long nr, const uint64_t args[6]);
#endif
