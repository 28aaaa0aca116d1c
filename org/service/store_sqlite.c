/*
 * The store in one SQLite file (WAL, every commit durable before it is answered): opening, migrating, transactions, and what the other
 * store_*.c files need.  On the organisation's side.
 * Distrusts the moment at which power fails or the process is killed; believes the file, which is its owner's alone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_schema.h"
#include "store_sqlite.h"

static int
failed(struct store *store)
{
	int code = sqlite3_errcode(store->db) & 0xff;

	(void)refuse("%s: %s", store->path, sqlite3_errmsg(store->db));
	return code == SQLITE_BUSY || code == SQLITE_LOCKED ? -EBUSY : -EIO;
}

int
sql_damaged(struct store *store, const char *what)
{
	(void)refuse("%s: %s is damaged", store->path, what);
	return -EIO;
}

int
sql_execute(struct store *store, const char *sql)
{
	return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(store);
}

int
sql_prepare(struct store *store, const char *sql, sqlite3_stmt **out)
{
	return sqlite3_prepare_v2(store->db, sql, -1, out, NULL) == SQLITE_OK ? 0 : failed(store);
}

/* Errors of bindings stay in the statement's state: a NULL where NOT NULL is asked for. */
int
sql_step(struct store *store, sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : failed(store);
}

int
sql_run(struct store *store, sqlite3_stmt *stmt, int rc)
{
	if (rc == 0)
		rc = sql_step(store, stmt);
	(void)sqlite3_finalize(stmt);	/* repeats the step's error */
	return rc;
}

void
sql_bind_number(sqlite3_stmt *stmt, int at, uint64_t number)
{
	(void)sqlite3_bind_int64(stmt, at, (sqlite3_int64)number);	/* all of ours are under 2^53 */
}

void
sql_bind_bytes(sqlite3_stmt *stmt, int at, const void *bytes, size_t n)
{
	(void)sqlite3_bind_blob(stmt, at, bytes, (int)n, SQLITE_STATIC);
}

void
sql_bind_blob(sqlite3_stmt *stmt, int at, const struct store_blob *blob)
{
	sql_bind_bytes(stmt, at, blob->at, blob->bytes);
}

void
sql_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	(void)sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

uint64_t
sql_number(sqlite3_stmt *stmt, int at)
{
	sqlite3_int64 number = sqlite3_column_int64(stmt, at);

	return number < 0 ? 0 : (uint64_t)number;
}

int
sql_bytes(sqlite3_stmt *stmt, int at, void *out, size_t n)
{
	const void *bytes = sqlite3_column_blob(stmt, at);

	if (bytes == NULL || sqlite3_column_bytes(stmt, at) != (int)n)
		return -EIO;
	memcpy(out, bytes, n);
	return 0;
}

int
sql_blob(sqlite3_stmt *stmt, int at, struct store_blob *out)
{
	const void *bytes = sqlite3_column_blob(stmt, at);	/* NULL for an empty one, too */
	int n = sqlite3_column_bytes(stmt, at);

	if (sqlite3_column_type(stmt, at) != SQLITE_BLOB || n < 0 || (size_t)n > sizeof out->at || (bytes == NULL && n != 0))
		return -EIO;
	if (n > 0)
		memcpy(out->at, bytes, (size_t)n);
	out->bytes = (uint32_t)n;
	return 0;
}

int
sql_text(sqlite3_stmt *stmt, int at, char *out, size_t cap_bytes)
{
	const unsigned char *text = sqlite3_column_text(stmt, at);
	int n = sqlite3_column_bytes(stmt, at);

	if (n < 0 || (size_t)n >= cap_bytes || (text == NULL && n != 0))
		return -EIO;
	if (n > 0)
		memcpy(out, text, (size_t)n);
	out[n] = '\0';
	return 0;
}

int
sql_is_null(sqlite3_stmt *stmt, int at)
{
	return sqlite3_column_type(stmt, at) == SQLITE_NULL;
}

/* --- opening --------------------------------------------------------------------------------------------------------------------- */

static int
get_version(struct store *store, int *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "PRAGMA user_version", &stmt);

	if (rc == 0)
		rc = sql_step(store, stmt);
	if (rc == 1)
		*out = sqlite3_column_int(stmt, 0);
	(void)sqlite3_finalize(stmt);	/* repeats the step's error */
	return rc == 1 ? 0 : rc == 0 ? -EIO : rc;
}

static int
do_step(struct store *store, int number)
{
	char set[64];
	int rc = 0;

	for (const char *const *sql = store_steps[number - 1]; *sql != NULL && rc == 0; sql++)
		rc = sql_execute(store, *sql);
	(void)snprintf(set, sizeof set, "PRAGMA user_version = %d", number);	/* fits */
	return rc != 0 ? rc : sql_execute(store, set);
}

/* One step and its number in one transaction; another process may have done it meanwhile. */
static int
migrate(struct store *store)
{
	int version = 0, rc = get_version(store, &version);

	if (rc == 0 && version > store_steps_count)
		return refuse("%s: made by a newer sallyport-org (schema %d, this one knows %d)", store->path, version,
		    store_steps_count);
	while (rc == 0 && version < store_steps_count) {
		rc = store_begin(store);
		if (rc == 0)
			rc = get_version(store, &version);
		if (rc == 0 && version < store_steps_count)
			rc = do_step(store, version + 1);
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
	rc = sql_execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; "
	    "PRAGMA secure_delete = ON;");	/* a share that is forgotten is not to be found in a free page */
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
	return sql_execute(store, "BEGIN IMMEDIATE");
}

int
store_commit(struct store *store)
{
	return sql_execute(store, "COMMIT");
}

void
store_abort(struct store *store)
{
	if (sqlite3_get_autocommit(store->db) == 0)
		(void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);	/* the first error was told */
}

/* secure_delete wipes pages; the write-ahead log still has them as they were. */
int
store_tidy(struct store *store)
{
	return sql_execute(store, "PRAGMA wal_checkpoint(TRUNCATE)");
}
