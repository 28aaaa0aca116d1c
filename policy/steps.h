#ifndef POLICY_STEPS_H
#define POLICY_STEPS_H
/*
 * The parts of confine(), for its own files and its tests: each does one thing to the calling process and reads it back.
 * 0 or a negative errno; -EPROTO: done, but what is read back is something else.
 */
#include <stddef.h>
#include <stdint.h>

#include "peer.h"

struct sock_filter;

/* The one filter that is linked into this program: filter.c, compiled once per program. */
extern const enum peer filter_peer;
extern const struct sock_filter *const filter_code;
extern const unsigned short filter_length;
int filter_load(void);		/* the answer of seccomp(2) is all the reading back there is */

/* root.c */
int root_namespaces(int flags);
int root_empty(void);
int root_resolv(void);

/* caps.c; caps: one bit per capability that is kept */
int caps_bound(uint64_t caps, unsigned securebits);
int caps_ids(uint32_t uid);
int caps_set(uint64_t caps);
int caps_no_new_privs(void);
int caps_not_dumpable(void);
#endif
