#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H
/*
 * The broker's state, shared by its files: channels (route.c), phases (steps.c), console (print.c).
 */
#include <stdint.h>

#include "chan.h"
#include "doc.h"
#include "event.h"

/* Descriptors at start, policy/peer.def. */
enum { FD_INIT = 3, FD_CONFIG = 4, FD_CONSOLE = 5 };

enum { RESTARTS_MAX = 3 };

struct broker {
	struct admit_state state;
	int channel[PEER_COUNT];		/* -1: not running */
	uint8_t restarts;			/* of store-worker */
	uint8_t store_spent;			/* 1: it failed too often and is not asked again */
	uint8_t stopping;			/* 1: the wait before the reboot has begun */
	uint64_t deadline_ms;			/* of the present step, CLOCK_MONOTONIC */
	uint64_t progress_bytes;		/* last printed */
	uint64_t retry_wait_s;			/* of config */
	uint32_t stops;				/* in a row before this boot, as the store says */
	uint32_t watchdog_s;			/* of the present attempt; 0: none wanted */
	uint8_t recording[RECORD_stopped + 1];	/* asked of the store that runs now, and not answered */
	struct candidate candidate;		/* of the present attempt */
	struct msg_crypto_want want;		/* the last one forwarded: its answer must be about the same */
};

/* How a program is lost. */
enum loss { LOST_closed, LOST_misbehaved, LOST_silent };

/* main.c.  init sees it and lets the kernel reboot. */
_Noreturn void broker_exit(int status);

/* route.c */
uint64_t now_ms(void);
void broker_init(struct broker *b);
void broker_run_once(struct broker *b);		/* waits for messages or the deadline, and handles them */
/* Sends; a peer that does not take it is treated as lost later, when its channel says so. */
void broker_send(struct broker *b, uint32_t id, const void *body);

/* steps.c: what each message and each loss leads to. */
void step_start(struct broker *b);
void step_message(struct broker *b, struct frame *frame);
/* Before a message is forwarded: 0, or -1: its sender misbehaves.  step_undeliverable(): nobody is there to get it. */
int step_forward(struct broker *b, const struct frame *frame);
void step_undeliverable(struct broker *b, enum peer peer);
void step_lost(struct broker *b, enum peer peer, enum loss loss, const char *why);
void step_timeout(struct broker *b);

/* print.c: the console.  Never blocks, never fails, prints no byte that a worker chose. */
void print_checkpoint(unsigned number, const char *format, ...) __attribute__((format(printf, 2, 3)));
void print_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_event(uint32_t code, const char *about, uint32_t detail);
void print_candidate(const struct candidate *c);
const char *short_id(const uint8_t *id, unsigned bytes, char out[33]);	/* the first hexadecimal digits */
#endif
