#ifndef BROKER_INIT_H
#define BROKER_INIT_H
/*
 * PID 1's parts: prepare.c (devices, modules, kernel settings), spawn.c (starting workers), init.c (the loop).
 */
#include <stdint.h>
#include <sys/types.h>

#include "doc.h"
#include "msg.h"

/* What preparing has opened.  -1 where there is none. */
struct prepared {
	struct doc_config config;
	int config_fd;		/* read-only, of the image */
	int console_fd;		/* write-only, does not block */
	int null_fd;		/* /dev/null */
	int cache_fd;		/* the cache's block device, read and write */
	int tpm_fd;		/* the TPM's character device */
	int header_fd;		/* sealed copies of the cache's header, unread: crypto-worker needs the node id before anything else runs */
	unsigned modules;
};

/* Does all that needs more than starting workers needs.  Ends the machine's boot itself when it cannot go on. */
void prepare(struct prepared *p);

/* Says one line on the console and reboots after wait_ms: only before kexec-worker runs, while PID 1 still holds CAP_SYS_BOOT. */
_Noreturn void init_reboot(const struct prepared *p, const char *why, uint64_t wait_ms);
void init_say(const struct prepared *p, const char *what, const char *about);

/*
 * Starts a program with exactly its descriptors: 0..2 the null device, then fds[0..n) as 3, 4, ... .  Its pid or a negative errno.
 */
pid_t spawn(enum peer program, int null_fd, const int *fds, unsigned n);
#endif
