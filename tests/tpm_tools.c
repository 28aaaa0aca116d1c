/*
 * tpm2-tools for tests: run by a shell in a folder, with the test's software TPM at hand.  Outside the wall: tests only.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tpm_tools.h"

enum { TOOLS_FD = 9 };

/* The tools' way to the TPM: one command from them, one answer to them, by descriptor 9; nothing is read that nobody waits for. */
static const char tcti[] = "cmd:exec /usr/bin/python3 -IS bridge.py";
static const char bridge[] =
	"import os\n"
	"def message(fd):\n"
	"    m = b''\n"
	"    while len(m) < 10 or len(m) < int.from_bytes(m[2:6], 'big'):\n"
	"        part = os.read(fd, 4096)\n"
	"        if not part:\n"
	"            raise SystemExit\n"
	"        m += part\n"
	"    return m\n"
	"while True:\n"
	"    os.write(9, message(0))\n"
	"    os.write(1, message(9))\n";

void
tools_make(struct tools *tools)
{
	(void)snprintf(tools->dir, sizeof tools->dir, "/tmp/sallyport-tools-XXXXXX");
	if (mkdtemp(tools->dir) == NULL)
		err(1, "mkdtemp");
	tools_put(tools, "bridge.py", bridge, sizeof bridge - 1);
}

int
tools_run(const struct tools *tools, const struct swtpm *swtpm, const char *script)
{
	pid_t pid = fork();
	int status, said;

	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		if (chdir(tools->dir) != 0 || (said = open("said", O_WRONLY | O_CREAT | O_TRUNC, 0600)) < 0 || dup2(said, 1) < 0 ||
		    dup2(said, 2) < 0 || (swtpm != NULL && dup2(swtpm->fd, TOOLS_FD) < 0))
			_exit(126);
		if (setenv("TPM2TOOLS_TCTI", tcti, 1) != 0)
			_exit(126);
		(void)execl("/bin/sh", "sh", "-euc", script, (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) >= 126)
		errx(1, "%s: status %d: package tpm2-tools", script, status);
	return WEXITSTATUS(status);
}

void
tools_remove(struct tools *tools)
{
	char script[96];

	(void)snprintf(script, sizeof script, "rm -rf -- %s", tools->dir);
	if (tools_run(tools, NULL, script) != 0)
		errx(1, "%s stays", tools->dir);
}

static int
open_file(const struct tools *tools, const char *name, int flags)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof path, "%s/%s", tools->dir, name);
	if ((fd = open(path, flags | O_CLOEXEC, 0600)) < 0)
		err(1, "%s", path);
	return fd;
}

void
tools_put(const struct tools *tools, const char *name, const void *data, size_t len_bytes)
{
	int fd = open_file(tools, name, O_WRONLY | O_CREAT | O_TRUNC);

	if (write(fd, data, len_bytes) != (ssize_t)len_bytes || close(fd) != 0)
		err(1, "%s", name);
}

size_t
tools_get(const struct tools *tools, const char *name, void *out, size_t max_bytes)
{
	int fd = open_file(tools, name, O_RDONLY);
	ssize_t n = read(fd, out, max_bytes);

	if (n < 0 || close(fd) != 0)
		err(1, "%s", name);
	return (size_t)n;
}

void
tools_put_public(const struct tools *tools, const char *name, const uint8_t *pub, size_t len_bytes)
{
	uint8_t file[2 + TPM_PUBLIC_MAX] = { (uint8_t)(len_bytes >> 8), (uint8_t)len_bytes };

	memcpy(file + 2, pub, len_bytes);
	tools_put(tools, name, file, 2 + len_bytes);
}

int
tools_checkquote(const struct tools *tools, const struct tpm_quote *quote, uint8_t (*pcr)[32], const uint8_t qualifying[32])
{
	char script[300] = "tpm2_checkquote -u ak.pub -m attest -s signature -f pcrs -l sha256:0,4,7,8,11,12,13 -g sha256 -q ";
	size_t n = strlen(script);

	for (size_t i = 0; i < 32; i++)
		n += (size_t)snprintf(script + n, sizeof script - n, "%02x", qualifying[i]);
	tools_put(tools, "attest", quote->attest, quote->attest_bytes);
	tools_put(tools, "signature", quote->signature, quote->signature_bytes);
	tools_put(tools, "pcrs", pcr, TPM_QUOTED * 32);
	return tools_run(tools, NULL, script);
}

/* A TPM2B out of the tool's file, with its size. */
static size_t
take_2b(const uint8_t *file, size_t at, size_t end, uint8_t *out, uint32_t *bytes)
{
	size_t n = 2u + ((size_t)file[at] << 8 | file[at + 1]);

	if (at + n > end || n > 512)
		errx(1, "tpm2_makecredential: an odd file");
	memcpy(out, file + at, n);
	*bytes = (uint32_t)n;
	return at + n;
}

void
tools_credential(const struct tools *tools, const uint8_t *ek, size_t ek_bytes, const uint8_t name[34], const uint8_t *value,
    size_t value_bytes, uint8_t *blob, uint32_t *blob_bytes, uint8_t *secret, uint32_t *secret_bytes)
{
	static const uint8_t head[] = { 0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1 };	/* the tools' own: magic and version */
	uint8_t file[1024];
	char script[200] = "tpm2_makecredential -T none -u ek.pub -s value -o credential -n ";
	size_t n = strlen(script);

	tools_put_public(tools, "ek.pub", ek, ek_bytes);
	tools_put(tools, "value", value, value_bytes);
	for (size_t i = 0; i < 34; i++)
		n += (size_t)snprintf(script + n, sizeof script - n, "%02x", name[i]);
	if (tools_run(tools, NULL, script) != 0)
		errx(1, "tpm2_makecredential fails: package tpm2-tools");
	n = tools_get(tools, "credential", file, sizeof file);
	if (n < sizeof head + 4 || memcmp(file, head, sizeof head) != 0 ||
	    take_2b(file, take_2b(file, sizeof head, n, blob, blob_bytes), n, secret, secret_bytes) != n)
		errx(1, "tpm2_makecredential: an odd file");
}
