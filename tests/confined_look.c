/*
 * Looks at a confined process by /proc, as root.  Tests only.
 * Believes the kernel; the expected values of ids and capabilities stand here a second time on purpose.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"
#include "confined_look.h"

#define MIB UINT64_C(1048576)
#define GIB (1024 * MIB)

static const uint64_t caps[PEER_COUNT] = {
	[PEER_init] = CAPABILITY(KILL) | CAPABILITY(NET_ADMIN) | CAPABILITY(SETGID) | CAPABILITY(SETUID) | CAPABILITY(SETPCAP) | CAPABILITY(SYS_ADMIN) |
	    CAPABILITY(SYS_BOOT) | CAPABILITY(SYS_CHROOT),
	[PEER_kexec] = CAPABILITY(SYS_BOOT),
};
static const unsigned uids[PEER_COUNT] = { 0, 1001, 1002, 1003, 1004, 1005, 1006 };
static const unsigned fds[PEER_COUNT] = { 0, 6, 5, 8, 5, 7, 5 };

static void
field(pid_t pid, const char *name, char *out, size_t cap)
{
	char path[64], line[512];
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') {
			char *value = line + strlen(name) + 1;

			value += strspn(value, " \t");
			value[strcspn(value, "\n")] = '\0';
			(void)snprintf(out, cap, "%s", value);
			assert_int_equal(fclose(f), 0);
			return;
		}
	(void)fclose(f);
	fail_msg("no %s in %s", name, path);
}

uint64_t
look_hex(pid_t pid, const char *name)
{
	char text[128];

	field(pid, name, text, sizeof text);
	return strtoull(text, NULL, 16);
}

long
look_number(pid_t pid, const char *name)
{
	char text[128];

	field(pid, name, text, sizeof text);
	return strtol(text, NULL, 10);
}

static void
look_status(enum peer program, pid_t pid, long filters)
{
	char text[128], ids[128];

	(void)snprintf(ids, sizeof ids, "%u\t%u\t%u\t%u", uids[program], uids[program], uids[program], uids[program]);
	field(pid, "Uid", text, sizeof text);
	assert_string_equal(text, ids);
	field(pid, "Gid", text, sizeof text);
	assert_string_equal(text, ids);
	field(pid, "Groups", text, sizeof text);
	assert_string_equal(text, "");
	assert_int_equal(look_hex(pid, "CapPrm"), caps[program]);
	assert_int_equal(look_hex(pid, "CapEff"), caps[program]);
	assert_int_equal(look_hex(pid, "CapInh"), 0);
	assert_int_equal(look_hex(pid, "CapAmb"), 0);
	assert_int_equal(look_hex(pid, "CapBnd"), program == PEER_init ? caps[program] : 0);
	assert_int_equal(look_number(pid, "NoNewPrivs"), 1);
	assert_int_equal(look_number(pid, "Seccomp"), 2);
	assert_int_equal(look_number(pid, "Seccomp_filters"), filters);
	assert_int_equal(look_number(pid, "Threads"), 1);
}

/* How many entries a directory of /proc/PID has; each must be a number under limit, if limit is not 0. */
static unsigned
entries(pid_t pid, const char *name, unsigned limit)
{
	char path[64];
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	(void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (limit != 0 && strtoul(e->d_name, NULL, 10) >= limit)
			fail_msg("%s/%s is open", path, e->d_name);
		n++;
	}
	assert_int_equal(closedir(d), 0);
	return n;
}

/* prlimit(2) of another uid's process takes CAP_SYS_RESOURCE; /proc does not. */
static void
limit(pid_t pid, unsigned resource, uint64_t want)
{
	static const char *const names[] = { [RLIMIT_AS] = "Max address space", [RLIMIT_CORE] = "Max core file size",
		[RLIMIT_FSIZE] = "Max file size", [RLIMIT_MEMLOCK] = "Max locked memory", [RLIMIT_MSGQUEUE] = "Max msgqueue size",
		[RLIMIT_NOFILE] = "Max open files", [RLIMIT_NPROC] = "Max processes" };
	char path[64], line[256], text[128];
	FILE *f;

	assert_true(resource < sizeof names / sizeof names[0] && names[resource] != NULL);
	(void)snprintf(path, sizeof path, "/proc/%d/limits", (int)pid);
	(void)snprintf(text, sizeof text, "%-25s %-20llu %-20llu", names[resource], (unsigned long long)want, (unsigned long long)want);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, text, strlen(text)) == 0) {
			assert_int_equal(fclose(f), 0);
			return;
		}
	(void)fclose(f);
	fail_msg("%s: not %s", path, text);
}

static void
look_limits(enum peer program, pid_t pid)
{
	static const struct {
		enum peer peer;
		uint8_t resource;
		uint64_t value;
	} rows[] = {
#define LIMIT(name, resource, value) { PEER_##name, RLIMIT_##resource, (value) },
#include "peer.def"
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].peer == program)
			limit(pid, rows[i].resource, rows[i].value);
	limit(pid, RLIMIT_CORE, 0);
	if (program != PEER_init)
		limit(pid, RLIMIT_NPROC, 0);
}

static void
look_oom(enum peer program, pid_t pid)
{
	static const int oom[PEER_COUNT] = {
#define PEER(name, uid, namespaces, root, oom) [PEER_##name] = (oom),
#include "peer.def"
	};
	char path[64], text[16];
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof text, f));
	assert_int_equal(strtol(text, NULL, 10), oom[program]);
	assert_int_equal(fclose(f), 0);
}

static ino_t
namespace_of(pid_t pid, const char *name)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void
look_namespaces(enum peer program, pid_t pid)
{
	static const char *const own[] = { "ipc", "uts", "net", "mnt" }, *const shared[] = { "pid", "user" };

	/* init's mount namespace is not the test's either: the test made it one to be started in. */
	for (size_t i = 0; i < 3 + (size_t)(program != PEER_init); i++) {
		int outside = program == PEER_init || (strcmp(own[i], "net") == 0 && (program == PEER_link || program == PEER_net));

		if ((namespace_of(pid, own[i]) != namespace_of(getpid(), own[i])) == outside)
			fail_msg("program %d: namespace %s", (int)program, own[i]);
	}
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(namespace_of(pid, shared[i]), namespace_of(getpid(), shared[i]));
}

static void
look_root(enum peer program, pid_t pid)
{
	char path[64];
	struct stat st;
	struct statfs fs;

	/* net-worker's holds /etc/resolv.conf and nothing else. */
	assert_int_equal(entries(pid, "root", 0), program == PEER_net);
	assert_int_equal(entries(pid, "cwd", 0), program == PEER_net);
	if (program == PEER_net) {
		assert_int_equal(entries(pid, "root/etc", 0), 1);
		(void)snprintf(path, sizeof path, "/proc/%d/root/etc/resolv.conf", (int)pid);
		assert_int_equal(stat(path, &st), 0);
		assert_true(S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0444 && st.st_uid == 0);
	}
	(void)snprintf(path, sizeof path, "/proc/%d/root/.", (int)pid);
	assert_int_equal(statfs(path, &fs), 0);
	assert_int_equal(fs.f_type, TMPFS_MAGIC);
	assert_int_equal((unsigned long)fs.f_flags & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC),
	    ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC);
	assert_true(program == PEER_net ? fs.f_blocks <= 2 && fs.f_files <= 4 : fs.f_blocks <= 1 && fs.f_files <= 2);
}

void
look_at(enum peer program, pid_t pid, long filters)
{
	char path[64];
	struct stat st;

	look_status(program, pid, filters);
	look_limits(program, pid);
	look_oom(program, pid);
	look_namespaces(program, pid);
	if (program == PEER_init)
		return;
	assert_int_equal(entries(pid, "fd", fds[program]), fds[program]);
	assert_int_equal(confine_given(program), fds[program]);
	look_root(program, pid);
	/* Files of a process that is not dumpable belong to root, proc(5). */
	(void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 0);
}

/* That uid, without CAP_SYS_PTRACE: which would see through everything, and uid 0 would keep it. */
static int
become(uid_t uid)
{
	cap_value_t ptrace = CAP_SYS_PTRACE;
	cap_t set;

	if (setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)
		return -1;
	set = cap_get_proc();
	return set != NULL && cap_set_flag(set, CAP_EFFECTIVE, 1, &ptrace, CAP_CLEAR) == 0 &&
	    cap_set_flag(set, CAP_PERMITTED, 1, &ptrace, CAP_CLEAR) == 0 && cap_set_proc(set) == 0 ? 0 : -1;
}

int
look_as(uid_t uid, pid_t pid)
{
	int status;
	pid_t looker = fork();

	if (looker == 0) {
		char path[64], link[256];

		(void)snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
		if (become(uid) != 0)
			_exit(255);
		_exit(readlink(path, link, sizeof link) < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(looker, &status, 0), looker);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

int
look_as_plain_twin(uid_t uid)
{
	int ready[2], seen;
	char byte;
	pid_t twin;

	assert_int_equal(pipe(ready), 0);
	twin = fork();
	if (twin == 0) {
		if (become(uid) != 0 || prctl(PR_SET_DUMPABLE, 1UL, 0UL, 0UL, 0UL) != 0 ||
		    write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	seen = look_as(uid, twin);
	assert_int_equal(kill(twin, SIGKILL), 0);
	assert_int_equal(waitpid(twin, NULL, 0), twin);
	assert_int_equal(close(ready[0]) | close(ready[1]), 0);
	return seen;
}

int
syscall_bound_drop(int cap)
{
	return prctl(PR_CAPBSET_DROP, (unsigned long)cap, 0UL, 0UL, 0UL);
}
