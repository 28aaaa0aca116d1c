/*
 * Public keys and signature files of minisign, prehashed only.  Stands on every side of the wall; distrusts the text: this is
 * the one parser that sees bytes before any signature has verified.
 */
#include <errno.h>
#include <string.h>

#include "minisig.h"

enum {
	PUBKEY_BYTES = 2 + 8 + 32,
	SIG_BYTES = 2 + 8 + 64,
	SIG_TEXT = 100,		/* base64 characters of SIG_BYTES */
	GLOBAL_TEXT = 88,	/* and of 64 bytes */
};

static const char untrusted_prefix[] = "untrusted comment: ", trusted_prefix[] = "trusted comment: ";

int
minisig_parse_pubkey(const char *text, size_t len_bytes, struct minisig_pubkey *out)
{
	uint8_t raw[PUBKEY_BYTES];

	if (len_bytes != MINISIG_PUBKEY_TEXT || base64_decode(text, len_bytes, raw, sizeof raw) != PUBKEY_BYTES ||
	    memcmp(raw, "Ed", 2) != 0)
		return -EBADMSG;
	memcpy(out->keynum, raw + 2, sizeof out->keynum);
	memcpy(out->key, raw + 10, sizeof out->key);
	return 0;
}

void
minisig_write_pubkey(const struct minisig_pubkey *key, char out[MINISIG_PUBKEY_TEXT + 1])
{
	uint8_t raw[PUBKEY_BYTES] = { 'E', 'd' };

	memcpy(raw + 2, key->keynum, sizeof key->keynum);
	memcpy(raw + 10, key->key, sizeof key->key);
	(void)base64_encode(raw, sizeof raw, out);	/* always 56 characters */
}

/* Tabs too: minisign itself puts them between time and file name. */
static int
comment_ok(const char *text, size_t len_bytes)
{
	if (len_bytes > MINISIG_COMMENT_MAX)
		return 0;
	for (size_t i = 0; i < len_bytes; i++)
		if ((text[i] < ' ' || text[i] > '~') && text[i] != '\t')
			return 0;
	return 1;
}

/* The line at *at, without its LF and with this prefix cut off; *at moves behind it.  NULL: no LF, or another prefix. */
static const char *
take_line(const char **at, const char *end, const char *prefix, size_t *len_bytes)
{
	const char *line = *at, *lf = memchr(line, '\n', (size_t)(end - line));
	size_t n = strlen(prefix);

	if (lf == NULL || (size_t)(lf - line) < n || memcmp(line, prefix, n) != 0)
		return NULL;
	*len_bytes = (size_t)(lf - line) - n;
	*at = lf + 1;
	return line + n;
}

/* Reads one block.  0, or the number (from 1) of its wrong line. */
static unsigned
parse_block(const char **at, const char *end, struct minisig_block *out)
{
	const char *line;
	uint8_t raw[SIG_BYTES];
	size_t n;

	memset(out, 0, sizeof *out);
	line = take_line(at, end, untrusted_prefix, &n);
	if (line == NULL || !comment_ok(line, n))
		return 1;
	line = take_line(at, end, "", &n);
	if (line == NULL || n != SIG_TEXT || base64_decode(line, n, raw, sizeof raw) != SIG_BYTES || memcmp(raw, "ED", 2) != 0)
		return 2;	/* "Ed", over the file itself, would need the whole file in memory: refused */
	memcpy(out->keynum, raw + 2, sizeof out->keynum);
	memcpy(out->sig, raw + 10, sizeof out->sig);
	line = take_line(at, end, trusted_prefix, &n);
	if (line == NULL || !comment_ok(line, n))
		return 3;
	memcpy(out->comment, line, n);
	out->comment_bytes = (uint32_t)n;
	line = take_line(at, end, "", &n);
	if (line == NULL || n != GLOBAL_TEXT ||
	    base64_decode(line, n, out->global_sig, sizeof out->global_sig) != (long)sizeof out->global_sig)
		return 4;
	return 0;
}

int
minisig_parse(const void *text, size_t len_bytes, struct minisig_block *out, unsigned max, unsigned *line)
{
	const char *at = text;
	const char *const end = at + len_bytes;
	struct minisig_block block;
	unsigned count = 0, wrong = 0;

	if (len_bytes == 0 || len_bytes > MINISIG_MAX)
		wrong = 1;
	while (wrong == 0 && at < end) {
		if (count == max)
			return -E2BIG;
		wrong = parse_block(&at, end, &block);
		count += wrong == 0;
	}
	if (wrong != 0) {
		if (line != NULL)
			*line = 4 * count + wrong;
		return -EBADMSG;
	}
	/* All is well: only now is out written. */
	at = text;
	for (unsigned i = 0; i < count; i++)
		(void)parse_block(&at, end, &out[i]);	/* the same bytes as before */
	return (int)count;
}

long
minisig_write(const struct minisig_block *block, const char *untrusted, char *out, size_t cap_bytes)
{
	size_t untrusted_bytes = strlen(untrusted), need;
	uint8_t raw[SIG_BYTES] = { 'E', 'D' };
	char *at = out;

	if (block->comment_bytes > MINISIG_COMMENT_MAX || !comment_ok(block->comment, block->comment_bytes) ||
	    !comment_ok(untrusted, untrusted_bytes))
		return -EINVAL;
	need = sizeof untrusted_prefix - 1 + untrusted_bytes + 1 + SIG_TEXT + 1 + sizeof trusted_prefix - 1 + block->comment_bytes + 1 +
	    GLOBAL_TEXT + 1;
	if (need > cap_bytes)
		return -ENOSPC;
	memcpy(raw + 2, block->keynum, sizeof block->keynum);
	memcpy(raw + 10, block->sig, sizeof block->sig);
	memcpy(at, untrusted_prefix, sizeof untrusted_prefix - 1);
	at += sizeof untrusted_prefix - 1;
	memcpy(at, untrusted, untrusted_bytes);
	at += untrusted_bytes;
	*at++ = '\n';
	at += base64_encode(raw, sizeof raw, at);	/* its NUL stands where the LF goes */
	*at++ = '\n';
	memcpy(at, trusted_prefix, sizeof trusted_prefix - 1);
	at += sizeof trusted_prefix - 1;
	memcpy(at, block->comment, block->comment_bytes);
	at += block->comment_bytes;
	*at++ = '\n';
	at += base64_encode(block->global_sig, sizeof block->global_sig, at);
	*at++ = '\n';
	return at - out;
}
