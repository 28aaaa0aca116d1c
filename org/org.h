#ifndef ORG_ORG_H
#define ORG_ORG_H
/*
 * What the operator's commands share.  A function here that fails says on stderr what was wrong, what it found and what is allowed,
 * and returns a negative errno; a command returns an exit code, which main.c hands on.
 */
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "doc.h"
#include "event.h"

enum org_exit { ORG_ok = 0, ORG_refused = 1, ORG_usage = 2 };

enum {
	IMAGE_MAX = 1 << 30,		/* bytes of a kernel or initramfs: doc.def's limit */
	KEY_FILE_MAX = 4096,
	LIST_FILE_MAX = 1 << 20,
	PATH_BYTES = 4096,
	KEY_ID_TEXT = 16,		/* hexadecimal digits, as minisign(1) writes them */
	ID_TEXT = 64,
};

/* The commands. argv[0] is the command's name. */
int cmd_cache(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_cosign(int argc, char **argv);
int cmd_generation(int argc, char **argv);
int cmd_image(int argc, char **argv);
int cmd_init(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_invite(int argc, char **argv);
int cmd_keygen(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_node(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_sign(int argc, char **argv);
int cmd_verify(int argc, char **argv);

/* --- say.c --- */
extern const char *org_program;	/* "sallyport-org sign": begins every message */
int refuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));			/* -EINVAL */
int refuse_errno(int error, const char *fmt, ...) __attribute__((format(printf, 2, 3)));	/* -error, with strerror */
void warn_operator(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));			/* ORG_usage */
int print_help(const char *text);								/* ORG_ok */
void refuse_doc(const char *path, enum doc_kind kind, const struct doc_error *error);
void print_event(enum event event, const char *detail);	/* "refused: 402 doc_signature: ..." and what to do, on stderr */
const char *hex_text(const uint8_t *bytes, size_t n, char *out);		/* out has room for 2n + 1 */
const char *key_id_text(const uint8_t keynum[8], char out[KEY_ID_TEXT + 1]);
const char *time_text(uint64_t seconds, char *out, size_t cap_bytes);		/* "2026-11-23 09:00:00 UTC" */

/* --- number.c: decimal without sign; what names the option or field in the message --- */
int parse_number(const char *what, const char *text, uint64_t least, uint64_t most, uint64_t *out);
int parse_time(const char *what, const char *text, uint64_t *out);	/* seconds since 1970 or YYYY-MM-DDThh:mm:ssZ */
int default_time(uint64_t *out);					/* SOURCE_DATE_EPOCH, else now */

/* --- file.c --- */
struct bytes {
	uint8_t *data;
	size_t len;
};

/* A regular file of least..most bytes, whole.  bytes_free() wipes, for some files are secret. */
int file_read(const char *path, size_t least, size_t most, struct bytes *out);
void bytes_free(struct bytes *bytes);
int path_join(char out[PATH_BYTES], const char *dir, const char *name);

enum file_how { FILE_replace, FILE_new };	/* FILE_new: refuses when there is one */

/* Writes a temporary file beside path, makes it durable, renames it: path is old, or new and whole, at any instant. */
int file_write(const char *path, const void *data, size_t len, unsigned mode, enum file_how how);

/* A new folder, filled under another name and renamed.  dir_begin() writes that name; the end is dir_commit() or dir_abort(). */
int dir_begin(const char *path, char temp[PATH_BYTES]);
int dir_commit(const char *temp, const char *path);
int sync_parent(const char *path);	/* the name is durable when the folder that holds it is */
void dir_abort(const char *temp, const char *const *names, size_t nnames);
#endif
