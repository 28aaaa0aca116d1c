/*
 * A program's filter, and the call that loads it.  In every program; compiled once for each, with -DPROGRAM=kexec and the like, so that
 * none holds another's.  Trusts what mkpolicy has written.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "steps.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

#include TEXT(PROGRAM.bpf.h)

const enum peer filter_peer = JOIN(PEER_, PROGRAM);
const struct sock_filter *const filter_code = JOIN(filter_, PROGRAM);
const unsigned short filter_length = sizeof JOIN(filter_, PROGRAM) / sizeof JOIN(filter_, PROGRAM)[0];

int
filter_load(void)
{
	/* The kernel copies it and writes nothing; its interface just does not say const. */
	struct sock_fprog program = { .len = filter_length, .filter = (struct sock_filter *)(uintptr_t)filter_code };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0U, &program) == 0 ? 0 : -errno;
}
