#ifndef IPC_MINISIG_H
#define IPC_MINISIG_H
/*
 * The formats of minisign(1), prehashed ("ED") only: public key "RW..." and blocks of four lines (untrusted comment, signature,
 * trusted comment, global signature).  Comments are printable ASCII and tabs: minisign's own have tabs.  Parsing only; the
 * Ed25519 arithmetic is the caller's.
 * https://jedisct1.github.io/minisign/ (section "Signature format").
 */
#include <stddef.h>
#include <stdint.h>

enum {
	MINISIG_MAX_BLOCKS = 16,
	MINISIG_COMMENT_MAX = 128,	/* bytes of a comment of either sort; enough for time, file name and who */
	MINISIG_MAX = 8192,		/* bytes of a whole signature file */
	MINISIG_PUBKEY_TEXT = 56,	/* base64 characters of a public key */
};

struct minisig_pubkey {
	uint8_t keynum[8];
	uint8_t key[32];
};

struct minisig_block {
	uint8_t keynum[8];
	uint8_t sig[64];		/* over BLAKE2b-512 of the file */
	uint8_t global_sig[64];		/* over sig followed by the trusted comment */
	uint32_t comment_bytes;
	char comment[MINISIG_COMMENT_MAX];
};

/* Parses the base64 text of a public key (56 characters, algorithm "Ed").  0 or -EBADMSG. */
int minisig_parse_pubkey(const char *text, size_t len_bytes, struct minisig_pubkey *out);
void minisig_write_pubkey(const struct minisig_pubkey *key, char out[MINISIG_PUBKEY_TEXT + 1]);

/*
 * Parses the blocks of a signature file, one after the other without anything between them.  The number of blocks (1..max), or
 * -EBADMSG with *line (from 1) the wrong line; -E2BIG: more blocks than max.
 */
int minisig_parse(const void *text, size_t len_bytes, struct minisig_block *out, unsigned max, unsigned *line);

/* Writes one block (four lines).  Its length, or -ENOSPC, -EINVAL (a comment too long or not printable). */
long minisig_write(const struct minisig_block *block, const char *untrusted, char *out, size_t cap_bytes);

/* Strict base64 (RFC 4648 section 4): padded, no blanks, unused bits zero.  Decoded bytes or -EBADMSG / -ENOSPC. */
long base64_decode(const char *text, size_t len_bytes, uint8_t *out, size_t cap_bytes);
size_t base64_encode(const uint8_t *in, size_t len_bytes, char *out);	/* out has room for 4*((len+2)/3)+1 */
#endif
