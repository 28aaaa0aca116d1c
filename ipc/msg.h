#ifndef IPC_MSG_H
#define IPC_MSG_H
/*
 * The protocol's table and the one function that says whether a message is legal.  Pure: no system call, no allocation, no log.
 */
#include <stddef.h>
#include <stdint.h>

#include "bodies.h"
#include "peer.h"

enum {
	MSG_BODY_MAX = 1024,		/* bytes */
	MSG_HANDOVER_MAX = 4096,	/* bytes: it has the command line */
	MSG_FRAME_MAX = sizeof(struct msg_head) + MSG_HANDOVER_MAX,
	MSG_FDS_MAX = 2,
	ATTEMPTS_MAX = SLOTS_MAX + 3,	/* the ticket or the lack of one, every slot, the org, and none */
};

/* Phases, one bit each.  A program that keeps no phase (all but broker and crypto) has PHASE_any. */
enum phase_no { PHASE_NO_CLOSE, PHASE_NO_SURVEY, PHASE_NO_LINK, PHASE_NO_ASK, PHASE_NO_SUPPLY, PHASE_NO_VERIFY, PHASE_NO_RECORD,
	PHASE_NO_LOAD, PHASE_NO_GO, PHASE_NO_STOP, PHASE_COUNT };
#define PHASE(p) (1u << PHASE_NO_##p)
enum { PHASE_any = (1u << PHASE_COUNT) - 1 };

enum way { WAY_hub, WAY_lane };
enum fd_kind { FD_none, FD_channel, FD_fill, FD_post, FD_keep, FD_handover };

#define MSG(name, id, from, to, way, answers, under, max, fd, phases, next) MSG_##name = (id),
enum msg_id { MSG_none = 0,
#include "msg.def"
	MSG_LAST_PLUS_1 };
enum { MSG_COUNT = MSG_LAST_PLUS_1 };	/* MSG_none included */

struct msg_row {
	const char *name;
	uint16_t size;		/* of the body */
	uint8_t from, to;	/* enum peer */
	uint8_t way;		/* enum way */
	uint8_t answers, under;	/* enum msg_id, or MSG_none */
	uint8_t max;
	uint8_t fd;		/* enum fd_kind */
	uint16_t phases;	/* bits */
	uint16_t next;		/* one bit, or 0: the phase stays */
};
extern const struct msg_row msg_table[MSG_COUNT];

/* How many descriptors a kind brings. */
unsigned fd_kind_count(unsigned kind);
const char *phase_name(unsigned phase_bit);

/* The state of one end of the protocol.  attempts counts up to ATTEMPTS_MAX: no loop without a bound. */
struct admit_state {
	uint32_t phase;			/* one bit, or PHASE_any */
	uint8_t self;			/* enum peer */
	uint8_t attempts;
	uint8_t count[MSG_COUNT];	/* per attempt */
	uint8_t open[MSG_COUNT];	/* asked and not yet answered */
};

enum admit_why { ADMIT_ok, ADMIT_unknown, ADMIT_size, ADMIT_sender, ADMIT_way, ADMIT_fds, ADMIT_phase, ADMIT_often, ADMIT_unasked,
	ADMIT_attempts };
const char *admit_text(enum admit_why why);

void admit_init(struct admit_state *state, enum peer self);

/* Is this message, of body_bytes and with fds descriptors, from this peer by this way, legal now?  Changes nothing. */
enum admit_why admit(const struct admit_state *state, enum peer from, enum way way, uint32_t id, size_t body_bytes, unsigned fds);

/* Takes note of a message that was admitted, or that this program itself has sent. */
void admit_note(struct admit_state *state, uint32_t id);

/* The peer was replaced: what was asked of it is open no more. */
void admit_forget(struct admit_state *state, enum peer peer);

/* check_NAME(): is the body in range?  0 or the number of the wrong field, counted from 1.  Judges the body alone. */
#define MSG(name, id, from, to, way, answers, under, max, fd, phases, next) int check_##name(const struct msg_##name *body);
#include "msg.def"
/* The same by id; body points at msg_table[id].size bytes. */
int msg_check(uint32_t id, const void *body);
#endif
