#ifndef CRYPTO_WORKER_TPM_WIRE_H
#define CRYPTO_WORKER_TPM_WIRE_H
/*
 * Commands and answers as they stand on the wire (TPM 2.0 Library, part 1, 18: command/response structure).  Pure functions.
 * Everything is big-endian.
 */
#include <stddef.h>
#include <stdint.h>

enum {
	WIRE_HEAD_BYTES = 10,		/* tag 2, size 4, command or response code 4 */
	WIRE_SESSIONS_MAX = 3,
};

/* What has to be known of a command to judge its answer. */
struct wire_command {
	uint32_t code;
	uint16_t tag;
	uint8_t handles_out;		/* of the answer */
	uint8_t sessions;		/* 0..WIRE_SESSIONS_MAX */
	uint8_t attributes[WIRE_SESSIONS_MAX];
};

/*
 * Is this a command that preboot sends, and may it go out?  -EPERM for a command that is not in the table, or for one that carries
 * a secret without parameter encryption; -EBADMSG when it is malformed.
 */
int wire_command(const uint8_t *command, size_t len_bytes, struct wire_command *out);

/*
 * Is this a whole and well-formed answer to that command?  Sizes, tag, response code, parameter and session areas must fit exactly;
 * sessions must encrypt as asked.  -EBADMSG, or -ENOTSUP for the answer of a TPM 1.2.
 */
int wire_answer(const struct wire_command *command, const uint8_t *answer, size_t len_bytes);

uint16_t wire_get16(const uint8_t *p);
uint32_t wire_get32(const uint8_t *p);
#endif
