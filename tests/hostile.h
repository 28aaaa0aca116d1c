#ifndef TESTS_HOSTILE_H
#define TESTS_HOSTILE_H
/*
 * Hostile programs: what an attacker who owns one of the programs would do with the descriptors that it holds, under its shipped policy.
 * Shared by the test, which plays everyone else (hostile_run.c), and by the hostile program itself (hostile_child.c).
 *
 * Each attack runs three times: confined, by the very confine() and filter of the program; walled, by the same confine() but with a filter
 * that permits everything; bare, with no wall at all.  The bare twin must get what the attack is after, or the attack would prove nothing;
 * the walled one shows which attacks meet a second wall behind the filter.
 */
#include <stdint.h>

enum hostile_mode { MODE_confined, MODE_walled, MODE_bare, MODE_COUNT };

enum {
	HOSTILE_BYTES = 8192,		/* of the hand-over */
	HOSTILE_KEY_AT = 5000,		/* not at a page's start, nor in the first page */
	HOSTILE_KEY_BYTES = 32,
};

/* What is lent along with the memfd, as an accomplice might. */
enum hostile_tool {
	TOOL_none,	/* the kernel's memfd, as in the real message */
	TOOL_out,	/* a pipe's end for writing; the test looks what comes out */
	TOOL_in,	/* a pipe's end for reading, with the key in it */
	TOOL_file,	/* a file that can be written; the test looks into it afterwards */
	TOOL_pidfd,	/* of the maker: crypto-worker */
	TOOL_socket,	/* an Internet socket */
	TOOL_lent,	/* a socket whose other end the test reads */
	TOOL_exe,	/* a program */
};

enum hostile_prey {
	PREY_handover,	/* the memfd with the key in it, sealed as crypto-worker seals it */
	PREY_fill,	/* one that may still be written, as store-worker gets them */
	PREY_pipe,	/* a pipe's end for writing: the test looks what comes out */
};

/* What the bare twin must have reached. */
enum hostile_twin {
	TWIN_key,	/* the planted key has left the memfd */
	TWIN_done,	/* the call did what the attack wants of it */
	TWIN_reach,	/* the call has reached the kernel, which refused its arguments: a success would harm the machine that tests */
};

enum hostile_attack {
#define ATTACK(name, tool, prey, twin, nr, why) ATTACK_##name,
#define ATTACK4(name, tool, prey, twin, kexec, broker, store, crypto, why) ATTACK_##name,
#include "hostile_attacks.h"
	ATTACK_COUNT
};

/* Rides in the command line of crypto_handover, by which every hostile program gets its prey. */
struct hostile_task {
	uint64_t key_address;	/* in the maker's memory */
	uint32_t maker_pid;
	uint32_t zero;
};

/* What the hostile program says when it is still alive, by its channel. */
enum { HOSTILE_MAGIC = 0x6c6f6f74 };
struct hostile_report {
	uint32_t magic;
	int32_t error;		/* 0 or the errno of the call that failed */
	uint32_t got_bytes;
	uint8_t got[HOSTILE_BYTES];
};
#endif
