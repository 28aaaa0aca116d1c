#ifndef TESTS_KILLER_H
#define TESTS_KILLER_H
/*
 * The tracer of the kill tests: killer.c follows the programs and ends them, killer_look.c looks at their terminals.
 */
#include <stdint.h>
#include <sys/types.h>

#include "peer.h"

enum { NOBODY = -1 };

struct task {
	pid_t pid;
	int program, next;	/* enum peer or NOBODY; next: what an execve under way begins */
	int looked, exits, near;
	uint64_t nr, args[6];	/* of the system call under way */
};

extern const char *const programs[PEER_COUNT];

/* One line on the console, sent before it returns: the machine may end at once, and a panic sends nothing that still waits. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line per descriptor that leads to a terminal, with its flags of open(2) in octal, and one with the number of all. */
void look(const struct task *t);

/* One line if the system call that begins asks a terminal for input: read(2), its relatives, ioctl(2). */
void watch_read(const struct task *t);

/* One such question, before the real init begins: a watcher that misses it would miss all. */
void look_plant(void);
#endif
