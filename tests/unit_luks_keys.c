/*
 * persist-mount and the files around it: keys, report, what counts as blank, the keyslot for a new key.  Host-side test.
 * Plays the generation, which may have planted something at the keys' names, and a disk that is not what somebody thinks.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit_luks_run.h"

void
test_key_files(void **state)
{
	static const char *const bad[] = { "--no-such-option", NULL }, *const no_name[] = { "--name", "../x", NULL };
	uint8_t long_key[33] = { 1 };
	int target, pipe_fd;
	struct stat st;

	(void)state;
	expect(PERSIST_ok, "opened with keyslot 0", run("honest", key_a, NULL, NULL));
	expect(PERSIST_ok, "opened with keyslot 0", run("honest", key_a, key_b, NULL));
	expect(PERSIST_key_wrong, "none of 1 keyslots with a cheap PBKDF2 (of 1 in all) opens", run("honest", key_b, NULL, NULL));
	expect(PERSIST_key_wrong, "nor with the previous one", run("honest", key_b, key_c, NULL));
	expect(PERSIST_key_missing, "key is missing", run("honest", NULL, NULL, NULL));
	expect(PERSIST_key_missing, "key is missing", run("honest", NULL, key_a, NULL));
	expect(PERSIST_usage, "--help tells more", run("honest", key_a, key_b, bad));
	expect(PERSIST_usage, "--name", run("honest", key_a, key_b, no_name));
	expect(PERSIST_device, "cannot be opened", run("absent", key_a, key_b, NULL));
	expect(PERSIST_device, "neither a block device", run("/dev/null", key_a, key_b, NULL));
	write_file("key", key_a, 32, 0440);
	expect(PERSIST_key_file, "mode 0440", run_files("honest", NULL));
	write_file("key", key_a, 31, 0400);
	expect(PERSIST_key_file, "31 bytes", run_files("honest", NULL));
	write_file("key", long_key, 33, 0400);
	expect(PERSIST_key_file, "33 bytes", run_files("honest", NULL));
	write_file("key", key_a, 32, 0400);
	assert_int_equal(chown("key", 1, 0), 0);
	expect(PERSIST_key_file, "uid 1", run_files("honest", NULL));
	write_file("key", key_a, 32, 0400);
	write_file("prev", key_b, 32, 0444);
	expect(PERSIST_key_file, "prev has mode 0444", run_files("honest", NULL));
	/* A second link: refused, and wiped through it. */
	write_file("key", key_a, 32, 0400);
	assert_int_equal(link("key", "second"), 0);
	expect(PERSIST_key_file, "2 links", run_files("honest", NULL));
	target = open("second", O_RDONLY | O_CLOEXEC);
	assert_destroyed("key", target);
	assert_int_equal(unlink("second"), 0);
	/* A symbolic link: refused and removed; its target is somebody else's. */
	write_file("target", key_a, 32, 0400);
	assert_int_equal(symlink("target", "key"), 0);
	expect(PERSIST_key_file, "symbolic link", run_files("honest", NULL));
	assert_int_equal(stat("target", &st), 0);
	assert_int_equal(unlink("target"), 0);
	assert_int_equal(mkfifo("key", 0400), 0);
	pipe_fd = open("key", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	expect(PERSIST_key_file, "no regular file", run_files("honest", NULL));
	assert_int_equal(close(pipe_fd), 0);
}

void
test_previous_key_adds_one_keyslot(void **state)
{
	uint8_t before[32], after[32];
	struct luks_view view;

	(void)state;
	image_blank("volume");
	expect(PERSIST_ok, "formatted, keyslot 0 for generation abababababab", run("volume", key_a, NULL, format_id));
	view = look("volume");
	assert_int_equal(view.keyslots, 1);
	assert_int_equal(view.cheap, 1);
	assert_string_equal(view.tag[0], ID_A);
	image_hash("volume", before);
	expect(PERSIST_generation, "needs the generation's id", run("volume", key_b, key_a, NULL));
	image_hash("volume", after);
	assert_memory_equal(before, after, 32);
	expect(PERSIST_ok, "added keyslot 1 for generation cdcdcdcdcdcd", run("volume", key_b, key_a, with_id));
	view = look("volume");
	assert_int_equal(view.keyslots, 3);
	assert_int_equal(view.cheap, 3);
	assert_string_equal(view.tag[0], ID_A);
	assert_string_equal(view.tag[1], ID_B);
	/* The next boot of it, with and without the previous key: opened directly, nothing is written. */
	image_hash("volume", before);
	expect(PERSIST_ok, "opened with keyslot 1 (token cdcdcdcdcdcd)", run("volume", key_b, key_a, with_id));
	expect(PERSIST_ok, "opened with keyslot 1 (token cdcdcdcdcdcd)", run("volume", key_b, NULL, with_id));
	expect(PERSIST_ok, "opened with keyslot 0 (token abababababab)", run("volume", key_a, NULL, with_id));
	expect(PERSIST_ok, "opened with keyslot 0", run("volume", key_a, NULL, format_id));	/* --format of a volume only opens it */
	image_hash("volume", after);
	assert_memory_equal(before, after, 32);
	expect(PERSIST_key_wrong, "none of 2 keyslots", run("volume", key_c, NULL, with_id));
}

/* Power failed between keyslot and token: the next boot writes the token, and only once. */
void
test_token_is_made_up_for(void **state)
{
	static const struct edit no_token[EDITS_MAX] = { { "/tokens/0", NULL } };
	uint8_t before[32], after[32];

	(void)state;
	image_blank("volume");
	expect(PERSIST_ok, "formatted", run("volume", key_a, NULL, format_id));
	image_edit("volume", no_token, 3, 1);
	assert_string_equal(look("volume").tag[0], "");
	expect(PERSIST_ok, "opened with keyslot 0 (no token)", run("volume", key_a, NULL, NULL));
	assert_string_equal(look("volume").tag[0], "");
	expect(PERSIST_ok, "opened with keyslot 0 (token cdcdcdcdcdcd)", run("volume", key_a, NULL, with_id));
	assert_string_equal(look("volume").tag[0], ID_B);
	assert_int_equal(look("volume").keyslots, 1);
	image_hash("volume", before);
	expect(PERSIST_ok, "opened with keyslot 0 (token cdcdcdcdcdcd)", run("volume", key_a, NULL, with_id));
	image_hash("volume", after);
	assert_memory_equal(before, after, 32);
}

/* The report is where the id comes from on a real boot. */
void
test_report(void **state)
{
#define HEX32 "0000000000000000000000000000000000000000000000000000000000000000"
	static const char report[] = "sallyport-report 1\ngeneration " ID_B "\nversion 42\ncause newest\nslot 0\nkeys_good 2\nkeys_need 2\n"
	    "node 00000000000000000000000000000000\nenrolled_now 0\nprevious_key 1\npcr4 " HEX32 "\npcr7 " HEX32 "\npcr8 " HEX32 "\n"
	    "last_failure 0\nms_start 1\nms_closed 2\nms_surveyed 3\nms_supplied 4\nms_verified 5\nms_loading 6\n";
	static const char *const with_report[] = { "--report", "report", "--format", NULL };
	static const char *const both[] = { "--report", "report", "--generation-id", ID_A, NULL };

	(void)state;
	image_blank("volume");
	expect(PERSIST_generation, "report cannot be read", run("volume", key_a, NULL, with_report));
	write_file("report", report, sizeof report - 2, 0444);		/* the last line feed is missing */
	expect(PERSIST_generation, "no report of preboot", run("volume", key_a, NULL, with_report));
	assert_int_equal(unlink("report"), 0);
	write_file("report", report, sizeof report - 1, 0444);
	expect(PERSIST_usage, "excludes --report", run("volume", key_a, NULL, both));
	expect(PERSIST_ok, "generation cdcdcdcdcdcd", run("volume", key_a, NULL, with_report));
	assert_int_equal(unlink("report"), 0);
}

void
test_only_blank_devices_are_formatted(void **state)
{
	/* An md superblock of version 1.0 stands at the device's end: 8 KiB before it, rounded down to 4 KiB (md(4)). */
	static const uint32_t md_at = (IMAGE_BYTES / 512 - 16) & ~7U;
	uint32_t md[64] = { 0xa92b4efc, 1 };
	static const off_t places[] = { 0, 1000, 32768, (1 << 20) + 7, (16 << 20) - 1 };
	uint8_t before[32], after[32];

	(void)state;
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		image_blank("disk");
		image_write("disk", places[i], "x", 1);
		image_hash("disk", before);
		expect(PERSIST_not_blank, "neither blank nor LUKS2", run("disk", key_a, NULL, format_id));
		expect(PERSIST_not_luks, "no valid LUKS2 header", run("disk", key_a, NULL, NULL));
		image_hash("disk", after);
		assert_memory_equal(before, after, 32);
	}
	image_blank("disk");
	md[36] = md_at;		/* super_offset */
	image_write("disk", (off_t)md_at * 512, md, sizeof md);
	image_hash("disk", before);
	expect(PERSIST_not_blank, "libblkid finds a signature (linux_raid_member)", run("disk", key_a, NULL, format_id));
	expect(PERSIST_not_luks, "linux_raid_member", run("disk", key_a, NULL, NULL));
	image_hash("disk", after);
	assert_memory_equal(before, after, 32);
	image_blank("disk");
	image_hash("disk", before);
	expect(PERSIST_blank, "is blank; --format makes a volume of it", run("disk", key_a, NULL, NULL));
	image_hash("disk", after);
	assert_memory_equal(before, after, 32);
	assert_int_equal(truncate("disk", DEVICE_LEAST - 1), 0);
	expect(PERSIST_device, "at least 33554432 are needed", run("disk", key_a, NULL, format_id));
	/* The rule's other side: data without a signature behind the first 16 MiB do not count. */
	image_blank("disk");
	image_write("disk", 16 << 20, "x", 1);
	expect(PERSIST_ok, "formatted", run("disk", key_a, NULL, format_id));
	expect(PERSIST_ok, "opened with keyslot 0 (token abababababab)", run("disk", key_a, NULL, NULL));
}
