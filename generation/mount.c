/*
 * From an opened volume to a mounted file system.  In the generation's initramfs, usually without udev.
 * Distrusts nothing new: what it maps was checked.  The file system behind the mapping is as trustworthy as the disk's holder lets
 * it be: aes-xts hides, it does not authenticate; hence nodev and nosuid.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libcryptsetup.h>

#include "persist.h"

enum { NODE_MAX = 160 };

static void
node(const char *name, char out[NODE_MAX])
{
	(void)snprintf(out, NODE_MAX, "/dev/mapper/%s", name);	/* main.c bounds the name */
}

/* libdevmapper makes the node itself where no udevd runs: it looks, so nothing is to be set here. */
enum persist
volume_activate(struct crypt_device *cd, const char *name, const struct secrets *secrets, struct why *why)
{
	char path[NODE_MAX];
	struct stat st;
	int r = crypt_activate_by_volume_key(cd, name, (const char *)secrets->sec_volume_key, VOLUME_KEY_BYTES, 0);

	if (r < 0)
		return why_set(why, PERSIST_activate, "/dev/mapper/%s cannot be made: %s: %s (are dm_mod, dm_crypt, xts and aes loaded?)",
		    name, strerror(-r), library_error());
	node(name, path);
	if (stat(path, &st) == 0 && S_ISBLK(st.st_mode))
		return PERSIST_ok;
	volume_deactivate(name);
	return why_set(why, PERSIST_activate, "%s did not appear: is devtmpfs on /dev?", path);
}

void
volume_deactivate(const char *name)
{
	(void)crypt_deactivate(NULL, name);	/* on the way out with a better reason */
}

static _Noreturn void
child(const char *path)
{
	char *const argv[] = { "mkfs.ext4", "-q", "-F", "-L", "persist", (char *)(uintptr_t)path, NULL };
	char *const envp[] = { "PATH=/sbin:/usr/sbin:/bin:/usr/bin", "LC_ALL=C", NULL };
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_NOCTTY);

	(void)sigemptyset(&none);		/* cannot fail */
	if (null < 0 || dup2(null, 0) != 0 || syscall(SYS_close_range, 3U, ~0U, 0U) != 0 || sigprocmask(SIG_SETMASK, &none, NULL) != 0)
		_exit(126);
	(void)execve("/sbin/mkfs.ext4", argv, envp);
	_exit(127);
}

enum persist
volume_mkfs(const char *name, struct why *why)
{
	char path[NODE_MAX];
	pid_t pid, got;
	int status = 0;

	node(name, path);
	pid = fork();
	if (pid < 0)
		return why_set(why, PERSIST_mkfs, "fork: %s", strerror(errno));
	if (pid == 0)
		child(path);
	while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
		;
	if (got != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return why_set(why, PERSIST_mkfs, "/sbin/mkfs.ext4 on %s %s %d", path,
		    WIFSIGNALED(status) ? "died of signal" : "ended with status",
		    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return PERSIST_ok;
}

enum persist
volume_mount(const char *name, const char *mountpoint, struct why *why)
{
	char path[NODE_MAX];

	node(name, path);
	if (mkdir(mountpoint, 0755) != 0 && errno != EEXIST)
		return why_set(why, PERSIST_mount, "%s cannot be made: %s", mountpoint, strerror(errno));
	if (mount(path, mountpoint, "ext4", MS_NODEV | MS_NOSUID, NULL) != 0)
		return why_set(why, PERSIST_mount, "%s cannot be mounted on %s as ext4: %s", path, mountpoint, strerror(errno));
	return PERSIST_ok;
}
