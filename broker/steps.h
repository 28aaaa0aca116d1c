#ifndef BROKER_STEPS_H
#define BROKER_STEPS_H
/* What steps.c, ask.c, forward.c and losses.c share: the broker's own moves. */
#include "broker.h"

/*
 * How long one step may take without a sign of life.  A discrete TPM makes a P-256 key in seconds; 180 s is a broken one.  A slow card takes
 * 4 MB/s, and a part that is to be kept is at most a GiB.
 */
enum { TPM_MS = 180000, STEP_MS = 120000, KEEP_MS = 300000, LOAD_MS = 120000, GO_MS = 30000 };

void step_expect(struct broker *b, uint64_t ms);
/* The same for what goes on beside the present step: one worker's news must not cost another its time. */
void step_expect_at_least(struct broker *b, uint64_t ms);
void step_expect_net(struct broker *b);		/* net-worker has a question, or gets on with it */
void step_start_program(struct broker *b, enum peer program);
void step_started(struct broker *b, const struct msg_init_started *body, struct frame *frame);	/* init's answer */
void step_record(struct broker *b, uint32_t what, uint32_t event);	/* has the store write it down: RECORD_* */
void step_next(struct broker *b);		/* the next candidate */
void step_begin_wait(struct broker *b);		/* the end of this attempt to boot: say so, wait, reboot */
void step_stop(struct broker *b, uint32_t event, const char *about, uint32_t detail);
void step_reboot(struct broker *b);
/* Whose part is over ends by itself when it reads the end of its channel; what it had still under way is no misbehaviour.  For good. */
void step_dismiss(struct broker *b, enum peer peer);
void step_print_progress(struct broker *b, uint32_t part, uint64_t done_bytes, uint64_t total_bytes);
void step_link(struct broker *b);
void step_link_started(struct broker *b);
void step_net_started(struct broker *b);
void step_no_network(struct broker *b, uint32_t event);
void step_print_lease(const struct msg_link_lease *lease);
void step_load(struct broker *b);
void step_jump(struct broker *b);
#endif
