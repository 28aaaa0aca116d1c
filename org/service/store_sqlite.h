#ifndef ORG_SERVICE_STORE_SQLITE_H
#define ORG_SERVICE_STORE_SQLITE_H
/* What the store_*.c files share; nobody else includes it. */
#include <sqlite3.h>

#include "org.h"
#include "store.h"

struct store {
	sqlite3 *db;
	char path[PATH_BYTES];
};

int sql_execute(struct store *store, const char *sql);
int sql_prepare(struct store *store, const char *sql, sqlite3_stmt **out);
int sql_step(struct store *store, sqlite3_stmt *stmt);		/* 1: a row, 0: the end, or a negative errno */
int sql_damaged(struct store *store, const char *what);		/* says that it is; -EIO */

/* Of a statement that was prepared with rc (0 or not) and has no rows: runs it unless rc says otherwise, and ends it. */
int sql_run(struct store *store, sqlite3_stmt *stmt, int rc);

/* Bytes and texts must last until the statement is done.  What cannot be bound stays NULL, which a NOT NULL column refuses. */
void sql_bind_number(sqlite3_stmt *stmt, int at, uint64_t number);
void sql_bind_bytes(sqlite3_stmt *stmt, int at, const void *bytes, size_t n);
void sql_bind_blob(sqlite3_stmt *stmt, int at, const struct store_blob *blob);
void sql_bind_text(sqlite3_stmt *stmt, int at, const char *text);

/* A column that does not fit gives -EIO, NULL as well but for sql_text(): that makes it "". */
uint64_t sql_number(sqlite3_stmt *stmt, int at);
int sql_bytes(sqlite3_stmt *stmt, int at, void *out, size_t n);
int sql_blob(sqlite3_stmt *stmt, int at, struct store_blob *out);
int sql_text(sqlite3_stmt *stmt, int at, char *out, size_t cap_bytes);
int sql_is_null(sqlite3_stmt *stmt, int at);
#endif
