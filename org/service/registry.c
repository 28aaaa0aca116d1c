/*
 * What the organisation gives out, and what may follow on what: generations, floor, assignment.  On the organisation's side.
 * Distrusts a second command at the same time: every rule is judged inside of the transaction that it permits.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "service.h"

enum { WHAT_TEXT = 192 };

/* Ends what store_begin() began: with an entry in the log, or not at all. */
static int
finish(struct store *store, int rc, const char *kind, const char *what)
{
	char who[WHO_TEXT];

	service_who(who);
	if (rc == 0)
		rc = store_log(store, kind, who, what);
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

int
registry_add(struct store *store, const struct store_generation *generation)
{
	char what[WHAT_TEXT];
	struct store_state state;
	int rc = store_begin(store);

	if (rc != 0)
		return rc;
	rc = store_get_state(store, &state);
	if (rc == 0 && generation->version < state.floor)
		rc = refuse("version %" PRIu64 " is under the floor %" PRIu64, generation->version, state.floor);
	if (rc == 0)
		rc = store_put(store, generation);
	return finish(store, rc, "add", describe(generation, what));
}

int
registry_assign(struct store *store, const uint8_t id[ID_BYTES])
{
	char what[WHAT_TEXT] = "";
	struct store_generation g;
	struct store_state state;
	int rc = store_begin(store);

	if (rc != 0)
		return rc;
	rc = find(store, id, &g);
	if (rc == 0)
		rc = store_get_state(store, &state);
	if (rc == 0 && g.version < state.floor)
		rc = refuse("version %" PRIu64 " is under the floor %" PRIu64 ": no node would boot it", g.version, state.floor);
	if (rc == 0) {
		(void)describe(&g, what);
		state.assigned = 1;
		memcpy(state.assigned_id, id, ID_BYTES);
		rc = store_set_state(store, &state);
	}
	return finish(store, rc, "assign", what);
}

/* May the floor become version?  What is assigned must stay bootable; with nothing assigned the floor has nothing to stand on. */
static int
floor_allowed(struct store *store, const struct store_state *state, uint64_t version, int force)
{
	struct store_generation g;
	int rc;

	if (version < state->floor && !force)
		return refuse("the floor is %" PRIu64 " and never goes down: nodes keep in their TPM what they were told, so a lower one only "
		    "lets an older generation back in on nodes that were not told yet; --force does it and says so in the log", state->floor);
	if (version <= state->floor)
		return 0;
	if (!state->assigned)
		return refuse("no generation is assigned: a floor would stop every boot; assign one first");
	rc = store_find(store, state->assigned_id, &g);
	if (rc == 0 && g.version < version)
		return refuse("the assigned generation is version %" PRIu64 ": under that floor no node would boot it; assign a newer one first",
		    g.version);
	return rc;
}

int
registry_floor(struct store *store, uint64_t version, int force)
{
	char what[WHAT_TEXT] = "";
	struct store_state state;
	int rc = store_begin(store);

	if (rc != 0)
		return rc;
	rc = store_get_state(store, &state);
	if (rc == 0)
		rc = floor_allowed(store, &state, version, force);
	if (rc == 0) {
		(void)snprintf(what, sizeof what, "%" PRIu64 " -> %" PRIu64 "%s", state.floor, version,
		    version < state.floor ? ", down, forced" : "");
		state.floor = version;
		rc = store_set_state(store, &state);
	}
	return finish(store, rc, "floor", what);
}

int
registry_withdraw(struct store *store, const uint8_t id[ID_BYTES])
{
	char what[WHAT_TEXT] = "";
	struct store_generation g;
	struct store_state state;
	int rc = store_begin(store);

	if (rc != 0)
		return rc;
	rc = find(store, id, &g);
	if (rc == 0)
		rc = store_get_state(store, &state);
	if (rc == 0)
		rc = store_withdraw(store, id, (uint64_t)time(NULL));
	if (rc == 0) {
		(void)describe(&g, what);
		if (state.assigned && memcmp(state.assigned_id, id, ID_BYTES) == 0) {
			warn_operator("it was assigned; now no generation is");
			(void)strcat(what, ", was assigned");	/* fits */
			state.assigned = 0;
			rc = store_set_state(store, &state);
		}
	}
	return finish(store, rc, "withdraw", what);
}
