/*
 * Namespaces of its own and a root that holds nothing, or one file.  In every worker, on its way behind the wall; runs as uid 0 before the ids go.
 * Distrusts nothing but the kernel's surprises: the root is looked at again from inside.
 *
 * An initramfs's rootfs cannot be the old root of pivot_root(2) (EINVAL, see its man page): so the empty root is moved over it and entered
 * by chroot(2).  What lies beneath stays mounted, but nothing leads there: no descriptor of a directory, no /proc, no capability.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "steps.h"

enum { EMPTY_FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY };

int
root_namespaces(int flags)
{
	return flags == 0 || unshare(flags) == 0 ? 0 : -errno;
}

/* Is "/" the read-only tmpfs, with no way up? */
static int
look(void)
{
	struct statfs fs;
	int fd;

	if (statfs("/", &fs) != 0)
		return -errno;
	if (fs.f_type != TMPFS_MAGIC || (fs.f_flags & ST_RDONLY) == 0 || (fs.f_flags & ST_NOEXEC) == 0 || (fs.f_flags & ST_NODEV) == 0 ||
	    (fs.f_flags & ST_NOSUID) == 0)
		return -EPROTO;
	fd = open("/proc", O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		fd = open("../proc", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	(void)close(fd);	/* it should not be there; nothing was done with it */
	return -EPROTO;
}

/* The mount there becomes the root. */
static int
enter(const char *at)
{
	if (chdir(at) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
		return -errno;
	return look();
}

int
root_empty(void)
{
	/* Private first: a shared tree can be moved nowhere, and would carry ours into other namespaces. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return -errno;
	if (mount("empty", "/empty", "tmpfs", EMPTY_FLAGS, "size=4k,nr_inodes=2,mode=0555") != 0)
		return -errno;
	return enter("/empty");
}

/* init has mounted it, written the one file and made it read-only (broker/network.c, broker/lease.c). */
int
root_resolv(void)
{
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 ? enter("/resolv") : -errno;
}
