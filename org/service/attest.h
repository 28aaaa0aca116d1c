#ifndef ORG_SERVICE_ATTEST_H
#define ORG_SERVICE_ATTEST_H
/*
 * What a quote proves: that the TPM which holds this attestation key had these PCRs when it was asked about this very document.
 * Pure: no descriptor, no clock.  TCG TPM 2.0 Library, part 2: TPMT_PUBLIC 12.2.4, TPMS_ATTEST 10.12.12, TPMT_SIGNATURE 11.3.4.
 */
#include <stddef.h>
#include <stdint.h>

#include "doc.h"

enum { ATTEST_POINT_BYTES = 32, ATTEST_NAME_BYTES = 2 + 32, ATTEST_PCRS = 7 };

enum attest_why {
	ATTEST_ok,
	ATTEST_key,		/* the attestation key is not one of our template */
	ATTEST_form,		/* no TPMS_ATTEST, or bytes behind it */
	ATTEST_type,		/* not made by a TPM, or no quote */
	ATTEST_document,	/* of another document */
	ATTEST_selection,	/* of other PCRs */
	ATTEST_digest,		/* the PCRs that are stated are not those that were quoted */
	ATTEST_algorithm,	/* the signature is not ECDSA with SHA-256, or bytes behind it */
	ATTEST_signature,	/* it does not verify */
	ATTEST_latch,		/* PCR 8 is not closed, or has more than that: not preboot's */
	ATTEST_unused,		/* PCR 0, 4 or 7 was never extended */
	ATTEST_COUNT
};

struct attest_key {
	uint8_t x[ATTEST_POINT_BYTES], y[ATTEST_POINT_BYTES];	/* a point of P-256 */
	uint8_t name[ATTEST_NAME_BYTES];			/* TPM 2.0: nameAlg, and SHA-256 of the public area */
};

/* TPMS_CLOCK_INFO, and the TPM's firmware. */
struct attest_clock {
	uint64_t clock_ms, firmware;
	uint32_t reset_count, restart_count;
	int safe;
};

/* A restricted ECDSA P-256 key of SHA-256 that was made in its TPM and never leaves it; TPMT_PUBLIC. */
enum attest_why attest_key(const void *public, size_t len_bytes, struct attest_key *out);

/* The quote of document by key.  Says the first that is wrong, in the order of the enum; out is only set with ATTEST_ok. */
enum attest_why attest_judge(const struct attest_key *key, const void *document, size_t len_bytes, const struct doc_quote *quote,
    struct attest_clock *out);

/* A line for the client, with LF. */
const char *attest_text(enum attest_why why);
#endif
