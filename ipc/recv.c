/*
 * A worker's side of its channels: the one order of work on receipt, for all messages.
 * Stands in store-worker, crypto-worker and kexec-worker; distrusts the peer, and knows the sender from the row alone.
 */
#include <errno.h>

#include "recv.h"

int
worker_recv(int fd, enum way way, struct admit_state *state, struct frame *frame, enum admit_why *why)
{
	enum admit_why verdict = ADMIT_unknown;
	int rc = chan_recv(fd, frame);

	if (why != NULL)
		*why = ADMIT_ok;
	if (rc == -ECONNRESET)	/* closed with something of ours unread: closed all the same, unix(7) */
		return 0;
	if (rc <= 0)
		return rc;
	if (frame->id != MSG_none && frame->id < MSG_COUNT)
		verdict = admit(state, (enum peer)msg_table[frame->id].from, way, frame->id, frame->body_bytes, frame->nfds);
	if (verdict != ADMIT_ok) {
		frame_close(frame);
		if (why != NULL)
			*why = verdict;
		return -EPROTO;
	}
	if (msg_check(frame->id, frame->body) != 0) {
		frame_close(frame);
		return -ERANGE;
	}
	admit_note(state, frame->id);
	return 1;
}

int
worker_send(int fd, struct admit_state *state, uint32_t id, const void *body, const int *fds)
{
	int rc = chan_send(fd, id, body, fds);

	if (rc == 0)
		admit_note(state, id);
	return rc == -ECONNRESET ? -EPIPE : rc;
}
