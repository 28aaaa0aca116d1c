/*
 * mkpolicy: makes a program's filter from its rows, at build time, through libseccomp.  On the builder's side of the wall.
 *
 *   mkpolicy PROGRAM DIR     writes DIR/PROGRAM.bpf.h, which policy/filter.c compiles in, and DIR/PROGRAM.expect, the readable listing
 *   mkpolicy --table         prints all programs' rows in Markdown, for SECURITY.md
 *
 * Distrusts the rows: a call that libseccomp cannot place, rows out of order, or a rule that it would have to bend end the build.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/filter.h>

#include "rules.h"

#if SCMP_VER_MAJOR < 2 || (SCMP_VER_MAJOR == 2 && SCMP_VER_MINOR < 6)
#error libseccomp 2.6 or newer: seccomp_export_bpf_mem
#endif

enum { RULES_MAX = 256 };

static _Noreturn __attribute__((format(printf, 1, 2))) void
fail(const char *format, ...)
{
	va_list args;

	(void)fputs("mkpolicy: ", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	exit(1);
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static int
same_call_and_conditions(const struct rule *a, const struct rule *b)
{
	if (a->nr != b->nr || a->conditions != b->conditions)
		return 0;
	for (unsigned i = 0; i < a->conditions; i++)
		if (a->condition[i].arg != b->condition[i].arg || a->condition[i].op != b->condition[i].op ||
		    a->condition[i].value != b->condition[i].value)
			return 0;
	return 1;
}

/* The program's rows by name, without those that others cover: init includes the workers' lists, which have much in common. */
static size_t
select_rules(enum peer program, const struct rule *out[RULES_MAX])
{
	size_t count, n = 0;
	const struct rule *rules = rules_of(program, &count);

	for (size_t i = 0; i < count; i++) {
		int covered = 0;

		if (i > 0 && strcmp(rules[i].file, rules[i - 1].file) == 0 && strcmp(rules[i].name, rules[i - 1].name) < 0)
			fail("%s: %s stands behind %s", rules[i].file, rules[i].name, rules[i - 1].name);
		if (seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, rules[i].name) != rules[i].nr || rules[i].nr < 0)
			fail("%s: no system call %s on x86-64", rules[i].file, rules[i].name);
		for (size_t j = 0; j < count && !covered; j++)
			covered = rules[j].nr == rules[i].nr && ((rules[j].conditions == 0 && rules[i].conditions > 0) ||
			    (j < i && same_call_and_conditions(&rules[j], &rules[i])));
		if (covered)
			continue;
		if (n == RULES_MAX)
			fail("more than %d rows", RULES_MAX);
		out[n++] = &rules[i];
	}
	/* By name, otherwise in the order in which they stand. */
	for (size_t i = 1; i < n; i++)
		for (size_t j = i; j > 0 && strcmp(out[j - 1]->name, out[j]->name) > 0; j--) {
			const struct rule *t = out[j];

			out[j] = out[j - 1];
			out[j - 1] = t;
		}
	return n;
}

static unsigned
count_calls(const struct rule *const *rules, size_t n)
{
	unsigned calls = 0;

	for (size_t i = 0; i < n; i++)
		calls += i == 0 || rules[i]->nr != rules[i - 1]->nr;
	return calls;
}

static struct scmp_arg_cmp
compare(const struct condition *c)
{
	static const enum scmp_compare ops[] = { [OP_EQ] = SCMP_CMP_EQ, [OP_NE] = SCMP_CMP_NE, [OP_LT] = SCMP_CMP_LT,
		[OP_LE] = SCMP_CMP_LE, [OP_GE] = SCMP_CMP_GE, [OP_GT] = SCMP_CMP_GT, [OP_MASK0] = SCMP_CMP_MASKED_EQ };

	return (struct scmp_arg_cmp){ .arg = c->arg, .op = ops[c->op], .datum_a = c->value, .datum_b = 0 };
}

static scmp_filter_ctx
make_filter(const struct rule *const *rules, size_t n)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);

	/* The architecture is stated, never the builder's own; x32 numbers belong to none that is allowed. */
	if (ctx == NULL || seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0)
		fail("seccomp_init");
	if (seccomp_arch_native() != SCMP_ARCH_X86_64 && (seccomp_arch_add(ctx, SCMP_ARCH_X86_64) != 0 ||
	    seccomp_arch_remove(ctx, seccomp_arch_native()) != 0))
		fail("seccomp_arch_add");
	for (size_t i = 0; i < n; i++) {
		struct scmp_arg_cmp args[CONDITIONS_MAX] = { { 0 } };
		int rc;

		for (unsigned c = 0; c < rules[i]->conditions; c++)
			args[c] = compare(&rules[i]->condition[c]);
		rc = seccomp_rule_add_exact_array(ctx, SCMP_ACT_ALLOW, (int)rules[i]->nr, rules[i]->conditions, args);
		if (rc != 0)
			fail("%s: %s: %s", rules[i]->file, rules[i]->name, strerror(-rc));
	}
	return ctx;
}

static FILE *
create(const char *dir, const char *name, const char *suffix)
{
	char path[4096];
	FILE *f;

	if ((size_t)snprintf(path, sizeof path, "%s/%s%s", dir, name, suffix) >= sizeof path)
		fail("%s: name too long", dir);
	f = fopen(path, "w");
	if (f == NULL)
		fail("%s: %s", path, strerror(errno));
	return f;
}

static void
finish(FILE *f)
{
	if (ferror(f) != 0 || fclose(f) != 0)
		fail("cannot write: %s", strerror(errno));
}

static size_t
write_bpf(scmp_filter_ctx ctx, const char *name, const char *dir)
{
	FILE *f = create(dir, name, ".bpf.h");
	struct sock_filter *code;
	size_t bytes = 0, n;

	if (seccomp_export_bpf_mem(ctx, NULL, &bytes) != 0 || bytes == 0 || bytes % sizeof *code != 0 || (code = malloc(bytes)) == NULL ||
	    seccomp_export_bpf_mem(ctx, code, &bytes) != 0)
		fail("seccomp_export_bpf_mem");
	n = bytes / sizeof *code;
	(void)fprintf(f, "/* Written by mkpolicy from policy/%s.def. */\nstatic const struct sock_filter filter_%s[] = {\n", name, name);
	for (size_t i = 0; i < n; i++)
		(void)fprintf(f, "\t{ 0x%04x, %u, %u, 0x%08x },\n", code[i].code, code[i].jt, code[i].jf, code[i].k);
	(void)fputs("};\n", f);
	free(code);
	finish(f);
	return n;
}

static const char *
op_sign(enum op op)
{
	static const char *const signs[] = { [OP_EQ] = "==", [OP_NE] = "!=", [OP_LT] = "<", [OP_LE] = "<=", [OP_GE] = ">=",
		[OP_GT] = ">", [OP_MASK0] = "has none of" };

	return signs[op];
}

static void
write_conditions(FILE *f, const struct rule *rule)
{
	for (unsigned c = 0; c < rule->conditions; c++) {
		const struct condition *cond = &rule->condition[c];

		(void)fprintf(f, "%sarg%u %s %s", c == 0 ? " if " : " and ", cond->arg, op_sign(cond->op), cond->value_text);
		if (cond->value != 0)
			(void)fprintf(f, " (0x%llx)", (unsigned long long)cond->value);
	}
}

static void
write_expect(scmp_filter_ctx ctx, const char *name, const char *dir, const struct rule *const *rules, size_t n, size_t instructions)
{
	FILE *f = create(dir, name, ".expect");

	(void)fprintf(f, "%s: %u system calls, %zu rules, %zu BPF instructions\n", name, count_calls(rules, n), n, instructions);
	(void)fputs("everything else, every other architecture and x32: the process is killed\n\n", f);
	for (size_t i = 0; i < n; i++) {
		(void)fputs(rules[i]->name, f);
		write_conditions(f, rules[i]);
		(void)fprintf(f, "\n\t%s: %s\n", base_name(rules[i]->file), rules[i]->why);
	}
	(void)fputc('\n', f);
	if (fflush(f) != 0 || seccomp_export_pfc(ctx, fileno(f)) != 0)
		fail("seccomp_export_pfc");
	finish(f);
}

/* A bar would end the cell. */
static void
print_cell(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			(void)putchar('\\');
		(void)putchar(*text);
	}
}

static void
print_tables(void)
{
	for (enum peer p = PEER_init; p < PEER_COUNT; p++) {
		const struct rule *rules[RULES_MAX];
		size_t n = select_rules(p, rules);

		(void)printf("%s### %s: %u system calls\n\n| call | only if | why |\n| --- | --- | --- |\n", p == PEER_init ? "" : "\n",
		    rules_name(p), count_calls(rules, n));
		for (size_t i = 0; i < n; i++) {
			(void)printf("| %s | ", rules[i]->name);
			for (unsigned c = 0; c < rules[i]->conditions; c++) {
				(void)printf("%sarg%u %s ", c > 0 ? "and " : "", rules[i]->condition[c].arg,
				    op_sign(rules[i]->condition[c].op));
				print_cell(rules[i]->condition[c].value_text);
				(void)putchar(' ');
			}
			(void)fputs("| ", stdout);
			print_cell(rules[i]->why);
			(void)puts(" |");
		}
	}
	if (fflush(stdout) != 0)
		fail("cannot write");
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--table") == 0) {
		print_tables();
		return 0;
	}
	if (argc != 3)
		fail("usage: mkpolicy PROGRAM DIR | mkpolicy --table");
	for (enum peer p = PEER_init; p < PEER_COUNT; p++)
		if (strcmp(argv[1], rules_name(p)) == 0) {
			const struct rule *rules[RULES_MAX];
			size_t n = select_rules(p, rules);
			scmp_filter_ctx ctx = make_filter(rules, n);

			write_expect(ctx, argv[1], argv[2], rules, n, write_bpf(ctx, argv[1], argv[2]));
			seccomp_release(ctx);
			return 0;
		}
	fail("no program %s", argv[1]);
}
