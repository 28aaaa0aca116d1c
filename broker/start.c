/*
 * Programs that init is asked to start, and what a fresh one, or crypto-worker on its behalf, is told.  Inside the wall.
 * Distrusts the moment: a start takes as long as it takes, and the boot may have gone on without.
 */
#include "broker.h"
#include "steps.h"

void
step_start_program(struct broker *b, enum peer program)
{
	struct msg_broker_start start = { .program = program };

	broker_send(b, MSG_broker_start, &start);
	step_expect(b, STEP_MS);
}

void
step_started(struct broker *b, const struct msg_init_started *body, struct frame *frame)
{
	struct msg_broker_survey survey = { 0 };
	struct msg_broker_lost lost = { .program = PEER_store };
	enum peer program = (enum peer)body->program;

	b->channel[program] = frame_take_fd(frame, 0);
	if (program == PEER_crypto || program == PEER_kexec)
		return;
	if (b->state.phase == PHASE(STOP)) {
		step_dismiss(b, program);		/* it comes too late: the wait before the reboot has begun */
		return;
	}
	if (program == PEER_link)
		step_link_started(b);
	else if (program == PEER_net)
		step_net_started(b);
	if (program != PEER_store)
		return;
	switch (b->state.phase) {
	case PHASE(SURVEY):
		if (b->restarts[PEER_store] > 0)
			broker_send(b, MSG_broker_lost, &lost);
		broker_send(b, MSG_broker_survey, &survey);
		break;
	case PHASE(LINK):
	case PHASE(ASK):
	case PHASE(SUPPLY):
		broker_send(b, MSG_broker_lost, &lost);
		break;
	case PHASE(RECORD):
		step_record(b, RECORD_begun, 0);
		break;
	default:
		break;
	}
	step_expect(b, STEP_MS);
}
