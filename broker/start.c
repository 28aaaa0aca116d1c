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
	step_expect_at_least(b, STEP_MS);
}

static void
store_started(struct broker *b)
{
	struct msg_broker_survey survey = { 0 };
	struct msg_broker_lost lost = { .program = PEER_store };

	switch (b->state.phase) {
	case PHASE(SURVEY):
		if (b->restarts[PEER_store] > 0)
			broker_send(b, MSG_broker_lost, &lost);
		broker_send(b, MSG_broker_survey, &survey);
		step_expect(b, STEP_MS);
		break;
	case PHASE(LINK):
	case PHASE(ASK):
	case PHASE(SUPPLY):
		broker_send(b, MSG_broker_lost, &lost);
		step_expect_at_least(b, STEP_MS);
		break;
	case PHASE(RECORD):
		step_record(b, b->begun, 0);
		break;
	default:
		break;		/* it may have something to record yet; nobody waits for it */
	}
}

/* While it was being started the boot went on: is there still something for it to do? */
static int
comes_in_time(const struct broker *b, enum peer program)
{
	static const uint32_t in[PEER_COUNT] = { [PEER_store] = PHASE_any & ~PHASE(STOP), [PEER_link] = PHASE(LINK),
		[PEER_net] = PHASE(LINK) | PHASE(ASK) | PHASE(SUPPLY) | PHASE(VERIFY), [PEER_crypto] = PHASE_any, [PEER_kexec] = PHASE_any };

	return !b->spent[program] && (b->state.phase & in[program]) != 0;
}

void
step_started(struct broker *b, const struct msg_init_started *body, struct frame *frame)
{
	enum peer program = (enum peer)body->program;

	b->channel[program] = frame_take_fd(frame, 0);
	if (!comes_in_time(b, program))
		step_dismiss(b, program);
	else if (program == PEER_store)
		store_started(b);
	else if (program == PEER_link)
		step_link_started(b);
	else if (program == PEER_net)
		step_net_started(b);
}
