/*
 * Test only: a program that runs before preboot's init, as something in the boot chain that changed would.  Extends what
 * TRY_EXTEND=PCR[,BANK...] in its environment says (the kernel makes it of an unknown word of its line; banks: sha1 sha256 sha384
 * sha512, without any all that the TPM takes), then becomes /init.real.  Outside of every wall, trusted by nobody, shipped nowhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static const struct bank {
	const char *name;
	uint16_t alg, digest_bytes;	/* TCG Algorithm Registry */
} banks[] = { { "sha1", 0x0004, 20 }, { "sha256", 0x000b, 32 }, { "sha384", 0x000c, 48 }, { "sha512", 0x000d, 64 } };

static void
put(uint8_t *out, size_t *at, uint32_t value, unsigned bytes)
{
	while (bytes-- > 0)
		out[(*at)++] = (uint8_t)(value >> 8 * bytes);
}

/* TPM2_PCR_Extend (Part 3, 22.2) with an empty password. Returns the response code, or UINT32_MAX if there was no answer. */
static uint32_t
extend(int fd, uint32_t pcr, const struct bank *bank)
{
	uint8_t command[128], answer[4096];
	size_t at = 0, end;

	put(command, &at, 0x8002, 2);		/* TPM_ST_SESSIONS */
	put(command, &at, 0, 4);		/* size: below */
	put(command, &at, 0x182, 4);		/* TPM_CC_PCR_Extend */
	put(command, &at, pcr, 4);
	put(command, &at, 9, 4);
	put(command, &at, 0x40000009, 4);	/* TPM_RS_PW: no nonce, no attributes, no password */
	put(command, &at, 0, 2);
	put(command, &at, 0, 1);
	put(command, &at, 0, 2);
	put(command, &at, 1, 4);
	put(command, &at, bank->alg, 2);
	memset(command + at, 0x5a, bank->digest_bytes);
	end = at + bank->digest_bytes;
	at = 2;
	put(command, &at, (uint32_t)end, 4);
	if (write(fd, command, end) != (ssize_t)end || read(fd, answer, sizeof answer) < 10)
		return UINT32_MAX;
	return (uint32_t)answer[6] << 24 | (uint32_t)answer[7] << 16 | (uint32_t)answer[8] << 8 | answer[9];
}

static void
change(const char *what)
{
	const char *list = strchr(what, ',');
	uint32_t pcr = (uint32_t)strtoul(what, NULL, 10);
	int fd = open("/dev/tpm0", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		printf("firstprog: /dev/tpm0: %s\r\n", strerror(errno));
		return;
	}
	for (size_t i = 0; i < sizeof banks / sizeof banks[0]; i++)
		if (list == NULL || strstr(list, banks[i].name) != NULL)
			printf("firstprog: PCR %u %s: 0x%x\r\n", pcr, banks[i].name, extend(fd, pcr, &banks[i]));
	(void)close(fd);	/* every command was answered */
}

int
main(int argc, char **argv)
{
	const char *what = getenv("TRY_EXTEND");

	(void)argc;
	if (mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, NULL) != 0 && errno != EBUSY)
		printf("firstprog: /dev: %s\r\n", strerror(errno));
	if (what != NULL)
		change(what);
	(void)fflush(stdout);	/* the console is looked at by the test, which misses what is not there */
	(void)unsetenv("TRY_EXTEND");
	(void)execv("/init.real", argv);
	printf("firstprog: /init.real: %s\r\n", strerror(errno));
	return 1;
}
