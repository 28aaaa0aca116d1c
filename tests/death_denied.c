/*
 * The rows of denied.def.  Apart from the tests that read them, for the many headers that their names want.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "death_run.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10		/* Linux 6.3 */
#endif
#ifndef BLKDISCARD
#define BLKDISCARD 0x1277	/* linux/fs.h and sys/mount.h do not go together */
#endif

#define N UINT64_MAX
#define DENY(program, nr, a0, a1, a2, a3, a4, a5, attack) { PEER_##program, __NR_##nr, { (uint64_t)(a0), (uint64_t)(a1), \
	(uint64_t)(a2), (uint64_t)(a3), (uint64_t)(a4), (uint64_t)(a5) }, attack },

static const struct denied rows[] = {
#include "denied.def"
};

const struct denied *
denied_rows(size_t *count)
{
	*count = sizeof rows / sizeof rows[0];
	return rows;
}
