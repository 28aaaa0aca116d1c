/*
 * The database's schema, as the steps that lead to it.  On the organisation's side.
 * Distrusts whoever writes to the log: what is in it stays as it is.
 */
#include <stddef.h>

#include "store_schema.h"

static const char *const step_1[] = {
	"CREATE TABLE generation ("
	" id BLOB PRIMARY KEY CHECK (length(id) = 32),"
	" version INTEGER NOT NULL, issued INTEGER NOT NULL, added INTEGER NOT NULL, withdrawn INTEGER NOT NULL DEFAULT 0"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE part ("
	" id BLOB NOT NULL REFERENCES generation(id), part INTEGER NOT NULL CHECK (part BETWEEN 1 AND 4),"
	" bytes INTEGER NOT NULL CHECK (bytes > 0), blake2b BLOB NOT NULL CHECK (length(blake2b) = 32), PRIMARY KEY (id, part)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE state ("
	" one INTEGER PRIMARY KEY CHECK (one = 1), floor INTEGER NOT NULL CHECK (floor >= 0), assigned BLOB REFERENCES generation(id)"
	") STRICT;"
	"INSERT INTO state (one, floor) VALUES (1, 0);"
	"CREATE TABLE log ("
	" number INTEGER PRIMARY KEY AUTOINCREMENT CHECK (number BETWEEN 1 AND 9007199254740991), time INTEGER NOT NULL, kind TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL"
	") STRICT;"
	"CREATE TRIGGER log_update BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the log is append only'); END;"
	"CREATE TRIGGER log_delete BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log is append only'); END;"
	"CREATE TRIGGER log_insert BEFORE INSERT ON log WHEN NEW.number <= (SELECT max(number) FROM log)"
	" AND NEW.number <> -1 BEGIN SELECT RAISE(ABORT, 'the log is append only'); END;",
	NULL };

/* Nodes.  Assignments and floors by scope; the one of each that step 1 knew becomes that of all. */
static const char *const step_2[] = {
	"CREATE TABLE node ("
	" number INTEGER PRIMARY KEY, node BLOB NOT NULL UNIQUE CHECK (length(node) = 16),"
	" ek_digest BLOB NOT NULL UNIQUE CHECK (length(ek_digest) = 32),"
	" state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),"	/* enum node_state */
	" name TEXT UNIQUE CHECK (length(name) BETWEEN 1 AND 63), grp TEXT NOT NULL CHECK (length(grp) BETWEEN 1 AND 31),"
	" class_set TEXT NOT NULL CHECK (length(class_set) <= 63), hardware TEXT NOT NULL CHECK (length(hardware) <= 63),"
	" ek BLOB NOT NULL CHECK (length(ek) BETWEEN 1 AND 512), ek_cert BLOB NOT NULL CHECK (length(ek_cert) <= 2048),"
	" ek_verified INTEGER NOT NULL CHECK (ek_verified IN (0, 1)), ak BLOB NOT NULL CHECK (length(ak) BETWEEN 1 AND 512),"
	" escrow BLOB NOT NULL CHECK (length(escrow) <= 112), share BLOB CHECK (length(share) = 32),"
	" enrolled INTEGER NOT NULL, seen INTEGER NOT NULL,"
	" pcrs BLOB NOT NULL CHECK (length(pcrs) = 192), resets INTEGER NOT NULL CHECK (resets BETWEEN 0 AND 4294967295),"
	" refused_pcrs BLOB CHECK (length(refused_pcrs) = 192), refused_resets INTEGER CHECK (refused_resets BETWEEN 0 AND 4294967295),"
	" said_floor INTEGER NOT NULL, said_offline INTEGER NOT NULL, said_outcome INTEGER NOT NULL,"
	" healthy BLOB CHECK (length(healthy) = 32),"
	" ticket_time INTEGER NOT NULL, ticket_reason INTEGER NOT NULL, ticket_generation BLOB NOT NULL CHECK (length(ticket_generation) = 32),"
	" ticket_digest BLOB NOT NULL CHECK (length(ticket_digest) = 32),"
	" CHECK ((refused_pcrs IS NULL) = (refused_resets IS NULL))"
	") STRICT;"
	/* whoever has another TPM is another node, whatever this program's mistakes */
	"CREATE TRIGGER node_identity BEFORE UPDATE OF number, node, ek_digest, ek ON node"
	" WHEN NEW.number <> OLD.number OR NEW.node <> OLD.node OR NEW.ek_digest <> OLD.ek_digest OR NEW.ek <> OLD.ek"
	" BEGIN SELECT RAISE(ABORT, 'a node and its EK do not change'); END;"
	/* INSERT OR REPLACE would take the older one away without an update */
	"CREATE TRIGGER node_insert BEFORE INSERT ON node WHEN EXISTS (SELECT 1 FROM node WHERE node = NEW.node OR ek_digest = NEW.ek_digest"
	" OR number = NEW.number OR name = NEW.name) BEGIN SELECT RAISE(ABORT, 'this node, EK or name is there already'); END;"
	"CREATE TRIGGER node_state BEFORE UPDATE OF state ON node WHEN NEW.state < OLD.state"
	" BEGIN SELECT RAISE(ABORT, 'a node goes from pending to member to revoked'); END;"
	"CREATE TRIGGER node_share BEFORE UPDATE OF share ON node WHEN OLD.share IS NOT NULL AND NEW.share IS NOT OLD.share"
	" BEGIN SELECT RAISE(ABORT, 'a share does not change: a disk key hangs on it'); END;"
	"CREATE TRIGGER node_delete BEFORE DELETE ON node WHEN OLD.state = 2 BEGIN SELECT RAISE(ABORT, 'a member is not forgotten'); END;",

	"CREATE TABLE assignment ("
	" scope INTEGER NOT NULL CHECK (scope BETWEEN 0 AND 3), target TEXT NOT NULL, id BLOB NOT NULL REFERENCES generation(id),"	/* enum scope */
	" percent INTEGER NOT NULL CHECK (percent BETWEEN 1 AND 100), former BLOB REFERENCES generation(id),"
	" PRIMARY KEY (scope, target), CHECK ((scope = 0) = (target = '')), CHECK (percent < 100 OR former IS NULL)"
	") STRICT, WITHOUT ROWID;"
	"INSERT INTO assignment (scope, target, id, percent) SELECT 0, '', assigned, 100 FROM state WHERE assigned IS NOT NULL;"
	"CREATE TABLE floor ("
	" grp TEXT PRIMARY KEY, version INTEGER NOT NULL CHECK (version BETWEEN 0 AND 9007199254740991)"	/* '': of all */
	") STRICT, WITHOUT ROWID;"
	"INSERT INTO floor (grp, version) SELECT '', floor FROM state;"
	"DROP TABLE state;"
	"CREATE INDEX generation_order ON generation (version DESC, added DESC, id);"
	"CREATE INDEX node_group ON node (grp, node);",

	"CREATE TABLE invite ("
	" number INTEGER PRIMARY KEY AUTOINCREMENT CHECK (number BETWEEN 1 AND 9007199254740991),"
	" digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32), made INTEGER NOT NULL, until INTEGER NOT NULL,"
	" approve INTEGER NOT NULL CHECK (approve IN (0, 1)), ek_digest BLOB CHECK (length(ek_digest) = 32), name TEXT NOT NULL, grp TEXT NOT NULL,"
	" class_set TEXT NOT NULL, revoked INTEGER NOT NULL DEFAULT 0, used INTEGER NOT NULL DEFAULT 0, used_ek BLOB CHECK (length(used_ek) = 32),"
	" used_node BLOB CHECK (length(used_node) = 16), CHECK ((used <> 0) = (used_ek IS NOT NULL)), CHECK ((used <> 0) = (used_node IS NOT NULL))"
	") STRICT;"
	"CREATE TRIGGER invite_used BEFORE UPDATE ON invite WHEN NEW.digest <> OLD.digest OR NEW.until <> OLD.until OR NEW.approve <> OLD.approve"
	" OR NEW.ek_digest IS NOT OLD.ek_digest OR (OLD.revoked <> 0 AND NEW.revoked <> OLD.revoked)"
	" OR (OLD.used <> 0 AND (NEW.used <> OLD.used OR NEW.used_ek <> OLD.used_ek OR NEW.used_node <> OLD.used_node))"
	" BEGIN SELECT RAISE(ABORT, 'an invite is used by one, and revoked for good'); END;"
	"CREATE TRIGGER invite_delete BEFORE DELETE ON invite BEGIN SELECT RAISE(ABORT, 'an invite is kept'); END;"

	"CREATE TABLE enrolment ("
	" number INTEGER PRIMARY KEY, enrol BLOB NOT NULL UNIQUE CHECK (length(enrol) = 32), proof BLOB NOT NULL CHECK (length(proof) = 32),"
	" until INTEGER NOT NULL, invite INTEGER NOT NULL REFERENCES invite(number), node BLOB NOT NULL CHECK (length(node) = 16),"
	" ek_digest BLOB NOT NULL UNIQUE CHECK (length(ek_digest) = 32), hardware TEXT NOT NULL, ek BLOB NOT NULL, ek_cert BLOB NOT NULL,"
	" ak BLOB NOT NULL, escrow BLOB NOT NULL, ek_verified INTEGER NOT NULL CHECK (ek_verified IN (0, 1)),"
	" pcrs BLOB NOT NULL CHECK (length(pcrs) = 192), resets INTEGER NOT NULL"
	") STRICT;"
	"CREATE INDEX enrolment_until ON enrolment (until);"
	"CREATE INDEX enrolment_invite ON enrolment (invite);"
	"CREATE TABLE redeemed ("
	" number INTEGER PRIMARY KEY, challenge BLOB NOT NULL UNIQUE CHECK (length(challenge) = 32), until INTEGER NOT NULL"
	") STRICT;"
	"CREATE INDEX redeemed_until ON redeemed (until);"

	"ALTER TABLE log ADD COLUMN node BLOB CHECK (node IS NULL OR length(node) = 16);"
	"CREATE INDEX log_node ON log (node, number) WHERE node IS NOT NULL;",
	NULL };

const char *const *const store_steps[] = { step_1, step_2 };

const int store_steps_count = sizeof store_steps / sizeof store_steps[0];
