#ifndef IPC_CHECK_H
#define IPC_CHECK_H
/* What the checks of messages share: bounds with their reasons.  check*.c alone include it. */
#include <stddef.h>
#include <stdint.h>

#include "doc.h"
#include "event.h"
#include "msg.h"

#define VERSION_MAX	((UINT64_C(1) << 53) - 1)	/* as in doc.def: exact in every JSON reader too */
#define TIME_MAX	UINT64_C(253402300799)		/* as in doc.def: the year 9999 */
#define IMAGE_MAX	(UINT64_C(1) << 30)	/* bytes of a kernel or initramfs: as in doc.def, where the reason stands */

enum {
	ERRNO_MAX = 4095,		/* the kernel's MAX_ERRNO */
	WATCHDOG_MAX_S = 3600,		/* as in doc.def */
};

int check_all_zero(const void *bytes, size_t len_bytes);
int check_known(uint32_t event);	/* a code that has a row: a worker must not make the broker print what no row says */
uint64_t check_part_max(uint32_t part);	/* the most bytes that a part may have; 0: no such part */

static inline int
within(uint64_t value, uint64_t least, uint64_t most)
{
	return value >= least && value <= most;
}
#endif
