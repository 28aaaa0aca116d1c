/*
 * Assignments and floors in the store.  On the organisation's side.
 * Believes the file, which is its owner's alone; a row that is not as the schema makes it is refused all the same.
 */
#include <errno.h>
#include <string.h>

#include "store_sqlite.h"

#define COLUMNS "SELECT scope, target, id, percent, former FROM assignment "

static int
read_assignment(struct store *store, sqlite3_stmt *stmt, struct store_assignment *out)
{
	uint64_t scope = sql_number(stmt, 0), percent = sql_number(stmt, 3);

	memset(out, 0, sizeof *out);
	if (scope > SCOPE_LAST || percent < 1 || percent > 100 || sql_text(stmt, 1, out->target, sizeof out->target) != 0 ||
	    sql_bytes(stmt, 2, out->id, ID_BYTES) != 0)
		return sql_damaged(store, "an assignment");
	out->scope = (enum scope)scope;
	out->percent = (unsigned)percent;
	out->former = !sql_is_null(stmt, 4);
	if (out->former && sql_bytes(stmt, 4, out->former_id, ID_BYTES) != 0)
		return sql_damaged(store, "an assignment");
	return 0;
}

int
store_assignment_find(struct store *store, enum scope scope, const char *target, struct store_assignment *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, COLUMNS "WHERE scope = ? AND target = ?", &stmt);

	if (rc == 0) {
		sql_bind_number(stmt, 1, scope);
		sql_bind_text(stmt, 2, target);
		rc = sql_step(store, stmt);
		rc = rc == 1 ? read_assignment(store, stmt, out) : rc == 0 ? -ENOENT : rc;
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

int
store_assignment_put(struct store *store, const struct store_assignment *assignment)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "INSERT INTO assignment (scope, target, id, percent, former) VALUES (?, ?, ?, ?, ?) "
	    "ON CONFLICT (scope, target) DO UPDATE SET id = excluded.id, percent = excluded.percent, former = excluded.former", &stmt);

	if (rc == 0) {
		sql_bind_number(stmt, 1, assignment->scope);
		sql_bind_text(stmt, 2, assignment->target);
		sql_bind_bytes(stmt, 3, assignment->id, ID_BYTES);
		sql_bind_number(stmt, 4, assignment->percent);
		if (assignment->former)
			sql_bind_bytes(stmt, 5, assignment->former_id, ID_BYTES);
	}
	return sql_run(store, stmt, rc);
}

int
store_assignment_drop(struct store *store, enum scope scope, const char *target)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "DELETE FROM assignment WHERE scope = ? AND target = ?", &stmt);

	if (rc == 0) {
		sql_bind_number(stmt, 1, scope);
		sql_bind_text(stmt, 2, target);
	}
	return sql_run(store, stmt, rc);
}

int
store_assignments(struct store *store, int (*visit)(void *arg, const struct store_assignment *assignment), void *arg)
{
	struct store_assignment row = { .scope = SCOPE_all };
	sqlite3_stmt *stmt = NULL;
	int first = 1, rc = sql_prepare(store, COLUMNS "WHERE scope >= ?1 AND (scope > ?1 OR target > ?2 OR ?3) ORDER BY scope, target LIMIT 1", &stmt);

	while (rc == 0) {
		(void)sqlite3_reset(stmt);
		sql_bind_number(stmt, 1, row.scope);
		sql_bind_text(stmt, 2, row.target);
		sql_bind_number(stmt, 3, first ? 1 : 0);
		rc = sql_step(store, stmt);
		if (rc != 1)
			break;
		rc = read_assignment(store, stmt, &row);
		(void)sqlite3_reset(stmt);	/* the visitor takes its time, and may change what it sees */
		first = 0;
		if (rc == 0 && visit(arg, &row) != 0)
			break;
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

int
store_floor(struct store *store, const char *group, uint64_t *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "SELECT version FROM floor WHERE grp = ?", &stmt);

	if (rc == 0) {
		sql_bind_text(stmt, 1, group);
		rc = sql_step(store, stmt);
	}
	if (rc >= 0) {
		*out = rc == 1 ? sql_number(stmt, 0) : 0;
		rc = rc == 1 || group[0] != '\0' ? 0 : sql_damaged(store, "the floor");	/* that of all is always there */
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

int
store_set_floor(struct store *store, const char *group, uint64_t version)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "INSERT INTO floor (grp, version) VALUES (?, ?) ON CONFLICT (grp) DO UPDATE SET version = excluded.version", &stmt);

	if (rc == 0) {
		sql_bind_text(stmt, 1, group);
		sql_bind_number(stmt, 2, version);
	}
	return sql_run(store, stmt, rc);
}

int
store_floors(struct store *store, int (*visit)(void *arg, const char *group, uint64_t version), void *arg)
{
	char group[GROUP_MAX_BYTES + 1] = "";
	sqlite3_stmt *stmt = NULL;
	uint64_t version;
	int first = 1, rc = sql_prepare(store, "SELECT grp, version FROM floor WHERE grp >= ?1 AND (grp > ?1 OR ?2) ORDER BY grp LIMIT 1", &stmt);

	while (rc == 0) {
		(void)sqlite3_reset(stmt);
		sql_bind_text(stmt, 1, group);
		sql_bind_number(stmt, 2, first ? 1 : 0);
		rc = sql_step(store, stmt);
		if (rc != 1)
			break;
		version = sql_number(stmt, 1);
		rc = sql_text(stmt, 0, group, sizeof group) == 0 ? 0 : sql_damaged(store, "a floor");
		(void)sqlite3_reset(stmt);
		first = 0;
		if (rc == 0 && visit(arg, group, version) != 0)
			break;
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}
