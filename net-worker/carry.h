#ifndef NET_WORKER_CARRY_H
#define NET_WORKER_CARRY_H
/*
 * What net-worker does with a message.  Nothing but a kept connection lasts from one to the next, so that a fresh worker, after one was
 * lost, answers as the old one would have.
 */
#include <stdint.h>

#include "doc.h"
#include "fetch.h"
#include "msg.h"

struct net {
	int channel;			/* to the broker; blocking */
	uint32_t maker_uid;		/* who makes the memfds: UID_crypto */
	struct failure broken;		/* event != 0: what every question is answered with: there is nobody to be asked */
	struct fetch fetch;
	uint8_t pin[32];
	enum admit_why why;		/* of the last refusal */
	struct admit_state state;
};

/* config stays the caller's and is not needed any more afterwards. */
void net_init(struct net *net, int channel, uint32_t maker_uid, const struct doc_config *config);

/*
 * Receives one message and does what it says.  1: done, go on.  0: the channel is closed.  Otherwise the peer misbehaved or the
 * channel failed: worker_recv()'s errors; memfd_check()'s; -EBADF for a memfd that cannot be read or written.
 * The network's failures are none of these: they are told in the answers.
 */
int net_receive(struct net *net);
#endif
