#ifndef IPC_PEER_H
#define IPC_PEER_H
/*
 * The programs, as the protocol knows them.  A sender is always the socket that a message came from, never a field.
 */
#include <stdint.h>

enum peer { PEER_init, PEER_broker, PEER_store, PEER_crypto, PEER_kexec, PEER_link, PEER_net, PEER_COUNT };

/* Every program has its own uid and no other; policy/peer.def repeats them and a compile-time assert compares. */
enum { UID_init = 0, UID_broker = 1001, UID_store = 1002, UID_crypto = 1003, UID_kexec = 1004, UID_link = 1005,
	UID_net = 1006 };

/* "broker", "store-worker", ...; "?" for anything else. */
const char *peer_name(unsigned peer);
#endif
