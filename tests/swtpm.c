/*
 * A software TPM for tests, on a socket pair: nothing to wait for, nothing left over.  Outside the wall: tests only.
 * Distrusts nothing; whatever fails here is the machine's fault and ends the test program.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "swtpm.h"

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Forks and runs; fd 3 is kept for the program.  The child dies with the test. */
static pid_t
run(char *const argv[], int fd)
{
	pid_t parent = getpid(), pid = fork();
	int null;

	if (pid < 0)
		err(1, "fork");
	if (pid > 0)
		return pid;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(126);
	if ((null = open("/dev/null", O_RDWR)) < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(126);
	if (fd >= 0 && fd != 3 && dup2(fd, 3) < 0)
		_exit(126);
	if (fd == 3 && fcntl(3, F_SETFD, 0) < 0)
		_exit(126);
	(void)execvp(argv[0], argv);
	_exit(127);
}

static void
run_wait(char *const argv[])
{
	pid_t pid = run(argv, -1);
	int status;

	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		errx(1, "%s failed (status %d): packages swtpm, swtpm-tools", argv[0], status);
}

void
swtpm_make(struct swtpm *swtpm, const char *banks)
{
	char banks_arg[64];

	*swtpm = (struct swtpm){ .fd = -1 };
	(void)snprintf(swtpm->dir, sizeof swtpm->dir, "/tmp/sallyport-swtpm-XXXXXX");
	if (mkdtemp(swtpm->dir) == NULL)
		err(1, "mkdtemp");
	if (banks != NULL) {
		char *argv[] = { "swtpm_setup", "--tpm2", "--tpmstate", swtpm->dir, "--pcr-banks", banks_arg, NULL };

		(void)snprintf(banks_arg, sizeof banks_arg, "%s", banks);
		run_wait(argv);
	}
}

void
swtpm_remove(struct swtpm *swtpm)
{
	char *argv[] = { "rm", "-rf", "--", swtpm->dir, NULL };

	swtpm_off(swtpm);
	run_wait(argv);
}

void
swtpm_on(struct swtpm *swtpm, int measured)
{
	char state[80];
	char *argv[] = { "swtpm", "socket", "--tpm2", "--fd", "3", "--tpmstate", state, "--flags", "not-need-init,startup-clear", NULL };
	int pair[2];

	swtpm_off(swtpm);
	(void)snprintf(state, sizeof state, "dir=%s", swtpm->dir);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		err(1, "socketpair");
	swtpm->pid = run(argv, pair[1]);
	(void)close(pair[1]);
	swtpm->fd = pair[0];
	if (measured) {
		swtpm_extend(swtpm, 0, 0xf0);
		swtpm_extend(swtpm, 4, 0xf4);
		swtpm_extend(swtpm, 7, 0xf7);
	}
}

void
swtpm_off(struct swtpm *swtpm)
{
	if (swtpm->fd >= 0)
		(void)close(swtpm->fd);
	swtpm->fd = -1;
	if (swtpm->pid > 0 && (kill(swtpm->pid, SIGKILL) != 0 || waitpid(swtpm->pid, NULL, 0) != swtpm->pid))
		err(1, "swtpm does not end");
	swtpm->pid = 0;
}

static int
get_message(int fd, uint8_t *buf, size_t *len_bytes)
{
	size_t have = 0, want = 10;
	ssize_t n;

	while (have < want) {
		n = read(fd, buf + have, want - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		have += (size_t)n;
		if (have == 10 && (want = get32(buf + 2)) > SWTPM_BYTES_MAX)
			return -1;
	}
	*len_bytes = have;
	return 0;
}

static int
put_message(int fd, const uint8_t *buf, size_t len_bytes)
{
	ssize_t n = send(fd, buf, len_bytes, MSG_NOSIGNAL);

	return n >= 0 && (size_t)n == len_bytes ? 0 : -1;
}

uint32_t
swtpm_command(struct swtpm *swtpm, const void *command, size_t len_bytes, uint8_t *answer, size_t *answer_bytes)
{
	uint8_t buf[SWTPM_BYTES_MAX];
	size_t n;

	if (put_message(swtpm->fd, command, len_bytes) != 0 || get_message(swtpm->fd, buf, &n) != 0)
		errx(1, "swtpm does not answer: package swtpm");
	if (answer != NULL) {
		memcpy(answer, buf, n);
		*answer_bytes = n;
	}
	return get32(buf + 6);
}

struct auth {
	uint8_t value[64];
	size_t len_bytes;
};

/* A command with one handle or two, a password for the first, and parameters. */
static uint32_t
authorised_by(struct swtpm *swtpm, const struct auth *auth, uint32_t code, uint32_t handle, uint32_t handle2, const uint8_t *params,
    size_t params_bytes, uint8_t *answer, size_t *answer_bytes)
{
	uint8_t password[] = { 0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0 };
	uint8_t c[512] = { 0x80, 0x02 };
	size_t at = 10;

	password[3] = (uint8_t)(9 + auth->len_bytes);
	password[12] = (uint8_t)auth->len_bytes;

	put32(c + 6, code);
	put32(c + at, handle);
	at += 4;
	if (handle2 != 0) {
		put32(c + at, handle2);
		at += 4;
	}
	memcpy(c + at, password, sizeof password);
	at += sizeof password;
	memcpy(c + at, auth->value, auth->len_bytes);
	at += auth->len_bytes;
	if (params_bytes > 0)
		memcpy(c + at, params, params_bytes);
	at += params_bytes;
	put32(c + 2, (uint32_t)at);
	return swtpm_command(swtpm, c, at, answer, answer_bytes);
}

static uint32_t
authorised(struct swtpm *swtpm, uint32_t code, uint32_t handle, uint32_t handle2, const uint8_t *params, size_t params_bytes)
{
	static const struct auth empty;

	return authorised_by(swtpm, &empty, code, handle, handle2, params, params_bytes, NULL, NULL);
}

static void
must(uint32_t rc, const char *what)
{
	if (rc != 0)
		errx(1, "%s: 0x%x", what, rc);
}

void
swtpm_extend(struct swtpm *swtpm, unsigned pcr, uint8_t byte)
{
	uint8_t p[4 + 2 + 20 + 2 + 32] = { 0, 0, 0, 2, 0, 0x04 };

	memset(p + 6, byte, 20);
	p[26] = 0;
	p[27] = 0x0b;
	memset(p + 28, byte, 32);
	must(authorised(swtpm, 0x182, pcr, 0, p, sizeof p), "TPM2_PCR_Extend");
}

void
swtpm_undefine(struct swtpm *swtpm, uint32_t index)
{
	must(authorised(swtpm, 0x122, 0x40000001, index, NULL, 0), "TPM2_NV_UndefineSpace");
}

void
swtpm_clear(struct swtpm *swtpm)
{
	must(authorised(swtpm, 0x126, 0x4000000c, 0, NULL, 0), "TPM2_Clear");
}

/* TPM2_HierarchyChangeAuth */
static uint32_t
change_auth(struct swtpm *swtpm, uint32_t hierarchy, const struct auth *old, const uint8_t *value, size_t len_bytes)
{
	uint8_t p[2 + sizeof old->value] = { 0, (uint8_t)len_bytes };

	memcpy(p + 2, value, len_bytes);
	return authorised_by(swtpm, old, 0x129, hierarchy, 0, p, 2 + len_bytes, NULL, NULL);
}

void
swtpm_set_auth(struct swtpm *swtpm, uint32_t hierarchy, const uint8_t *value, size_t len_bytes)
{
	must(change_auth(swtpm, hierarchy, &(struct auth){ .len_bytes = 0 }, value, len_bytes), "TPM2_HierarchyChangeAuth");
}

void
swtpm_set_owner(struct swtpm *swtpm, uint8_t byte)
{
	swtpm_set_auth(swtpm, 0x40000001, &byte, 1);
}

uint32_t
swtpm_try_auth(struct swtpm *swtpm, uint32_t hierarchy, const uint8_t *value, size_t len_bytes)
{
	struct auth auth = { .len_bytes = len_bytes };

	memcpy(auth.value, value, len_bytes);
	return change_auth(swtpm, hierarchy, &auth, value, len_bytes);	/* to what it is */
}

uint32_t
swtpm_nv_read(struct swtpm *swtpm, uint32_t index, uint8_t *out, uint16_t len_bytes)
{
	const uint8_t p[] = { (uint8_t)(len_bytes >> 8), (uint8_t)len_bytes, 0, 0 };
	uint8_t answer[SWTPM_BYTES_MAX];
	uint32_t rc;
	size_t n;

	rc = authorised_by(swtpm, &(struct auth){ .len_bytes = 0 }, 0x14e, index, index, p, sizeof p, answer, &n);
	if (rc == 0 && n < 16u + len_bytes)
		errx(1, "TPM2_NV_Read: short answer");
	if (rc == 0)
		memcpy(out, answer + 16, len_bytes);
	return rc;
}

uint32_t
swtpm_nv_write(struct swtpm *swtpm, uint32_t auth, uint32_t index, const uint8_t *data, uint16_t len_bytes)
{
	uint8_t p[2 + 256 + 2] = { (uint8_t)(len_bytes >> 8), (uint8_t)len_bytes };

	if (len_bytes > 256)
		errx(1, "TPM2_NV_Write: too much");
	memcpy(p + 2, data, len_bytes);		/* at offset 0 */
	return authorised(swtpm, 0x137, auth, index, p, 4u + len_bytes);
}

static void
keep(struct tap_line *tap, const uint8_t *p, size_t n)
{
	if (tap->record_bytes + n > TAP_RECORD_MAX)
		errx(1, "tap: record full");
	memcpy(tap->record + tap->record_bytes, p, n);
	tap->record_bytes += n;
}

static void *
tap_run(void *arg)
{
	struct tap_line *tap = arg;
	uint8_t command[SWTPM_BYTES_MAX], answer[SWTPM_BYTES_MAX];
	size_t nc, na;

	while (get_message(tap->inner, command, &nc) == 0) {
		unsigned n = tap->commands++;
		enum tap verdict;

		keep(tap, command, nc);
		if (tap->hook != NULL && tap->hook(tap->context, n, command, nc, NULL, NULL) == TAP_cut)
			break;
		if (put_message(tap->swtpm->fd, command, nc) != 0 || get_message(tap->swtpm->fd, answer, &na) != 0)
			break;
		keep(tap, answer, na);
		verdict = tap->hook == NULL ? TAP_pass : tap->hook(tap->context, n, command, nc, answer, &na);
		if (verdict == TAP_cut || (na > 0 && put_message(tap->inner, answer, na) != 0) || verdict == TAP_last)
			break;
	}
	(void)shutdown(tap->inner, SHUT_RDWR);
	return NULL;
}

void
tap_start(struct tap_line *tap, struct swtpm *swtpm)
{
	int pair[2], error;

	tap->swtpm = swtpm;
	tap->record_bytes = 0;
	tap->commands = 0;
	if (tap->record == NULL && (tap->record = malloc(TAP_RECORD_MAX)) == NULL)
		err(1, "malloc");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		err(1, "socketpair");
	tap->client = pair[0];
	tap->inner = pair[1];
	if ((error = pthread_create(&tap->thread, NULL, tap_run, tap)) != 0)
		errx(1, "pthread_create: %s", strerror(error));
}

void
tap_stop(struct tap_line *tap)
{
	int error = pthread_join(tap->thread, NULL);

	if (error != 0)
		errx(1, "pthread_join: %s", strerror(error));
	(void)close(tap->inner);
}
