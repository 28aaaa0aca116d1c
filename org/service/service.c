/*
 * What the service's commands have in common.  On the organisation's side.
 * Distrusts a second command at the same time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "service.h"

int
service_store(const char *dir, struct store **out)
{
	char path[PATH_BYTES];
	int rc = path_join(path, dir, SERVICE_store);

	return rc != 0 ? rc : store_open(path, 10000, out);
}

void
service_who(char out[WHO_TEXT])
{
	(void)snprintf(out, WHO_TEXT, "uid %lu", (unsigned long)getuid());	/* fits */
}

int
service_lock(const char *dir)
{
	char path[PATH_BYTES];
	int fd, rc = path_join(path, dir, SERVICE_generations);

	if (rc != 0)
		return rc;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return refuse_errno(errno, "%s", path);
	while (flock(fd, LOCK_EX) != 0)
		if (errno != EINTR) {
			rc = refuse_errno(errno, "%s", path);
			(void)close(fd);
			return rc;
		}
	return fd;
}
