/*
 * Nodes in the store.  On the organisation's side.
 * Believes the file, which is its owner's alone; a row that is not as the schema makes it is refused all the same.
 */
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "store_sqlite.h"

const uint8_t store_pcr_numbers[PCRS] = { 0, 4, 7, 11, 12, 13 };

/* In the order of COLUMNS, from 0. */
enum column { NODE, EK_DIGEST, STATE, NAME, GROUP, CLASS_SET, HARDWARE, EK, EK_CERT, EK_VERIFIED, AK, ESCROW, ENROLLED, SEEN, PCR, RESETS,
	REFUSED_PCRS, REFUSED_RESETS, FLOOR, OFFLINE, OUTCOME, HEALTHY, TICKET_TIME, TICKET_REASON, TICKET_GENERATION, TICKET_DIGEST, SHARE };

#define WRITTEN "node, ek_digest, state, name, grp, class_set, hardware, ek, ek_cert, ek_verified, ak, escrow, enrolled, seen, pcrs, resets, " \
	"refused_pcrs, refused_resets, said_floor, said_offline, said_outcome, healthy, ticket_time, ticket_reason, ticket_generation, ticket_digest"
#define COLUMNS "SELECT " WRITTEN ", share IS NOT NULL FROM node "

const char *
store_node_class(const struct store_node *node)
{
	return node->class_set[0] != '\0' ? node->class_set : node->hardware;
}

static int
read_texts(sqlite3_stmt *stmt, struct store_node *out)
{
	return sql_text(stmt, NAME, out->name, sizeof out->name) != 0 || sql_text(stmt, GROUP, out->group, sizeof out->group) != 0 ||
	    sql_text(stmt, CLASS_SET, out->class_set, sizeof out->class_set) != 0 ||
	    sql_text(stmt, HARDWARE, out->hardware, sizeof out->hardware) != 0 ? -EIO : 0;
}

static int
read_bytes(sqlite3_stmt *stmt, struct store_node *out)
{
	return sql_bytes(stmt, NODE, out->node, sizeof out->node) != 0 || sql_bytes(stmt, EK_DIGEST, out->ek_digest, sizeof out->ek_digest) != 0 ||
	    sql_blob(stmt, EK, &out->ek) != 0 || sql_blob(stmt, EK_CERT, &out->ek_cert) != 0 || sql_blob(stmt, AK, &out->ak) != 0 ||
	    sql_blob(stmt, ESCROW, &out->escrow) != 0 || sql_bytes(stmt, PCR, &out->accepted.pcrs, sizeof out->accepted.pcrs) != 0 ||
	    (out->refused && sql_bytes(stmt, REFUSED_PCRS, &out->refused_as.pcrs, sizeof out->refused_as.pcrs) != 0) ||
	    (out->healthy && sql_bytes(stmt, HEALTHY, out->healthy_id, ID_BYTES) != 0) ||
	    sql_bytes(stmt, TICKET_GENERATION, out->ticket_generation, ID_BYTES) != 0 ||
	    sql_bytes(stmt, TICKET_DIGEST, out->ticket_digest, sizeof out->ticket_digest) != 0 ? -EIO : 0;
}

static int
read_node(struct store *store, sqlite3_stmt *stmt, struct store_node *out)
{
	uint64_t state = sql_number(stmt, STATE);

	memset(out, 0, sizeof *out);
	out->refused = !sql_is_null(stmt, REFUSED_PCRS);
	out->healthy = !sql_is_null(stmt, HEALTHY);
	if (state < NODE_pending || state > NODE_STATE_LAST || read_texts(stmt, out) != 0 || read_bytes(stmt, out) != 0)
		return sql_damaged(store, "a node");
	out->state = (enum node_state)state;
	out->ek_verified = sql_number(stmt, EK_VERIFIED) != 0;
	out->has_share = sql_number(stmt, SHARE) != 0;
	out->enrolled = sql_number(stmt, ENROLLED);
	out->seen = sql_number(stmt, SEEN);
	out->accepted.reset_count = sql_number(stmt, RESETS);
	out->refused_as.reset_count = sql_number(stmt, REFUSED_RESETS);
	out->floor = sql_number(stmt, FLOOR);
	out->offline = sql_number(stmt, OFFLINE);
	out->last_outcome = sql_number(stmt, OUTCOME);
	out->ticket_time = sql_number(stmt, TICKET_TIME);
	out->ticket_reason = (enum word_reason)sql_number(stmt, TICKET_REASON);
	return 0;
}

/* What stmt, prepared with rc, finds: one node.  It is ended. */
static int
find_node(struct store *store, sqlite3_stmt *stmt, int rc, struct store_node *out)
{
	if (rc == 0) {
		rc = sql_step(store, stmt);
		rc = rc == 1 ? read_node(store, stmt, out) : rc == 0 ? -ENOENT : rc;
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

int
store_node_find(struct store *store, const uint8_t node[NODE_BYTES], struct store_node *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, COLUMNS "WHERE node = ?", &stmt);

	if (rc == 0)
		sql_bind_bytes(stmt, 1, node, NODE_BYTES);
	return find_node(store, stmt, rc, out);
}

int
store_node_by_ek(struct store *store, const uint8_t ek_digest[32], struct store_node *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, COLUMNS "WHERE ek_digest = ?", &stmt);

	if (rc == 0)
		sql_bind_bytes(stmt, 1, ek_digest, 32);
	return find_node(store, stmt, rc, out);
}

int
store_node_by_name(struct store *store, const char *name, struct store_node *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, COLUMNS "WHERE name = ?", &stmt);

	if (rc == 0)
		sql_bind_text(stmt, 1, name);
	return find_node(store, stmt, rc, out);
}

/* hex, filled up with digit to a whole id. */
static int
whole_id(const char *hex, char digit, uint8_t out[NODE_BYTES])
{
	char text[NODE_TEXT + 1];
	size_t n = strlen(hex), got = 0;

	if (n < 1 || n > NODE_TEXT)
		return -ENOENT;
	memset(text, digit, NODE_TEXT);
	memcpy(text, hex, n);
	text[NODE_TEXT] = '\0';
	if (sodium_hex2bin(out, NODE_BYTES, text, NODE_TEXT, NULL, &got, NULL) != 0 || got != NODE_BYTES)
		return -ENOENT;
	return 0;
}

int
store_node_by_prefix(struct store *store, const char *hex, struct store_node *out)
{
	uint8_t least[NODE_BYTES], most[NODE_BYTES];
	sqlite3_stmt *stmt = NULL;
	int rc = whole_id(hex, '0', least);

	if (rc == 0)
		rc = whole_id(hex, 'f', most);
	if (rc == 0)
		rc = sql_prepare(store, COLUMNS "WHERE node BETWEEN ? AND ? LIMIT 2", &stmt);
	if (rc == 0) {
		sql_bind_bytes(stmt, 1, least, sizeof least);
		sql_bind_bytes(stmt, 2, most, sizeof most);
		rc = sql_step(store, stmt);
		rc = rc == 1 ? read_node(store, stmt, out) : rc == 0 ? -ENOENT : rc;
	}
	if (rc == 0) {
		rc = sql_step(store, stmt);
		rc = rc == 1 ? -EEXIST : rc;
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

/* WRITTEN, in its order. */
static void
bind_node(sqlite3_stmt *stmt, const struct store_node *node)
{
	sql_bind_bytes(stmt, NODE + 1, node->node, NODE_BYTES);
	sql_bind_bytes(stmt, EK_DIGEST + 1, node->ek_digest, sizeof node->ek_digest);
	sql_bind_number(stmt, STATE + 1, node->state);
	if (node->name[0] != '\0')
		sql_bind_text(stmt, NAME + 1, node->name);	/* else NULL, of which there may be many */
	sql_bind_text(stmt, GROUP + 1, node->group);
	sql_bind_text(stmt, CLASS_SET + 1, node->class_set);
	sql_bind_text(stmt, HARDWARE + 1, node->hardware);
	sql_bind_blob(stmt, EK + 1, &node->ek);
	sql_bind_blob(stmt, EK_CERT + 1, &node->ek_cert);
	sql_bind_number(stmt, EK_VERIFIED + 1, node->ek_verified ? 1 : 0);
	sql_bind_blob(stmt, AK + 1, &node->ak);
	sql_bind_blob(stmt, ESCROW + 1, &node->escrow);
	sql_bind_number(stmt, ENROLLED + 1, node->enrolled);
	sql_bind_number(stmt, SEEN + 1, node->seen);
	sql_bind_bytes(stmt, PCR + 1, &node->accepted.pcrs, sizeof node->accepted.pcrs);
	sql_bind_number(stmt, RESETS + 1, node->accepted.reset_count);
	if (node->refused) {
		sql_bind_bytes(stmt, REFUSED_PCRS + 1, &node->refused_as.pcrs, sizeof node->refused_as.pcrs);
		sql_bind_number(stmt, REFUSED_RESETS + 1, node->refused_as.reset_count);
	}
	sql_bind_number(stmt, FLOOR + 1, node->floor);
	sql_bind_number(stmt, OFFLINE + 1, node->offline);
	sql_bind_number(stmt, OUTCOME + 1, node->last_outcome);
	if (node->healthy)
		sql_bind_bytes(stmt, HEALTHY + 1, node->healthy_id, ID_BYTES);
	sql_bind_number(stmt, TICKET_TIME + 1, node->ticket_time);
	sql_bind_number(stmt, TICKET_REASON + 1, node->ticket_reason);
	sql_bind_bytes(stmt, TICKET_GENERATION + 1, node->ticket_generation, ID_BYTES);
	sql_bind_bytes(stmt, TICKET_DIGEST + 1, node->ticket_digest, sizeof node->ticket_digest);
}

#define VALUES "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)"
_Static_assert(TICKET_DIGEST + 1 == 26, "as many values as columns");

int
store_node_put(struct store *store, const struct store_node *node)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "INSERT INTO node (" WRITTEN ") VALUES " VALUES, &stmt);

	if (rc == 0)
		bind_node(stmt, node);
	return sql_run(store, stmt, rc);
}

int
store_node_update(struct store *store, const struct store_node *node)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "UPDATE node SET (" WRITTEN ") = " VALUES " WHERE node = ?1", &stmt);

	if (rc == 0)
		bind_node(stmt, node);
	rc = sql_run(store, stmt, rc);
	return rc != 0 || sqlite3_changes(store->db) == 1 ? rc : sql_damaged(store, "a node");
}

int
store_node_forget(struct store *store, const uint8_t node[NODE_BYTES])
{
	char hex[NODE_TEXT + 1];
	sqlite3_stmt *stmt = NULL;
	int rc = store_assignment_drop(store, SCOPE_node, hex_text(node, NODE_BYTES, hex));

	if (rc == 0)
		rc = sql_prepare(store, "DELETE FROM node WHERE node = ?", &stmt);
	if (rc == 0)
		sql_bind_bytes(stmt, 1, node, NODE_BYTES);
	return sql_run(store, stmt, rc);
}

int
store_node_share(struct store *store, const uint8_t node[NODE_BYTES], uint8_t out[32])
{
	uint8_t sec_share[32];
	sqlite3_stmt *stmt = NULL;
	int rc = sql_prepare(store, "UPDATE node SET share = coalesce(share, ?) WHERE node = ? AND state = 2 RETURNING share", &stmt);

	randombytes_buf(sec_share, sizeof sec_share);
	if (rc == 0) {
		sql_bind_bytes(stmt, 1, sec_share, sizeof sec_share);
		sql_bind_bytes(stmt, 2, node, NODE_BYTES);
		rc = sql_step(store, stmt);
		rc = rc == 1 ? sql_bytes(stmt, 0, out, 32) : rc == 0 ? -ENOENT : rc;
		if (rc == 0)
			rc = sql_step(store, stmt);	/* to its end: else it would be undone */
	}
	(void)sqlite3_finalize(stmt);
	sodium_memzero(sec_share, sizeof sec_share);
	return rc;
}

static const char *
list_query(const char *group, enum node_state state)
{
	if (group != NULL)
		return state != 0 ? COLUMNS "WHERE node > ?1 AND grp = ?2 AND state = ?3 ORDER BY node LIMIT 1" :
		    COLUMNS "WHERE node > ?1 AND grp = ?2 ORDER BY node LIMIT 1";
	return state != 0 ? COLUMNS "WHERE node > ?1 AND state = ?3 ORDER BY node LIMIT 1" : COLUMNS "WHERE node > ?1 ORDER BY node LIMIT 1";
}

int
store_nodes(struct store *store, const char *group, enum node_state state, int (*visit)(void *arg, const struct store_node *node), void *arg)
{
	uint8_t last[NODE_BYTES];
	struct store_node node;
	sqlite3_stmt *stmt = NULL;
	size_t last_bytes = 0;
	int rc = sql_prepare(store, list_query(group, state), &stmt);

	while (rc == 0) {
		(void)sqlite3_reset(stmt);
		sql_bind_bytes(stmt, 1, last, last_bytes);	/* every id is behind an empty one */
		if (group != NULL)
			sql_bind_text(stmt, 2, group);
		if (state != 0)
			sql_bind_number(stmt, 3, state);
		rc = sql_step(store, stmt);
		if (rc != 1)
			break;
		rc = read_node(store, stmt, &node);
		(void)sqlite3_reset(stmt);	/* the visitor takes its time, and may change what it sees */
		if (rc == 0 && visit(arg, &node) != 0)
			break;
		memcpy(last, node.node, sizeof last);
		last_bytes = sizeof last;
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}
