/*
 * What a node is to boot: the most specific assignment, its percentage, and what is left when that failed there.  On the organisation's
 * side.  Distrusts the node's inventory: it chooses among what the service itself gives out, at or above both floors, and nothing else.
 */
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "registry.h"

unsigned
registry_bucket(const uint8_t node[NODE_BYTES], const uint8_t generation[ID_BYTES])
{
	uint8_t text[NODE_BYTES + ID_BYTES], hash[32];
	uint64_t number;

	memcpy(text, node, NODE_BYTES);
	memcpy(text + NODE_BYTES, generation, ID_BYTES);
	/* fails for wrong lengths only */
	(void)crypto_generichash(hash, sizeof hash, text, sizeof text, NULL, 0);
	number = (uint64_t)hash[0] << 24 | (uint64_t)hash[1] << 16 | (uint64_t)hash[2] << 8 | hash[3];
	return (unsigned)(number * 100 >> 32);
}

/* What this scope says for node.  -ENOENT: nothing. */
static int
scope_says(struct store *store, const uint8_t node[NODE_BYTES], enum scope scope, const char *target, uint8_t out[ID_BYTES])
{
	struct store_assignment a;
	int rc;

	if (scope != SCOPE_all && target[0] == '\0')
		return -ENOENT;		/* a node without a hardware class */
	rc = store_assignment_find(store, scope, target, &a);
	if (rc != 0)
		return rc;
	if (registry_bucket(node, a.id) < a.percent)
		memcpy(out, a.id, ID_BYTES);
	else if (a.former)
		memcpy(out, a.former_id, ID_BYTES);
	else
		return -ENOENT;
	return 0;
}

int
registry_assigned(struct store *store, const struct store_node *node, uint8_t out[ID_BYTES])
{
	char hex[NODE_TEXT + 1];
	const char *const target[SCOPE_LAST + 1] = { [SCOPE_all] = "", [SCOPE_group] = node->group, [SCOPE_class] = store_node_class(node),
		[SCOPE_node] = sodium_bin2hex(hex, sizeof hex, node->node, NODE_BYTES) };

	for (int scope = SCOPE_LAST; scope >= 0; scope--) {
		int rc = scope_says(store, node->node, (enum scope)scope, target[scope], out);

		if (rc != -ENOENT)
			return rc;
	}
	return -ENOENT;
}

/* 0: may be given: known, not withdrawn, under no floor.  -ENOENT: may not. */
static int
may_boot(struct store *store, const uint8_t id[ID_BYTES], uint64_t floor, struct store_generation *out)
{
	int rc = store_find(store, id, out);

	return rc == 0 && (out->withdrawn != 0 || out->version < floor) ? -ENOENT : rc;
}

static int
failed_there(const struct doc_have *have, const uint8_t id[ID_BYTES])
{
	for (uint32_t i = 0; i < have->count && i < DOC_HAVE_MAX; i++)
		if (have->row[i].state == STATE_failed && memcmp(have->row[i].id, id, ID_BYTES) == 0)
			return 1;
	return 0;
}

/* The newest healthy one of the inventory, by the version that the service knows. */
static int
newest_healthy(struct store *store, const struct doc_have *have, uint64_t floor, struct store_generation *out)
{
	struct store_generation g;
	int found = 0, rc;

	for (uint32_t i = 0; i < have->count && i < DOC_HAVE_MAX; i++) {
		if (have->row[i].state != STATE_healthy)
			continue;
		rc = may_boot(store, have->row[i].id, floor, &g);
		if (rc != 0 && rc != -ENOENT)
			return rc;
		if (rc == 0 && (!found || g.version > out->version)) {
			*out = g;
			found = 1;
		}
	}
	return found ? 0 : -ENOENT;
}

int
registry_floor_of(struct store *store, const struct store_node *node, uint64_t *out)
{
	uint64_t all = 0, group = 0;
	int rc = store_floor(store, "", &all);

	if (rc == 0)
		rc = store_floor(store, node->group, &group);
	*out = all > group ? all : group;
	return rc;
}

int
registry_decide(struct store *store, const struct store_node *node, const struct doc_have *have, uint64_t node_floor,
    struct registry_decision *out)
{
	struct store_generation g;
	uint8_t id[ID_BYTES];
	uint64_t floor;
	int rc;

	memset(out, 0, sizeof *out);
	rc = registry_floor_of(store, node, &out->floor);
	if (rc != 0)
		return rc;
	floor = out->floor > node_floor ? out->floor : node_floor;
	rc = registry_assigned(store, node, id);
	if (rc == 0) {
		out->fallback = failed_there(have, id);
		rc = out->fallback ? newest_healthy(store, have, floor, &g) : may_boot(store, id, floor, &g);
	}
	if (rc == 0) {
		out->reason = REASON_none;
		memcpy(out->generation, g.id, ID_BYTES);
		out->version = g.version;
		return 0;
	}
	out->reason = REASON_unassigned;
	out->fallback = 0;
	return rc == -ENOENT ? 0 : rc;
}
