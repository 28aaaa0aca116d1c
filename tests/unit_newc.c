/*
 * newc archives against GNU cpio, the arithmetic of the hand-over's padding, and every refusal of the reader.
 * Host-side test; plays the kernel's unpacker, and whoever packs an initramfs.
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

#include "newc.h"

enum { ARCHIVE_MAX = 8192 };

static char report[1024];	/* of this, as many bytes as a test wants */
static uint8_t key[32];
static char dir[] = "/tmp/unit_newc.XXXXXX";

static size_t
add(uint8_t *out, size_t at, const char *name, uint32_t mode, uint32_t nlink, const void *content, size_t n)
{
	struct newc_entry e = { .ino = (uint32_t)at + 1, .mode = mode, .nlink = nlink, .size_bytes = (uint32_t)n };
	long content_at;

	assert_true(strlen(name) <= NEWC_NAME_MAX);
	memcpy(e.name, name, strlen(name));
	content_at = newc_begin(&e, out + at, ARCHIVE_MAX - at);
	assert_true(content_at > 0 && content_at % 4 == 0);
	if (n > 0)
		memcpy(out + at + content_at, content, n);
	return at + newc_entry_bytes(strlen(name), n);
}

/* The hand-over's archive, with a report of so many bytes. */
static size_t
archive(uint8_t *out, size_t report_bytes)
{
	size_t at = 0;
	long n;

	at = add(out, at, "luks.key", S_IFREG | 0400, 1, key, sizeof key);
	at = add(out, at, "sallyport", S_IFDIR | 0755, 2, NULL, 0);
	at = add(out, at, "sallyport/report", S_IFREG | 0444, 1, report, report_bytes);
	n = newc_trailer(out + at, ARCHIVE_MAX - at);
	assert_int_equal(n, 124);
	return at + (size_t)n;
}

/* cpio with these arguments in the test's folder; its standard output into out. */
static void
cpio(char *const argv[], const uint8_t *in, size_t n, char *out, size_t cap)
{
	int to[2], from[2], status;
	size_t got = 0;
	ssize_t r;
	pid_t pid;

	assert_true(n < 65536);	/* fits into the pipe: nobody waits for the other */
	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(to[0], 0) == 0 && dup2(from[1], 1) == 1 && chdir(dir) == 0 && setenv("LC_ALL", "C", 1) == 0)
			execvp("cpio", argv);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	assert_int_equal(write(to[1], in, n), n);
	close(to[1]);
	while ((r = read(from[0], out + got, cap - 1 - got)) > 0)
		got += (size_t)r;
	assert_int_equal(r, 0);
	out[got] = '\0';
	close(from[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}
#define CPIO(in, n, out, cap, ...) cpio((char *[]){ (char *)(uintptr_t)"cpio", __VA_ARGS__, NULL }, in, n, out, cap)
#define A(text) ((char *)(uintptr_t)(text))

/* Is there a line with this beginning, nlink, owner, size, and name? */
static void
listed(const char *list, const char *mode, unsigned nlink, size_t bytes, const char *name)
{
	char copy[4096], *save = NULL;

	assert_true(strlen(list) < sizeof copy);
	strcpy(copy, list);
	for (char *line = strtok_r(copy, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		char got_mode[16], got_name[64], user[16], group[16];
		unsigned got_nlink;
		size_t got_bytes;

		if (sscanf(line, "%15s %u %15s %15s %zu %*s %*s %*s %63s", got_mode, &got_nlink, user, group, &got_bytes, got_name) != 6)
			fail_msg("not understood: %s", line);
		if (strcmp(got_name, name) != 0)
			continue;
		assert_string_equal(got_mode, mode);
		assert_int_equal(got_nlink, nlink);
		assert_int_equal(got_bytes, bytes);
		assert_string_equal(user, "0");
		assert_string_equal(group, "0");
		return;
	}
	fail_msg("%s is not listed in:\n%s", name, list);
}

static void
gnu_cpio_lists(void **state)
{
	uint8_t ours[ARCHIVE_MAX];
	char list[4096];

	(void)state;
	for (size_t bytes = 0; bytes < 6; bytes++) {	/* every residue of the content's padding */
		CPIO(ours, archive(ours, bytes), list, sizeof list, A("-itvn"), A("--quiet"));
		listed(list, "-r--------", 1, 32, "luks.key");
		listed(list, "drwxr-xr-x", 2, 0, "sallyport");
		listed(list, "-r--r--r--", 1, bytes, "sallyport/report");
	}
}

static void
same_file(const char *name, const void *bytes, size_t n, mode_t mode)
{
	char path[128], content[4096];
	struct stat st;
	FILE *f;

	assert_true(snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, mode);
	assert_int_equal(st.st_size, n);
	f = fopen(path, "rb");
	assert_non_null(f);
	assert_int_equal(fread(content, 1, sizeof content, f), n);
	fclose(f);
	assert_memory_equal(content, bytes, n);
}

/*
 * For every odd size of a preceding archive: where ours begins and what lies between.  GNU cpio stops at the first trailer, so it
 * gets what stands at the place that the arithmetic names.
 */
static void
behind_another(void **state)
{
	static uint8_t all[2 * NEWC_ALIGN + ARCHIVE_MAX];
	char out[4096];

	(void)state;
	for (size_t before = 0; before < NEWC_ALIGN; before++) {
		size_t at = (before + NEWC_ALIGN - 1) / NEWC_ALIGN * NEWC_ALIGN, n;

		memset(all, 0xee, sizeof all);
		memset(all + before, 0, at - before);
		n = archive(all + at, before);	/* another size each time: no file of the round before can pass for this one's */
		assert_true(at % NEWC_ALIGN == 0 && at >= before && at - before < NEWC_ALIGN);
		assert_int_equal(all[at + n], 0xee);	/* nothing written behind the trailer */
		assert_int_equal(n % 4, 0);
		if (before > 0)
			assert_int_equal(all[before - 1], 0xee);
		CPIO(all + at, n, out, sizeof out, A("-idu"), A("--quiet"), A("--no-absolute-filenames"));
		same_file("luks.key", key, sizeof key, S_IFREG | 0400);
		same_file("sallyport/report", report, before, S_IFREG | 0444);
	}
}

static void
reads_what_gnu_cpio_writes(void **state)
{
	static const char names[] = "luks.key\nsallyport\nsallyport/report\n";
	static char out[65536];
	uint8_t ours[ARCHIVE_MAX];
	struct newc_entry e;
	size_t content_at, next_at, at = 0;
	char list[64];

	(void)state;
	CPIO(ours, archive(ours, 77), list, sizeof list, A("-idu"), A("--quiet"));
	CPIO((const uint8_t *)names, sizeof names - 1, out, sizeof out, A("-oH"), A("newc"), A("--quiet"), A("--block-size=1"));
	for (unsigned i = 0; i < 4; i++) {
		static const char *const name[] = { "luks.key", "sallyport", "sallyport/report", "TRAILER!!!" };
		static const uint32_t size[] = { 32, 0, 77, 0 }, mode[] = { 0100400, 040755, 0100444, 0 };

		assert_int_equal(newc_read((const uint8_t *)out + at, sizeof out - at, &e, &content_at, &next_at), 0);
		assert_string_equal(e.name, name[i]);
		assert_int_equal(e.size_bytes, size[i]);
		assert_int_equal(e.mode, mode[i]);
		if (i == 2)
			assert_memory_equal(out + at + content_at, report, 77);
		at += next_at;
	}
}

/* A random-looking entry comes back as it went in. */
static void
round_trip(void **state)
{
	uint8_t buf[1024];
	struct newc_entry in = { .ino = 0xfedcba98, .mode = S_IFCHR | 0640, .uid = 0xffffffff, .gid = 7, .nlink = 0x80000000, .mtime = 0x12345678,
		.rdev_major = 0xabcdef01, .rdev_minor = 3 }, out;
	size_t content_at, next_at;

	(void)state;
	for (size_t name = 1; name <= NEWC_NAME_MAX; name++)
		for (in.size_bytes = 0; in.size_bytes < 5; in.size_bytes++) {
			size_t need = newc_entry_bytes(name, in.size_bytes);
			long at;

			memset(in.name, 0, sizeof in.name);
			memset(in.name, 'n', name);
			memset(buf, 0xee, sizeof buf);
			assert_int_equal(newc_begin(&in, buf, need - 1), -ENOSPC);
			assert_int_equal(buf[0], 0xee);
			at = newc_begin(&in, buf, need);
			assert_int_equal(at, (NEWC_HEADER + name + 1 + 3) / 4 * 4);
			assert_int_equal(need, (size_t)at + (in.size_bytes + 3u) / 4 * 4);
			assert_int_equal(buf[need], 0xee);
			for (size_t i = (size_t)at + in.size_bytes; i < need; i++)
				assert_int_equal(buf[i], 0);
			assert_int_equal(newc_read(buf, need, &out, &content_at, &next_at), 0);
			assert_memory_equal(&out, &in, sizeof out);
			assert_int_equal(content_at, at);
			assert_int_equal(next_at, need);
			assert_int_equal(newc_read(buf, need - 1, &out, &content_at, &next_at), -EBADMSG);
		}
	memset(in.name, 'n', sizeof in.name);	/* no NUL */
	assert_int_equal(newc_begin(&in, buf, sizeof buf), -EINVAL);
	in.name[0] = '\0';
	assert_int_equal(newc_begin(&in, buf, sizeof buf), -EINVAL);
	assert_int_equal(newc_trailer(buf, 123), -ENOSPC);
	assert_true(newc_entry_bytes(1, SIZE_MAX) == SIZE_MAX);
	assert_true(newc_entry_bytes(SIZE_MAX, 1) == SIZE_MAX);
}

static void
refused(const uint8_t *archive_bytes, size_t n, const char *what)
{
	struct newc_entry e, untouched;
	size_t content_at = 77, next_at = 78;
	uint8_t *exact = malloc(n > 0 ? n : 1);	/* a sanitizer sees one byte too far */

	assert_non_null(exact);
	memcpy(exact, archive_bytes, n);
	memset(&e, 0xa5, sizeof e);
	memset(&untouched, 0xa5, sizeof untouched);
	if (newc_read(exact, n, &e, &content_at, &next_at) != -EBADMSG)
		fail_msg("not refused: %s", what);
	assert_memory_equal(&e, &untouched, sizeof e);
	assert_int_equal(content_at, 77);
	assert_int_equal(next_at, 78);
	free(exact);
}

static void
wrong_archives(void **state)
{
	static const struct { unsigned at; const char *put, *what; } wrongs[] = {
		{ 0, "070702", "the format with checksums" }, { 0, "070707", "the old format" }, { 0, "070701\0", "a NUL in the inode" },
		{ 6, "0000000g", "no hexadecimal digit" }, { 6, " 0000001", "a blank" }, { 6, "+0000001", "a sign" },
		{ 6, "0x000001", "a prefix" }, { 102, "0000000G", "no digit in the last field" },
		{ 54, "FFFFFFFF", "a size beyond the buffer" }, { 54, "00000025", "a size one word beyond the buffer" },
		{ 94, "00000000", "no name" }, { 94, "00000001", "an empty name" }, { 94, "00000008", "a name without its NUL" },
		{ 94, "0000000A", "a name with a NUL inside" }, { 94, "00000101", "a name too long" }, { 94, "FFFFFFFF", "a name beyond all" },
		{ 110, "lu\0s", "a name that ends early" }, { 118, "y", "a name that does not end" },
	};
	uint8_t whole[ARCHIVE_MAX], bad[ARCHIVE_MAX];
	size_t n = add(whole, 0, "luks.key", S_IFREG | 0400, 1, key, sizeof key), content_at, next_at;
	struct newc_entry e;

	(void)state;
	assert_int_equal(n, 152);
	for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
		size_t len = strlen(wrongs[i].put);

		if (len == 6 && wrongs[i].at == 0 && i == 2)
			len = 7;
		if (wrongs[i].at == 110)
			len = 4;
		memcpy(bad, whole, n);
		memcpy(bad + wrongs[i].at, wrongs[i].put, len);
		refused(bad, n, wrongs[i].what);
	}
	for (size_t cut = 0; cut < n; cut++)
		refused(whole, cut, "cut");
	/* A name of 256 bytes, whole, in an archive that is long enough; no name and an empty one, with a NUL where it would end. */
	memset(bad, 'n', sizeof bad);
	memcpy(bad, whole, NEWC_HEADER);
	memcpy(bad + 94, "00000101", 8);
	bad[NEWC_HEADER + 256] = '\0';
	refused(bad, sizeof bad, "a name one too long");
	memcpy(bad + 94, "00000100", 8);
	bad[NEWC_HEADER + 255] = '\0';
	assert_int_equal(newc_read(bad, sizeof bad, &e, &content_at, &next_at), 0);
	bad[NEWC_HEADER] = '\0';
	memcpy(bad + 94, "00000001", 8);
	refused(bad, sizeof bad, "an empty name");
	memcpy(bad + 94, "00000000", 8);
	refused(bad, sizeof bad, "no name");
	memcpy(bad, whole, n);
	memcpy(bad + 14, "0000a1ff", 8);	/* lower case is what the kernel reads too */
	assert_int_equal(newc_read(bad, n, &e, &content_at, &next_at), 0);
	assert_int_equal(e.mode, 0xa1ff);
}

static int
set_up(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)(i * 7 + 1);
	for (unsigned i = 0; i < sizeof report; i++)
		report[i] = (char)('0' + i % 71);
	(void)umask(0);	/* so that cpio's files have the modes of the archive; never fails */
	return mkdtemp(dir) == NULL;
}

static int
tear_down(void **state)
{
	static const char *const names[] = { "luks.key", "sallyport/report", "sallyport", "." };
	char path[128];
	int bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		assert_true(snprintf(path, sizeof path, "%s/%s", dir, i == 3 ? "" : names[i]) < (int)sizeof path);
		bad |= remove(path) != 0;
	}
	return bad;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gnu_cpio_lists),
		cmocka_unit_test(behind_another),
		cmocka_unit_test(reads_what_gnu_cpio_writes),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(wrong_archives),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
