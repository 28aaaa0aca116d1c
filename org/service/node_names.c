/*
 * How an operator names things: nodes, groups, hardware classes, EK digests, scopes.  On the organisation's side.
 * Distrusts what would mean two things: a name that looks like a node's id, an id that many begin with.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "service.h"

enum { PREFIX_LEAST = 8 };

static int
is_hex(const char *text)
{
	return text[strspn(text, "0123456789abcdef")] == '\0';
}

/* One word of a line in a list: letters, digits, and . - _ within. */
static int
is_word(const char *text, size_t most)
{
	size_t n = strlen(text);

	if (n < 1 || n > most || !isalnum((unsigned char)text[0]))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && strchr(".-_", text[i]) == NULL)
			return 0;
	return 1;
}

int
name_of_node(const char *text)
{
	if (!is_word(text, NAME_MAX_BYTES))
		return refuse("\"%s\" is no name for a node: 1 to %d letters, digits, '.', '-', '_', the first a letter or digit", text, NAME_MAX_BYTES);
	if (strlen(text) >= PREFIX_LEAST && is_hex(text))
		return refuse("\"%s\" could be the begin of a node's id", text);
	return 0;
}

int
name_of_group(const char *text)
{
	return is_word(text, GROUP_MAX_BYTES) ? 0 :
	    refuse("\"%s\" is no group: 1 to %d letters, digits, '.', '-', '_', the first a letter or digit", text, GROUP_MAX_BYTES);
}

int
name_of_class(const char *text)
{
	size_t n = strlen(text);
	int good = n >= 1 && n <= CLASS_MAX_BYTES && text[0] != ' ' && text[n - 1] != ' ';

	for (size_t i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] > '~')
			good = 0;
	return good ? 0 : refuse("\"%s\" is no hardware class: 1 to %d printable characters, no blank at either end", text, CLASS_MAX_BYTES);
}

int
name_of_digest(const char *what, const char *text, uint8_t out[32])
{
	size_t got = 0;

	if (strlen(text) != ID_TEXT || !is_hex(text) || sodium_hex2bin(out, 32, text, ID_TEXT, NULL, &got, NULL) != 0 || got != 32)
		return refuse("\"%s\" is no digest of %s: 64 lower-case hexadecimal digits", text, what);
	return 0;
}

int
service_node(struct store *store, const char *text, struct store_node *out)
{
	int prefix = is_hex(text) && strlen(text) >= PREFIX_LEAST && strlen(text) <= NODE_TEXT;
	int rc = prefix ? store_node_by_prefix(store, text, out) : store_node_by_name(store, text, out);

	if (rc == -EEXIST)
		return refuse("\"%s\": more than one node's id begins so", text);
	if (rc == -ENOENT && !prefix && is_hex(text))
		return refuse("there is no node \"%s\"; of an id at least %d digits are wanted", text, PREFIX_LEAST);
	return rc == -ENOENT ? refuse("there is no node \"%s\"", text) : rc;
}
