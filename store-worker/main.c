/*
 * store-worker: reads and writes the cache partition for the others.  Behind the wall's outer side: it may be lost and replaced.
 * Distrusts the disk and the broker.  It has a channel and a block device (policy/peer.def); it knows no path.
 */
#include <unistd.h>

#include "confine.h"
#include "exits.h"
#include "serve.h"

int
main(void)
{
	static struct store store;
	const char *step;
	int rc;

	if (confine(PEER_store, &step) != 0)
		_exit(EXIT_CONFINE);
	store_init(&store, GIVEN_store_channel, GIVEN_store_cache, UID_crypto);
	do
		rc = store_receive(&store);
	while (rc > 0);
	_exit(rc == 0 ? EXIT_CLOSED : EXIT_PEER);
}
