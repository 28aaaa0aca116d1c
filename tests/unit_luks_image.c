/*
 * LUKS images, honest ones by libcryptsetup and forged ones by hand: what the holder of a disk can do without any key.
 * Host-side test.  LUKS2 On-Disk Format Specification 1.1, section 2.1: the binary header.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>
#include <json-c/json_pointer.h>
#include <libcryptsetup.h>
#include <sodium.h>

#include "unit_luks_image.h"

enum { AT_SEQUENCE = 16, AT_CHECKSUM = 448, CHECKSUM_BYTES = 64, BINARY = 4096, JSON_BYTES = IMAGE_HEADER - BINARY };

static int
must_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

void
image_blank(const char *path)
{
	int fd = must_open(path, O_RDWR | O_CREAT | O_TRUNC);

	assert_int_equal(ftruncate(fd, IMAGE_BYTES), 0);
	assert_int_equal(close(fd), 0);
}

void
image_make(const char *path, const struct shape *shape, const uint8_t key[32])
{
	struct crypt_pbkdf_type pbkdf = { .type = CRYPT_KDF_PBKDF2, .hash = "sha256", .iterations = shape->iterations,
		.flags = CRYPT_PBKDF_NO_BENCHMARK };
	struct crypt_params_luks2 params = { .pbkdf = &pbkdf, .sector_size = 512 };
	int is_luks1 = strcmp(shape->type, CRYPT_LUKS1) == 0;
	struct crypt_device *cd;

	image_blank(path);
	assert_int_equal(crypt_init(&cd, path), 0);
	assert_int_equal(crypt_set_pbkdf_type(cd, &pbkdf), 0);
	assert_int_equal(crypt_format(cd, shape->type, shape->cipher, shape->mode, NULL, NULL, shape->volume_key_bytes,
	    is_luks1 ? NULL : &params), 0);
	assert_int_equal(crypt_keyslot_add_by_volume_key(cd, 0, NULL, shape->volume_key_bytes, (const char *)key, 32), 0);
	crypt_free(cd);
}

void
image_copy(const char *from, const char *to)
{
	static uint8_t buf[IMAGE_KEYSLOTS];	/* headers and the first three keyslots; behind them is only noise */
	int in = must_open(from, O_RDONLY), out;

	image_blank(to);
	out = must_open(to, O_WRONLY);
	assert_int_equal(pread(in, buf, sizeof buf, 0), sizeof buf);
	assert_int_equal(pwrite(out, buf, sizeof buf, 0), sizeof buf);
	assert_int_equal(close(in), 0);
	assert_int_equal(close(out), 0);
}

void
image_write(const char *path, off_t at, const void *data, size_t bytes)
{
	int fd = must_open(path, O_WRONLY);

	assert_int_equal(pwrite(fd, data, bytes, at), bytes);
	assert_int_equal(close(fd), 0);
}

void
image_hash(const char *path, uint8_t out[32])
{
	static uint8_t buf[1 << 20];
	crypto_generichash_state state;
	int fd = must_open(path, O_RDONLY);
	off_t at = 0;
	ssize_t n;

	assert_int_equal(crypto_generichash_init(&state, NULL, 0, 32), 0);
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {		/* holes are most of it; writing into one makes it data */
		n = pread(fd, buf, sizeof buf, at);
		assert_true(n > 0);
		assert_int_equal(crypto_generichash_update(&state, (const uint8_t *)&at, sizeof at), 0);
		assert_int_equal(crypto_generichash_update(&state, buf, (unsigned long long)n), 0);
		at += n;
	}
	assert_int_equal(errno, ENXIO);
	assert_int_equal(crypto_generichash_final(&state, out, 32), 0);
	assert_int_equal(close(fd), 0);
}

char *
image_json(const char *path)
{
	char *text = calloc(1, JSON_BYTES + 1);
	int fd = must_open(path, O_RDONLY);

	assert_non_null(text);
	assert_int_equal(pread(fd, text, JSON_BYTES, BINARY), JSON_BYTES);
	assert_int_equal(close(fd), 0);
	return text;
}

/* Removes the member that a pointer without escapes names. */
static void
drop(struct json_object *root, const char *at)
{
	struct json_object *parent = root;
	char path[128];
	char *last;

	assert_true(strlen(at) < sizeof path);
	memcpy(path, at, strlen(at) + 1);
	last = strrchr(path, '/');
	assert_non_null(last);
	*last++ = '\0';
	assert_int_equal(json_pointer_get(root, path, &parent), 0);
	assert_true(json_object_object_get_ex(parent, last, NULL));
	json_object_object_del(parent, last);
}

/* One copy: binary header of its own (magic, salt and offset differ), the new JSON, checksum over both. */
static void
seal(int fd, off_t at, const char *json, uint64_t up)
{
	static uint8_t area[IMAGE_HEADER];
	uint64_t sequence;

	assert_int_equal(pread(fd, area, sizeof area, at), sizeof area);
	memcpy(&sequence, area + AT_SEQUENCE, sizeof sequence);
	sequence = htobe64(be64toh(sequence) + up);
	memcpy(area + AT_SEQUENCE, &sequence, sizeof sequence);
	memset(area + BINARY, 0, JSON_BYTES);
	assert_true(strlen(json) < JSON_BYTES);
	memcpy(area + BINARY, json, strlen(json));
	memset(area + AT_CHECKSUM, 0, CHECKSUM_BYTES);
	crypto_hash_sha256(area + AT_CHECKSUM, area, sizeof area);	/* reads all before it writes */
	assert_int_equal(pwrite(fd, area, sizeof area, at), sizeof area);
}

void
image_edit(const char *path, const struct edit edits[EDITS_MAX], unsigned copies, uint64_t up)
{
	char *text = image_json(path);
	struct json_object *root = json_tokener_parse(text);
	int fd = must_open(path, O_RDWR);
	const char *json;

	assert_non_null(root);
	for (unsigned i = 0; i < EDITS_MAX && edits[i].at != NULL; i++) {
		struct json_object *value;

		if (edits[i].value == NULL) {
			drop(root, edits[i].at);
			continue;
		}
		value = json_tokener_parse(edits[i].value);
		assert_non_null(value);
		assert_int_equal(json_pointer_set(&root, edits[i].at, value), 0);
	}
	json = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if ((copies & 1) != 0)
		seal(fd, 0, json, up);
	if ((copies & 2) != 0)
		seal(fd, IMAGE_HEADER, json, up);
	assert_int_equal(close(fd), 0);
	json_object_put(root);
	free(text);
}
