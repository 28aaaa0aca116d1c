#ifndef TESTS_DEATH_RUN_H
#define TESTS_DEATH_RUN_H
/* One system call in a process of its own, under filters or under none, and what became of it. */
#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "peer.h"

enum entry { ENTRY_syscall, ENTRY_int80 };

struct filter {
	const struct sock_filter *code;
	unsigned short length;
};

struct end {
	int signal;		/* that ended it, or 0 */
	long nr;		/* the number at the end, as the kernel has it: of the very call if signal is SIGSYS */
};

/*
 * Makes exactly one call and then exit_group(2).  filters: the first one is loaded first; NULL-terminated; none for the unconfined twin.
 * The process is nobody's, in namespaces of its own: calls that live are meant to have arguments that lead nowhere, and are clipped
 * even if they should not.
 */
struct end death_run(const struct filter *const *filters, enum entry entry, uint64_t nr, const uint64_t args[6]);

/* A row of policy/denied.def. */
struct denied {
	enum peer program;
	long nr;
	uint64_t args[6];
	const char *attack;
};
const struct denied *denied_rows(size_t *count);

/* Is there an int 0x80 in this kernel at all? */
int death_has_int80(void);
#endif
