#ifndef IPC_DOC_SCHEMA_H
#define IPC_DOC_SCHEMA_H
/*
 * The table behind doc_parse() and doc_write(): doc.def as rows.  For ipc/doc_*.c alone; everyone else uses doc.h.
 */
#include "doc.h"

#define DOC_VERSION_MAX ((UINT64_C(1) << 53) - 1)	/* of a generation: as in doc.def */

enum doc_type { DOC_num, DOC_hexa, DOC_blob, DOC_string, DOC_oneof, DOC_pubkeys, DOC_names, DOC_haves };

struct doc_line {
	const char *key;
	const char *const *words;	/* DOC_oneof, DOC_haves */
	uint64_t least, most;		/* value, bytes, index of a word; DOC_hexa: both the number of bytes */
	uint16_t offset;		/* of the field in struct doc_KIND */
	uint8_t type;			/* enum doc_type */
	uint8_t lines_least, lines_most;
};

struct doc_schema {
	const char *first;		/* the first line, without its LF */
	const struct doc_line *lines;
	unsigned count;
	size_t bytes;			/* sizeof(struct doc_KIND) */
};

/* NULL: no such kind. */
const struct doc_schema *doc_schema(enum doc_kind kind);

/* May these bytes be the value of a text line?  1 or 0. */
int doc_text_ok(const struct doc_line *line, const char *text, size_t len_bytes);

/* Does a count stand before its rows?  1 or 0. */
static inline int
doc_repeats(const struct doc_line *line)
{
	return line->type == DOC_pubkeys || line->type == DOC_names || line->type == DOC_haves;
}

/* Is this key among the listed ones, by its bytes or its number?  1 or 0. */
int doc_key_listed(const struct doc_keys *keys, const struct minisig_pubkey *key, uint32_t count);
#endif
