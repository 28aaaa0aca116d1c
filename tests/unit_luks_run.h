#ifndef TESTS_UNIT_LUKS_RUN_H
#define TESTS_UNIT_LUKS_RUN_H
/*
 * Runs of persist-mount for unit_luks.c, in a scratch folder.  Each also asserts that both key files are unlinked and their content,
 * seen through a descriptor from before, is zero: on every path means in every test.
 */
#include <stdint.h>
#include <sys/types.h>

#include "persist.h"
#include "unit_luks_image.h"

#define ID_A "abababababababababababababababababababababababababababababababab"
#define ID_B "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"

extern const struct shape honest;
extern const uint8_t key_a[32], key_b[32], key_c[32];
extern const char *const with_id[], *const format_id[];
extern const char *program;	/* persist-mount */
extern char output[4096];	/* of the last run: both streams */

void write_file(const char *path, const void *data, size_t bytes, mode_t mode);
/* After a run: path is gone; what it held, by fd (taken; -1: there was nothing), is zero. */
void assert_destroyed(const char *path, int fd);
/* Runs persist-mount --test with what stands at key and prev; more: NULL-ended arguments, or NULL.  The exit status. */
int run_files(const char *image, const char *const more[]);
/* The same, after writing both files as preboot does; NULL: none. */
int run(const char *image, const uint8_t *key, const uint8_t *prev, const char *const more[]);
/* What luks_check() sees in an image; it must be allowed. */
struct luks_view look(const char *image);

#define expect(status, word, call) do { \
	int got_ = (call); \
	if (got_ != (status) || strstr(output, word) == NULL) \
		fail_msg("%s: status %d, wanted %d with \"%s\": %s", #call, got_, (int)(status), word, output); \
} while (0)

void test_key_files(void **state);
void test_previous_key_adds_one_keyslot(void **state);
void test_token_is_made_up_for(void **state);
void test_report(void **state);
void test_only_blank_devices_are_formatted(void **state);
#endif
