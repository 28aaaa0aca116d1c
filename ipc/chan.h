#ifndef IPC_CHAN_H
#define IPC_CHAN_H
/*
 * One end of a SOCK_SEQPACKET channel.  See unix(7), recvmsg(2), sendmsg(2).
 * The only place where EINTR is handled and where descriptors come in.
 */
#include <stddef.h>
#include <stdint.h>

#include "msg.h"

/* A received frame.  fds[] are open, close-on-exec and owned by whoever holds the frame; unused ones are -1. */
struct frame {
	uint32_t id;
	uint32_t body_bytes;
	uint32_t nfds;
	int fds[MSG_FDS_MAX];
	_Alignas(8) uint8_t body[MSG_HANDOVER_MAX];
};

/*
 * Receives one frame, waiting for it.  1: a frame; 0: the other end is closed; -EBADMSG: truncated, headless, a wrong control
 * message (descriptors, if any came, are closed); other negative errno of recvmsg(2).
 */
int chan_recv(int fd, struct frame *frame);

/* Sends one message with its row's size and number of descriptors; fds may be NULL for none.  0 or a negative errno. */
int chan_send(int fd, uint32_t id, const void *body, const int *fds);

/* Closes what a frame brought; for refusing paths. */
void frame_close(struct frame *frame);

/* Takes descriptor i out of the frame: the caller owns it. */
int frame_take_fd(struct frame *frame, unsigned i);
#endif
