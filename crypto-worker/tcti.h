#ifndef CRYPTO_WORKER_TCTI_H
#define CRYPTO_WORKER_TCTI_H
/*
 * The way to the TPM: a TCTI (TCG TSS 2.0 TCTI API, version 2) on an inherited descriptor, either the kernel's TPM character device
 * (one write is a command, one read the whole answer) or a stream socket to a TPM emulator.  Nothing is opened here.
 */
#include <stddef.h>
#include <stdint.h>

#include <tss2/tss2_tcti.h>

#include "tpm_wire.h"

enum {
	TCTI_BYTES_MAX = 4096,		/* of a command and of an answer; TPM_PT_MAX_RESPONSE_SIZE of every chip is at most this */
	TCTI_TIMEOUT_MS = 90 * 1000,	/* slow chips need up to a minute to make a key */
};

struct tcti {
	TSS2_TCTI_CONTEXT_COMMON_V2 common;	/* first: ESYS sees only this */
	int fd;					/* borrowed */
	int timeout_ms;
	int error;				/* negative errno of the last failure, 0: none since tcti_init() */
	uint32_t commands;			/* sent so far */
	struct wire_command sent;		/* the command that waits for its answer */
	uint8_t answer[TCTI_BYTES_MAX];
	size_t answer_bytes;			/* 0: none held */
	uint8_t *given;				/* where the last answer was copied to: decrypted there, see tcti_wipe() */
	size_t given_bytes;
};

void tcti_init(struct tcti *tcti, int fd, int timeout_ms);

/*
 * Wipes the last answer where ESYS keeps it.  ESYS decrypts parameters in place, in the very buffer that it handed to receive(), and
 * has no call to clear that.  To be called between two commands only, and before Esys_Finalize().
 */
void tcti_wipe(struct tcti *tcti);
#endif
