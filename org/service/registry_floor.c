/*
 * May a floor be raised: what is assigned must stay bootable.  On the organisation's side.
 * Distrusts the operator's memory of what is assigned where.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "service.h"

struct look {
	struct store *store;
	const char *group;
	uint64_t version;
	unsigned rows;			/* assignments that count for the group, or for all */
	int narrower;			/* 1: a class or a node has an older one */
	int rc;
};

/* -EINVAL: it is older. */
static int
is_older(struct look *look, const uint8_t id[ID_BYTES], uint64_t *version)
{
	struct store_generation g = { .version = 0 };
	int rc = store_find(look->store, id, &g);

	*version = g.version;
	return rc == 0 && g.version < look->version ? -EINVAL : rc;
}

/* Every assignment, for the floor of all; for a group's: its own or, without one, that of all. */
static int
look_at(void *arg, const struct store_assignment *a)
{
	struct look *look = arg;
	struct store_assignment own;
	char text[SCOPE_TEXT];
	uint64_t version = 0;
	int older;

	if (look->group[0] != '\0' && a->scope == SCOPE_group && strcmp(a->target, look->group) != 0)
		return 0;
	if (look->group[0] != '\0' && a->scope == SCOPE_all) {
		look->rc = store_assignment_find(look->store, SCOPE_group, look->group, &own);
		if (look->rc == 0 && (own.percent == 100 || own.former))
			return 0;
		if (look->rc != 0 && look->rc != -ENOENT)
			return look->rc;
	}
	look->rc = older = is_older(look, a->id, &version);
	if (older == 0 && a->former)
		look->rc = older = is_older(look, a->former_id, &version);
	if (older == 0)
		look->rows++;
	if (older != -EINVAL)
		return look->rc;
	if (look->group[0] != '\0' && a->scope >= SCOPE_class) {	/* only if a node of the group has it */
		look->narrower = 1;
		look->rc = 0;
		return 0;
	}
	look->rc = refuse("the generation assigned to %s is version %" PRIu64 ": under that floor no node would boot it; assign a newer one first",
	    registry_scope_text(a->scope, a->target, text), version);
	return look->rc;
}

static int
look_at_node(void *arg, const struct store_node *node)
{
	struct look *look = arg;
	char hex[NODE_TEXT + 1];
	uint8_t id[ID_BYTES];
	uint64_t version = 0;
	int rc;

	if (node->state == NODE_revoked)
		return 0;
	rc = registry_assigned(look->store, node, id);
	if (rc == 0)
		rc = is_older(look, id, &version);
	look->rc = rc == -ENOENT ? 0 : rc;
	if (rc == -EINVAL)
		look->rc = refuse("node %s is assigned version %" PRIu64 ": under that floor it would not boot it; assign a newer one first",
		    hex_text(node->node, sizeof node->node, hex), version);
	return look->rc;
}

int
registry_floor_allowed(struct store *store, const char *group, uint64_t floor, uint64_t version, int force)
{
	struct look look = { .store = store, .group = group, .version = version };
	int rc;

	if (version < floor && !force)
		return refuse("the floor is %" PRIu64 " and never goes down: nodes keep in their TPM what they were told, so a lower one only "
		    "lets an older generation back in on nodes that were not told yet; --force does it and says so in the log", floor);
	if (version <= floor)
		return 0;
	rc = store_assignments(store, look_at, &look);
	if (rc == 0)
		rc = look.rc;
	if (rc == 0 && look.rows == 0)
		return refuse("no generation is assigned: a floor would stop every boot; assign one first");
	if (rc == 0 && look.narrower)
		rc = store_nodes(store, group, 0, look_at_node, &look);
	return rc != 0 ? rc : look.rc;
}
