#ifndef TESTS_SWTPM_H
#define TESTS_SWTPM_H
/*
 * A software TPM of a test's own: state folder, power switch, raw commands, and a wire-tap that can record, alter and cut.
 * Helpers of tests: they exit with a message when the machine does not give what they need.
 */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SWTPM_BYTES_MAX = 4096, TAP_RECORD_MAX = 1 << 20 };

struct swtpm {
	char dir[64];		/* removed by swtpm_remove() */
	pid_t pid;		/* 0: off */
	int fd;			/* raw commands out, answers in; -1: off */
};

/* banks: as swtpm_setup --pcr-banks takes them; NULL: as swtpm makes them by itself. */
void swtpm_make(struct swtpm *swtpm, const char *banks);
void swtpm_remove(struct swtpm *swtpm);

/* Power on: TPM2_Startup(CLEAR) has happened.  measured: PCRs 0, 4 and 7 are extended as firmware would. */
void swtpm_on(struct swtpm *swtpm, int measured);
/* Power off, without any orderly shutdown. */
void swtpm_off(struct swtpm *swtpm);

/* One raw command; the response code.  answer may be NULL. */
uint32_t swtpm_command(struct swtpm *swtpm, const void *command, size_t len_bytes, uint8_t *answer, size_t *answer_bytes);
/* Extends a PCR in the SHA-1 and SHA-256 banks by digests of all "byte". */
void swtpm_extend(struct swtpm *swtpm, unsigned pcr, uint8_t byte);
void swtpm_undefine(struct swtpm *swtpm, uint32_t index);
/* TPM2_Clear by the platform. */
void swtpm_clear(struct swtpm *swtpm);
/* Sets the empty authorisation of a hierarchy (TPM_RH_OWNER, TPM_RH_LOCKOUT...); of the owner's to the byte given. */
void swtpm_set_auth(struct swtpm *swtpm, uint32_t hierarchy, const uint8_t *value, size_t len_bytes);
void swtpm_set_owner(struct swtpm *swtpm, uint8_t byte);
/* Is that its authorisation?  The response code; a wrong one of TPM_RH_LOCKOUT locks that hierarchy. */
uint32_t swtpm_try_auth(struct swtpm *swtpm, uint32_t hierarchy, const uint8_t *value, size_t len_bytes);
/* The contents of an index by its own empty authorisation; the response code. */
uint32_t swtpm_nv_read(struct swtpm *swtpm, uint32_t index, uint8_t *out, uint16_t len_bytes);
/* Writes them by the owner's empty authorisation or by the index's own. */
uint32_t swtpm_nv_write(struct swtpm *swtpm, uint32_t auth, uint32_t index, const uint8_t *data, uint16_t len_bytes);

/* What the tap's hook says of a command or an answer; TAP_last: let it through, then cut. */
enum tap { TAP_pass, TAP_cut, TAP_last };

struct tap_line {
	struct swtpm *swtpm;
	int client;		/* to be given to tpm_open(), which closes it */
	/* n counts commands from 0. answer NULL: the command is about to be sent. Else it may be altered; room for SWTPM_BYTES_MAX. */
	enum tap (*hook)(void *context, unsigned n, const uint8_t *command, size_t command_bytes, uint8_t *answer, size_t *answer_bytes);
	void *context;
	uint8_t *record;	/* everything that passed, both ways */
	size_t record_bytes;
	unsigned commands;
	int inner;
	pthread_t thread;
};

void tap_start(struct tap_line *tap, struct swtpm *swtpm);
/* After the client's end was closed. */
void tap_stop(struct tap_line *tap);
#endif
