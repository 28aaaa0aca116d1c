/*
 * Runs of persist-mount for unit_luks.c.  Host-side test; plays preboot, which writes the key files.
 * Distrusts the program: it looks at the files itself, through descriptors from before.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <libcryptsetup.h>
#include <sodium.h>

#include "unit_luks_run.h"

const struct shape honest = { CRYPT_LUKS2, "aes", "xts-plain64", 64, 1000 };
const uint8_t key_a[32] = { 0xa1, 1, 2, 3 }, key_b[32] = { 0xb2, 4, 5, 6 }, key_c[32] = { 0xc3, 7, 8, 9 };
char output[4096];
const char *program;

const char *const with_id[] = { "--generation-id", ID_B, NULL };
const char *const format_id[] = { "--format", "--generation-id", ID_A, NULL };

void
write_file(const char *path, const void *data, size_t bytes, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, bytes), bytes);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

void
assert_destroyed(const char *path, int fd)
{
	uint8_t content[64];
	struct stat st;
	ssize_t n;

	assert_int_equal(lstat(path, &st), -1);
	assert_int_equal(errno, ENOENT);
	if (fd < 0)
		return;
	assert_int_equal(fstat(fd, &st), 0);
	if (S_ISREG(st.st_mode)) {
		n = pread(fd, content, sizeof content, 0);
		assert_true(n > 0);
		assert_true(sodium_is_zero(content, (size_t)n));
	}
	assert_int_equal(close(fd), 0);
}

static int
start(const char *const argv[])
{
	int pipes[2], status;
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(pipes[1], 1) == 1 && dup2(pipes[1], 2) == 2)
			(void)execv(program, (char *const *)(uintptr_t)argv);
		_exit(126);
	}
	assert_int_equal(close(pipes[1]), 0);
	while (used < sizeof output - 1 && (n = read(pipes[0], output + used, sizeof output - 1 - used)) > 0)
		used += (size_t)n;
	output[used] = '\0';
	assert_int_equal(close(pipes[0]), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

int
run_files(const char *image, const char *const more[])
{
	const char *argv[20] = { "persist-mount", "--test", "--key", "key", "--prev", "prev", "--device", image };
	int key = open("key", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), prev = open("prev", O_RDONLY | O_NOFOLLOW | O_CLOEXEC), r;
	unsigned n = 8;

	while (more != NULL && *more != NULL && n < 19)
		argv[n++] = *more++;
	r = start(argv);
	assert_destroyed("key", key);
	assert_destroyed("prev", prev);
	return r;
}

int
run(const char *image, const uint8_t *key, const uint8_t *prev, const char *const more[])
{
	if (key != NULL)
		write_file("key", key, 32, 0400);
	if (prev != NULL)
		write_file("prev", prev, 32, 0400);
	return run_files(image, more);
}

struct luks_view
look(const char *image)
{
	char *json = image_json(image);
	struct why why = { .text = "" };
	struct luks_view view;

	assert_int_equal(luks_check(json, NULL, NULL, image, IMAGE_BYTES, &view, &why), PERSIST_ok);
	free(json);
	return view;
}
