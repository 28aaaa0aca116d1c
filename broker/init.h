#ifndef BROKER_INIT_H
#define BROKER_INIT_H
/*
 * PID 1's parts: prepare.c (devices, modules, kernel settings), network.c and lease.c (the network), spawn.c (starting workers),
 * init.c (the loop).
 */
#include <stdint.h>
#include <sys/types.h>

#include "doc.h"
#include "msg.h"
#include "netif.h"

/* What the network takes: confined, init makes no network socket.  -1 where there is none. */
struct network {
	int udp_fd;		/* UDP, port 68: net-link's */
	int news_fd;		/* the kernel's news of interfaces and addresses: net-link's */
	int own_fd;		/* its news of interfaces: ours */
	int v4_fd, v6_fd;	/* to change interfaces by, IPv4 and IPv6 */
	int resolv_fd;		/* /resolv/etc/resolv.conf of net-worker's root, until a lease was applied */
	int up;			/* 1: LINK has begun */
	uint8_t seen[NETIF_INDEX_MOST + 1];	/* brought up, or tried to */
};

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
	struct network network;
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
