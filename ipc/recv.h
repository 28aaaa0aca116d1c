#ifndef IPC_RECV_H
#define IPC_RECV_H
/*
 * What every worker does with its channel: receive, judge, note; send, note.  In the hub the sender is what the row says, for the
 * broker routes and the worker believes it about nothing else; in the lane it is the only program at the other end.
 */
#include "chan.h"
#include "msg.h"

/*
 * Waits for one frame and judges it: exact size, admit(), number of descriptors, check_NAME(); then takes note of it.
 * 1: *frame is legal, its descriptors are the caller's (the rules of memfd.h are still to be applied: they need the lengths).
 * 0: the other end is closed.  Otherwise the peer misbehaved or the channel failed, nothing was noted and what descriptors came
 * are closed: -EPROTO not admitted, *why says why; -ERANGE a field out of range; -EBADMSG a malformed frame; an errno of recvmsg(2).
 * why may be NULL; it is ADMIT_ok in all cases but -EPROTO.
 */
int worker_recv(int fd, enum way way, struct admit_state *state, struct frame *frame, enum admit_why *why);

/* chan_send() and, when it was sent, admit_note().  0 or a negative errno: -EPIPE the other end is closed. */
int worker_send(int fd, struct admit_state *state, uint32_t id, const void *body, const int *fds);
#endif
