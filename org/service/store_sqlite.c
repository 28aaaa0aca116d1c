/*
 * The store in one SQLite file (WAL, every commit durable before it is answered).  On the organisation's side.
 * Distrusts the moment at which power fails or the process is killed; believes the file, which is its owner's alone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sqlite3.h>

#include "org.h"
#include "store.h"
#include "store_schema.h"

struct store {
	sqlite3 *db;
	char path[PATH_BYTES];
};

static int
failed(struct store *store)
{
	int code = sqlite3_errcode(store->db) & 0xff;

	(void)refuse("%s: %s", store->path, sqlite3_errmsg(store->db));
	return code == SQLITE_BUSY || code == SQLITE_LOCKED ? -EBUSY : -EIO;
}

static int
execute(struct store *store, const char *sql)
{
	return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(store);
}

static int
prepare(struct store *store, const char *sql, sqlite3_stmt **out)
{
	return sqlite3_prepare_v2(store->db, sql, -1, out, NULL) == SQLITE_OK ? 0 : failed(store);
}

/* Errors of bindings stay in the statement's state: a NULL where NOT NULL is asked for.  1: a row, 0: the end. */
static int
step(struct store *store, sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : failed(store);
}

static int
bind_number(sqlite3_stmt *stmt, int at, uint64_t number)
{
	return sqlite3_bind_int64(stmt, at, (sqlite3_int64)number);	/* all of ours are under 2^53 */
}

static int
bind_bytes(sqlite3_stmt *stmt, int at, const uint8_t *bytes)
{
	return sqlite3_bind_blob(stmt, at, bytes, 32, SQLITE_STATIC);
}

static uint64_t
column_number(sqlite3_stmt *stmt, int at)
{
	sqlite3_int64 number = sqlite3_column_int64(stmt, at);

	return number < 0 ? 0 : (uint64_t)number;
}

static int
column_bytes(sqlite3_stmt *stmt, int at, uint8_t out[32])
{
	const void *bytes = sqlite3_column_blob(stmt, at);

	if (bytes == NULL || sqlite3_column_bytes(stmt, at) != 32)
		return -EIO;
	memcpy(out, bytes, 32);
	return 0;
}

/* --- opening --------------------------------------------------------------------------------------------------------------------- */

static int
get_version(struct store *store, int *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = prepare(store, "PRAGMA user_version", &stmt);

	if (rc == 0)
		rc = step(store, stmt);
	if (rc == 1)
		*out = sqlite3_column_int(stmt, 0);
	(void)sqlite3_finalize(stmt);	/* repeats the step's error */
	return rc == 1 ? 0 : rc == 0 ? -EIO : rc;
}

/* One step and its number in one transaction; another process may have done it meanwhile. */
static int
migrate(struct store *store)
{
	char set[64];
	int version = 0, rc = get_version(store, &version);

	if (rc == 0 && version > store_steps_count)
		return refuse("%s: made by a newer sallyport-org (schema %d, this one knows %d)", store->path, version,
		    store_steps_count);
	while (rc == 0 && version < store_steps_count) {
		rc = store_begin(store);
		if (rc == 0)
			rc = get_version(store, &version);
		if (rc == 0 && version < store_steps_count) {
			(void)snprintf(set, sizeof set, "PRAGMA user_version = %d", version + 1);
			rc = execute(store, store_steps[version]);
			if (rc == 0)
				rc = execute(store, set);
		}
		if (rc == 0)
			rc = store_commit(store);
		if (rc != 0)
			store_abort(store);
		version++;
	}
	return rc;
}

static int
open_database(const char *path, unsigned patience_ms, struct store **out)
{
	struct store *store = calloc(1, sizeof *store);
	int rc;

	if (store == NULL || strlen(path) >= sizeof store->path) {
		free(store);
		return refuse("%s: the path is too long", path);
	}
	memcpy(store->path, path, strlen(path) + 1);
	if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {	/* never makes one */
		rc = store->db != NULL ? failed(store) : refuse_errno(ENOMEM, "%s", path);
		store_close(store);
		return rc;
	}
	(void)sqlite3_busy_timeout(store->db, (int)patience_ms);
	rc = execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;");
	if (rc == 0)
		rc = migrate(store);
	if (rc != 0)
		store_close(store);
	else
		*out = store;
	return rc;
}

int
store_create(const char *path)
{
	struct store *store;
	int rc = open_database(path, 0, &store);

	if (rc == 0)
		store_close(store);
	return rc;
}

int
store_open(const char *path, unsigned patience_ms, struct store **out)
{
	return open_database(path, patience_ms, out);
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	(void)sqlite3_close(store->db);	/* all statements are finalized; what was committed is durable */
	free(store);
}

/* --- transactions ---------------------------------------------------------------------------------------------------------------- */

int
store_begin(struct store *store)
{
	return execute(store, "BEGIN IMMEDIATE");
}

int
store_commit(struct store *store)
{
	return execute(store, "COMMIT");
}

void
store_abort(struct store *store)
{
	if (sqlite3_get_autocommit(store->db) == 0)
		(void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);	/* the first error was told */
}

/* --- generations ----------------------------------------------------------------------------------------------------------------- */

static int
read_parts(struct store *store, struct store_generation *generation)
{
	sqlite3_stmt *stmt = NULL;
	unsigned parts = 0;
	int rc = prepare(store, "SELECT part, bytes, blake2b FROM part WHERE id = ?", &stmt);

	if (rc == 0)
		(void)bind_bytes(stmt, 1, generation->id);
	while (rc == 0 && (rc = step(store, stmt)) == 1) {
		int part = sqlite3_column_int(stmt, 0);

		rc = part < 1 || part > PART_LAST ? -EIO : column_bytes(stmt, 2, generation->part[part].blake2b);
		if (rc != 0)
			break;
		generation->part[part].bytes = column_number(stmt, 1);
		parts++;
	}
	(void)sqlite3_finalize(stmt);
	if (rc == 0 && parts != PART_LAST)
		rc = refuse("%s: a generation has %u parts", store->path, parts);
	return rc;
}

#define COLUMNS "SELECT id, version, issued, added, withdrawn FROM generation "

static int
read_generation(struct store *store, sqlite3_stmt *stmt, struct store_generation *out)
{
	memset(out, 0, sizeof *out);
	if (column_bytes(stmt, 0, out->id) != 0)
		return refuse("%s: a generation's id is damaged", store->path);
	out->version = column_number(stmt, 1);
	out->issued = column_number(stmt, 2);
	out->added = column_number(stmt, 3);
	out->withdrawn = column_number(stmt, 4);
	return read_parts(store, out);
}

int
store_find(struct store *store, const uint8_t id[ID_BYTES], struct store_generation *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = prepare(store, COLUMNS "WHERE id = ?", &stmt);

	if (rc == 0) {
		(void)bind_bytes(stmt, 1, id);
		rc = step(store, stmt);
		rc = rc == 1 ? read_generation(store, stmt, out) : rc == 0 ? -ENOENT : rc;
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

int
store_generations(struct store *store, int (*visit)(void *arg, const struct store_generation *generation), void *arg)
{
	struct store_generation generation;
	sqlite3_stmt *stmt = NULL;
	int rc = prepare(store, COLUMNS "ORDER BY version DESC, added DESC, id", &stmt);

	while (rc == 0 && (rc = step(store, stmt)) == 1) {
		rc = read_generation(store, stmt, &generation);
		if (rc == 0 && visit(arg, &generation) != 0)
			break;
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

static int
put_part(struct store *store, const struct store_generation *generation, unsigned part)
{
	sqlite3_stmt *stmt = NULL;
	int rc = prepare(store, "INSERT INTO part (id, part, bytes, blake2b) VALUES (?, ?, ?, ?)", &stmt);

	if (rc == 0) {
		(void)bind_bytes(stmt, 1, generation->id);
		(void)bind_number(stmt, 2, part);
		(void)bind_number(stmt, 3, generation->part[part].bytes);
		(void)bind_bytes(stmt, 4, generation->part[part].blake2b);
		rc = step(store, stmt);
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

int
store_put(struct store *store, const struct store_generation *generation)
{
	sqlite3_stmt *stmt = NULL;
	int rc = prepare(store, "INSERT INTO generation (id, version, issued, added) VALUES (?, ?, ?, ?)", &stmt);

	if (rc == 0) {
		(void)bind_bytes(stmt, 1, generation->id);
		(void)bind_number(stmt, 2, generation->version);
		(void)bind_number(stmt, 3, generation->issued);
		(void)bind_number(stmt, 4, generation->added);
		rc = step(store, stmt);
	}
	(void)sqlite3_finalize(stmt);
	for (unsigned part = 1; part <= PART_LAST && rc == 0; part++)
		rc = put_part(store, generation, part);
	return rc;
}

int
store_withdraw(struct store *store, const uint8_t id[ID_BYTES], uint64_t when)
{
	sqlite3_stmt *stmt = NULL;
	int rc = prepare(store, "UPDATE generation SET withdrawn = ? WHERE id = ?", &stmt);

	if (rc == 0) {
		(void)bind_number(stmt, 1, when);
		(void)bind_bytes(stmt, 2, id);
		rc = step(store, stmt);
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

/* --- state, log ------------------------------------------------------------------------------------------------------------------ */

int
store_get_state(struct store *store, struct store_state *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = prepare(store, "SELECT floor, assigned FROM state WHERE one = 1", &stmt);

	if (rc == 0 && (rc = step(store, stmt)) == 1) {
		memset(out, 0, sizeof *out);
		out->floor = column_number(stmt, 0);
		out->assigned = column_bytes(stmt, 1, out->assigned_id) == 0;
		rc = 0;
	} else if (rc == 0)
		rc = refuse("%s: its state is missing", store->path);
	(void)sqlite3_finalize(stmt);
	return rc;
}

int
store_set_state(struct store *store, const struct store_state *state)
{
	sqlite3_stmt *stmt = NULL;
	int rc = prepare(store, "UPDATE state SET floor = ?, assigned = ? WHERE one = 1", &stmt);

	if (rc == 0) {
		(void)bind_number(stmt, 1, state->floor);
		if (state->assigned)
			(void)bind_bytes(stmt, 2, state->assigned_id);	/* else it is NULL */
		rc = step(store, stmt);
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

int
store_log(struct store *store, const char *kind, const char *who, const char *what)
{
	sqlite3_stmt *stmt = NULL;
	int rc = prepare(store, "INSERT INTO log (time, kind, who, what) VALUES (?, ?, ?, ?)", &stmt);

	if (rc == 0) {
		(void)bind_number(stmt, 1, (uint64_t)time(NULL));
		(void)sqlite3_bind_text(stmt, 2, kind, -1, SQLITE_STATIC);
		(void)sqlite3_bind_text(stmt, 3, who, -1, SQLITE_STATIC);
		(void)sqlite3_bind_text(stmt, 4, what, -1, SQLITE_STATIC);
		rc = step(store, stmt);
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

int
store_entries(struct store *store, int (*visit)(void *arg, const struct store_entry *entry), void *arg)
{
	sqlite3_stmt *stmt = NULL;
	int rc = prepare(store, "SELECT number, time, kind, who, what FROM log ORDER BY number", &stmt);

	while (rc == 0 && (rc = step(store, stmt)) == 1) {
		const struct store_entry entry = { column_number(stmt, 0), column_number(stmt, 1), (const char *)sqlite3_column_text(stmt, 2),
			(const char *)sqlite3_column_text(stmt, 3), (const char *)sqlite3_column_text(stmt, 4) };

		rc = visit(arg, &entry) != 0 ? -ECANCELED : 0;
	}
	(void)sqlite3_finalize(stmt);
	return rc == -ECANCELED ? 0 : rc;
}
