/*
 * Measurements that an operator accepts: after an update of firmware or preboot, of one node or of all that have the same.  On the
 * organisation's side.
 * Distrusts the node while the operator looks: what is learned has to be what he saw.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "service.h"

void
registry_pcrs(const struct store_pcrs *pcrs, uint8_t out[32])
{
	(void)crypto_hash_sha256(out, pcrs->pcr[0], sizeof pcrs->pcr);	/* never fails */
}

void
registry_differing(const struct store_measured *accepted, const struct store_measured *refused, char what[REGISTRY_WHAT_TEXT])
{
	size_t at = 0;

	what[0] = '\0';
	for (unsigned i = 0; i < PCRS; i++)
		if (memcmp(accepted->pcrs.pcr[i], refused->pcrs.pcr[i], sizeof accepted->pcrs.pcr[i]) != 0) {
			(void)snprintf(what + at, REGISTRY_WHAT_TEXT - at, "PCR %u, ", store_pcr_numbers[i]);	/* six of them fit */
			at = strlen(what);
		}
	(void)snprintf(what + at, REGISTRY_WHAT_TEXT - at, "resetCount %" PRIu64 " -> %" PRIu64, accepted->reset_count, refused->reset_count);
}

/* Inside of the transaction: 0, or it says why not. */
static int
may_learn(const struct store_node *node, const uint8_t *pcrs)
{
	char hex[ID_TEXT + 1], other[ID_TEXT + 1];
	uint8_t digest[32];

	if (node->state == NODE_revoked)
		return refuse("it was revoked, which is for good");
	if (!node->refused)
		return refuse("its last request was not refused for what was measured: there is nothing to learn");
	if (pcrs == NULL)
		return 0;
	registry_pcrs(&node->refused_as.pcrs, digest);
	if (memcmp(digest, pcrs, sizeof digest) != 0)
		return refuse("its PCRs are %s, not %s", hex_text(digest, sizeof digest, hex), hex_text(pcrs, sizeof digest, other));
	if (node->refused_as.reset_count < node->accepted.reset_count)
		return refuse("node %s: its resetCount went down as well, %" PRIu64 " -> %" PRIu64 ": find out why, then learn it without --pcrs",
		    hex_text(node->node, NODE_BYTES, hex), node->accepted.reset_count, node->refused_as.reset_count);
	return 0;
}

int
registry_learn(struct store *store, const uint8_t node[NODE_BYTES], const uint8_t *pcrs)
{
	char what[REGISTRY_WHAT_TEXT] = "";
	struct store_node n;
	int rc = registry_begin(store, node, &n);

	if (rc != 0)
		return rc;
	rc = may_learn(&n, pcrs);
	if (rc == 0) {
		registry_differing(&n.accepted, &n.refused_as, what);
		n.accepted = n.refused_as;
		n.refused = 0;
		rc = store_node_update(store, &n);
	}
	return registry_finish(store, rc, "learn", node, what);
}

struct learning {
	struct store *store;
	const uint8_t *pcrs;
	struct registry_learned count;
	int rc;
};

/* A transaction each: what changes between this look and that is judged there. */
static int
learn_if_same(void *arg, const struct store_node *node)
{
	struct learning *learning = arg;
	uint8_t digest[32];
	int rc;

	registry_pcrs(&node->refused_as.pcrs, digest);
	if (!node->refused || memcmp(digest, learning->pcrs, sizeof digest) != 0)
		return 0;
	rc = registry_learn(learning->store, node->node, learning->pcrs);
	if (rc == 0)
		learning->count.learned++;
	else if (rc == -EINVAL)
		learning->count.left++;		/* it was said why; the others are no worse for it */
	else
		learning->rc = rc;
	return learning->rc;
}

int
registry_learn_all(struct store *store, const char *group, const uint8_t pcrs[32], struct registry_learned *out)
{
	struct learning learning = { .store = store, .pcrs = pcrs };
	int rc = store_nodes(store, group, NODE_member, learn_if_same, &learning);

	*out = learning.count;
	return rc != 0 ? rc : learning.rc;
}
