#ifndef ORG_UNPACK_H
#define ORG_UNPACK_H
/*
 * Looks into an initramfs as the kernel unpacks it (init/initramfs.c; Documentation/driver-api/early-userspace/buffer-format.rst):
 * archives of format newc or crc, plain or compressed, with zero bytes between.  Nothing is ever written to a file.
 */
#include <stddef.h>
#include <stdint.h>

enum {
	UNPACK_WHY = 512,
	UNPACK_NAME_MAX = 4096,		/* bytes with the NUL: PATH_MAX, the kernel skips a longer name silently */
	UNPACK_ENTRIES_MAX = 1000000,	/* far above any real one: bounds our own memory */
	UNPACK_LINKS_MAX = 40,		/* symbolic links followed in one name, as path_resolution(7) */
};

struct unpacked {
	uint64_t bytes;		/* memory of the unpacked files: content in whole pages, and 1 KiB for each entry's inode */
	uint64_t entries;
	uint32_t archives;	/* compressed streams and plain runs of archives */
	char how[64];		/* "none zstd": the compressions met, in order */
};

/*
 * 0, or -EBADMSG with why saying what is wrong and where: damaged, a format that kernels do not take, or a name that is
 * sallyport's own: /luks.key, /luks.key.prev, /sallyport/report, and /sallyport when it is no folder.
 */
int unpack_check(const uint8_t *data, size_t len, struct unpacked *out, char why[UNPACK_WHY]);

/* --- expand.c: one compressed stream; used_bytes is where it ends.  0, or -EBADMSG with *why a static text; what sink returned. --- */
struct sink {
	int (*take)(void *self, const uint8_t *data, size_t len);	/* 0 or a negative errno, which ends it all */
	void *self;
};
struct format {
	const char *name;
	uint8_t magic[6];
	uint8_t magic_bytes;
	/* NULL: not accepted; advice says what to do */
	int (*expand)(const uint8_t *in, size_t len, size_t *used_bytes, const struct sink *sink, const char **why);
	const char *advice;
};
const struct format *format_find(const uint8_t *in, size_t len);	/* by the first bytes, or NULL */

/* --- archive.c: the archives' bytes, in pieces of any length --- */
struct archive;
struct archive *archive_new(char why[UNPACK_WHY]);			/* NULL: no memory */
void archive_free(struct archive *archive);
void archive_begin(struct archive *archive, uint64_t at);		/* at: offset that alignment counts from */
int archive_take(void *archive, const uint8_t *data, size_t len);	/* -EBADMSG with why */
int archive_between(const struct archive *archive);			/* 1: no entry is half read */
size_t archive_wants(const struct archive *archive);			/* bytes up to where an entry may end, at least 1 */
void archive_count(const struct archive *archive, struct unpacked *out);

/* --- names.c: where a name leads to, given the entries before it --- */
struct names;
struct names *names_new(void);
void names_free(struct names *names);
/* The entry's name, mode and, for a symbolic link, target.  NULL, or why it is refused (static). */
const char *names_add(struct names *names, const char *name, uint32_t mode, const char *target);
#endif
