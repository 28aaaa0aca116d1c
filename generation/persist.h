#ifndef GENERATION_PERSIST_H
#define GENERATION_PERSIST_H
/*
 * persist-mount: from /luks.key to a mounted volume.  Runs as root in the generation's initramfs, ahead of everything else of it.
 * Trusts the key (preboot derived it), the report (the hand-over vouches for it) and its command line (signed with the generation).
 * Distrusts every byte of the device: who holds the disk writes the header.  LUKS2 On-Disk Format Specification 1.1.
 */
#include <stddef.h>
#include <stdint.h>

struct crypt_device;

/* Exit statuses, each with what it means: the program, --help, persist-mount(8) and the tests have the same numbers. */
#define PERSIST_EXITS(X) \
	X(ok,            0, "opened, and mounted unless --test") \
	X(usage,         2, "wrong arguments") \
	X(internal,      3, "memory cannot be locked, or the kernel refuses something else that it must not") \
	X(generation,    4, "the generation's id is needed for the token and there is no valid one") \
	X(key_missing,  10, "there is no key file") \
	X(key_file,     11, "a key file is not what preboot writes: 32 bytes, regular, 0400, root's, one link") \
	X(key_wrong,    12, "no keyslot opens with the keys handed over") \
	X(device,       20, "the device is absent, too small or cannot be read") \
	X(blank,        21, "the device is blank and --format was not given") \
	X(not_luks,     22, "neither blank nor a valid LUKS2 header") \
	X(not_blank,    23, "--format was given, and the device holds something that is not LUKS2") \
	X(luks1,        24, "LUKS1") \
	X(segment,      25, "not exactly one plain crypt segment of a sane place and size") \
	X(cipher,       26, "the data are not encrypted with aes-xts-plain64") \
	X(volume_key,   27, "the volume key has not 512 bits") \
	X(keyslot,      28, "a keyslot of another type, cipher or shape") \
	X(requirement,  29, "a reencryption, or a requirement that nobody here knows") \
	X(uuid,         30, "another UUID than the one given") \
	X(digest,       31, "not exactly one sound digest of the volume key") \
	X(metadata,     32, "something else in the header's JSON that should not be there") \
	X(changed,      33, "the device's header is no longer the one that was checked") \
	X(write,        34, "keyslot, token or header could not be written") \
	X(mkfs,         35, "no file system could be made") \
	X(activate,     36, "the device mapper refuses") \
	X(mount,        37, "the file system cannot be mounted")

#define X(name, number, text) PERSIST_##name = number,
enum persist { PERSIST_EXITS(X) };
#undef X

/* Why it failed, for a person: what was found where, and what is allowed.  Printable ASCII. */
struct why {
	char text[512];
};

/* Sets the text, returns code: return why_set(why, PERSIST_device, ...).  Bytes that are not printable become '?'. */
enum persist why_set(struct why *why, enum persist code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

enum {
	KEY_BYTES = 32,			/* /luks.key */
	VOLUME_KEY_BYTES = 64,		/* two AES-256 keys */
	ID_HEX = 64,			/* a generation's id, lower case */
	KEYSLOTS_MAX = 32,		/* of LUKS2 */
	CHEAP_LEAST = 1000,		/* PBKDF2 iterations: libcryptsetup takes no fewer */
	CHEAP_MOST = 100000,		/* a keyslot beyond it is a person's: not tried, so that a header cannot stall the boot */
	HEADER_BYTES = 16 << 20,	/* what is copied, and the most that may lie before the data: cryptsetup's default */
	DEVICE_LEAST = 32 << 20,
};

/* --- secret.c: one locked, undumpable mapping that a fork does not see --- */
struct secrets {
	uint8_t sec_key[KEY_BYTES];
	uint8_t sec_prev[KEY_BYTES];
	uint8_t sec_volume_key[VOLUME_KEY_BYTES];
	uint8_t have_key, have_prev;
};
struct secrets *secrets_new(void);		/* NULL: errno says why */
void secrets_free(struct secrets *secrets);	/* wipes; NULL is fine */

/*
 * Reads both key files, then overwrites and unlinks them, whatever else happens: when this returns, no file holds a key.
 * secrets NULL: destroys only.  PERSIST_key_missing, PERSIST_key_file.
 */
enum persist keys_take(const char *key_path, const char *prev_path, struct secrets *secrets, struct why *why);

/* --- header.c: the device's first HEADER_BYTES, copied once into a sealed memfd --- */
struct header {
	const char *device;		/* borrowed path */
	int device_fd, copy_fd;
	uint64_t device_bytes;
	uint32_t sector_bytes;		/* for formatting: 512 or 4096 */
	int all_zero;			/* the copy */
	uint8_t first[8];		/* bytes of the copy: the magic and version */
};
enum persist header_copy(const char *device, struct header *out, struct why *why);
void header_close(struct header *header);
/* Blank: the first HEADER_BYTES are zero and libblkid knows no signature anywhere.  PERSIST_ok, _device, _not_blank with why. */
enum persist header_blank(const struct header *header, struct why *why);
/* libcryptsetup's last error line since the last library_log(), or "".  Loading calls it. */
const char *library_error(void);
void library_log(void);
/* A context over the copy, or freshly over the device.  PERSIST_luks1, _not_luks, _internal. */
enum persist header_load_copy(const struct header *header, struct crypt_device **out, struct why *why);
enum persist header_load_device(const struct header *header, struct crypt_device **out, struct why *why);
/* A path by which libcryptsetup opens a descriptor of ours.  Needs /proc. */
void fd_path(int fd, char out[32]);

/* --- check.c, check_slots.c: pure --- */
struct luks_view {
	uint32_t keyslots;		/* bit n: keyslot n exists */
	uint32_t cheap;			/* bit n: keyslot n is one of ours by its shape: it is tried */
	char tag[KEYSLOTS_MAX][ID_HEX + 1];	/* the generation's id of the token that names keyslot n, or "" */
};
/* Judges the metadata that libcryptsetup holds for device.  uuid is what it says, pinned what is demanded or NULL. */
enum persist luks_check(const char *json, const char *uuid, const char *pinned, const char *device, uint64_t device_bytes,
    struct luks_view *out, struct why *why);

/* --- volume.c --- */
/* The check of a loaded context: of its memory, which is what it works with from now on. */
enum persist volume_check(struct crypt_device *cd, const struct header *header, const char *pinned, struct luks_view *out, struct why *why);
/* Tries the cheap keyslots with key; *slot, *volume_key set.  PERSIST_key_wrong. */
enum persist volume_open(struct crypt_device *cd, const struct header *header, const struct luks_view *view,
    const uint8_t key[KEY_BYTES], uint8_t volume_key[VOLUME_KEY_BYTES], int *slot, struct why *why);
/*
 * Writes to the device, after checking its header anew and its digest against the volume key: slot < 0: a keyslot for sec_key and
 * its token, *slot set; else only the token for that keyslot.  expect_uuid: the checked copy's.  Kills nothing.
 */
enum persist volume_tag(const struct header *header, const char *expect_uuid, const struct secrets *secrets, const char *id, int *slot,
    struct why *why);
/*
 * A new volume in a memfd of HEADER_BYTES; nothing is on the device yet.  *cd can be activated.  Makes sec_volume_key.
 * volume_commit() writes it to the device, the primary header last: until then the device counts as blank.
 */
enum persist volume_format(const struct header *header, const char *uuid, struct secrets *secrets, const char *id, int *fd,
    struct crypt_device **cd, struct why *why);
enum persist volume_commit(const struct header *header, int fd, struct why *why);

/* --- mount.c --- */
enum persist volume_activate(struct crypt_device *cd, const char *name, const struct secrets *secrets, struct why *why);
void volume_deactivate(const char *name);
enum persist volume_mkfs(const char *name, struct why *why);	/* /sbin/mkfs.ext4 */
enum persist volume_mount(const char *name, const char *mountpoint, struct why *why);
#endif
