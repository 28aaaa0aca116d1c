#ifndef TESTS_HOSTILE_RUN_H
#define TESTS_HOSTILE_RUN_H
/* Starts a hostile program among descriptors of the real kinds and learns how it ended and what it got. */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "hostile.h"
#include "peer.h"

extern const uint8_t hostile_key[HOSTILE_KEY_BYTES];	/* planted */

/* How a hostile program ended. */
struct hostile_end {
	int signal;		/* that killed it, or 0 */
	long nr;		/* of the last system call that it made */
	int status;		/* exit status, if no signal */
	int reported;		/* 1: it lived to say something, which is: */
	int error;		/* 0 or an errno */
	int key;		/* 1: the planted key was found somewhere outside the memfd */
	int descriptor;		/* 1: a descriptor that leads to the key came out */
};

/* crypto-worker's part: a process of its uid that made the memfds, has the key mapped, and waits. */
struct maker {
	pid_t pid;
	int socket;
	int handover, kernel, fill;
	uint64_t key_address;
};
void maker_start(struct maker *m);
void maker_wipe(struct maker *m);		/* as crypto-worker does once it is loaded */
void maker_end(struct maker *m);

/*
 * Goes to a place of its own: PID, mount, network, IPC and UTS namespaces, a root with /empty, /proc, /seen (a mounted proc) and, in
 * /bin, those programs of directory dir.  A reboot(2) that gets through would end this PID namespace, not the machine.  Returns in the
 * child, which is PID 1 there; the caller's process waits and ends with the child's status.  0 or -1.
 */
int hostile_place(const char *dir, const char *const *programs, unsigned n);
/* The end there: status, or 1.  A leak sanitizer looks at /proc when the process exits. */
int hostile_leave(int status);

struct hostile_end hostile_run(enum peer program, enum hostile_mode mode, enum hostile_attack attack);

/* In a child that is about to exec: these descriptors are 3 and up, null is 0 to 2, and nothing else stays open.  Or it exits. */
void hostile_give(const int *fds, unsigned n, int null);

/* Does what the descriptor leads to, read from its start or until nothing is left in it, contain the key? */
int hostile_holds_key(int fd);

/* The row of an attack. */
enum outcome_kind { OUT_dies, OUT_signal, OUT_errno, OUT_may, OUT_not_its };
struct hostile_row {
	const char *name;
	enum hostile_tool tool;
	enum hostile_prey prey;
	enum hostile_twin twin;
	struct outcome {
		enum outcome_kind kind;
		int number;
	} outcome[4];		/* kexec, broker, store, crypto */
	const char *why;
};
extern const struct hostile_row hostile_rows[ATTACK_COUNT];
const struct outcome *hostile_expected(enum peer program, enum hostile_attack attack);
const char *hostile_program(enum peer program);		/* "kexec" */
#endif
