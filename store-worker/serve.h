#ifndef STORE_WORKER_SERVE_H
#define STORE_WORKER_SERVE_H
/*
 * What store-worker does with a message.  No global state of the protocol's but *store: every handler reads the device anew, so that
 * a fresh worker, after one was lost, answers as the old one would have.
 */
#include <stdint.h>

#include "msg.h"

struct store {
	int channel;			/* to the broker; blocking */
	int disk;			/* the cache partition's block device, read and write */
	uint32_t maker_uid;		/* who makes the memfds that are to be filled: UID_crypto */
	uint8_t broken;			/* 1: a write failed, no other is tried */
	enum admit_why why;		/* of the last refusal */
	struct admit_state state;
};

void store_init(struct store *store, int channel, int disk, uint32_t maker_uid);

/*
 * Receives one message and does what it says.  1: done, go on.  0: the channel is closed.  Otherwise the peer misbehaved or the
 * channel failed: worker_recv()'s errors; memfd_check()'s; -EBADF for a memfd that cannot be written.
 * The disk's failures are none of these: they are told in the answers.
 */
int store_receive(struct store *store);
#endif
