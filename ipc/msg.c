/*
 * The protocol's table and admit().  Stands on every side of the wall: all programs link it.
 * Distrusts every number that it is given; holds the whole state machine, so that handlers hold none.
 */
#include <assert.h>
#include <string.h>

#include "msg.h"

enum { NEXT_SAME = 0, NEXT_SURVEY = PHASE(SURVEY), NEXT_LINK = PHASE(LINK), NEXT_ASK = PHASE(ASK), NEXT_SUPPLY = PHASE(SUPPLY),
	NEXT_VERIFY = PHASE(VERIFY), NEXT_RECORD = PHASE(RECORD), NEXT_LOAD = PHASE(LOAD), NEXT_GO = PHASE(GO), NEXT_STOP = PHASE(STOP) };

#define MSG(name, id, from, to, way, answers, under, max, fd, phases, next) \
	[id] = { #name, sizeof(struct msg_##name), PEER_##from, PEER_##to, WAY_##way, MSG_##answers, \
	    MSG_##under, max, FD_##fd, phases, NEXT_##next },
const struct msg_row msg_table[MSG_COUNT] = {
	[MSG_none] = { "none", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
#include "msg.def"
};

#define MSG(name, id, from, to, way, answers, under, max, fd, phases, next) \
	static_assert(sizeof(struct msg_##name) <= (WAY_##way == WAY_lane ? MSG_HANDOVER_MAX : MSG_BODY_MAX), #name ": body too large"); \
	static_assert(sizeof(struct msg_##name) % 8 == 0 || sizeof(struct msg_##name) % 4 == 0, #name ": odd size"); \
	static_assert((int)PEER_##from != (int)PEER_##to, #name ": to itself"); \
	static_assert((max) > 0 && (max) <= 255, #name ": max");
#include "msg.def"

#define MSG(name, id, from, to, way, answers, under, max, fd, phases, next) + 1
static_assert(0
#include "msg.def"
	+ 1 == MSG_COUNT, "ids of msg.def have a gap");

unsigned
fd_kind_count(unsigned kind)
{
	switch ((enum fd_kind)kind) {
	case FD_none:
		return 0;
	case FD_channel:
	case FD_fill:
	case FD_keep:
		return 1;
	case FD_post:
	case FD_handover:
		return 2;
	}
	return 0;
}

const char *
peer_name(unsigned peer)
{
	static const char *const names[PEER_COUNT] = { "init", "broker", "store-worker", "crypto-worker", "kexec-worker", "net-link", "net-worker" };

	return peer < PEER_COUNT ? names[peer] : "?";
}

const char *
phase_name(unsigned phase_bit)
{
	static const char *const names[PHASE_COUNT] = { "CLOSE", "SURVEY", "LINK", "ASK", "SUPPLY", "VERIFY", "RECORD", "LOAD", "GO",
		"STOP" };

	for (unsigned i = 0; i < PHASE_COUNT; i++)
		if (phase_bit == 1u << i)
			return names[i];
	return "any";
}

const char *
admit_text(enum admit_why why)
{
	switch (why) {
	case ADMIT_ok:
		return "admitted";
	case ADMIT_unknown:
		return "unknown message";
	case ADMIT_size:
		return "wrong size";
	case ADMIT_sender:
		return "wrong sender or receiver";
	case ADMIT_way:
		return "wrong way";
	case ADMIT_fds:
		return "wrong number of descriptors";
	case ADMIT_phase:
		return "wrong phase";
	case ADMIT_often:
		return "too often";
	case ADMIT_unasked:
		return "answer to no question";
	case ADMIT_attempts:
		return "too many attempts";
	}
	return "?";
}

void
admit_init(struct admit_state *state, enum peer self)
{
	memset(state, 0, sizeof *state);
	state->self = (uint8_t)self;
	state->phase = self == PEER_broker || self == PEER_crypto ? PHASE(CLOSE) : PHASE_any;
}

/* Only who saw a question can tell whether it is open: the broker, who asked, and who was asked. */
static int
saw(const struct admit_state *state, uint32_t question)
{
	return question != MSG_none && (state->self == PEER_broker || msg_table[question].from == state->self ||
	    msg_table[question].to == state->self);
}

enum admit_why
admit(const struct admit_state *state, enum peer from, enum way way, uint32_t id, size_t body_bytes, unsigned fds)
{
	const struct msg_row *row;

	if (id == MSG_none || id >= MSG_COUNT)
		return ADMIT_unknown;
	row = &msg_table[id];
	if (body_bytes != row->size)
		return ADMIT_size;
	/* The broker sees what it routes; everyone else only what is theirs. */
	if (row->from != from || (state->self != row->to && state->self != PEER_broker))
		return ADMIT_sender;
	if (row->way != way || (way == WAY_lane && state->self == PEER_broker))
		return ADMIT_way;
	if (fds != fd_kind_count(row->fd))
		return ADMIT_fds;
	if ((row->phases & state->phase) == 0)
		return ADMIT_phase;
	if (state->count[id] >= row->max)
		return ADMIT_often;
	if ((saw(state, row->answers) && state->open[row->answers] == 0) || (saw(state, row->under) && state->open[row->under] == 0))
		return ADMIT_unasked;
	if (row->next == PHASE(SUPPLY) && state->attempts >= ATTEMPTS_MAX)
		return ADMIT_attempts;
	return ADMIT_ok;
}

void
admit_note(struct admit_state *state, uint32_t id)
{
	const struct msg_row *row;

	if (id == MSG_none || id >= MSG_COUNT)
		return;
	row = &msg_table[id];
	if (state->count[id] < UINT8_MAX)
		state->count[id]++;
	/* A new attempt: everything is counted anew, this message too; attempts has its own bound. */
	if (row->next == PHASE(SUPPLY)) {
		memset(state->count, 0, sizeof state->count);
		state->attempts++;
	}
	if (state->open[id] < UINT8_MAX)
		state->open[id]++;
	if (row->answers != MSG_none && state->open[row->answers] > 0)
		state->open[row->answers]--;
	if (row->next != 0 && state->phase != PHASE_any)
		state->phase = row->next;
}

void
admit_forget(struct admit_state *state, enum peer peer)
{
	for (uint32_t id = 1; id < MSG_COUNT; id++)
		if (msg_table[id].to == peer)
			state->open[id] = 0;
}

int
msg_check(uint32_t id, const void *body)
{
	switch ((enum msg_id)id) {
	case MSG_none:
	case MSG_LAST_PLUS_1:
		return -1;
#define MSG(name, id_, from, to, way, answers, under, max, fd, phases, next) \
	case MSG_##name: \
		return check_##name(body);
#include "msg.def"
	}
	return -1;
}
