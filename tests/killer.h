#ifndef TESTS_KILLER_H
#define TESTS_KILLER_H
/*
 * The tracer of the kill tests: killer.c has its orders and follows the programs, killer_see.c reads their system calls, killer_act.c does
 * what is ordered, killer_look.c looks at their terminals.
 */
#include <stdint.h>
#include <sys/types.h>

#include "msg.h"

enum when { WHEN_before, WHEN_after, WHEN_received, WHEN_routed, WHEN_COUNT };
enum how { HOW_kill, HOW_exit, HOW_hang, HOW_look, HOW_COUNT };
enum { TASKS = 32, NOBODY = -1 };

struct task {
	pid_t pid;		/* 0: none */
	int program, next;	/* enum peer or NOBODY; next: what an execve under way begins */
	int looked, exits, near, held;
	uint64_t nr, args[6];	/* of the system call under way */
};

extern const char *const programs[PEER_COUNT], *const paths[PEER_COUNT], *const whens[WHEN_COUNT];
extern struct task tasks[TASKS];
extern struct order {
	const char *message;
	int program, when, how;
	unsigned count, times, timeouts, seen, done;
	int shorten;
} order;

/* One line on the console, sent before it returns: the machine may end at once, and a panic sends nothing that still waits. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct task *running(int program);	/* NULL: it is not */
void resume(const struct task *t, int sig);

void on_syscall(struct task *t);	/* at its entry, and at its exit */

/* A message is here: does what was ordered, if it was for this one.  1: t may go on. */
int at(struct task *t, const char *name, enum when when);

/* One line per descriptor that leads to a terminal, with its flags of open(2) in octal, and one with the number of all. */
void look(const struct task *t);
void watch_read(const struct task *t);
#endif
