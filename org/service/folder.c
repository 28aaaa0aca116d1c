/*
 * Folders that an interrupted command left behind.  On the organisation's side.
 * Distrusts links: whoever may write beside them could have an operator who is more than he empty any other folder.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service.h"

static void
empty(DIR *dir)
{
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && unlinkat(dirfd(dir), entry->d_name, 0) != 0)
			(void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);	/* an empty folder goes, a full one stays */
}

void
folder_remove(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);	/* nothing was read */
		(void)unlink(path);		/* a link: it goes, what it names stays */
		return;
	}
	empty(dir);
	(void)closedir(dir);
	(void)rmdir(path);
}

/* Ours, and nobody at work in it: whoever is holds its lock, and the kernel lets go when he dies. */
static int
is_left(const char *path)
{
	struct stat st;
	int left, fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return 0;
	left = fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0;
	(void)close(fd);
	return left;
}

int
folder_hold(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return refuse_errno(errno, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &st) != 0 || st.st_nlink == 0) {
		(void)close(fd);
		return refuse("%s: another command took it away at the same moment: try again", path);
	}
	return fd;
}

void
folder_sweep(const char *path)
{
	char parent[PATH_BYTES], left[PATH_BYTES];
	const char *name;
	struct dirent *entry;
	size_t n = strlen(path);
	char *slash;
	DIR *dir;

	while (n > 1 && path[n - 1] == '/')
		n--;
	if (snprintf(parent, sizeof parent, "%.*s", (int)n, path) >= (int)sizeof parent)
		return;		/* whoever makes it will say so */
	slash = strrchr(parent, '/');
	name = slash != NULL ? path + (slash - parent) + 1 : path;
	n -= (size_t)(name - path);
	if (slash != NULL)
		slash[slash == parent ? 1 : 0] = '\0';
	dir = opendir(slash != NULL ? parent : ".");
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, name, n) == 0 && strncmp(entry->d_name + n, ".tmp.", 5) == 0 && strlen(entry->d_name + n) == 11 &&
		    path_join(left, slash != NULL ? parent : ".", entry->d_name) == 0 && is_left(left))
			folder_remove(left);
	if (dir != NULL)
		(void)closedir(dir);
}
