/*
 * The last gate before the TPM and the first behind it: which commands may go out, which answers may come in.  In crypto-worker.
 * Distrusts the answers altogether, for ESYS trusts lengths inside them; and distrusts the TSS so far that a command which carries a
 * secret must be seen to be encrypted here, whatever was asked of the library.
 */
#include <errno.h>

#include <tss2/tss2_tpm2_types.h>

#include "tpm_wire.h"

enum { NONCE_MAX = 64, HMAC_MAX = 64, TAG_TPM12_RSP = 0x00c4 };

/* All commands that preboot ever sends.  need: session attributes without which a secret would pass in clear. */
static const struct wire_row {
	uint32_t code;
	uint8_t handles_in, handles_out;
	uint8_t need;
} rows[] = {
	{ TPM2_CC_GetCapability, 0, 0, 0 },
	{ TPM2_CC_PCR_Read, 0, 0, 0 },
	{ TPM2_CC_PCR_Extend, 1, 0, 0 },
	{ TPM2_CC_CreatePrimary, 1, 1, 0 },
	{ TPM2_CC_StartAuthSession, 2, 1, 0 },
	{ TPM2_CC_Hash, 0, 0, TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT },
	{ TPM2_CC_PolicyPCR, 1, 0, 0 },
	{ TPM2_CC_PolicyRestart, 1, 0, 0 },
	{ TPM2_CC_PolicySecret, 2, 0, 0 },
	{ TPM2_CC_ReadPublic, 1, 0, 0 },
	{ TPM2_CC_EvictControl, 2, 0, 0 },
	{ TPM2_CC_Quote, 1, 0, 0 },
	{ TPM2_CC_ActivateCredential, 2, 0, TPMA_SESSION_ENCRYPT },
	{ TPM2_CC_HierarchyChangeAuth, 1, 0, TPMA_SESSION_DECRYPT },
	{ TPM2_CC_FlushContext, 0, 0, 0 },	/* its handle is a parameter */
	{ TPM2_CC_NV_ReadPublic, 1, 0, 0 },
	{ TPM2_CC_NV_DefineSpace, 1, 0, 0 },
	{ TPM2_CC_NV_Write, 2, 0, TPMA_SESSION_DECRYPT },
	{ TPM2_CC_NV_WriteLock, 2, 0, 0 },
	{ TPM2_CC_NV_Read, 2, 0, TPMA_SESSION_ENCRYPT },
	{ TPM2_CC_NV_ReadLock, 2, 0, 0 },
};

uint16_t
wire_get16(const uint8_t *p)
{
	return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

uint32_t
wire_get32(const uint8_t *p)
{
	return (uint32_t)wire_get16(p) << 16 | wire_get16(p + 2);
}

/* Steps over a TPM2B of at most max bytes within end. */
static int
skip_2b(const uint8_t *p, size_t *at, size_t end, size_t max)
{
	size_t n;

	if (end - *at < 2)
		return -EBADMSG;
	n = wire_get16(p + *at);
	if (n > max || n > end - *at - 2)
		return -EBADMSG;
	*at += 2 + n;
	return 0;
}

/* One session of a command (with its handle) or of an answer (without). */
static int
take_session(const uint8_t *p, size_t *at, size_t end, uint8_t *attributes)
{
	if (skip_2b(p, at, end, NONCE_MAX) != 0 || end - *at < 1)
		return -EBADMSG;
	*attributes = p[(*at)++];
	return skip_2b(p, at, end, HMAC_MAX);
}

static int
take_command_sessions(const uint8_t *p, size_t at, size_t len_bytes, struct wire_command *cmd)
{
	size_t end;

	if (len_bytes - at < 4 || wire_get32(p + at) > len_bytes - at - 4)
		return -EBADMSG;
	end = at + 4 + wire_get32(p + at);
	at += 4;
	while (at < end) {
		if (cmd->sessions == WIRE_SESSIONS_MAX || end - at < 4)
			return -EBADMSG;
		at += 4;
		if (take_session(p, &at, end, &cmd->attributes[cmd->sessions++]) != 0)
			return -EBADMSG;
	}
	return cmd->sessions == 0 ? -EBADMSG : 0;
}

int
wire_command(const uint8_t *command, size_t len_bytes, struct wire_command *out)
{
	struct wire_command cmd = { 0 };
	const struct wire_row *row = NULL;
	unsigned have = 0;
	size_t at;

	if (len_bytes < WIRE_HEAD_BYTES || wire_get32(command + 2) != len_bytes)
		return -EBADMSG;
	cmd.tag = wire_get16(command);
	cmd.code = wire_get32(command + 6);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].code == cmd.code)
			row = &rows[i];
	if (row == NULL)
		return -EPERM;
	cmd.handles_out = row->handles_out;
	at = WIRE_HEAD_BYTES + 4u * row->handles_in;
	if (at > len_bytes || (cmd.tag != TPM2_ST_SESSIONS && cmd.tag != TPM2_ST_NO_SESSIONS))
		return -EBADMSG;
	if (cmd.tag == TPM2_ST_SESSIONS && take_command_sessions(command, at, len_bytes, &cmd) != 0)
		return -EBADMSG;
	for (unsigned i = 0; i < cmd.sessions; i++)
		have |= cmd.attributes[i];
	if ((have & row->need) != row->need)
		return -EPERM;
	*out = cmd;
	return 0;
}

/* The parameter and session areas of a good answer: exactly the sessions of the command, and not a byte more. */
static int
check_areas(const struct wire_command *command, const uint8_t *answer, size_t at, size_t len_bytes)
{
	const unsigned crypt = TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT;
	unsigned granted = 0;
	size_t end;

	if (len_bytes - at < 4 || wire_get32(answer + at) > len_bytes - at - 4)
		return -EBADMSG;
	end = at + 4 + wire_get32(answer + at);
	at += 4;
	for (size_t next = end, i = 0; i < command->sessions; i++) {
		uint8_t attributes;

		if (take_session(answer, &next, len_bytes, &attributes) != 0)
			return -EBADMSG;
		/* Not granted as asked: the answer came in clear. */
		if (((attributes ^ command->attributes[i]) & crypt) != 0)
			return -EBADMSG;
		granted |= attributes;
		if (i + 1u == command->sessions && next != len_bytes)
			return -EBADMSG;
	}
	/* ESYS decrypts as many bytes as the first parameter claims to have. */
	return (granted & TPMA_SESSION_ENCRYPT) != 0 ? skip_2b(answer, &at, end, end) : 0;
}

int
wire_answer(const struct wire_command *command, const uint8_t *answer, size_t len_bytes)
{
	size_t at = WIRE_HEAD_BYTES + 4u * command->handles_out;
	uint32_t rc;

	if (len_bytes < WIRE_HEAD_BYTES || wire_get32(answer + 2) != len_bytes)
		return -EBADMSG;
	if (wire_get16(answer) == TAG_TPM12_RSP && len_bytes == WIRE_HEAD_BYTES)
		return -ENOTSUP;
	rc = wire_get32(answer + 6);
	/* A response code has 12 bits: anything above would pass for an error of the TSS's own layers. */
	if (rc != 0)
		return rc <= 0xfff && wire_get16(answer) == TPM2_ST_NO_SESSIONS && len_bytes == WIRE_HEAD_BYTES ? 0 : -EBADMSG;
	if (wire_get16(answer) != command->tag || at > len_bytes)
		return -EBADMSG;
	return command->tag == TPM2_ST_SESSIONS ? check_areas(command, answer, at, len_bytes) : 0;
}
