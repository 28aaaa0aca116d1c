#ifndef ORG_IMAGE_H
#define ORG_IMAGE_H
/*
 * The preboot image's file list and what becomes of it.  One line per entry, '#' begins a comment line:
 *   dir PATH MODE
 *   file PATH MODE SOURCE
 *   node PATH MODE c|b MAJOR MINOR
 *   modules PATH MODE {modules}        every module file, in the folder PATH
 * SOURCE: {programs}/NAME, {config}, {modules-list} (a text: the modules' paths in the image, in load order), or a path, which counts
 * from the list's own folder.
 */
#include "newc.h"
#include "org.h"

enum { IMAGE_ENTRIES_MAX = 1024, IMAGE_WORDS = 6 };

struct image_sources {
	const char *list, *config, *programs, *modules_dir, *modules_order;
};

struct image_entry {
	char path[NEWC_NAME_MAX + 2];	/* with its first '/' */
	uint32_t mode, major, minor;
	unsigned line;
	struct bytes content;
};

struct image {
	unsigned count;
	struct image_entry entry[IMAGE_ENTRIES_MAX];
};

/* Reads list and sources; sorted by path, every parent there, nothing twice. */
int image_read(const struct image_sources *sources, struct image **out);
void image_free(struct image *image);

/* image_modules.c: adds an entry per module below path; and the text of {modules-list}. */
struct image_line {
	const struct image_sources *sources;
	unsigned number;
	char *word[IMAGE_WORDS];
	unsigned words;
};
int image_complain(const struct image_line *line, const char *reason, const char *word);	/* names file and line; -EINVAL */
struct image_entry *image_add(struct image *image, const struct image_line *line, const char *path, uint32_t mode);	/* NULL: said why */
int image_add_modules(struct image *image, const struct image_line *line, const char *path, uint32_t mode);
int image_modules_list(const struct image_line *line, const char *path, struct bytes *out);

/* One archive, its trailer included; the same image, the same bytes. */
int image_archive(const struct image *image, uint32_t mtime, struct bytes *out);

/* "none", "gzip", "zstd", "xz", or NULL.  The same input and library, the same bytes. */
struct way;
const struct way *compress_way(const char *how);
const char *way_name(const struct way *way);
int compress_bytes(const struct way *way, const struct bytes *in, struct bytes *out);
#endif
