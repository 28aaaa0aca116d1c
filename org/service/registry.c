/*
 * What the organisation gives out, and what may follow on what: generations, floors, assignments.  On the organisation's side.
 * Distrusts a second command at the same time: every rule is judged inside of the transaction that it permits.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "service.h"

enum { WHAT_TEXT = 320 };

int
registry_finish(struct store *store, int rc, const char *kind, const uint8_t *node, const char *what)
{
	char who[WHO_TEXT];

	service_who(who);
	if (rc == 0)
		rc = store_log_node(store, kind, who, node, what);
	if (rc == 0)
		rc = store_commit(store);
	if (rc != 0)
		store_abort(store);
	return rc;
}

static int
find(struct store *store, const uint8_t id[ID_BYTES], struct store_generation *out)
{
	char hex[ID_TEXT + 1], when[40];
	int rc = store_find(store, id, out);

	if (rc == -ENOENT)
		return refuse("there is no generation %s", hex_text(id, ID_BYTES, hex));
	if (rc == 0 && out->withdrawn != 0)
		return refuse("generation %s was withdrawn %s; what was withdrawn does not come back: sign it anew",
		    hex_text(id, ID_BYTES, hex), time_text(out->withdrawn, when, sizeof when));
	return rc;
}

static const char *
describe(const struct store_generation *g, char what[WHAT_TEXT])
{
	char hex[ID_TEXT + 1];

	(void)snprintf(what, WHAT_TEXT, "%s v%" PRIu64, hex_text(g->id, sizeof g->id, hex), g->version);	/* fits */
	return what;
}

const char *
registry_scope_text(enum scope scope, const char *target, char out[SCOPE_TEXT])
{
	static const char *const names[SCOPE_LAST + 1] = { [SCOPE_all] = "all", [SCOPE_group] = "group ", [SCOPE_class] = "class ",
		[SCOPE_node] = "node " };

	(void)snprintf(out, SCOPE_TEXT, "%s%s", names[scope], target);	/* fits */
	return out;
}

int
registry_add(struct store *store, const struct store_generation *generation)
{
	char what[WHAT_TEXT];
	uint64_t floor;
	int rc = store_begin(store);

	if (rc != 0)
		return rc;
	rc = store_floor(store, "", &floor);
	if (rc == 0 && generation->version < floor)
		rc = refuse("version %" PRIu64 " is under the floor %" PRIu64, generation->version, floor);
	if (rc == 0)
		rc = store_put(store, generation);
	return registry_finish(store, rc, "add", NULL, describe(generation, what));
}

/* --- assignments ----------------------------------------------------------------------------------------------------------------- */

struct under {
	struct store *store;
	uint64_t version;
	int rc;
};

/* A group whose floor is over what is assigned to all, and which has nothing of its own, would boot nothing. */
static int
group_is_over(void *arg, const char *group, uint64_t version)
{
	struct under *u = arg;
	struct store_assignment own;

	if (group[0] == '\0' || version <= u->version)
		return 0;
	u->rc = store_assignment_find(u->store, SCOPE_group, group, &own);
	if (u->rc == -ENOENT)
		u->rc = refuse("the floor of group %s is %" PRIu64 ": no node of it would boot version %" PRIu64 "; assign another one to it first",
		    group, version, u->version);
	return u->rc;
}

/* May nodes of this scope be told to boot this version? */
static int
over_floors(struct store *store, const struct registry_scope *to, uint64_t version)
{
	struct under u = { store, version, 0 };
	uint64_t floor;
	int rc = store_floor(store, "", &floor);

	if (rc == 0 && version < floor)
		return refuse("version %" PRIu64 " is under the floor %" PRIu64 ": no node would boot it", version, floor);
	if (rc == 0 && to->scope == SCOPE_group)
		rc = store_floor(store, to->target, &floor);
	if (rc == 0 && version < floor)
		return refuse("version %" PRIu64 " is under the floor %" PRIu64 " of group %s: no node of it would boot it", version, floor, to->target);
	if (rc == 0 && to->scope == SCOPE_all)
		rc = store_floors(store, group_is_over, &u);
	return rc != 0 ? rc : u.rc;
}

/* What a scope has once id is assigned to percent of it. */
static void
follow_on(const struct store_assignment *old, const uint8_t id[ID_BYTES], unsigned percent, struct store_assignment *next)
{
	memset(next, 0, sizeof *next);
	memcpy(next->id, id, ID_BYTES);
	next->percent = percent;
	if (old == NULL || percent == 100)
		return;
	/* the others keep what they have: a second canary takes the place of the first one, not of what was there before both */
	if (old->percent == 100 && memcmp(old->id, id, ID_BYTES) != 0) {
		next->former = 1;
		memcpy(next->former_id, old->id, ID_BYTES);
	} else if (old->percent < 100) {
		next->former = old->former;
		memcpy(next->former_id, old->former_id, ID_BYTES);
	}
}

int
registry_assign(struct store *store, const uint8_t id[ID_BYTES], const struct registry_scope *to, unsigned percent)
{
	char what[WHAT_TEXT] = "", text[SCOPE_TEXT];
	struct store_assignment old, next;
	struct store_generation g;
	int there = 0, rc = store_begin(store);

	if (rc != 0)
		return rc;
	rc = find(store, id, &g);
	if (rc == 0)
		rc = over_floors(store, to, g.version);
	if (rc == 0) {
		rc = store_assignment_find(store, to->scope, to->target, &old);
		there = rc == 0;
		rc = rc == -ENOENT ? 0 : rc;
	}
	if (rc == 0 && there && percent < 100 && old.percent == 100 && memcmp(old.id, id, ID_BYTES) == 0)
		rc = refuse("all of it have this one already: what should the others have? assign that one first");
	if (rc == 0) {
		follow_on(there ? &old : NULL, id, percent, &next);
		next.scope = to->scope;
		(void)snprintf(next.target, sizeof next.target, "%s", to->target);	/* fits: whoever made the scope has looked */
		rc = store_assignment_put(store, &next);
		(void)describe(&g, what);
		(void)snprintf(what + strlen(what), sizeof what - strlen(what), " to %u%% of %s", percent,
		    registry_scope_text(to->scope, to->target, text));	/* fits */
	}
	return registry_finish(store, rc, "assign", NULL, what);
}

int
registry_unassign(struct store *store, const struct registry_scope *from)
{
	char what[WHAT_TEXT] = "", text[SCOPE_TEXT], hex[ID_TEXT + 1];
	struct store_assignment old;
	int rc = store_begin(store);

	if (rc != 0)
		return rc;
	rc = store_assignment_find(store, from->scope, from->target, &old);
	if (rc == -ENOENT)
		rc = refuse("nothing is assigned to %s", registry_scope_text(from->scope, from->target, text));
	if (rc == 0)
		rc = store_assignment_drop(store, from->scope, from->target);
	if (rc == 0)
		(void)snprintf(what, sizeof what, "%s from %s", hex_text(old.id, ID_BYTES, hex),
		    registry_scope_text(from->scope, from->target, text));	/* fits */
	return registry_finish(store, rc, "unassign", NULL, what);
}

/* --- floors: registry_floor.c judges ------------------------------------------------------------------------------------------------- */

int
registry_floor(struct store *store, const char *group, uint64_t version, int force)
{
	char what[WHAT_TEXT] = "";
	uint64_t floor;
	int rc = store_begin(store);

	if (rc != 0)
		return rc;
	rc = store_floor(store, group, &floor);
	if (rc == 0)
		rc = registry_floor_allowed(store, group, floor, version, force);
	if (rc == 0) {
		(void)snprintf(what, sizeof what, "%" PRIu64 " -> %" PRIu64 "%s%s%s", floor, version, group[0] != '\0' ? " of group " : "", group,
		    version < floor ? ", down, forced" : "");	/* fits */
		rc = store_set_floor(store, group, version);
	}
	return registry_finish(store, rc, "floor", NULL, what);
}

/* --- withdrawing ----------------------------------------------------------------------------------------------------------------- */

struct withdrawal {
	struct store *store;
	const uint8_t *id;
	unsigned count;
	int rc;
};

/* What named it names it no more: the canary goes back to what was before, the others to what a wider scope says. */
static int
take_away(void *arg, const struct store_assignment *a)
{
	struct withdrawal *w = arg;
	struct store_assignment next = *a;
	char text[SCOPE_TEXT];

	if (memcmp(a->id, w->id, ID_BYTES) == 0) {
		memcpy(next.id, a->former_id, ID_BYTES);
		next.percent = 100;
		next.former = 0;
		w->rc = a->former ? store_assignment_put(w->store, &next) : store_assignment_drop(w->store, a->scope, a->target);
		warn_operator("it was assigned to %s; now %s", registry_scope_text(a->scope, a->target, text), a->former ?
		    "the former one is, to all of it" : a->scope == SCOPE_all ? "no generation is" : "what a wider scope says is");
	} else if (a->former && memcmp(a->former_id, w->id, ID_BYTES) == 0) {
		next.former = 0;
		w->rc = store_assignment_put(w->store, &next);
		warn_operator("%u%% of %s had it; now %s", 100 - a->percent, registry_scope_text(a->scope, a->target, text),
		    a->scope == SCOPE_all ? "no generation is assigned to them" : "what a wider scope says is");
	} else
		return 0;
	w->count++;
	return w->rc;
}

int
registry_withdraw(struct store *store, const uint8_t id[ID_BYTES])
{
	struct withdrawal w = { store, id, 0, 0 };
	char what[WHAT_TEXT] = "";
	struct store_generation g;
	int rc = store_begin(store);

	if (rc != 0)
		return rc;
	rc = find(store, id, &g);
	if (rc == 0)
		rc = store_withdraw(store, id, (uint64_t)time(NULL));
	if (rc == 0)
		rc = store_assignments(store, take_away, &w);
	if (rc == 0)
		rc = w.rc;
	if (rc == 0) {
		(void)describe(&g, what);
		if (w.count > 0)
			(void)strcat(what, ", was assigned");	/* fits */
	}
	return registry_finish(store, rc, "withdraw", NULL, what);
}
