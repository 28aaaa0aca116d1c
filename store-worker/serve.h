#ifndef STORE_WORKER_SERVE_H
#define STORE_WORKER_SERVE_H
/*
 * What store-worker does with a message.  No global state of the protocol's but *store: every handler reads the device anew, so that
 * a fresh worker, after one was lost, answers as the old one would have.  Only what is being kept has to begin anew.
 */
#include <stdint.h>

#include "cache.h"
#include "event.h"
#include "msg.h"

enum { STORE_CHUNK = 256 * 1024 };	/* bytes per pread and pwrite */

/* A generation that is being kept: four messages, one behind the other. */
struct keep {
	uint32_t next;			/* the part that must come; PART_manifest: none is under way; 0: nor ever was, in this process */
	uint32_t slot;			/* it is empty on the disk until the last part has come */
	struct msg_crypto_keep first;	/* the others must say the same */
};

struct store {
	int channel;			/* to the broker; blocking */
	int disk;			/* the cache partition's block device, read and write */
	uint32_t maker_uid;		/* who makes the memfds that are to be filled: UID_crypto */
	uint8_t broken;			/* 1: a write failed, no other is tried */
	struct keep keep;
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

/* Between serve.c and keep.c. */
extern uint8_t store_chunk[STORE_CHUNK];
uint32_t store_read_header(const struct store *store, struct cache_header *header);	/* 0 or the event that says why there is no cache */

/*
 * Keeps one part.  0: *event is 0, or the world's failure, with which this keeping is over.  Otherwise the peer misbehaved, whose memfd
 * it stays: memfd_check()'s errors; -EBADF for a memfd that cannot be read; -EPROTO: not the part's turn, or not as the first part said.
 */
int keep_part(struct store *store, const struct msg_crypto_keep *part, int memfd, uint32_t *event);
#endif
