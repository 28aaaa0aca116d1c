#ifndef TESTS_PEERS_H
#define TESTS_PEERS_H
/* What the tests need to play the other programs: sockets, frames as wrong as one likes, a legal body for every message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "chan.h"
#include "msg.h"

/* In every byte array of every sample: whoever prints a worker's bytes prints this, and clears the screen. */
#define PEER_EVIL "EVIL\033[2J%n\r\n\tEVIL"

union peer_body {
	uint64_t align;
	uint8_t bytes[MSG_HANDOVER_MAX + 64];
#define MSG(name, id, from, to, way, answers, under, max, fd, phases, next) struct msg_##name name;
#include "msg.def"
};

/* Descriptors 3 to 8 are taken, so that the tested program's numbers stay free for it; a test that blocks is ended by SIGALRM. */
void peer_reserve(void);
void peer_place(int fd, int at);		/* moves fd to that number */
void peer_pair(int pair[2]);			/* SOCK_SEQPACKET; [0] the test's, non-blocking; [1] the tested program's */
unsigned peer_fds(void);			/* how many descriptors are open */

int peer_recv(int fd, struct frame *frame);	/* 1, 0: closed (or reset), -EAGAIN: nothing there */
/* 0 or a negative errno of sendmsg(2). */
int peer_send(int fd, uint32_t id, uint32_t zero, const void *body, size_t body_bytes, const int *fds, unsigned nfds);
/* The same, and nfds descriptors of /dev/null go along. */
int peer_say_raw(int fd, uint32_t id, uint32_t zero, const void *body, size_t body_bytes, unsigned nfds);
void peer_say(int fd, uint32_t id, const void *body);	/* as the row says */

void peer_sample(uint32_t id, union peer_body *body);	/* passes msg_check() */
#endif
