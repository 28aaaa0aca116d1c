/*
 * Public keys, as files or as text.  On the operator's side, and in the generation's cache tool.
 * Distrusts the file: exactly minisign's two lines or the bare key.
 */
#include <inttypes.h>
#include <string.h>

#include "key.h"

/* The second line when the first is a comment, else the first; a last LF may be missing. */
static const char *
key_line(const struct bytes *file, size_t *len)
{
	static const char comment[] = "untrusted comment:";
	const char *line = (const char *)file->data, *end = line + file->len, *lf;

	if (file->len >= sizeof comment - 1 && memcmp(line, comment, sizeof comment - 1) == 0) {
		line = memchr(line, '\n', file->len);
		if (line == NULL)
			return NULL;
		line++;
	}
	lf = memchr(line, '\n', (size_t)(end - line));
	if (lf != NULL && lf + 1 != end)
		return NULL;
	*len = (size_t)((lf != NULL ? lf : end) - line);
	return line;
}

int
key_read_public(const char *text_or_path, struct minisig_pubkey *out)
{
	struct bytes file = { NULL, 0 };
	const char *line;
	size_t n;
	int rc;

	if (strlen(text_or_path) == MINISIG_PUBKEY_TEXT && minisig_parse_pubkey(text_or_path, MINISIG_PUBKEY_TEXT, out) == 0)
		return 0;
	rc = file_read(text_or_path, 1, KEY_FILE_MAX, &file);
	if (rc != 0)
		return rc;
	line = key_line(&file, &n);
	if (line == NULL || minisig_parse_pubkey(line, n, out) != 0)
		rc = refuse("%s: no public key of minisign (a comment line and 56 characters that begin with RW, or these alone)",
		    text_or_path);
	bytes_free(&file);
	return rc;
}

int
key_append(struct doc_keys *keys, const char *text_or_path, const char *what)
{
	char id[KEY_ID_TEXT + 1];
	struct minisig_pubkey key;
	int rc;

	rc = key_read_public(text_or_path, &key);
	if (rc != 0)
		return rc;
	if (keys->count >= DOC_KEYS_MAX)
		return refuse("%s: %s: more than %d keys", what, text_or_path, DOC_KEYS_MAX);
	for (uint32_t i = 0; i < keys->count; i++)
		if (memcmp(keys->key[i].key, key.key, sizeof key.key) == 0 ||
		    memcmp(keys->key[i].keynum, key.keynum, sizeof key.keynum) == 0)
			return refuse("%s: %s: key %s is given twice; keys are counted, never signatures", what, text_or_path,
			    key_id_text(key.keynum, id));
	keys->key[keys->count++] = key;
	return 0;
}
