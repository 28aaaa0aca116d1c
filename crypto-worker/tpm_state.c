/*
 * Floor, lease and time in an NV index: read by anyone, written only between the latch and the measurement of the manifest.  In
 * crypto-worker.  Distrusts who held the TPM before (an index defined anew is unwritten, and nobody else can write it) and the power.
 */
#include <string.h>

#include <sodium.h>

#include "tpm_impl.h"

enum {
	/* magic 4, zero 4, sequence 8, floor 8, time 8, offline 8, offline_max 8, checksum 8; big-endian */
	RECORD_BYTES = 56,
	CHECKED_BYTES = 48,
	CHECK_BYTES = 8,
	RECORDS = 2,
	STATE_BYTES = RECORDS * RECORD_BYTES,
};

static const TPMA_NV state_attributes = TPMA_NV_AUTHREAD | TPMA_NV_POLICYWRITE | TPMA_NV_NO_DA;

static const uint8_t magic[8] = { 'S', 'P', 'Z', 1, 0, 0, 0, 0 };	/* and version of the layout */

struct record {
	uint64_t sequence;
	struct tpm_state state;
};

static void
expect(const struct tpm *tpm, TPMA_NV written, TPM2B_NV_PUBLIC *out)
{
	uint8_t pcr_digest[TPM_SHA256_BYTES];

	memset(out, 0, sizeof *out);
	out->nvPublic.nvIndex = TPM_NV_STATE;
	out->nvPublic.nameAlg = TPM2_ALG_SHA256;
	out->nvPublic.attributes = state_attributes | written;
	out->nvPublic.authPolicy.size = TPM_SHA256_BYTES;
	tpm_policy_digest(tpm, POLICY_closed, pcr_digest, out->nvPublic.authPolicy.buffer);
	out->nvPublic.dataSize = STATE_BYTES;
}

static int
is_ours(const struct tpm *tpm, TPMA_NV written, const TPM2B_NAME *name)
{
	uint8_t expected[TPM_NAME_BYTES];
	TPM2B_NV_PUBLIC ours;

	expect(tpm, written, &ours);
	tpm_nv_name(&ours.nvPublic, expected);
	return tpm_name_is(name, expected);
}

/* The index, with the Name that it must have. */
static enum event
find(struct tpm *tpm, TPMA_NV written, ESYS_TR *index)
{
	enum event event;
	TPM2B_NAME name;

	if ((event = tpm_hmac_ready(tpm)) != EV_none)
		return event;
	if ((event = tpm_nv_find(tpm, TPM_NV_STATE, index, &name)) == EV_none)
		return is_ours(tpm, written, &name) ? EV_none : EV_tpm_state;
	return event == EV_tpm_not_enrolled ? EV_tpm_state : event;
}

/*
 * Left behind by an enrolment that was cut it is unwritten: then it is as good as a new one.  A written one says that there was, or is, a
 * node here whose other index is gone: not to be put right in silence.
 */
enum event
tpm_state_define(struct tpm *tpm)
{
	ESYS_TR index = ESYS_TR_NONE;
	TPM2B_NV_PUBLIC ours;
	enum event event;
	TPM2B_NAME name;

	if ((event = tpm_hmac_ready(tpm)) != EV_none)
		return event;
	expect(tpm, 0, &ours);
	event = tpm_nv_find(tpm, TPM_NV_STATE, &index, &name);
	if (event == EV_tpm_not_enrolled)
		event = tpm_nv_define(tpm, &ours, &index);
	else if (event == EV_none && !is_ours(tpm, 0, &name))
		event = is_ours(tpm, TPMA_NV_WRITTEN, &name) ? EV_tpm_unfinished : EV_tpm_index_name;
	tpm_leave(tpm, &index);
	return event;
}

static void
put64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

static uint64_t
get64(const uint8_t *p)
{
	return (uint64_t)wire_get32(p) << 32 | wire_get32(p + 4);
}

static void
checksum(const uint8_t *record, uint8_t out[CHECK_BYTES])
{
	uint8_t digest[32];

	/* libsodium's BLAKE2b cannot fail with these sizes */
	(void)crypto_generichash(digest, sizeof digest, record, CHECKED_BYTES, NULL, 0);
	memcpy(out, digest, CHECK_BYTES);
}

static void
encode(const struct record *r, uint8_t out[RECORD_BYTES])
{
	memcpy(out, magic, sizeof magic);
	put64(out + 8, r->sequence);
	put64(out + 16, r->state.floor);
	put64(out + 24, r->state.time);
	put64(out + 32, r->state.offline);
	put64(out + 40, r->state.offline_max);
	checksum(out, out + CHECKED_BYTES);
}

/* 1: the record is whole. */
static int
decode(const uint8_t *p, struct record *r)
{
	uint8_t check[CHECK_BYTES];

	checksum(p, check);
	if (memcmp(p, magic, sizeof magic) != 0 || memcmp(p + CHECKED_BYTES, check, sizeof check) != 0)
		return 0;
	*r = (struct record){ .sequence = get64(p + 8), .state = { .floor = get64(p + 16), .time = get64(p + 24),
	    .offline = get64(p + 32), .offline_max = get64(p + 40) } };
	return 1;
}

/* The later whole record, and which of the two it is. */
static enum event
choose(const uint8_t data[STATE_BYTES], struct record *out, unsigned *which)
{
	struct record r[RECORDS];
	int whole[RECORDS];

	for (unsigned i = 0; i < RECORDS; i++)
		whole[i] = decode(data + i * RECORD_BYTES, &r[i]);
	/* Neither, or two of which nobody can say which is the later one: nothing that was written here. */
	if ((!whole[0] && !whole[1]) || (whole[0] && whole[1] && r[0].sequence == r[1].sequence))
		return EV_tpm_state;
	*which = !whole[0] || (whole[1] && r[1].sequence > r[0].sequence);
	*out = r[*which];
	return EV_none;
}

static enum event
load(struct tpm *tpm, ESYS_TR index, uint8_t data[STATE_BYTES])
{
	TPM2B_MAX_NV_BUFFER *found = NULL;
	enum event event = EV_none;
	TSS2_RC rc;

	rc = Esys_NV_Read(tpm->esys, index, index, tpm->hmac, ESYS_TR_NONE, ESYS_TR_NONE, STATE_BYTES, 0, &found);
	if (rc != 0)
		return tpm_fail(tpm, rc);
	if (found->size == STATE_BYTES)
		memcpy(data, found->buffer, STATE_BYTES);
	else
		event = EV_tpm_answer;
	Esys_Free(found);
	return event;
}

/* Writes one record over the older one, and has the TPM show it. */
static enum event
store(struct tpm *tpm, ESYS_TR index, unsigned which, const struct record *r)
{
	TPM2B_MAX_NV_BUFFER record = { .size = RECORD_BYTES };
	uint16_t at = (uint16_t)(which * RECORD_BYTES);
	uint8_t data[STATE_BYTES];
	enum event event;
	TSS2_RC rc;

	encode(r, record.buffer);
	if ((event = tpm_policy_arm(tpm, POLICY_closed)) != EV_none)
		return event;
	rc = Esys_NV_Write(tpm->esys, index, index, tpm->policy, ESYS_TR_NONE, ESYS_TR_NONE, &record, at);
	if (rc != 0)
		return tpm_policy_fail(tpm, rc);
	if ((event = load(tpm, index, data)) != EV_none)
		return event;
	return memcmp(data + at, record.buffer, RECORD_BYTES) == 0 ? EV_none : EV_tpm_state;
}

enum event
tpm_state_read(struct tpm *tpm, struct tpm_state *out)
{
	ESYS_TR index = ESYS_TR_NONE;
	uint8_t data[STATE_BYTES];
	struct record last;
	enum event event;
	unsigned which;

	if ((event = find(tpm, TPMA_NV_WRITTEN, &index)) == EV_none && (event = load(tpm, index, data)) == EV_none &&
	    (event = choose(data, &last, &which)) == EV_none)
		*out = last.state;
	tpm_leave(tpm, &index);
	return event;
}

enum event
tpm_state_write(struct tpm *tpm, const struct tpm_state *state)
{
	ESYS_TR index = ESYS_TR_NONE;
	uint8_t data[STATE_BYTES];
	struct record last;
	enum event event;
	unsigned which;

	if ((event = find(tpm, TPMA_NV_WRITTEN, &index)) == EV_none && (event = load(tpm, index, data)) == EV_none &&
	    (event = choose(data, &last, &which)) == EV_none)
		/* 2^64 writes are more than any chip endures */
		event = store(tpm, index, !which, &(struct record){ .sequence = last.sequence + 1, .state = *state });
	tpm_leave(tpm, &index);
	return event;
}

enum event
tpm_state_begin(struct tpm *tpm)
{
	ESYS_TR index = ESYS_TR_NONE;
	enum event event;

	if ((event = find(tpm, 0, &index)) == EV_none)
		event = store(tpm, index, 0, &(struct record){ .sequence = 1 });
	tpm_leave(tpm, &index);
	return event;
}
