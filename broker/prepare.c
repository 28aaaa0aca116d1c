/*
 * PID 1's preparations: mounts, modules, kernel settings, devices.  Inside the wall, before anything else runs.
 * Parses only the sealed config and the module list of its own image; the cache's first sector is copied, never looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cache.h"
#include "config.h"
#include "console.h"
#include "event.h"
#include "init.h"
#include "network.h"

#ifndef MODULE_INIT_COMPRESSED_FILE
#define MODULE_INIT_COMPRESSED_FILE 4	/* Linux 5.17 */
#endif

enum { DEVICE_WAIT_MS = 10000, EARLY_WAIT_MS = 10000 };

void
init_say(const struct prepared *p, const char *what, const char *about)
{
	char line[200];
	int n = snprintf(line, sizeof line, "sallyport init: %s%s%s\r\n", what, about[0] != '\0' ? ": " : "", about);

	if (n > 0 && p->console_fd >= 0)
		console_put(p->console_fd, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

_Noreturn void
init_reboot(const struct prepared *p, const char *why, uint64_t wait_ms)
{
	struct timespec wait = { .tv_sec = (time_t)(wait_ms / 1000), .tv_nsec = (long)(wait_ms % 1000) * 1000000 };

	if (why[0] != '\0')
		init_say(p, "stopped, the machine reboots", why);
	while (nanosleep(&wait, &wait) != 0 && errno == EINTR)
		;
	(void)reboot(LINUX_REBOOT_CMD_RESTART);
	_exit(1);	/* without CAP_SYS_BOOT: the end of PID 1 is a panic, and kernel.panic makes that a reboot */
}

static void
say_event(const struct prepared *p, enum event code, const char *about)
{
	const struct event_row *row = event_find(code);
	char line[160];

	(void)snprintf(line, sizeof line, "SP%u %s", row->code, row->text);
	init_say(p, line, about);
}

static void
mounts(const struct prepared *p)
{
	static const struct { const char *type, *at; } table[] = { { "devtmpfs", "/dev" }, { "proc", "/proc" } };

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (mount(table[i].type, table[i].at, table[i].type, MS_NOSUID | MS_NOEXEC, NULL) != 0 && errno != EBUSY)
			init_reboot(p, table[i].at, EARLY_WAIT_MS);
}

static int
load_module(const char *path)
{
	size_t len = strlen(path);
	int flags = len > 3 && strcmp(path + len - 3, ".xz") == 0 ? MODULE_INIT_COMPRESSED_FILE : 0;
	/* kexec is a reboot to the kernel, and a reboot stops the watchdog unless its core is told otherwise. */
	const char *options = strstr(path, "/watchdog.ko") != NULL ? "stop_on_reboot=0" : "";
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, options, flags) != 0 && errno != EEXIST)
		rc = -errno;
	(void)close(fd);	/* read only */
	return rc;
}

/* /modules: one path per line, in the order in which they are loaded. */
static void
modules(struct prepared *p)
{
	static char list[16384];
	int fd = open("/modules", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, list, sizeof list - 1);
	char *save = NULL;

	if (n < 0 || (size_t)n == sizeof list - 1)
		init_reboot(p, "/modules cannot be read", EARLY_WAIT_MS);
	(void)close(fd);	/* read only */
	list[n] = '\0';
	for (char *line = strtok_r(list, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (load_module(line) != 0)
			init_say(p, "module not loaded", line);	/* a device that needs it will be missed, by name, below */
		else
			p->modules++;
	}
}

/* What nobody needs any more is off before the first worker starts.  optional: not in every kernel. */
static void
settings(const struct prepared *p)
{
	static const struct { const char *path, *value; int optional; } table[] = {
		{ "/proc/sys/kernel/panic", "1", 0 },			/* the end of PID 1 is a reboot */
		{ "/proc/sys/kernel/panic_on_oops", "1", 0 },
		{ "/proc/sys/kernel/modprobe", "\n", 0 },
		{ "/proc/sys/kernel/modules_disabled", "1", 0 },
		{ "/proc/sys/kernel/sysrq", "0", 0 },
		{ "/proc/sys/kernel/ctrl-alt-del", "0", 0 },		/* PID 1 gets a signal that it does not take */
		{ "/proc/sys/kernel/core_pattern", "\n", 0 },
		{ "/proc/sys/kernel/unprivileged_bpf_disabled", "2", 1 },
		{ "/proc/sys/kernel/io_uring_disabled", "2", 1 },	/* Linux 6.6; the filters refuse it as well */
		{ "/proc/sys/user/max_user_namespaces", "0", 0 },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		int fd = open(table[i].path, O_WRONLY | O_CLOEXEC), ok;
		size_t len = strlen(table[i].value);

		if (fd < 0 && table[i].optional && errno == ENOENT)
			continue;
		ok = fd >= 0 && write(fd, table[i].value, len) == (ssize_t)len;
		if (fd >= 0)
			ok = close(fd) == 0 && ok;
		if (!ok)
			init_reboot(p, table[i].path, EARLY_WAIT_MS);
	}
}

/* Opens a device, waiting until the kernel has made its node: inotify(7) on devtmpfs, and a clock. */
static int
open_device(const char *name, int flags)
{
	char path[40], events[512];
	struct timespec start, now;
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), fd = -1;

	(void)snprintf(path, sizeof path, "/dev/%s", name);
	if (watch < 0 || inotify_add_watch(watch, "/dev", IN_CREATE) < 0 || clock_gettime(CLOCK_MONOTONIC, &start) != 0)
		goto out;
	for (;;) {
		struct pollfd set = { .fd = watch, .events = POLLIN };
		long spent;

		fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
		if (fd >= 0 || (errno != ENOENT && errno != ENODEV && errno != ENXIO))
			break;
		if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
			break;
		spent = (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;
		if (spent >= DEVICE_WAIT_MS || poll(&set, 1, (int)(DEVICE_WAIT_MS - spent)) <= 0)
			break;
		while (read(watch, events, sizeof events) > 0)
			;
	}
out:
	if (watch >= 0)
		(void)close(watch);	/* nothing to lose */
	return fd;
}

/* The null device at 0, 1 and 2, where the kernel may have left a console that can be read, and once more above them for the workers. */
static int
null_device(struct prepared *p)
{
	int fd = open_device("null", O_RDWR);

	if (fd < 0)
		return -ENODEV;
	for (int i = 0; i <= 2; i++)
		if (fd != i && dup2(fd, i) < 0)
			return -errno;
	p->null_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd > 2)
		(void)close(fd);	/* p->null_fd is the same */
	return p->null_fd < 0 ? -errno : 0;
}

/*
 * The console for output alone.  Without CREAD the driver drops whatever is typed; without IXON a Ctrl-S holds nothing; without ECHO
 * nothing typed before this stands among our lines.  termios(3); not every console is a terminal.
 */
static int
open_console(const char *name)
{
	struct termios t;
	int fd = open_device(name, O_WRONLY | O_NONBLOCK);

	if (fd < 0 || tcgetattr(fd, &t) != 0)
		return fd;
	t.c_cflag &= ~(tcflag_t)CREAD;
	t.c_iflag = IGNBRK | IGNPAR;
	t.c_lflag = 0;
	(void)tcsetattr(fd, TCSANOW, &t);	/* it is opened for writing alone in any case */
	return fd;
}

static void
read_config(struct prepared *p)
{
	static char text[DOC_MAX + 1];
	struct doc_error error;
	const char *key, *why;
	ssize_t n;

	p->config_fd = open("/config", O_RDONLY | O_CLOEXEC);
	n = p->config_fd < 0 ? -1 : pread(p->config_fd, text, sizeof text, 0);
	if (n < 0 || doc_parse(DOC_config, text, (size_t)n, &p->config, sizeof p->config, &error) != 0 ||
	    config_check(&p->config, &key, &why) != 0) {
		say_event(p, EV_config_invalid, "/config");
		init_reboot(p, "no valid config", EARLY_WAIT_MS);
	}
}

/* A sealed copy of the cache's header and of its second copy, not looked at; shorter when there is none. */
static int
copy_header(int cache_fd)
{
	static const off_t at[] = { 0, CACHE_HEADER_AGAIN };
	uint8_t sector[CACHE_SECTOR];
	int fd = memfd_create("header", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	for (size_t i = 0; cache_fd >= 0 && i < sizeof at / sizeof at[0]; i++)
		if (pread(cache_fd, sector, sizeof sector, at[i]) == (ssize_t)sizeof sector &&
		    pwrite(fd, sector, sizeof sector, (off_t)(i * sizeof sector)) != (ssize_t)sizeof sector)
			goto fail;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
		return fd;
fail:
	(void)close(fd);	/* never used */
	return -EIO;
}

static int
is_block(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISBLK(st.st_mode);
}

void
prepare(struct prepared *p)
{
	memset(p, 0, sizeof *p);
	p->config_fd = p->console_fd = p->null_fd = p->cache_fd = p->tpm_fd = p->header_fd = -1;
	(void)umask(077);
	mounts(p);
	/* First of all: without a console the kernel leaves 0, 1 and 2 closed, and whatever is opened next would land there. */
	if (null_device(p) != 0)
		init_reboot(p, "/dev/null", EARLY_WAIT_MS);
	p->console_fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	read_config(p);
	modules(p);
	settings(p);
	if (p->console_fd >= 0)
		(void)close(p->console_fd);	/* the kernel's choice gives way to the config's */
	p->console_fd = open_console(p->config.console);
	p->tpm_fd = open_device(p->config.tpm, O_RDWR);
	if (p->tpm_fd < 0)
		say_event(p, EV_tpm_absent, p->config.tpm);
	p->cache_fd = open_device(p->config.cache, O_RDWR);
	if (!is_block(p->cache_fd)) {
		if (p->cache_fd >= 0)
			(void)close(p->cache_fd);	/* not a block device: not ours */
		p->cache_fd = -1;
		say_event(p, EV_cache_absent, p->config.cache);
	}
	p->header_fd = copy_header(p->cache_fd);
	if (p->header_fd < 0)
		init_reboot(p, "memfd", EARLY_WAIT_MS);
	network_prepare(p);
}
