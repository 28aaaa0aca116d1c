#ifndef IPC_EXITS_H
#define IPC_EXITS_H
/* Exit statuses of the programs of the image; init prints them.  A worker has no other way to say why it left. */
enum {
	EXIT_CLOSED = 0,	/* its channel was closed, or its work is done */
	EXIT_CONFINE = 70,	/* confine() failed: it never ran unconfined */
	EXIT_PEER = 71,		/* the other end misbehaved */
	EXIT_KERNEL = 72,	/* a system call failed that must not */
	EXIT_BUG = 73,		/* ours */
};
#endif
