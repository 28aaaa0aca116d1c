/*
 * Test only: what a generation's root gets when it tries to kexec.  kexec_try [KERNEL]: says of every way into the kernel "done" or
 * the error's number and name, one line each; KERNEL is a file or a disk that begins with a kernel image.  What was loaded is unloaded
 * again.  Runs as root in the generation, outside of every wall.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, KERNEL_MOST = 64 << 20, ENTRY = 16 << 20 };

static void
say(const char *what, long rc)
{
	if (rc == 0)
		printf("kexec_try %s: done\n", what);
	else
		printf("kexec_try %s: errno %d %s\n", what, errno, strerror(errno));
	(void)fflush(stdout);
}

/* A copy in memory: kexec_file_load takes no block device. */
static int
copy_kernel(const char *path)
{
	static char chunk[1 << 20];
	int in = open(path, O_RDONLY | O_CLOEXEC), out = memfd_create("kernel", MFD_CLOEXEC);
	ssize_t n = 0;

	for (size_t all = 0; in >= 0 && out >= 0 && all < KERNEL_MOST && (n = read(in, chunk, sizeof chunk)) > 0; all += (size_t)n)
		if (write(out, chunk, (size_t)n) != n)
			n = -1;
	if (in < 0 || out < 0 || n < 0)
		return -1;
	(void)close(in);	/* read only */
	return out;
}

static void
try_file(const char *path)
{
	int kernel = copy_kernel(path), initramfs = memfd_create("initramfs", MFD_CLOEXEC);

	/* Four zeros: an empty file is refused for being empty. */
	if (kernel < 0 || initramfs < 0 || write(initramfs, "\0\0\0", 4) != 4) {
		say("open", -1);
		return;
	}
	say("kexec_file_load", syscall(SYS_kexec_file_load, kernel, initramfs, 2UL, "x", 0UL));
	say("kexec_file_load, no initramfs", syscall(SYS_kexec_file_load, kernel, -1, 2UL, "x", (unsigned long)KEXEC_FILE_NO_INITRAMFS));
	say("kexec_file_load, on crash", syscall(SYS_kexec_file_load, kernel, initramfs, 2UL, "x", (unsigned long)KEXEC_FILE_ON_CRASH));
	say("kexec_file_load, unload", syscall(SYS_kexec_file_load, -1, -1, 1UL, "", (unsigned long)KEXEC_FILE_UNLOAD));
}

static void
try_segments(void)
{
	static char code[PAGE] __attribute__((aligned(PAGE))) = { (char)0xf4 };
	struct kexec_segment segment = { .buf = code, .bufsz = PAGE, .mem = (void *)(unsigned long)ENTRY, .memsz = PAGE };

	say("kexec_load", syscall(SYS_kexec_load, (unsigned long)ENTRY, 1UL, &segment, (unsigned long)KEXEC_ARCH_DEFAULT));
	say("kexec_load, on crash", syscall(SYS_kexec_load, (unsigned long)ENTRY, 1UL, &segment,
	    (unsigned long)(KEXEC_ARCH_DEFAULT | KEXEC_ON_CRASH)));
	say("kexec_load, unload", syscall(SYS_kexec_load, 0UL, 0UL, NULL, (unsigned long)KEXEC_ARCH_DEFAULT));
}

static void
try_sysctl(void)
{
	int fd = open("/proc/sys/kernel/kexec_load_disabled", O_WRONLY | O_CLOEXEC);

	say("kexec_load_disabled=0", fd >= 0 && write(fd, "0", 1) == 1 ? 0 : -1);
	if (fd >= 0)
		(void)close(fd);	/* write() has said what there was to say */
}

int
main(int argc, char **argv)
{
	try_sysctl();
	if (argc > 1)
		try_file(argv[1]);
	try_segments();
	try_sysctl();
	return 0;
}
