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
	uint8_t restarts[PEER_COUNT];		/* of those that may be replaced */
	uint8_t spent[PEER_COUNT];		/* 1: it failed too often, or its part is over: it is not asked again */
	uint8_t org;				/* 1: config names one */
	uint8_t leased;				/* 1: net-link has given a lease */
	uint8_t stopping;			/* 1: the wait before the reboot has begun */
	uint64_t deadline_ms;			/* of the present step, CLOCK_MONOTONIC */
	uint64_t network_over_ms;		/* when net-worker's part ends, however it gets on; 0: it has not begun */
	uint64_t progress_bytes;		/* last printed */
	uint64_t retry_wait_s, link_wait_s, net_wait_s;		/* of config */
	uint32_t stops;				/* in a row before this boot, as the store says */
	uint32_t begun;				/* RECORD_begun or RECORD_ticket: the present attempt */
	uint32_t watchdog_s;			/* of the present attempt; 0: none wanted */
	uint8_t recording[RECORD_LAST + 1];	/* asked of the store that runs now, and not answered */
	struct candidate candidate;		/* of the present attempt */
	struct msg_crypto_want want;		/* the last one forwarded: its answer must be about the same */
	struct msg_crypto_keep keep;		/* likewise */
	uint32_t get, post;			/* numbers of the last ones forwarded */
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

/* steps.c, losses.c: what each message and each loss leads to. */
void step_start(struct broker *b);
void step_message(struct broker *b, struct frame *frame);
/* What was admitted could not be handed on to its receiver. */
void step_undeliverable(struct broker *b, uint32_t id);
void step_lost(struct broker *b, enum peer peer, enum loss loss, const char *why);
void step_timeout(struct broker *b);

/* forward.c: before an admitted message is handed on or handled: 0, or -1: its sender misbehaves. */
int step_forward(struct broker *b, const struct frame *frame);

/* ask.c: LINK and ASK. */
void on_link_failed(struct broker *b, const struct msg_link_failed *body);
void on_init_linked(struct broker *b, const struct msg_init_linked *body);
void on_init_unlinked(struct broker *b, const struct msg_init_unlinked *body);
void on_net_progress(struct broker *b, const struct msg_net_progress *body);
void on_crypto_enrolled(struct broker *b, const struct msg_crypto_enrolled *body);
void on_crypto_ticket(struct broker *b, const struct msg_crypto_ticket *body);
void on_crypto_offline(struct broker *b, const struct msg_crypto_offline *body);

/* print.c: the console.  Never blocks, never fails, prints no byte that a worker chose. */
void print_checkpoint(unsigned number, const char *format, ...) __attribute__((format(printf, 2, 3)));
void print_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_event(uint32_t code, const char *about, uint32_t detail);
void print_candidate(const struct candidate *c);
const char *short_id(const uint8_t *id, unsigned bytes, char out[33]);	/* the first hexadecimal digits */
#endif
