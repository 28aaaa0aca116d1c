/*
 * persist-mount against real LUKS images, on a host without the device mapper: everything but mapping and mounting.  Plays the disk's
 * holder, who writes any header, and preboot, which writes the key files.  Each run also proves that the key files are gone and wiped.
 * The program is $PERSIST_MOUNT, the shipped one; luks_check() and volume_tag() are linked as well.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>
#include <libcryptsetup.h>
#include <sodium.h>

#include "unit_luks_run.h"

static const struct row {
	const char *name;
	enum persist code;
	int status;
	const char *word;
	struct edit edits[EDITS_MAX];
} rows[] = {
#define ROW(name, code, status, word, ...) { #name, PERSIST_##code, status, word, { __VA_ARGS__ } },
#include "unit_luks_rows.h"
};

/* Every forgery: refused by the pure check with its code, and by the program with its status and text; the image stays as it was. */
static void
test_forged_metadata(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *row = &rows[i];
		uint8_t before[32], after[32];
		struct luks_view view;
		struct why why = { .text = "" };
		enum persist code;
		char *json;
		int status;

		image_copy("honest", "forged");
		image_edit("forged", row->edits, 3, 1);
		image_hash("forged", before);
		json = image_json("forged");
		code = luks_check(json, "u", NULL, "forged", IMAGE_BYTES, &view, &why);
		free(json);
		status = run("forged", key_a, key_b, NULL);
		image_hash("forged", after);
		if (code != row->code || status != row->status || strstr(output, row->word) == NULL)
			wrong++, print_error("%s: check %d (%s), wanted %d; status %d, wanted %d with \"%s\": %s\n", row->name, (int)code,
			    why.text, (int)row->code, status, row->status, row->word, output);
		assert_memory_equal(before, after, 32);
	}
	assert_int_equal(wrong, 0);
}

/* Not by editing: volumes that cryptsetup itself makes. */
static void
test_other_volumes(void **state)
{
	static const struct shape luks1 = { CRYPT_LUKS1, "aes", "xts-plain64", 64, 1000 };
	static const struct shape short_key = { CRYPT_LUKS2, "aes", "xts-plain64", 32, 1000 };
	static const struct shape cbc = { CRYPT_LUKS2, "aes", "cbc-essiv:sha256", 32, 1000 };
	static const struct shape dear = { CRYPT_LUKS2, "aes", "xts-plain64", 64, CHEAP_MOST + 1 };
	static const struct shape least_dear = { CRYPT_LUKS2, "aes", "xts-plain64", 64, CHEAP_MOST };

	(void)state;
	image_make("other", &luks1, key_a);
	expect(PERSIST_luks1, "holds LUKS1; only LUKS2 is allowed", run("other", key_a, NULL, NULL));
	expect(PERSIST_luks1, "holds LUKS1", run("other", key_a, NULL, format_id));
	image_make("other", &short_key, key_a);
	expect(PERSIST_volume_key, "only 64 (512 bits) are allowed", run("other", key_a, NULL, NULL));
	image_make("other", &cbc, key_a);
	expect(PERSIST_cipher, "aes-cbc-essiv:sha256", run("other", key_a, NULL, NULL));
	image_make("other", &dear, key_a);
	expect(PERSIST_key_wrong, "none of 0 keyslots with a cheap PBKDF2 (of 1 in all)", run("other", key_a, NULL, NULL));
	image_make("other", &least_dear, key_a);
	expect(PERSIST_ok, "opened with keyslot 0 (no token)", run("other", key_a, NULL, NULL));
}

/*
 * CVE-2025-59054 and its kin in earnest: the disk's holder changes one word, the right key still opens the volume, and from now on
 * all is written in plain text.  Unguarded, libcryptsetup goes along: the twin that shows that the refusal matters.  (A null cipher
 * in a keyslot is barred by libcryptsetup as well, since Debian's 2.6.1-4~deb12u2.)
 */
static void
test_null_segment_opens_unguarded(void **state)
{
	static const struct edit null_segment[EDITS_MAX] = { { "/segments/0/encryption", "\"cipher_null-ecb\"" } };
	uint8_t volume_key[64];
	struct crypt_device *cd;
	size_t bytes = 64;

	(void)state;
	image_copy("honest", "evil");
	image_edit("evil", null_segment, 3, 1);
	assert_int_equal(crypt_init(&cd, "evil"), 0);
	assert_int_equal(crypt_load(cd, CRYPT_LUKS2, NULL), 0);
	assert_int_equal(crypt_volume_key_get(cd, 0, (char *)volume_key, &bytes, (const char *)key_a, 32), 0);
	assert_int_equal(crypt_volume_key_verify(cd, (const char *)volume_key, bytes), 0);
	assert_string_equal(crypt_get_cipher(cd), "cipher_null");
	crypt_free(cd);
	expect(PERSIST_cipher, "the data's cipher is cipher_null-ecb", run("evil", key_a, NULL, NULL));
}

/* A reencryption that was begun by libcryptsetup itself. */
static void
test_reencryption(void **state)
{
	struct crypt_pbkdf_type pbkdf = { .type = CRYPT_KDF_PBKDF2, .hash = "sha256", .iterations = 1000,
		.flags = CRYPT_PBKDF_NO_BENCHMARK };
	struct crypt_params_luks2 luks2 = { .pbkdf = &pbkdf, .sector_size = 512 };
	struct crypt_params_reencrypt params = { .mode = CRYPT_REENCRYPT_REENCRYPT, .direction = CRYPT_REENCRYPT_FORWARD,
		.resilience = "none", .luks2 = &luks2, .flags = CRYPT_REENCRYPT_INITIALIZE_ONLY };
	const char *key = (const char *)key_a;
	struct crypt_device *cd;

	(void)state;
	image_copy("honest", "half");
	assert_int_equal(crypt_init(&cd, "half"), 0);
	assert_int_equal(crypt_load(cd, CRYPT_LUKS2, NULL), 0);
	assert_int_equal(crypt_set_pbkdf_type(cd, &pbkdf), 0);
	assert_int_equal(crypt_keyslot_add_by_key(cd, 1, NULL, 64, key, 32, CRYPT_VOLUME_KEY_NO_SEGMENT), 1);
	assert_true(crypt_reencrypt_init_by_passphrase(cd, NULL, key, 32, 0, 1, "aes", "xts-plain64", &params) >= 0);
	crypt_free(cd);
	expect(PERSIST_requirement, "online-reencrypt-v2\" ] (a reencryption has begun)", run("half", key_a, NULL, NULL));
}

static void
test_uuid(void **state)
{
	const char *pin[] = { "--uuid", NULL, NULL };
	struct crypt_device *cd;
	char uuid[40];

	(void)state;
	assert_int_equal(crypt_init(&cd, "honest"), 0);
	assert_int_equal(crypt_load(cd, CRYPT_LUKS2, NULL), 0);
	(void)snprintf(uuid, sizeof uuid, "%s", crypt_get_uuid(cd));
	crypt_free(cd);
	pin[1] = uuid;
	expect(PERSIST_ok, "opened with keyslot 0", run("honest", key_a, NULL, pin));
	uuid[0] = uuid[0] == '0' ? '1' : '0';
	expect(PERSIST_uuid, "has UUID", run("honest", key_a, NULL, pin));
}

/* Two copies of the metadata: the newer valid one is judged and used, no matter which; a damaged one is nobody's trouble. */
static void
test_two_headers(void **state)
{
	static const struct edit evil[EDITS_MAX] = { { "/segments/0/encryption", "\"cipher_null-ecb\"" } };
	uint8_t before[32], after[32];

	(void)state;
	for (unsigned copy = 1; copy <= 2; copy++) {
		image_copy("honest", "two");
		image_edit("two", evil, copy, 1);
		expect(PERSIST_cipher, "cipher_null-ecb", run("two", key_a, NULL, NULL));
		image_copy("honest", "two");
		image_edit("two", evil, copy, UINT64_MAX);	/* sequence id - 1 */
		expect(PERSIST_ok, "opened with keyslot 0", run("two", key_a, NULL, NULL));
		image_copy("honest", "two");
		image_write("two", copy == 1 ? 5000 : IMAGE_HEADER + 5000, "?", 1);
		image_hash("two", before);
		expect(PERSIST_ok, "opened with keyslot 0", run("two", key_a, NULL, NULL));
		image_hash("two", after);
		assert_memory_equal(before, after, 32);		/* opening repairs nothing */
	}
	image_write("two", 5000, "?", 1);
	expect(PERSIST_not_luks, "no valid LUKS2 header", run("two", key_a, NULL, NULL));
	expect(PERSIST_not_blank, "not formatted", run("two", key_a, NULL, format_id));
}

/* The device shows another header when it is to be written than when it was copied: V-B2. */
static void
test_changed_under_us(void **state)
{
	static const struct edit null_slot[EDITS_MAX] = { { "/keyslots/0/area/encryption", "\"cipher_null-ecb\"" } };
	uint8_t before[32], after[32];
	struct why why = { .text = "" };
	struct secrets *sec = secrets_new();
	struct crypt_device *cd;
	struct luks_view view;
	struct header header;
	char uuid[40];
	int slot, n;

	(void)state;
	assert_non_null(sec);
	memcpy(sec->sec_key, key_b, 32);
	image_copy("honest", "volume");
	assert_int_equal(header_copy("volume", &header, &why), PERSIST_ok);
	assert_int_equal(header_load_copy(&header, &cd, &why), PERSIST_ok);
	assert_int_equal(volume_check(cd, &header, NULL, &view, &why), PERSIST_ok);
	assert_int_equal(volume_open(cd, &header, &view, key_b, sec->sec_volume_key, &slot, &why), PERSIST_key_wrong);
	assert_int_equal(volume_open(cd, &header, &view, key_a, sec->sec_volume_key, &slot, &why), PERSIST_ok);
	(void)snprintf(uuid, sizeof uuid, "%s", crypt_get_uuid(cd));
	/* What was copied stays what is opened. */
	image_edit("volume", null_slot, 3, 1);
	assert_int_equal(volume_check(cd, &header, uuid, &view, &why), PERSIST_ok);
	assert_int_equal(volume_open(cd, &header, &view, key_a, sec->sec_volume_key, &slot, &why), PERSIST_ok);
	n = -1;
	image_hash("volume", before);
	assert_int_equal(volume_tag(&header, uuid, sec, ID_B, &n, &why), PERSIST_keyslot);
	image_hash("volume", after);
	assert_memory_equal(before, after, 32);
	/* Another volume, sound and of the same UUID, with a volume key that the disk's holder knows. */
	image_make("volume", &honest, key_a);
	{
		struct crypt_device *other;

		assert_int_equal(crypt_init(&other, "volume"), 0);
		assert_int_equal(crypt_load(other, CRYPT_LUKS2, NULL), 0);
		assert_int_equal(crypt_set_uuid(other, uuid), 0);
		crypt_free(other);
	}
	image_hash("volume", before);
	assert_int_equal(volume_tag(&header, uuid, sec, ID_B, &n, &why), PERSIST_changed);
	image_hash("volume", after);
	assert_memory_equal(before, after, 32);
	assert_int_equal(n, -1);
	assert_int_equal(volume_tag(&header, "00000000-0000-0000-0000-000000000000", sec, ID_B, &n, &why), PERSIST_uuid);
	/* The positive twin: the header that was copied takes the keyslot. */
	image_copy("honest", "volume");
	assert_int_equal(volume_tag(&header, uuid, sec, ID_B, &n, &why), PERSIST_ok);
	assert_int_equal(n, 1);
	crypt_free(cd);
	header_close(&header);
	secrets_free(sec);
	expect(PERSIST_ok, "opened with keyslot 1 (token cdcdcdcdcdcd)", run("volume", key_b, NULL, NULL));
}

/* The copy is sealed, and the keys' memory is locked and not inherited. */
static void
test_memory(void **state)
{
	struct secrets *sec = secrets_new();
	struct why why = { .text = "" };
	struct header header;
	int status = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(header_copy("honest", &header, &why), PERSIST_ok);
	assert_int_equal(fcntl(header.copy_fd, F_GET_SEALS), F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	header_close(&header);
	assert_non_null(sec);
	memset(sec->sec_key, 0x5a, 32);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(sodium_is_zero(sec->sec_key, 32) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(sec->sec_key[31], 0x5a);
	secrets_free(sec);
}

/* The scratch folder is flat. */
static int
scratch_remove(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_type == DT_REG && unlinkat(dirfd(dir), entry->d_name, 0) != 0)
			return -errno;
	return dir != NULL && closedir(dir) == 0 && rmdir(path) == 0 ? 0 : -errno;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forged_metadata), cmocka_unit_test(test_other_volumes), cmocka_unit_test(test_uuid),
		cmocka_unit_test(test_null_segment_opens_unguarded), cmocka_unit_test(test_reencryption),
		cmocka_unit_test(test_two_headers), cmocka_unit_test(test_key_files), cmocka_unit_test(test_previous_key_adds_one_keyslot),
		cmocka_unit_test(test_token_is_made_up_for), cmocka_unit_test(test_report),
		cmocka_unit_test(test_only_blank_devices_are_formatted), cmocka_unit_test(test_changed_under_us),
		cmocka_unit_test(test_memory),
	};
	char dir[] = "/tmp/unit_luksXXXXXX";
	const char *given = getenv("PERSIST_MOUNT");
	int r;

	program = realpath(given != NULL ? given : "build/bin/persist-mount", NULL);
	if (program == NULL || sodium_init() < 0 || mkdtemp(dir) == NULL || chdir(dir) != 0) {
		fprintf(stderr, "unit_luks: PERSIST_MOUNT names no program, or no folder can be made\n");
		return 1;
	}
	image_make("honest", &honest, key_a);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	return scratch_remove(dir) == 0 ? r : 1;
}
