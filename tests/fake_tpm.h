#ifndef TESTS_FAKE_TPM_H
#define TESTS_FAKE_TPM_H
/* What the fake TPM says when it is next asked, and what it was asked. */
#include <stdint.h>

#include "bodies.h"
#include "event.h"
#include "tpm.h"

enum { FAKE_PUBLIC_BYTES = 100 };

extern struct fake_tpm {
	enum event open, index[2], read, enrol, close, measure, pcr;	/* what the next call says; index[1]: after an enrolment */
	unsigned opens, indexes, reads, enrols, closes, measures, finishes;
	int open_leaves_one;		/* 1: a failed open still gives a TPM */
	int without_index;		/* what tpm_close() was told */
	enum event begin, state_read, state_write, ak, ek, quote, activate, own;
	unsigned begins, writes, aks, quotes, activates, owns;
	struct tpm_state state;
	uint8_t owner[TPM_AUTH_BYTES];
	uint8_t node[TPM_NODE_BYTES], org_key[TPM_ORG_KEY_BYTES], measured[ID_BYTES];
} fake;
uint8_t fake_secret(unsigned i);	/* computed, so that the test keeps no copy */
#endif
