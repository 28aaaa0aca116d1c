/*
 * Opens a checked volume, adds keyslots to it.  In the generation's initramfs.
 * Distrusts the device's header each time it is loaded: the check is of libcryptsetup's memory, and a header that is to be written
 * must hold the very volume key that the checked copy gave.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <libcryptsetup.h>

#include "persist.h"

static const struct crypt_pbkdf_type cheap_pbkdf2 = {
	.type = CRYPT_KDF_PBKDF2,
	.hash = "sha256",
	.iterations = CHEAP_LEAST,		/* the key has 256 random bits: stretching adds nothing */
	.flags = CRYPT_PBKDF_NO_BENCHMARK,
};

enum persist
volume_check(struct crypt_device *cd, const struct header *header, const char *pinned, struct luks_view *out, struct why *why)
{
	struct luks_view view;
	const char *json, *cipher, *mode;
	enum persist r;

	if (crypt_dump_json(cd, &json, 0) != 0)
		return why_set(why, PERSIST_metadata, "%s: libcryptsetup shows no metadata: %s", header->device, library_error());
	r = luks_check(json, crypt_get_uuid(cd), pinned, header->device, header->device_bytes, &view, why);
	if (r != PERSIST_ok)
		return r;
	/* The same by libcryptsetup's own eyes: our reading of the JSON and its reading must not part. */
	cipher = crypt_get_cipher(cd);
	mode = crypt_get_cipher_mode(cd);
	if (cipher == NULL || mode == NULL || strcmp(cipher, "aes") != 0 || strcmp(mode, "xts-plain64") != 0)
		return why_set(why, PERSIST_cipher, "%s: libcryptsetup would use %.30s-%.30s; only aes-xts-plain64 is allowed",
		    header->device, cipher != NULL ? cipher : "?", mode != NULL ? mode : "?");
	if (view.keyslots != 0 && crypt_get_volume_key_size(cd) != VOLUME_KEY_BYTES)
		return why_set(why, PERSIST_volume_key, "%s: libcryptsetup would use a volume key of %d bytes; only %d are allowed",
		    header->device, crypt_get_volume_key_size(cd), VOLUME_KEY_BYTES);
	*out = view;
	return PERSIST_ok;
}

static int
count(uint32_t bits)
{
	int n = 0;

	for (; bits != 0; bits &= bits - 1)
		n++;
	return n;
}

enum persist
volume_open(struct crypt_device *cd, const struct header *header, const struct luks_view *view, const uint8_t key[KEY_BYTES],
    uint8_t volume_key[VOLUME_KEY_BYTES], int *slot, struct why *why)
{
	for (int n = 0; n < KEYSLOTS_MAX; n++) {
		size_t bytes = VOLUME_KEY_BYTES;

		/* Whatever it says, another keyslot may still open: one broken area must not lock the volume. */
		if ((view->cheap >> n & 1) != 0 &&
		    crypt_volume_key_get(cd, n, (char *)volume_key, &bytes, (const char *)key, KEY_BYTES) == n &&
		    bytes == VOLUME_KEY_BYTES) {
			*slot = n;
			return PERSIST_ok;
		}
	}
	explicit_bzero(volume_key, VOLUME_KEY_BYTES);
	return why_set(why, PERSIST_key_wrong, "%s: none of %d keyslots with a cheap PBKDF2 (of %d in all) opens with the key handed over",
	    header->device, count(view->cheap), count(view->keyslots));
}

/* The token that says which generation a keyslot is for. */
static int
write_token(struct crypt_device *cd, int slot, const char *id)
{
	char json[160];

	(void)snprintf(
	    json, sizeof json, "{\"type\":\"sallyport\",\"keyslots\":[\"%d\"],\"generation\":\"%.*s\"}", slot, ID_HEX, id); /* fits */
	return crypt_token_json_set(cd, CRYPT_ANY_TOKEN, json);
}

/* 0 or a negative errno of libcryptsetup. */
static int
write_keyslot(struct crypt_device *cd, const struct secrets *secrets)
{
	int r;

	r = crypt_set_pbkdf_type(cd, &cheap_pbkdf2);
	if (r == 0)
		r = crypt_keyslot_set_encryption(cd, "aes-xts-plain64", VOLUME_KEY_BYTES);
	if (r == 0)
		r = crypt_keyslot_add_by_volume_key(cd, CRYPT_ANY_SLOT, (const char *)secrets->sec_volume_key, VOLUME_KEY_BYTES,
		    (const char *)secrets->sec_key, KEY_BYTES);
	return r;
}

enum persist
volume_tag(const struct header *header, const char *expect_uuid, const struct secrets *secrets, const char *id, int *slot,
    struct why *why)
{
	struct crypt_device *cd = NULL;
	struct luks_view view;
	enum persist r;
	int n = *slot;

	r = header_load_device(header, &cd, why);
	if (r == PERSIST_ok)
		r = volume_check(cd, header, expect_uuid, &view, why);
	if (r == PERSIST_ok && crypt_volume_key_verify(cd, (const char *)secrets->sec_volume_key, VOLUME_KEY_BYTES) < 0)
		r = why_set(
		    why, PERSIST_changed, "%s: its header's digest is not of the volume key that the checked copy gave", header->device);
	if (r == PERSIST_ok && n < 0 && (n = write_keyslot(cd, secrets)) < 0)
		r = why_set(why, PERSIST_write, "%s: no keyslot could be added: %s %s", header->device, strerror(-n), library_error());
	if (r == PERSIST_ok && write_token(cd, n, id) < 0)
		r = why_set(why, PERSIST_write, "%s: keyslot %d could not be tagged: %s", header->device, n, library_error());
	crypt_free(cd);
	if (r == PERSIST_ok)
		*slot = n;
	return r;
}

/* Fills a fresh context: header, one keyslot, its token. */
static int
fill(struct crypt_device *cd, const struct header *header, const char *uuid, const struct secrets *secrets, const char *id)
{
	struct crypt_params_luks2 params = { .pbkdf = &cheap_pbkdf2, .data_device = header->device, .sector_size = header->sector_bytes };
	int r;

	r = crypt_set_data_offset(cd, HEADER_BYTES / 512);
	if (r == 0)
		r = crypt_set_pbkdf_type(cd, &cheap_pbkdf2);
	if (r == 0)
		r = crypt_format(
		    cd, CRYPT_LUKS2, "aes", "xts-plain64", uuid, (const char *)secrets->sec_volume_key, VOLUME_KEY_BYTES, &params);
	if (r == 0)
		r = write_keyslot(cd, secrets);
	if (r >= 0)
		r = write_token(cd, r, id);
	return r < 0 ? r : 0;
}

enum persist
volume_format(const struct header *header, const char *uuid, struct secrets *secrets, const char *id, int *fd, struct crypt_device **cd,
    struct why *why)
{
	struct crypt_device *new = NULL;
	char path[32];
	int r, memfd;

	/* getrandom(2) waits for the kernel's generator; libcryptsetup's /dev/urandom would not, and this is the first boot. */
	if (getrandom(secrets->sec_volume_key, VOLUME_KEY_BYTES, 0) != VOLUME_KEY_BYTES)
		return why_set(why, PERSIST_internal, "getrandom: %s", strerror(errno));
	memfd = memfd_create("luks-new", MFD_CLOEXEC);
	if (memfd < 0 || ftruncate(memfd, HEADER_BYTES) != 0) {
		r = errno;
		if (memfd >= 0)
			(void)close(memfd);	/* empty */
		return why_set(why, PERSIST_internal, "no memory for a new header: %s", strerror(r));
	}
	fd_path(memfd, path);
	library_log();
	r = crypt_init_data_device(&new, path, header->device);
	if (r == 0)
		r = fill(new, header, uuid, secrets, id);
	if (r != 0) {
		crypt_free(new);
		(void)close(memfd);		/* given up */
		return why_set(
		    why, PERSIST_write, "%s: no LUKS2 header could be made: %s %s", header->device, strerror(-r), library_error());
	}
	*fd = memfd;
	*cd = new;
	return PERSIST_ok;
}

/* Copies a range of the memfd to the device, durable on return.  0 or a negative errno. */
static int
put(int from, int to, off_t at, off_t end)
{
	uint8_t buf[4096];

	for (; at < end; at += (off_t)sizeof buf) {
		if (pread(from, buf, sizeof buf, at) != (ssize_t)sizeof buf)
			return -EIO;
		errno = EIO;		/* a short write sets none */
		if (pwrite(to, buf, sizeof buf, at) != (ssize_t)sizeof buf)
			return -errno;
	}
	return fdatasync(to) == 0 ? 0 : -errno;
}

/*
 * Keyslots first, then the secondary header, the primary one last: with a header there are always the keyslots that it speaks of.
 * A power failure before the first byte leaves a blank device; one within these milliseconds may leave one that is neither.
 */
enum persist
volume_commit(const struct header *header, int fd, struct why *why)
{
	enum { ONE = 16384 };		/* each of the two headers: volume_format() leaves libcryptsetup's default */
	int to = open(header->device, O_WRONLY | O_CLOEXEC | O_NOCTTY), r;

	if (to < 0)
		return why_set(why, PERSIST_write, "%s cannot be opened for writing: %s", header->device, strerror(errno));
	r = put(fd, to, 2 * ONE, HEADER_BYTES);
	if (r == 0)
		r = put(fd, to, ONE, 2 * ONE);
	if (r == 0)
		r = put(fd, to, 0, ONE);
	if (close(to) != 0 && r == 0)
		r = -errno;
	return r == 0 ? PERSIST_ok : why_set(why, PERSIST_write, "%s: the new header cannot be written: %s", header->device, strerror(-r));
}
