/*
 * net-worker: names, TLS and HTTP to the organisation and its mirrors.  Outside of the wall: it may be lost and replaced.
 * Distrusts everything that comes in.  It has a channel, the config and the network (policy/peer.def); it holds no secret.
 */
#include <unistd.h>

#include "confine.h"
#include "exits.h"
#include "carry.h"

static struct doc_config config;

static int
read_config(void)
{
	static char text[DOC_MAX + 1];
	struct doc_error error;
	ssize_t n = pread(GIVEN_net_config, text, sizeof text, 0);

	/* init has read this very file before; the image vouches for it */
	return n >= 0 && doc_parse(DOC_config, text, (size_t)n, &config, sizeof config, &error) == 0 ? 0 : -1;
}

int
main(void)
{
	static struct net net;
	const char *step;
	int rc;

	if (confine(PEER_net, &step) != 0)
		_exit(EXIT_CONFINE);
	if (read_config() != 0)
		_exit(EXIT_BUG);
	net_init(&net, GIVEN_net_channel, UID_crypto, &config);
	do
		rc = net_receive(&net);
	while (rc > 0);
	_exit(rc == 0 ? EXIT_CLOSED : EXIT_PEER);
}
