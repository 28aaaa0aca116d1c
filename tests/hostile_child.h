#ifndef TESTS_HOSTILE_CHILD_H
#define TESTS_HOSTILE_CHILD_H
/*
 * Inside the hostile program: what it holds, and its attacks.  An attack makes its calls by number, so that nothing of a C library's comes
 * between; the first one that the policy forbids is where it ends.
 */
#include <stddef.h>

#include "chan.h"
#include "hostile.h"

struct hostile {
	int channel;
	int tool, prey;		/* as lent */
	int lane;		/* the end that it has, or the channel where it has none */
	int door;		/* where messages with descriptors come in: kexec-worker's lane, the channel of the others */
	struct hostile_task task;
	struct hostile_report report;
};

/* 0: done, or the bytes that were got are in report; else the errno of what failed. */
#define ATTACK(name, tool, prey, twin, nr, why) int attack_##name(struct hostile *h);
#define ATTACK4(name, tool, prey, twin, kexec, broker, store, crypto, why) int attack_##name(struct hostile *h);
#include "hostile_attacks.h"

/* The end of an attack: the errno of what a call returned, or 0. */
int hostile_end(long rc);
/* The same for a call that has put rc bytes into report.got. */
int hostile_got(struct hostile *h, long rc);
/* Reads what a descriptor leads to into report.got, for attacks that had to get the descriptor first. */
int hostile_read_all(struct hostile *h, long fd);
#endif
