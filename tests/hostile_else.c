/*
 * Attacks: other code, other programs, other rights, and the machine.  Runs in the hostile program.  Where a success would harm the
 * machine that tests, the arguments are such that the kernel itself refuses them: what counts is whether they reach it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hostile_child.h"

enum { MAKERS_UID = 1003, ANSWER = 42 };

/* mov eax, 42; ret */
static const uint8_t code[] = { 0xb8, ANSWER, 0, 0, 0, 0xc3 };
static _Alignas(4096) uint8_t page[4096];

static int
run(void *at)
{
	int (*function)(void);

	memcpy(&function, &at, sizeof function);
	return function() == ANSWER ? 0 : EPROTO;
}

int
attack_mmap_rwx(struct hostile *h)
{
	long rc = syscall(SYS_mmap, 0L, 4096L, (long)(PROT_READ | PROT_WRITE | PROT_EXEC), (long)(MAP_PRIVATE | MAP_ANONYMOUS), -1L, 0L);

	(void)h;	/* needs nothing */
	if (rc == -1)
		return errno;
	memcpy((void *)rc, code, sizeof code);
	return run((void *)rc);
}

int
attack_mprotect_exec(struct hostile *h)
{
	(void)h;	/* a page of its own will do */
	memcpy(page, code, sizeof code);
	if (syscall(SYS_mprotect, page, sizeof page, (long)(PROT_READ | PROT_EXEC)) != 0)
		return errno;
	return run(page);
}

int
attack_pkey_mprotect(struct hostile *h)
{
	(void)h;	/* a page of its own will do */
	memcpy(page, code, sizeof code);
	if (syscall(SYS_pkey_mprotect, page, sizeof page, (long)(PROT_READ | PROT_EXEC), -1L) != 0)
		return errno;
	return run(page);
}

int
attack_personality(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return hostile_end(syscall(SYS_personality, (long)READ_IMPLIES_EXEC));
}

/* The child leaves at once. */
static int
parted(long pid)
{
	int status;

	if (pid < 0)
		return errno;
	if (pid == 0)
		syscall(SYS_exit_group, 0L);
	return waitpid((pid_t)pid, &status, 0) == pid ? 0 : errno;
}

int
attack_fork(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return parted(syscall(SYS_fork));
}

int
attack_vfork(struct hostile *h)
{
	long rc;

	(void)h;	/* needs nothing */
	/* In one piece: the child must not return through a stack that the parent still wants. */
	__asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\txor %%edi, %%edi\n\tmov $231, %%eax\n\tsyscall\n1:"
	    : "=a"(rc) : "0"((long)SYS_vfork) : "rcx", "r11", "rdi", "memory");
	if (rc < 0)
		errno = (int)-rc;
	return parted(rc);
}

int
attack_clone(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return parted(syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L));
}

int
attack_clone3(struct hostile *h)
{
	struct clone_args args;

	(void)h;	/* needs nothing */
	memset(&args, 0, sizeof args);
	args.exit_signal = SIGCHLD;
	return parted(syscall(SYS_clone3, &args, sizeof args));
}

static char *const become[] = { (char *)(uintptr_t)"hostile", (char *)(uintptr_t)"become", NULL };
static char *const nothing[] = { NULL };

/* The path is where the test keeps the twins; the new program says that it runs. */
int
attack_execve(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return hostile_end(syscall(SYS_execve, "/bin/hostile_kexec_twin", become, nothing));
}

int
attack_execveat(struct hostile *h)
{
	return hostile_end(syscall(SYS_execveat, h->tool, "", become, nothing, (long)AT_EMPTY_PATH));
}

int
attack_unshare_user(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return hostile_end(syscall(SYS_unshare, (long)CLONE_NEWUSER));
}

int
attack_setns(struct hostile *h)
{
	return hostile_end(syscall(SYS_setns, h->tool, (long)CLONE_NEWNET));
}

int
attack_mount(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return hostile_end(syscall(SYS_mount, "evil", "/empty", "tmpfs", 0L, NULL));
}

int
attack_fsopen(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return hostile_end(syscall(SYS_fsopen, "tmpfs", 0L));
}

int
attack_chroot(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return hostile_end(syscall(SYS_chroot, "/"));
}

int
attack_setresuid(struct hostile *h)
{
	(void)h;	/* needs nothing */
	/* to another uid first: crypto-worker's own is no change for crypto-worker */
	return hostile_end(syscall(SYS_setresuid, -1L, (long)MAKERS_UID + 20, -1L));
}

int
attack_capset(struct hostile *h)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	(void)h;	/* needs nothing */
	memset(data, 0, sizeof data);
	return hostile_end(syscall(SYS_capset, &head, data));
}

int
attack_prctl_dumpable(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return hostile_end(syscall(SYS_prctl, (long)PR_SET_DUMPABLE, 1L, 0L, 0L, 0L));
}

int
attack_seccomp(struct hostile *h)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { .len = 1, .filter = &allow };

	(void)h;	/* needs nothing */
	return hostile_end(syscall(SYS_seccomp, (long)SECCOMP_SET_MODE_FILTER, (long)SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

int
attack_sigaction(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return hostile_end(syscall(SYS_rt_sigaction, (long)SIGSYS, NULL, NULL, 8L));
}

int
attack_modify_ldt(struct hostile *h)
{
	(void)h;	/* reads the empty table */
	return hostile_end(syscall(SYS_modify_ldt, 0L, page, 16L));
}

/* --- what must not succeed where the tests run --- */

int
attack_init_module(struct hostile *h)
{
	(void)h;	/* no module */
	return hostile_end(syscall(SYS_init_module, page, 0L, ""));
}

int
attack_finit_module(struct hostile *h)
{
	(void)h;	/* no descriptor */
	return hostile_end(syscall(SYS_finit_module, -1L, "", 0L));
}

int
attack_swapon(struct hostile *h)
{
	(void)h;	/* no path */
	return hostile_end(syscall(SYS_swapon, NULL, 0L));
}

int
attack_clock_settime(struct hostile *h)
{
	struct timespec never = { -1, -1 };

	(void)h;	/* no time */
	return hostile_end(syscall(SYS_clock_settime, (long)CLOCK_REALTIME, &never));
}

int
attack_ioperm(struct hostile *h)
{
	(void)h;	/* no such port */
	return hostile_end(syscall(SYS_ioperm, 0x100000L, 1L, 1L));
}

int
attack_kexec_load(struct hostile *h)
{
	(void)h;	/* no segments, flags that no kernel knows */
	return hostile_end(syscall(SYS_kexec_load, 0L, -1L, NULL, 0x0000fff0L));
}

/* -1 for both descriptors: nothing can be loaded. */
static int
file_load(long flags)
{
	return hostile_end(syscall(SYS_kexec_file_load, -1L, -1L, 1L, "", flags));
}

int
attack_kexec_unload(struct hostile *h)
{
	(void)h;	/* the bit beyond: even a kernel that would unload refuses flags that it does not know */
	return file_load(KEXEC_FILE_UNLOAD | 0x4000L);
}

int
attack_kexec_on_crash(struct hostile *h)
{
	(void)h;	/* no descriptor */
	return file_load(KEXEC_FILE_ON_CRASH);
}

int
attack_kexec_no_initrd(struct hostile *h)
{
	(void)h;	/* no descriptor */
	return file_load(KEXEC_FILE_NO_INITRAMFS);
}

int
attack_kexec_itself(struct hostile *h)
{
	(void)h;	/* no descriptor */
	return file_load(0);
}

/* Never with the magic numbers: the filter looks at the command, the kernel first at those. */
static int
reboot_by(unsigned command)
{
	return hostile_end(syscall(SYS_reboot, 0L, 0L, (unsigned long)command, NULL));
}

int
attack_reboot_cad_on(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return reboot_by(LINUX_REBOOT_CMD_CAD_ON);
}

int
attack_reboot_halt(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return reboot_by(LINUX_REBOOT_CMD_HALT);
}

int
attack_reboot_off(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return reboot_by(LINUX_REBOOT_CMD_POWER_OFF);
}

int
attack_reboot_suspend(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return reboot_by(LINUX_REBOOT_CMD_SW_SUSPEND);
}

int
attack_reboot_restart2(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return reboot_by(LINUX_REBOOT_CMD_RESTART2);
}
