#ifndef IPC_DOC_H
#define IPC_DOC_H
/*
 * Documents: everything that outlives a message.  Printable ASCII lines "key value", LF after each, fixed order, first line
 * "sallyport-KIND 1", at most DOC_MAX bytes; no comments, no blank lines, no blanks at a line's end.  Unknown, repeated, missing
 * and reordered keys refuse.  One schema (doc.def), one parser, one writer.  No allocation, no system call.
 * Nothing is parsed before the signature over its raw bytes has verified: that is the caller's duty.
 */
#include <stddef.h>
#include <stdint.h>

#include "minisig.h"

enum { DOC_MAX = 16384, DOC_KEY_MAX = 31, DOC_KEYS_MAX = 16, DOC_HAVE_MAX = 8 };

#define WORDS(enumeration) enum word_##enumeration {
#define IS(prefix, word) prefix##_##word,
#define ENDWORDS(enumeration) };
#include "doc.def"

struct doc_keys {
	uint32_t count;
	struct minisig_pubkey key[DOC_KEYS_MAX];
};

struct doc_have {
	uint32_t count;
	struct {
		uint8_t id[32];
		uint64_t version;	/* 1..2^53 - 1 */
		uint8_t state;		/* STATE_* */
	} row[DOC_HAVE_MAX];
};

#define DOC(kind) struct doc_##kind {
#define NUM(kind, key, least, most) uint64_t key;
#define HEX(kind, key, bytes) uint8_t key[bytes];
#define BLOB(kind, key, least, most) struct { uint32_t bytes; uint8_t at[most]; } key;
#define TEXT(kind, key, least, most) char key[(most) + 1];
#define WORD(kind, key, enumeration) uint8_t key;
#define KEYS(kind, key, most) struct doc_keys key;
#define NAMES(kind, key, least, most, lines) struct { uint32_t count; char at[lines][(most) + 1]; } key;
#define HAVE(kind, key, most) struct doc_have key;
#define ENDDOC(kind) };
#include "doc.def"

#define DOC(kind) DOC_##kind,
enum doc_kind {
#include "doc.def"
	DOC_COUNT };

enum doc_why { DOC_ok, DOC_too_long, DOC_no_end, DOC_byte, DOC_first_line, DOC_unknown_key, DOC_repeated_key, DOC_wrong_order,
	DOC_missing_key, DOC_number, DOC_range, DOC_hex, DOC_text, DOC_word, DOC_pubkey, DOC_too_many,
	DOC_inventory };

struct doc_error {
	unsigned line;			/* counted from 1, at most DOC_MAX + 1; what is missing at the end is missing behind the last line */
	enum doc_why why;
	char key[DOC_KEY_MAX + 1];	/* the key that was expected or found, or "" */
};

/* Parses text into *out, a struct doc_KIND of out_bytes.  0 or -EBADMSG with *error set and *out untouched; -EINVAL wrong out_bytes. */
int doc_parse(enum doc_kind kind, const void *text, size_t len_bytes, void *out, size_t out_bytes, struct doc_error *error);

/* Writes *in as a document (no NUL is added).  Its length in bytes; -ENOSPC; -EINVAL: a field is out of its range. */
long doc_write(enum doc_kind kind, const void *in, char *out, size_t cap_bytes);

/*
 * Texts that stand one behind the other, as the network brings them: where the next document (or the signature: "untrusted comment:")
 * begins, by the first line that says so; len_bytes when there is none.  Pure; what it cuts is parsed and verified like any other.
 */
size_t doc_find(enum doc_kind kind, const void *text, size_t len_bytes);
size_t doc_find_signature(const void *text, size_t len_bytes);

/* "wrong order", ...; and into buf what is allowed for this kind and key, for messages to people ("a number from 1 to 3600"). */
const char *doc_why_text(enum doc_why why);
void doc_allowed(enum doc_kind kind, const char *key, char *buf, size_t cap_bytes);
#endif
