#ifndef TESTS_UNIT_LUKS_IMAGE_H
#define TESTS_UNIT_LUKS_IMAGE_H
/*
 * Real LUKS images for unit_luks.c, honest ones and forged ones.  Every helper fails the test by itself when it cannot do its work.
 */
#include <stddef.h>
#include <stdint.h>

enum { IMAGE_BYTES = 64 << 20, IMAGE_KEYSLOTS = 1 << 20, IMAGE_HEADER = 16384, EDITS_MAX = 3 };

/* One change of the metadata: a JSON pointer (RFC 6901) and a JSON value; value NULL: the member goes. */
struct edit {
	const char *at, *value;
};

struct shape {
	const char *type, *cipher, *mode;	/* CRYPT_LUKS1 or CRYPT_LUKS2, "aes", "xts-plain64" */
	size_t volume_key_bytes;
	uint32_t iterations;			/* of the keyslot's PBKDF2 */
};

void image_blank(const char *path);			/* IMAGE_BYTES of nothing */
void image_make(const char *path, const struct shape *shape, const uint8_t key[32]);
void image_copy(const char *from, const char *to);
void image_write(const char *path, off_t at, const void *data, size_t bytes);
/* A hash of everything in the file. */
void image_hash(const char *path, uint8_t out[32]);
/*
 * Forges: applies the edits to the primary copy's metadata and writes the result with valid checksums and sequence id + up into
 * the copies named: 1 primary, 2 secondary, 3 both.
 */
void image_edit(const char *path, const struct edit edits[EDITS_MAX], unsigned copies, uint64_t up);
/* The metadata of the primary copy as JSON text; to be freed. */
char *image_json(const char *path);
#endif
