/*
 * sallyport-org node escrow: what a node's TPM was locked with.  On the organisation's side, where the escrow key is.
 * Distrusts its reader's memory: that it was opened, and by whom, is in the log before it is shown.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "service.h"

enum { AUTH_BYTES = 32 };	/* of ownerAuth, and of lockoutAuth behind it */

static int
show(struct store *store, const char *name, const char *key)
{
	uint8_t sec_auth[2 * AUTH_BYTES];
	char sec_hex[2 * AUTH_BYTES + 1];
	struct store_node node;
	int rc = service_node(store, name, &node);

	if (rc != 0)
		return rc;
	if (node.escrow.bytes == 0)
		return refuse("it gave nothing into escrow: its config leaves the TPM's authorisations alone");
	rc = escrow_open(key, &node.escrow, sec_auth, sizeof sec_auth);
	if (rc == 0)
		rc = store_begin(store);
	if (rc == 0)
		rc = registry_finish(store, 0, "escrow", node.node, "opened");
	if (rc == 0) {
		printf("ownerAuth   %s\n", hex_text(sec_auth, AUTH_BYTES, sec_hex));
		printf("lockoutAuth %s\n", hex_text(sec_auth + AUTH_BYTES, AUTH_BYTES, sec_hex));
	}
	sodium_memzero(sec_auth, sizeof sec_auth);
	sodium_memzero(sec_hex, sizeof sec_hex);
	return rc;
}

int
node_escrow(int argc, char **argv)
{
	static const struct option options[] = { { "key", required_argument, NULL, 'k' }, { NULL, 0, NULL, 0 } };
	const char *key = NULL;
	struct store *store;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'k')
			return ORG_usage;
		key = optarg;
	}
	if (argc - optind != 2 || key == NULL)
		return usage_error("wants the service's folder, a node and --key");
	if (service_store(argv[optind], &store) != 0)
		return ORG_refused;
	rc = show(store, argv[optind + 1], key);
	store_close(store);
	return rc == 0 ? ORG_ok : ORG_refused;
}
