/*
 * kexec-worker's end of the lane, for the tests of crypto-worker: takes the hand-over and reads it as the kernel would.
 * Outside the wall.  The keys that are due are computed here by HMAC alone, not by crypto-worker's code.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "crypto_handover.h"
#include "fake_tpm.h"
#include "memfd.h"
#include "newc.h"

enum { PAD_LEAST = 4 };

struct handed handed;
const uint8_t *derived_share;

static void
mask(uint8_t bytes[KEY_BYTES])
{
	for (unsigned i = 0; i < KEY_BYTES; i++)
		bytes[i] ^= 0x5a;
}

/* HKDF-SHA256 from RFC 5869: one block of output. */
void
masked_key(const uint8_t id[ID_BYTES], uint8_t out[KEY_BYTES], uint8_t prk[KEY_BYTES])
{
	crypto_auth_hmacsha256_state s;
	uint8_t secret[TPM_SECRET_BYTES];

	for (unsigned i = 0; i < sizeof secret; i++)
		secret[i] = fake_secret(i);
	assert_int_equal(crypto_auth_hmacsha256_init(&s, fake.org_key, sizeof fake.org_key), 0);
	assert_int_equal(crypto_auth_hmacsha256_update(&s, secret, sizeof secret), 0);
	if (derived_share != NULL)
		assert_int_equal(crypto_auth_hmacsha256_update(&s, derived_share, KEY_BYTES), 0);
	assert_int_equal(crypto_auth_hmacsha256_final(&s, prk), 0);
	assert_int_equal(crypto_auth_hmacsha256_init(&s, prk, KEY_BYTES), 0);
	assert_int_equal(crypto_auth_hmacsha256_update(&s, (const uint8_t *)"sallyport luks 1", 17), 0);
	assert_int_equal(crypto_auth_hmacsha256_update(&s, id, ID_BYTES), 0);
	assert_int_equal(crypto_auth_hmacsha256_update(&s, (const uint8_t *)"\1", 1), 0);
	assert_int_equal(crypto_auth_hmacsha256_final(&s, out), 0);
	mask(out);
	mask(prk);
	sodium_memzero(&s, sizeof s);
	sodium_memzero(secret, sizeof secret);
}

unsigned
masked_copies(const uint8_t masked[KEY_BYTES])
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	char line[512], rights[8];
	unsigned n = 0;

	assert_non_null(maps);
	while (fgets(line, sizeof line, maps) != NULL) {
		static uint8_t page[1 << 16];
		int mem;

		if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[0] != 'r' || rights[1] != 'w' || to - from > 1ul << 28)
			continue;
		mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
		assert_true(mem >= 0);
		for (unsigned long at = from; at < to; at += sizeof page - KEY_BYTES + 1) {
			ssize_t len = pread(mem, page, to - at < sizeof page ? to - at : sizeof page, (off_t)at);

			for (ssize_t i = 0; i + KEY_BYTES <= len; i++) {
				unsigned k = 0;

				while (k < KEY_BYTES && (page[i + k] ^ 0x5a) == masked[k])
					k++;
				n += k == KEY_BYTES && !(at + (unsigned long)i + KEY_BYTES > (unsigned long)page &&
				    at + (unsigned long)i < (unsigned long)page + sizeof page);
			}
			sodium_memzero(page, sizeof page);
		}
		(void)close(mem);
	}
	(void)fclose(maps);
	return n;
}

static int
is_key_of(const uint8_t *key, const struct generation *g)
{
	uint8_t masked[KEY_BYTES], prk[KEY_BYTES];

	masked_key(g->id, masked, prk);
	for (unsigned i = 0; i < KEY_BYTES; i++)
		if ((key[i] ^ 0x5a) != masked[i])
			return 0;
	return 1;
}

void
take_handover(void)
{
	struct admit_state kexec;
	static struct frame f;
	enum admit_why why;

	admit_init(&kexec, PEER_kexec);
	assert_int_equal(worker_recv(play.lane, WAY_lane, &kexec, &f, &why), 1);
	memcpy(&handed.body, f.body, sizeof handed.body);
	handed.kernel = frame_take_fd(&f, 0);
	handed.initramfs = frame_take_fd(&f, 1);
	assert_int_equal(memfd_check(handed.kernel, FD_handover, 0, (uint32_t)getuid(), handed.body.kernel_bytes), 0);
	assert_int_equal(memfd_check(handed.initramfs, FD_handover, 1, (uint32_t)getuid(), handed.body.initramfs_bytes), 0);
	handed.map = mmap(NULL, handed.body.initramfs_bytes, PROT_READ, MAP_SHARED, handed.initramfs, 0);
	assert_ptr_not_equal(handed.map, MAP_FAILED);
	assert_int_equal(worker_recv(play.lane, WAY_lane, &kexec, &f, &why), -EAGAIN);
}

void
check_wiped_from(size_t at)
{
	for (; at < handed.body.initramfs_bytes; at++)
		assert_int_equal(handed.map[at], 0);
}

void
drop_handover(void)
{
	assert_int_equal(munmap(handed.map, handed.body.initramfs_bytes), 0);
	assert_int_equal(close(handed.kernel) | close(handed.initramfs), 0);
}

void
check_archive(const struct generation *g, const struct generation *prev)
{
	static const struct { const char *name; uint32_t mode; } due[] = { { "luks.key", S_IFREG | 0400 },
		{ "luks.key.prev", S_IFREG | 0400 }, { "sallyport", S_IFDIR | 0755 }, { "sallyport/report", S_IFREG | 0444 }, { "TRAILER!!!", 0 } };
	size_t at = g->initramfs_bytes, content, next;
	struct doc_report report;
	struct doc_error error;

	assert_memory_equal(handed.map, g->initramfs, g->initramfs_bytes);
	while (handed.map[at] == 0)
		at++;
	handed.tail_at = at;
	assert_int_equal(at % NEWC_ALIGN, 0);
	assert_in_range(at - g->initramfs_bytes, PAD_LEAST, PAD_LEAST + NEWC_ALIGN - 1);
	for (unsigned i = 0; i < sizeof due / sizeof due[0]; i++) {
		struct newc_entry e;

		if (i == 1 && prev == NULL)
			continue;
		assert_int_equal(newc_read(handed.map + at, handed.body.initramfs_bytes - at, &e, &content, &next), 0);
		assert_string_equal(e.name, due[i].name);
		assert_int_equal(e.mode, due[i].mode);
		assert_int_equal(e.nlink, 1);
		assert_int_equal(e.uid | e.gid, 0);
		if (i <= 1) {
			assert_int_equal(e.size_bytes, KEY_BYTES);
			assert_true(is_key_of(handed.map + at + content, i == 0 ? g : prev));
		} else if (i == 3) {
			assert_int_equal(doc_parse(DOC_report, handed.map + at + content, e.size_bytes, &report, sizeof report, &error), 0);
			assert_memory_equal(report.generation, g->id, ID_BYTES);
			assert_int_equal(report.previous_key, prev != NULL);
			assert_int_equal(report.pcr8[0], 8);
		}
		at += next;
	}
	while (at < handed.body.initramfs_bytes)
		assert_int_equal(handed.map[at++], 0);
}

void
check_cmdline(const struct generation *g)
{
	static const char first[] = "sysctl.kernel.kexec_load_disabled=1 init_on_free=1 sallyport.boot=";
	char want[CMDLINE_MAX + 1], hex[2 * ID_BYTES + 1];

	(void)snprintf(want, sizeof want, "%s%s console=ttyS0", first, sodium_bin2hex(hex, sizeof hex, g->id, ID_BYTES));
	assert_string_equal(handed.body.cmdline, want);
	assert_int_equal(handed.body.cmdline_bytes, strlen(want));
}

void
to_handover(struct generation *const slots[], unsigned n, const uint32_t flags[])
{
	play_open();
	assert_int_equal(play_survey(slots, n, flags), MSG_crypto_surveyed);
	assert_int_equal(play_supply(slots, n), MSG_crypto_verified);
	play_say(MSG_broker_load);
	assert_int_equal(play_hear(), MSG_none);
	take_handover();
}

void
loaded(uint32_t error)
{
	struct msg_kexec_loaded body = { .error = error };

	play_tell(MSG_kexec_loaded, &body);
}
