/*
 * Fuzz target of the signature files' and public keys' parsers: what is accepted is written again to the same bytes, but for the
 * untrusted comment, which the parser drops.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "minisig.h"

/* The untrusted comment of a block that was accepted, as a string. */
static const char *
untrusted(const uint8_t *block, size_t size, char out[MINISIG_COMMENT_MAX + 1])
{
	static const char prefix[] = "untrusted comment: ";
	const uint8_t *lf = memchr(block, '\n', size);
	size_t n;

	MUST(lf != NULL);
	n = (size_t)(lf - block);
	MUST(n >= sizeof prefix - 1 && n - (sizeof prefix - 1) <= MINISIG_COMMENT_MAX);
	n -= sizeof prefix - 1;
	memcpy(out, block + sizeof prefix - 1, n);
	out[n] = '\0';
	return out;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct minisig_block blocks[MINISIG_MAX_BLOCKS];
	char comment[MINISIG_COMMENT_MAX + 1], text[MINISIG_PUBKEY_TEXT + 1];
	static char again[MINISIG_MAX];
	struct minisig_pubkey key;
	unsigned line = 0;
	size_t at = 0;
	int count = minisig_parse(data, size, blocks, MINISIG_MAX_BLOCKS, &line);

	MUST(count == -E2BIG || (count == -EBADMSG && line >= 1 && line <= 4 * MINISIG_MAX_BLOCKS) ||
	    (count >= 1 && count <= MINISIG_MAX_BLOCKS));
	for (int i = 0; i < count; i++) {
		long n = minisig_write(&blocks[i], untrusted(data + at, size - at, comment), again, sizeof again);

		MUST(n > 0 && (size_t)n <= size - at && memcmp(again, data + at, (size_t)n) == 0);
		at += (size_t)n;
	}
	MUST(count < 0 || at == size);
	if (minisig_parse_pubkey((const char *)data, size, &key) == 0) {
		minisig_write_pubkey(&key, text);
		MUST(size == MINISIG_PUBKEY_TEXT && memcmp(text, data, size) == 0);
	}
	return 0;
}
