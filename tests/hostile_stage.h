#ifndef TESTS_HOSTILE_STAGE_H
#define TESTS_HOSTILE_STAGE_H
/* The shipped programs on a stage: the test is everyone else, and lies. */
#include <stdint.h>
#include <sys/types.h>

#include "chan.h"
#include "msg.h"

struct stage {
	pid_t pid;			/* of the shipped program */
	int end[PEER_COUNT];		/* the test's ends of channels, by who the test plays; -1: none */
	int lane;			/* kexec-worker's, the end for sending */
	int console;			/* the broker's, the end for reading */
	int disk;			/* store-worker's */
};

/* The broker, confined, with everyone else played by the test, in that phase. */
void stage_broker(struct stage *s, enum phase_no phase);
void stage_store(struct stage *s, int disk);	/* the disk stays the caller's */
void stage_kexec(struct stage *s);

/* Closes the test's ends and reaps; the exit status, or 256 + a signal. */
int stage_down(struct stage *s);
/* Waits for its own end; the same. */
int stage_wait(struct stage *s);

void stage_say(const struct stage *s, enum peer as, uint32_t id, const void *body, const int *fds);
/* As wrong as one likes; 0 or a negative errno. */
int stage_say_raw(int socket, uint32_t id, const void *body, size_t body_bytes, const int *fds, unsigned nfds);
/* The next frame must be that message; its descriptors are the caller's. */
void stage_hear(const struct stage *s, enum peer as, uint32_t id, struct frame *frame);
/* Reads until the channel is closed; how many descriptors came with it (closed again). */
unsigned stage_hear_end(const struct stage *s, enum peer as);
/* What waits in a channel now: how many descriptors came. */
unsigned stage_drain(const struct stage *s, enum peer as);

/* hostile_routes.c: tests. */
void only_five_rows_bring_descriptors_to_the_broker(void **state);
void the_broker_takes_the_hand_over_from_nobody(void **state);
void the_broker_routes_what_the_table_says(void **state);

/* How many descriptors of a process lead to a memfd of that name. */
unsigned stage_holds(pid_t pid, const char *name);
#endif
