/*
 * Takes the keys: into locked memory, then out of the file system.  In the generation's initramfs.
 * Distrusts the files' shape: preboot's archive comes last and is ours, but the generation's own may have planted something else
 * at these names.  Whatever stands there is overwritten if it is a file, and unlinked.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "persist.h"

struct secrets *
secrets_new(void)
{
	size_t bytes = sizeof(struct secrets);
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* WIPEONFORK: the child that becomes mkfs never has the key, not even until its exec. */
	if (mlock(p, bytes) != 0 || madvise(p, bytes, MADV_DONTDUMP) != 0 || madvise(p, bytes, MADV_WIPEONFORK) != 0) {
		(void)munmap(p, bytes);		/* nothing is in it yet; errno stays madvise's on every kernel that has it */
		return NULL;
	}
	return p;
}

void
secrets_free(struct secrets *secrets)
{
	if (secrets == NULL)
		return;
	explicit_bzero(secrets, sizeof *secrets);
	(void)munmap(secrets, sizeof *secrets);		/* can only fail for a wrong address; it is wiped anyway */
}

/* Overwrites all of the file.  0 or a negative errno. */
static int
overwrite(int fd, off_t bytes)
{
	static const uint8_t zeros[4096];
	off_t at = 0;

	while (at < bytes) {
		size_t want = (size_t)(bytes - at) < sizeof zeros ? (size_t)(bytes - at) : sizeof zeros;
		ssize_t n = pwrite(fd, zeros, want, at);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

static enum persist
read_key(int fd, const struct stat *st, const char *path, uint8_t key[KEY_BYTES], struct why *why)
{
	uint8_t more;

	if (!S_ISREG(st->st_mode))
		return why_set(why, PERSIST_key_file, "%s is no regular file", path);
	if (st->st_uid != 0 || (st->st_mode & 07777) != 0400 || st->st_nlink != 1 || st->st_size != KEY_BYTES)
		return why_set(why, PERSIST_key_file,
		    "%s has mode %04o, uid %u, %lu links, %lld bytes; allowed is 0400, uid 0, 1 link, %d bytes", path,
		    (unsigned)(st->st_mode & 07777), (unsigned)st->st_uid, (unsigned long)st->st_nlink, (long long)st->st_size,
		    KEY_BYTES);
	if (pread(fd, key, KEY_BYTES, 0) != KEY_BYTES || pread(fd, &more, 1, KEY_BYTES) != 0)
		return why_set(why, PERSIST_key_file, "%s cannot be read: %s", path, strerror(errno));
	return PERSIST_ok;
}

/* One file: read it if it is what it should be and there is memory for it, destroy it in any case. */
static enum persist
take(const char *path, uint8_t key[KEY_BYTES], struct why *why)
{
	/* NONBLOCK: a FIFO must not hold the boot.  RDWR: wiped through the descriptor that was read. */
	int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), error = errno;
	enum persist r;
	struct stat st;

	if (fd < 0 && error == ENOENT)
		return why_set(why, PERSIST_key_missing, "%s is missing: preboot handed over no key", path);
	if (fd < 0)
		r = why_set(
		    why, PERSIST_key_file, "%s cannot be opened: %s", path, error == ELOOP ? "it is a symbolic link" : strerror(error));
	else if (fstat(fd, &st) != 0)
		r = why_set(why, PERSIST_key_file, "%s: fstat: %s", path, strerror(errno));
	else {
		r = key != NULL ? read_key(fd, &st, path, key, why) : PERSIST_ok;
		if (S_ISREG(st.st_mode) && (error = overwrite(fd, st.st_size)) != 0)
			r = why_set(why, PERSIST_key_file, "%s cannot be overwritten: %s", path, strerror(-error));
	}
	if (unlink(path) != 0)
		r = why_set(why, PERSIST_key_file, "%s cannot be unlinked: %s", path, strerror(errno));
	if (fd >= 0)
		(void)close(fd);		/* fsync() has said what could be said */
	if (r != PERSIST_ok && key != NULL)
		explicit_bzero(key, KEY_BYTES);
	return r;
}

enum persist
keys_take(const char *key_path, const char *prev_path, struct secrets *secrets, struct why *why)
{
	struct why prev_why = { .text = "" };
	enum persist r = take(key_path, secrets != NULL ? secrets->sec_key : NULL, why);
	enum persist prev = take(prev_path, secrets != NULL ? secrets->sec_prev : NULL, &prev_why);

	if (secrets != NULL) {
		secrets->have_key = r == PERSIST_ok;
		secrets->have_prev = prev == PERSIST_ok;
	}
	if (r == PERSIST_ok && prev != PERSIST_ok && prev != PERSIST_key_missing)	/* most boots have no previous key */
		r = why_set(why, prev, "%s", prev_why.text);
	return r;
}
