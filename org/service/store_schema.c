/*
 * The database's schema, as the steps that lead to it.  On the organisation's side.
 * Distrusts whoever writes to the log: what is in it stays as it is.
 */
#include "store_schema.h"

const char *const store_steps[] = {
	/* 1 */
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
};

const int store_steps_count = sizeof store_steps / sizeof store_steps[0];
