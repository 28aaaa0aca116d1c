/*
 * confine(): one order for all programs, out of peer.def.  In every program, before it receives its first byte.
 * Distrusts whoever started it: what should be open or permitted is looked at, not believed.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine.h"
#include "steps.h"

#define MIB UINT64_C(1048576)
#define GIB (1024 * MIB)

#define PEER(name, uid, namespaces, root, oom) static_assert((uid) == UID_##name, #name ": uids of ipc/peer.h and peer.def differ");
#include "peer.def"

/* uid 0 stays special for init alone: its children get their capabilities by exec(2).  KEEP_CAPS is off and locked so. */
enum {
	SECUREBITS_INIT = SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
	SECUREBITS_WORKER = SECUREBITS_INIT | SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
	    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED,
};

enum { FIRST_OF_INIT = 3, FDS_LOOKED_AT = 128 };

enum root { ROOT_kept, ROOT_empty, ROOT_resolv };

struct limit {
	enum peer peer;
	uint8_t resource;	/* RLIMIT_*: glibc and musl disagree on its type, not on its value */
	uint64_t value;
};

static const struct {
	uint32_t uid;
	int namespaces;
	enum root root;
	int oom;
} peers[PEER_COUNT] = {
#define PEER(name, uid, namespaces, root, oom) [PEER_##name] = { (uid), (namespaces), ROOT_##root, (oom) },
#include "peer.def"
};

static const struct {
	enum peer peer;
	unsigned cap;
} kept[] = {
#define CAP(name, capability, why) { PEER_##name, CAP_##capability },
#include "peer.def"
};

static const struct limit limits[] = {
#define LIMIT(name, resource, value) { PEER_##name, RLIMIT_##resource, (value) },
#include "peer.def"
};

static const struct {
	enum peer peer;
	unsigned number;
} given[] = {
#define GIVEN(name, number, what, why) { PEER_##name, (number) },
#include "peer.def"
};

unsigned
confine_given(enum peer peer)
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
		n += given[i].peer == peer && given[i].number == n;
	return n;
}

/* init holds what it has opened itself, as long as no worker can inherit it. */
static int
descriptors_not_inherited(void)
{
	for (int fd = FIRST_OF_INIT; fd < FDS_LOOKED_AT; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags >= 0 && (flags & FD_CLOEXEC) == 0)
			return -EBADF;
	}
	return 0;
}

static int
descriptors(enum peer self)
{
	unsigned n = confine_given(self);

	if (self == PEER_init)
		return descriptors_not_inherited();
	for (unsigned fd = 0; fd < n; fd++)
		if (fcntl((int)fd, F_GETFD) < 0)
			return -EBADF;
	if (syscall(SYS_close_range, n, ~0U, 0U) != 0)
		return -errno;
	for (unsigned fd = n; fd < FDS_LOOKED_AT; fd++)
		if (fcntl((int)fd, F_GETFD) >= 0 || errno != EBADF)
			return -EPROTO;
	return 0;
}

static int
set_limits(enum peer self)
{
	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		struct rlimit want = { limits[i].value, limits[i].value }, have;

		if (limits[i].peer != self)
			continue;
		if (setrlimit(limits[i].resource, &want) != 0 || getrlimit(limits[i].resource, &have) != 0)
			return -errno;
		if (have.rlim_cur != want.rlim_cur || have.rlim_max != want.rlim_max)
			return -EPROTO;
	}
	return 0;
}

/* No wall hangs on it: where nobody has mounted /proc, the order in which memory runs out is the kernel's. */
static int
set_oom(int adjust)
{
	int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC), rc = 0;
	char want[16], have[16] = "";
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	n = snprintf(want, sizeof want, "%d\n", adjust);
	if (write(fd, want, (size_t)n) != n || pread(fd, have, sizeof have - 1, 0) < 0)
		rc = -errno;
	else if (strcmp(want, have) != 0)
		rc = -EPROTO;
	(void)close(fd);	/* the write has been read back */
	return rc;
}

static uint64_t
caps_kept(enum peer self)
{
	uint64_t caps = 0;

	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
		if (kept[i].peer == self)
			caps |= UINT64_C(1) << kept[i].cap;
	return caps;
}

int
confine(enum peer self, const char **step)
{
	uint64_t caps = caps_kept(self);
	int rc;

	*step = "program";
	if (self != filter_peer)
		return -EINVAL;
#define STEP(name, call) do { *step = (name); rc = (call); if (rc != 0) return rc; } while (0)
	STEP("descriptors", descriptors(self));
	STEP("limits", set_limits(self));
	STEP("oom_score_adj", set_oom(peers[self].oom));
	STEP("namespaces", root_namespaces(peers[self].namespaces));
	if (peers[self].root == ROOT_empty)
		STEP("root", root_empty());
	if (peers[self].root == ROOT_resolv)
		STEP("root", root_resolv());
	/* The bounding set is for what one execs: init starts the others, the others start nothing. */
	STEP("bounding set", self == PEER_init ? caps_bound(caps, SECUREBITS_INIT) : caps_bound(0, SECUREBITS_WORKER));
	STEP("ids", caps_ids(peers[self].uid));
	STEP("capabilities", caps_set(caps));
	STEP("no_new_privs", caps_no_new_privs());
	STEP("dumpable", caps_not_dumpable());
	STEP("seccomp", filter_load());
#undef STEP
	return 0;
}
