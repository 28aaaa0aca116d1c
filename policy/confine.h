#ifndef POLICY_CONFINE_H
#define POLICY_CONFINE_H
/*
 * How a program locks itself in.  The first thing that every main() does, before it receives a byte.
 * What each program keeps stands in peer.def, what it may call in PROGRAM.def; nothing is decided here.
 */
#include <stddef.h>
#include <stdint.h>

#include "peer.h"

/*
 * The numbers at which init puts the descriptors of peer.def before it execs: GIVEN_broker_console, GIVEN_crypto_tpm, ...
 * They are 0..n-1 without gaps: 0, 1 and 2 are /dev/null.
 */
enum given {
#define GIVEN(peer, number, name, why) GIVEN_##peer##_##name = (number),
#include "peer.def"
};

/*
 * One order for all, each step fatal and read back: descriptors, rlimits, oom_score_adj, namespaces, root, capability bounding set,
 * ids, capabilities, no_new_privs, dumpable, seccomp.  0, or a negative errno with *step naming the step that failed: then the only
 * thing left to do is _exit(2).  -EINVAL with step "program": the filter linked in is another program's.
 *
 * init: keeps its descriptors, but each of them from 3 on must be close-on-exec (-EBADF): no worker inherits one by accident.  It stays
 * uid 0 in its root and its namespaces, with the capabilities that starting the others takes.
 * The others: uid 0 of init's making, /empty in the root (a directory), /proc mounted; net-worker: a read-only tmpfs at /resolv.
 */
int confine(enum peer self, const char **step);

/*
 * init, once kexec-worker has it: CAP_SYS_BOOT leaves the bounding, permitted and effective sets for good.  Read back.
 * 0 or a negative errno.
 */
int confine_drop_boot(void);

/* init, once the lease is applied, or when there is no org: CAP_NET_ADMIN likewise. */
int confine_drop_net(void);

/* How many descriptors, from 0, a program is started with; 0 for init and for no program. */
unsigned confine_given(enum peer peer);
#endif
