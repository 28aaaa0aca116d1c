/*
 * The log in the store: appended to, read, nothing else.  On the organisation's side.
 * Distrusts the reader's own pace: nothing is held while it looks at an entry.
 */
#include <errno.h>
#include <time.h>

#include "store_sqlite.h"

int
store_log_node(struct store *store, const char *kind, const char *who, const uint8_t node[NODE_BYTES], const char *what)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "INSERT INTO log (time, kind, who, what, node) VALUES (?, ?, ?, ?, ?)", &stmt);

	if (rc == 0) {
		sql_bind_number(stmt, 1, (uint64_t)time(NULL));
		sql_bind_text(stmt, 2, kind);
		sql_bind_text(stmt, 3, who);
		sql_bind_text(stmt, 4, what);
		if (node != NULL)
			sql_bind_bytes(stmt, 5, node, NODE_BYTES);
	}
	return sql_run(store, stmt, rc);
}

int
store_log(struct store *store, const char *kind, const char *who, const char *what)
{
	return store_log_node(store, kind, who, NULL, what);
}

/* A copy of the entry in front of stmt is shown, the statement is at rest meanwhile. */
static int
show(struct store *store, sqlite3_stmt *stmt, uint64_t *number, int (*visit)(void *arg, const struct store_entry *entry), void *arg)
{
	sqlite3_value *text[3];
	struct store_entry entry = { .number = sql_number(stmt, 0), .time = sql_number(stmt, 1) };
	int rc = 0;

	for (int i = 0; i < 3; i++)
		text[i] = sqlite3_value_dup(sqlite3_column_value(stmt, 2 + i));
	(void)sqlite3_reset(stmt);
	entry.kind = (const char *)sqlite3_value_text(text[0]);
	entry.who = (const char *)sqlite3_value_text(text[1]);
	entry.what = (const char *)sqlite3_value_text(text[2]);
	*number = entry.number;
	if (entry.kind == NULL || entry.who == NULL || entry.what == NULL)
		rc = refuse_errno(ENOMEM, "%s", store->path);
	else if (visit(arg, &entry) != 0)
		rc = -ECANCELED;
	for (int i = 0; i < 3; i++)
		sqlite3_value_free(text[i]);
	return rc;
}

/* An entry a query: one query for all would be a snapshot, and hold the write-ahead log for as long as a pager is looked at. */
int
store_entries(struct store *store, const struct store_entries *which, int (*visit)(void *arg, const struct store_entry *entry), void *arg)
{
	sqlite3_stmt *stmt = NULL;
	uint64_t number = 0;
	int rc = sql_prepare(store, which->node != NULL ?
	    "SELECT number, time, kind, who, what FROM log WHERE number > ?1 AND time >= ?2 AND node = ?3 ORDER BY number LIMIT 1" :
	    "SELECT number, time, kind, who, what FROM log WHERE number > ?1 AND time >= ?2 ORDER BY number LIMIT 1", &stmt);

	if (rc == 0) {
		sql_bind_number(stmt, 2, which->since);
		if (which->node != NULL)
			sql_bind_bytes(stmt, 3, which->node, NODE_BYTES);
	}
	while (rc == 0) {
		sql_bind_number(stmt, 1, number);
		rc = sql_step(store, stmt);
		if (rc != 1)
			break;
		rc = show(store, stmt, &number, visit, arg);
	}
	(void)sqlite3_finalize(stmt);
	return rc == -ECANCELED ? 0 : rc;
}
