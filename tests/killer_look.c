/*
 * killer's eyes on the console: which descriptors lead to a terminal, and does anybody ask one for input?  On the test's side.
 * Believes the kernel alone: /proc/PID/fd and the system calls themselves.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "killer.h"

static int
is_terminal(pid_t pid, uint64_t fd, struct stat *st)
{
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/%d/fd/%llu", pid, (unsigned long long)fd);
	return stat(path, st) == 0 && S_ISCHR(st->st_mode) && (major(st->st_rdev) == 4 || major(st->st_rdev) == 5);
}

void
look(const struct task *t)
{
	char path[64], line[64];
	struct dirent *entry;
	struct stat st;
	unsigned total = 0;
	DIR *dir;

	(void)snprintf(path, sizeof path, "/proc/%d/fd", t->pid);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		int fd = entry->d_name[0] == '.' ? -1 : atoi(entry->d_name);
		unsigned flags = 0;
		FILE *info;

		if (fd < 0)
			continue;
		total++;
		if (!is_terminal(t->pid, (uint64_t)fd, &st))
			continue;
		(void)snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", t->pid, fd);
		info = fopen(path, "r");
		while (info != NULL && fgets(line, sizeof line, info) != NULL)
			if (sscanf(line, "flags: %o", &flags) == 1)
				say("KILLER terminal %s %d %u:%u %o", programs[t->program], fd, major(st.st_rdev), minor(st.st_rdev), flags);
		if (info != NULL)
			(void)fclose(info);
	}
	if (dir != NULL)
		(void)closedir(dir);
	say("KILLER looked %s %u", programs[t->program], total);
}

/* Nothing may ask a terminal for input: neither read(2) and its relatives nor ioctl(2), but for init's settings that switch input off. */
void
watch_read(const struct task *t)
{
	static const uint64_t readers[] = { SYS_read, SYS_pread64, SYS_readv, SYS_preadv, SYS_preadv2, SYS_splice, SYS_ioctl };
	struct stat st;

	if (t->program == PEER_init && t->nr == SYS_ioctl && (t->args[1] == TCGETS || t->args[1] == TCSETS))
		return;
	for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++)
		if (t->nr == readers[i] && is_terminal(t->pid, t->args[0], &st))
			say("KILLER console read by %s, system call %llu", t->program == NOBODY ? "nobody" : programs[t->program],
			    (unsigned long long)t->nr);
}
