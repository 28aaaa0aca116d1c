/*
 * Invites, enrolments under way and used challenges in the store.  On the organisation's side.
 * Distrusts how many there may be of what others make: each is bounded.
 */
#include <errno.h>
#include <string.h>

#include "store_sqlite.h"

/* --- invites --------------------------------------------------------------------------------------------------------------------- */

#define INVITE "SELECT number, digest, made, until, approve, ek_digest, name, grp, class_set, revoked, used, used_ek, used_node FROM invite "

static int
read_invite(struct store *store, sqlite3_stmt *stmt, struct store_invite *out)
{
	memset(out, 0, sizeof *out);
	out->number = sql_number(stmt, 0);
	out->made = sql_number(stmt, 2);
	out->until = sql_number(stmt, 3);
	out->approve = sql_number(stmt, 4) != 0;
	out->for_ek = !sql_is_null(stmt, 5);
	out->revoked = sql_number(stmt, 9);
	out->used = sql_number(stmt, 10);
	if (sql_bytes(stmt, 1, out->digest, sizeof out->digest) != 0 ||
	    (out->for_ek && sql_bytes(stmt, 5, out->ek_digest, sizeof out->ek_digest) != 0) || sql_text(stmt, 6, out->name, sizeof out->name) != 0 ||
	    sql_text(stmt, 7, out->group, sizeof out->group) != 0 || sql_text(stmt, 8, out->class_set, sizeof out->class_set) != 0 ||
	    (out->used != 0 && (sql_bytes(stmt, 11, out->used_ek, sizeof out->used_ek) != 0 ||
	    sql_bytes(stmt, 12, out->used_node, sizeof out->used_node) != 0)))
		return sql_damaged(store, "an invite");
	return 0;
}

int
store_invite_put(struct store *store, struct store_invite *invite)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "INSERT INTO invite (digest, made, until, approve, ek_digest, name, grp, class_set) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	    &stmt);

	if (rc == 0) {
		sql_bind_bytes(stmt, 1, invite->digest, sizeof invite->digest);
		sql_bind_number(stmt, 2, invite->made);
		sql_bind_number(stmt, 3, invite->until);
		sql_bind_number(stmt, 4, invite->approve ? 1 : 0);
		if (invite->for_ek)
			sql_bind_bytes(stmt, 5, invite->ek_digest, sizeof invite->ek_digest);
		sql_bind_text(stmt, 6, invite->name);
		sql_bind_text(stmt, 7, invite->group);
		sql_bind_text(stmt, 8, invite->class_set);
	}
	rc = sql_run(store, stmt, rc);
	if (rc == 0)
		invite->number = (uint64_t)sqlite3_last_insert_rowid(store->db);
	return rc;
}

/* What stmt, prepared with rc, finds: one invite.  It is ended. */
static int
find_invite(struct store *store, sqlite3_stmt *stmt, int rc, struct store_invite *out)
{
	if (rc == 0) {
		rc = sql_step(store, stmt);
		rc = rc == 1 ? read_invite(store, stmt, out) : rc == 0 ? -ENOENT : rc;
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

int
store_invite_find(struct store *store, const uint8_t digest[32], struct store_invite *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, INVITE "WHERE digest = ?", &stmt);

	if (rc == 0)
		sql_bind_bytes(stmt, 1, digest, 32);
	return find_invite(store, stmt, rc, out);
}

int
store_invite_number(struct store *store, uint64_t number, struct store_invite *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, INVITE "WHERE number = ?", &stmt);

	if (rc == 0)
		sql_bind_number(stmt, 1, number);
	return find_invite(store, stmt, rc, out);
}

int
store_invite_use(struct store *store, uint64_t number, const uint8_t ek_digest[32], const uint8_t node[NODE_BYTES], uint64_t when)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "UPDATE invite SET used = ?, used_ek = ?, used_node = ? WHERE number = ?", &stmt);

	if (rc == 0) {
		sql_bind_number(stmt, 1, when);
		sql_bind_bytes(stmt, 2, ek_digest, 32);
		sql_bind_bytes(stmt, 3, node, NODE_BYTES);
		sql_bind_number(stmt, 4, number);
	}
	return sql_run(store, stmt, rc);
}

int
store_invite_revoke(struct store *store, uint64_t number, uint64_t when)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "UPDATE invite SET revoked = ? WHERE number = ?", &stmt);

	if (rc == 0) {
		sql_bind_number(stmt, 1, when);
		sql_bind_number(stmt, 2, number);
	}
	return sql_run(store, stmt, rc);
}

int
store_invite_revoke_used(struct store *store, const uint8_t ek_digest[32], uint64_t when)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "UPDATE invite SET revoked = ? WHERE used_ek = ? AND revoked = 0", &stmt);

	if (rc == 0) {
		sql_bind_number(stmt, 1, when);
		sql_bind_bytes(stmt, 2, ek_digest, 32);
	}
	return sql_run(store, stmt, rc);
}

int
store_invites(struct store *store, int (*visit)(void *arg, const struct store_invite *invite), void *arg)
{
	struct store_invite invite = { .number = 0 };
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, INVITE "WHERE number > ? ORDER BY number LIMIT 1", &stmt);

	while (rc == 0) {
		(void)sqlite3_reset(stmt);
		sql_bind_number(stmt, 1, invite.number);
		rc = sql_step(store, stmt);
		if (rc != 1)
			break;
		rc = read_invite(store, stmt, &invite);
		(void)sqlite3_reset(stmt);	/* the visitor takes its time */
		if (rc == 0 && visit(arg, &invite) != 0)
			break;
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

/* --- enrolments under way -------------------------------------------------------------------------------------------------------- */

/* A query with one number in it, and one number for an answer. */
static int
ask(struct store *store, const char *sql, uint64_t number, uint64_t *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, sql, &stmt);

	if (rc == 0) {
		sql_bind_number(stmt, 1, number);
		rc = sql_step(store, stmt);
	}
	if (rc == 1)
		*out = sql_number(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return rc == 1 ? 0 : rc == 0 ? -EIO : rc;
}

/* A change with one number in it. */
static int
change(struct store *store, const char *sql, uint64_t number)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, sql, &stmt);

	if (rc == 0)
		sql_bind_number(stmt, 1, number);
	return sql_run(store, stmt, rc);
}

int
store_enrolment_drop(struct store *store, const uint8_t ek_digest[32])
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "DELETE FROM enrolment WHERE ek_digest = ?", &stmt);

	if (rc == 0)
		sql_bind_bytes(stmt, 1, ek_digest, 32);
	return sql_run(store, stmt, rc);
}

#define ENROLMENT "enrol, proof, until, invite, node, ek_digest, hardware, ek, ek_cert, ak, escrow, ek_verified, pcrs, resets"

static int
insert_enrolment(struct store *store, const struct store_enrolment *e)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "INSERT INTO enrolment (" ENROLMENT ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", &stmt);

	if (rc == 0) {
		sql_bind_bytes(stmt, 1, e->enrol, sizeof e->enrol);
		sql_bind_bytes(stmt, 2, e->proof, sizeof e->proof);
		sql_bind_number(stmt, 3, e->until);
		sql_bind_number(stmt, 4, e->invite);
		sql_bind_bytes(stmt, 5, e->node, sizeof e->node);
		sql_bind_bytes(stmt, 6, e->ek_digest, sizeof e->ek_digest);
		sql_bind_text(stmt, 7, e->hardware);
		sql_bind_blob(stmt, 8, &e->ek);
		sql_bind_blob(stmt, 9, &e->ek_cert);
		sql_bind_blob(stmt, 10, &e->ak);
		sql_bind_blob(stmt, 11, &e->escrow);
		sql_bind_number(stmt, 12, e->ek_verified ? 1 : 0);
		sql_bind_bytes(stmt, 13, &e->measured.pcrs, sizeof e->measured.pcrs);
		sql_bind_number(stmt, 14, e->measured.reset_count);
	}
	return sql_run(store, stmt, rc);
}

int
store_enrolment_put(struct store *store, const struct store_enrolment *enrolment, uint64_t now)
{
	uint64_t all = 0, with_invite = 0;
	int rc = change(store, "DELETE FROM enrolment WHERE until <= ?", now);

	if (rc == 0)
		rc = store_enrolment_drop(store, enrolment->ek_digest);
	if (rc == 0)
		rc = ask(store, "SELECT count(*) FROM enrolment WHERE number > ?", 0, &all);	/* few by this very bound */
	if (rc == 0)
		rc = ask(store, "SELECT count(*) FROM enrolment WHERE invite = ?", enrolment->invite, &with_invite);
	if (rc == 0 && (all >= ENROLMENTS_MAX || with_invite >= ENROLMENTS_INVITE_MAX))
		return -EAGAIN;
	return rc != 0 ? rc : insert_enrolment(store, enrolment);
}

static int
read_enrolment(struct store *store, sqlite3_stmt *stmt, struct store_enrolment *out)
{
	memset(out, 0, sizeof *out);
	out->until = sql_number(stmt, 2);
	out->invite = sql_number(stmt, 3);
	out->ek_verified = sql_number(stmt, 11) != 0;
	out->measured.reset_count = sql_number(stmt, 13);
	if (sql_bytes(stmt, 0, out->enrol, sizeof out->enrol) != 0 || sql_bytes(stmt, 1, out->proof, sizeof out->proof) != 0 ||
	    sql_bytes(stmt, 4, out->node, sizeof out->node) != 0 || sql_bytes(stmt, 5, out->ek_digest, sizeof out->ek_digest) != 0 ||
	    sql_text(stmt, 6, out->hardware, sizeof out->hardware) != 0 || sql_blob(stmt, 7, &out->ek) != 0 ||
	    sql_blob(stmt, 8, &out->ek_cert) != 0 || sql_blob(stmt, 9, &out->ak) != 0 || sql_blob(stmt, 10, &out->escrow) != 0 ||
	    sql_bytes(stmt, 12, &out->measured.pcrs, sizeof out->measured.pcrs) != 0)
		return sql_damaged(store, "an enrolment");
	return 0;
}

int
store_enrolment_find(struct store *store, const uint8_t enrol[32], uint64_t now, struct store_enrolment *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "SELECT " ENROLMENT " FROM enrolment WHERE enrol = ? AND until > ?", &stmt);

	if (rc == 0) {
		sql_bind_bytes(stmt, 1, enrol, 32);
		sql_bind_number(stmt, 2, now);
		rc = sql_step(store, stmt);
		rc = rc == 1 ? read_enrolment(store, stmt, out) : rc == 0 ? -ENOENT : rc;
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

/* --- used challenges ------------------------------------------------------------------------------------------------------------- */

int
store_redeem(struct store *store, const uint8_t challenge[32], uint64_t until, uint64_t now)
{
	sqlite3_stmt *stmt = NULL;
	uint64_t span = 0;
	int rc = change(store, "DELETE FROM redeemed WHERE until <= ?", now);

	if (rc == 0)
		rc = change(store, "DELETE FROM redeemed WHERE until > ?", now + REDEEMED_LONGEST_S);
	/* a number is one more than the greatest: from least to greatest there are at least as many numbers as rows, found without counting */
	if (rc == 0)
		rc = ask(store, "SELECT coalesce((SELECT max(number) FROM redeemed) - (SELECT min(number) FROM redeemed) + ?, 0)", 1, &span);
	if (rc == 0 && span >= REDEEMED_MAX)
		return -EAGAIN;
	if (rc == 0)
		rc = sql_prepare(store, "INSERT INTO redeemed (challenge, until) VALUES (?, ?) ON CONFLICT (challenge) DO NOTHING", &stmt);
	if (rc == 0) {
		sql_bind_bytes(stmt, 1, challenge, 32);
		sql_bind_number(stmt, 2, until);
	}
	rc = sql_run(store, stmt, rc);
	return rc != 0 || sqlite3_changes(store->db) == 1 ? rc : -EEXIST;
}
