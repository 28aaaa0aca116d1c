#ifndef TESTS_CONFINED_LOOK_H
#define TESTS_CONFINED_LOOK_H
/* What can be seen of a confined process from outside.  Each fails the cmocka test that calls it. */
#include <stdint.h>
#include <sys/types.h>

#include "peer.h"

#define CAPABILITY(name) (UINT64_C(1) << CAP_##name)

/* A field of /proc/PID/status, as a hexadecimal or a decimal number. */
uint64_t look_hex(pid_t pid, const char *field);
long look_number(pid_t pid, const char *field);

/* All of it: ids, capabilities, flags, descriptors, limits, oom_score_adj, namespaces, root.  filters: how many lie one on another. */
void look_at(enum peer program, pid_t pid, long filters);

/* The errno of reading /proc/PID/exe as uid, without CAP_SYS_PTRACE; 0 if it works.  The twin is a process of that uid, not confined. */
int look_as(uid_t uid, pid_t pid);
int look_as_plain_twin(uid_t uid);

int syscall_bound_drop(int cap);
#endif
