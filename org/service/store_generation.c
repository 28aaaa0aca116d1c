/*
 * Generations in the store.  On the organisation's side.
 * Believes the file, which is its owner's alone; a row that is not as the schema makes it is refused all the same.
 */
#include <errno.h>
#include <string.h>

#include "store_sqlite.h"

static int
read_parts(struct store *store, struct store_generation *generation)
{
	sqlite3_stmt *stmt = NULL;
	unsigned parts = 0;
	int rc = sql_prepare(store, "SELECT part, bytes, blake2b FROM part WHERE id = ?", &stmt);

	if (rc == 0)
		sql_bind_bytes(stmt, 1, generation->id, ID_BYTES);
	while (rc == 0 && (rc = sql_step(store, stmt)) == 1) {
		int part = sqlite3_column_int(stmt, 0);

		rc = part < 1 || part > PART_LAST ? -EIO : sql_bytes(stmt, 2, generation->part[part].blake2b, 32);
		if (rc != 0)
			break;
		generation->part[part].bytes = sql_number(stmt, 1);
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
	if (sql_bytes(stmt, 0, out->id, ID_BYTES) != 0)
		return sql_damaged(store, "a generation's id");
	out->version = sql_number(stmt, 1);
	out->issued = sql_number(stmt, 2);
	out->added = sql_number(stmt, 3);
	out->withdrawn = sql_number(stmt, 4);
	return read_parts(store, out);
}

int
store_find(struct store *store, const uint8_t id[ID_BYTES], struct store_generation *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, COLUMNS "WHERE id = ?", &stmt);

	if (rc == 0) {
		sql_bind_bytes(stmt, 1, id, ID_BYTES);
		rc = sql_step(store, stmt);
		rc = rc == 1 ? read_generation(store, stmt, out) : rc == 0 ? -ENOENT : rc;
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

/*
 * The one behind last in the order of the list, or the first.  Each is looked for anew: a visitor whose output nobody takes must not keep
 * the database from forgetting what was changed meanwhile (a reader's snapshot holds the whole write-ahead log).
 */
static int
next_generation(struct store *store, sqlite3_stmt *stmt, const struct store_generation *last, struct store_generation *out)
{
	int rc;

	(void)sqlite3_reset(stmt);
	sql_bind_number(stmt, 1, last != NULL ? last->version : UINT64_C(1) << 62);	/* a version is under 2^53 */
	sql_bind_number(stmt, 2, last != NULL ? last->added : 0);
	sql_bind_bytes(stmt, 3, last != NULL ? last->id : (const uint8_t *)"", last != NULL ? ID_BYTES : 0);
	rc = sql_step(store, stmt);
	if (rc == 1) {
		rc = read_generation(store, stmt, out);
		rc = rc == 0 ? 1 : rc;
	}
	(void)sqlite3_reset(stmt);
	return rc;
}

int
store_generations(struct store *store, int (*visit)(void *arg, const struct store_generation *generation), void *arg)
{
	struct store_generation last, generation;
	sqlite3_stmt *stmt = NULL;
	int some = 0, rc = sql_prepare(store, COLUMNS "WHERE version <= ?1 AND (version < ?1 OR added < ?2 OR (added = ?2 AND id > ?3)) "
	    "ORDER BY version DESC, added DESC, id LIMIT 1", &stmt);

	while (rc == 0 && (rc = next_generation(store, stmt, some ? &last : NULL, &generation)) == 1) {
		rc = 0;
		if (visit(arg, &generation) != 0)
			break;
		last = generation;
		some = 1;
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

static int
put_part(struct store *store, const struct store_generation *generation, unsigned part)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "INSERT INTO part (id, part, bytes, blake2b) VALUES (?, ?, ?, ?)", &stmt);

	if (rc == 0) {
		sql_bind_bytes(stmt, 1, generation->id, ID_BYTES);
		sql_bind_number(stmt, 2, part);
		sql_bind_number(stmt, 3, generation->part[part].bytes);
		sql_bind_bytes(stmt, 4, generation->part[part].blake2b, ID_BYTES);
	}
	return sql_run(store, stmt, rc);
}

int
store_put(struct store *store, const struct store_generation *generation)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "INSERT INTO generation (id, version, issued, added) VALUES (?, ?, ?, ?)", &stmt);

	if (rc == 0) {
		sql_bind_bytes(stmt, 1, generation->id, ID_BYTES);
		sql_bind_number(stmt, 2, generation->version);
		sql_bind_number(stmt, 3, generation->issued);
		sql_bind_number(stmt, 4, generation->added);
	}
	rc = sql_run(store, stmt, rc);
	for (unsigned part = 1; part <= PART_LAST && rc == 0; part++)
		rc = put_part(store, generation, part);
	return rc;
}

int
store_withdraw(struct store *store, const uint8_t id[ID_BYTES], uint64_t when)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "UPDATE generation SET withdrawn = ? WHERE id = ?", &stmt);

	if (rc == 0) {
		sql_bind_number(stmt, 1, when);
		sql_bind_bytes(stmt, 2, id, ID_BYTES);
	}
	return sql_run(store, stmt, rc);
}
