#ifndef ORG_KEY_H
#define ORG_KEY_H
/* Key files, in minisign(1)'s formats.  The secret half is for keygen, sign and cosign alone. */
#include "minisig.h"
#include "org.h"

/* A public key: its 56 characters as text, or the path of a file of two lines. */
int key_read_public(const char *text_or_path, struct minisig_pubkey *out);

/* Appends one to a list; refuses the seventeenth, and one that is there already by its bytes or its number. */
int key_append(struct doc_keys *keys, const char *text_or_path, const char *what);

struct secret_key {
	struct minisig_pubkey public;
	uint8_t *sec_key;	/* 64 bytes in sodium_malloc() memory, as libsodium has it: seed, then public key */
};

int key_generate(struct secret_key *out);
int key_read_secret(const char *path, struct secret_key *out);
int key_write_secret(const char *path, const struct secret_key *key);	/* 0600, never over another file */
int key_write_public(const char *path, const struct minisig_pubkey *key);
void key_wipe(struct secret_key *key);

/* One signature block over data, as text.  Its length, or a negative errno. */
long key_sign(const struct secret_key *key, const void *data, size_t len, const char *trusted_comment, char *out, size_t cap_bytes);
#endif
