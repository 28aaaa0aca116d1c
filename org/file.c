/*
 * Files: bounded reading, writing that is never half done.  On the operator's side, outside of the walls.
 * Distrusts sizes, file types and the moment at which power fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sodium.h>

#include "org.h"

enum { NO_REPLACE = 1 };	/* RENAME_NOREPLACE of linux/fs.h; musl has no renameat2() */

static int
read_whole(int fd, const char *path, struct bytes *bytes)
{
	size_t done = 0;

	while (done < bytes->len) {
		ssize_t n = read(fd, bytes->data + done, bytes->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return refuse_errno(errno, "%s", path);
		if (n == 0)
			return refuse("%s: became shorter while it was read", path);
		done += (size_t)n;
	}
	return 0;
}

int
file_read(const char *path, size_t least, size_t most, struct bytes *out)
{
	struct bytes bytes = { NULL, 0 };
	struct stat st;
	int fd, rc;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return refuse_errno(errno, "%s", path);
	if (fstat(fd, &st) != 0)
		rc = refuse_errno(errno, "%s", path);
	else if (!S_ISREG(st.st_mode))
		rc = refuse("%s: not a regular file", path);
	else if (st.st_size < 0 || (uint64_t)st.st_size < least || (uint64_t)st.st_size > most)
		rc = refuse("%s: has %lld bytes; allowed: %zu to %zu", path, (long long)st.st_size, least, most);
	else if ((bytes.data = malloc((size_t)st.st_size + 1)) == NULL)
		rc = refuse_errno(ENOMEM, "%s", path);
	else {
		bytes.len = (size_t)st.st_size;
		bytes.data[bytes.len] = '\0';	/* text files may be read as strings; the length still counts */
		rc = read_whole(fd, path, &bytes);
	}
	(void)close(fd);	/* read only: no error to lose */
	if (rc != 0)
		bytes_free(&bytes);
	else
		*out = bytes;
	return rc;
}

void
bytes_free(struct bytes *bytes)
{
	if (bytes->data != NULL)
		sodium_memzero(bytes->data, bytes->len);
	free(bytes->data);
	*bytes = (struct bytes){ NULL, 0 };
}

int
path_join(char out[PATH_BYTES], const char *dir, const char *name)
{
	int n = snprintf(out, PATH_BYTES, "%s/%s", dir, name);

	return n < 0 || n >= PATH_BYTES ? refuse("%s/%s: the path is too long", dir, name) : 0;
}

/* A file's or folder's name is durable only when the folder that holds it is. */
int
sync_parent(const char *path)
{
	char dir[PATH_BYTES];
	const char *slash = strrchr(path, '/');
	int fd, rc = 0;

	if (slash == NULL)
		(void)strcpy(dir, ".");
	else if (slash == path)
		(void)strcpy(dir, "/");
	else {
		memcpy(dir, path, (size_t)(slash - path));
		dir[slash - path] = '\0';
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return refuse_errno(errno, "%s", dir);
	if (fsync(fd) != 0 && errno != EINVAL)	/* EINVAL: a file system that cannot */
		rc = refuse_errno(errno, "%s", dir);
	(void)close(fd);
	return rc;
}

static int
write_whole(int fd, const char *path, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return refuse_errno(errno, "%s", path);
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
temp_name(const char *path, char temp[PATH_BYTES])
{
	int n = snprintf(temp, PATH_BYTES, "%s.tmp.XXXXXX", path);

	return n < 0 || n >= PATH_BYTES ? refuse("%s: the path is too long", path) : 0;
}

int
file_write(const char *path, const void *data, size_t len, unsigned mode, enum file_how how)
{
	char temp[PATH_BYTES];
	mode_t mask;
	int fd, rc;

	rc = temp_name(path, temp);
	if (rc != 0)
		return rc;
	fd = mkostemp(temp, O_CLOEXEC);	/* O_EXCL and 0600 until it is whole */
	if (fd < 0)
		return refuse_errno(errno, "%s", temp);
	mask = umask(0);
	(void)umask(mask);	/* the only way to read it; this program has one thread */
	rc = write_whole(fd, path, data, len);
	if (rc == 0 && fchmod(fd, (mode_t)mode & ~mask) != 0)
		rc = refuse_errno(errno, "%s", path);
	if (rc == 0 && fsync(fd) != 0)
		rc = refuse_errno(errno, "%s", path);
	if (close(fd) != 0 && rc == 0)
		rc = refuse_errno(errno, "%s", path);
	if (rc == 0 && how == FILE_replace && rename(temp, path) != 0)
		rc = refuse_errno(errno, "%s", path);
	if (rc == 0 && how == FILE_new && syscall(SYS_renameat2, AT_FDCWD, temp, AT_FDCWD, path, NO_REPLACE) != 0)
		rc = refuse_errno(errno, "%s", path);
	if (rc != 0) {
		(void)unlink(temp);	/* the first error is the one to tell */
		return rc;
	}
	return sync_parent(path);
}

/* "out/42/" is "out/42": a temporary name behind the slash would be inside. */
static size_t
trimmed(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return n;
}

int
dir_begin(const char *path, char temp[PATH_BYTES])
{
	int n = snprintf(temp, PATH_BYTES, "%.*s.tmp.XXXXXX", (int)trimmed(path), path);

	if (n < 0 || n >= PATH_BYTES)
		return refuse("%s: the path is too long", path);
	if (mkdtemp(temp) == NULL)
		return refuse_errno(errno, "%s", temp);
	return 0;
}

int
dir_commit(const char *temp, const char *path)
{
	char name[PATH_BYTES];
	mode_t mask = umask(0);

	(void)umask(mask);
	if (snprintf(name, sizeof name, "%.*s", (int)trimmed(path), path) >= (int)sizeof name)
		return refuse("%s: the path is too long", path);
	if (chmod(temp, 0777 & ~mask) != 0)
		return refuse_errno(errno, "%s", temp);
	/* rename(2) takes the place of an empty folder and of nothing else */
	if (rename(temp, name) != 0)
		return refuse_errno(errno, "%s", name);
	return sync_parent(name);
}

void
dir_abort(const char *temp, const char *const *names, size_t nnames)
{
	char path[PATH_BYTES];

	for (size_t i = 0; i < nnames; i++)
		if (path_join(path, temp, names[i]) == 0)
			(void)unlink(path);	/* whatever was not written is not there */
	(void)rmdir(temp);
}
