/*
 * Fuzz target of what a client sends of its TPM: keys, attested structure, signature.  The input is two bytes of length and a TPMT_PUBLIC, two
 * of length and a TPMS_ATTEST, and a TPMT_SIGNATURE.  What is accepted is the one quote that was ever made by this key of this document.
 */
#include <string.h>

#include <sodium.h>

#include "attest.h"
#include "credential.h"
#include "fuzz.h"
#include "quote_vector.h"

/* The next part, at most most bytes; cut where the input ends. */
static size_t
take(const uint8_t **data, size_t *size, size_t most)
{
	size_t n = 0;

	if (*size >= 2) {
		n = (size_t)(*data)[0] << 8 | (*data)[1];
		*data += 2;
		*size -= 2;
	}
	n = n < *size ? n : *size;
	return n < most ? n : most;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct doc_quote quote;
	struct doc_credential credential;
	struct attest_clock clock;
	struct attest_key key = { .name = { 0 } };
	struct ek ek;
	uint8_t *exact;
	const uint8_t sec[CREDENTIAL_BYTES] = { 1 };
	enum attest_why why;
	size_t n;

	MUST(sodium_init() >= 0);
	n = take(&data, &size, 512);
	exact = malloc(n > 0 ? n : 1);
	MUST(exact != NULL);
	if (n > 0)
		memcpy(exact, data, n);
	data += n;
	size -= n;
	why = attest_key(exact, n, &key);
	if (ek_parse(exact, n, &ek) == 0) {
		MUST(why == ATTEST_key);	/* no key is both */
		MUST(credential_make(&ek, key.name, sec, &credential) == 0 && credential.blob.bytes == 2 + 34 + 34 &&
		    credential.secret.bytes == 2 + 68);
	}
	free(exact);
	if (why != ATTEST_ok)
		MUST(attest_key(vector_ak, sizeof vector_ak, &key) == ATTEST_ok);	/* the rest is looked at all the same */
	memcpy(quote.pcr0, vector_pcr[0], 32);
	memcpy(quote.pcr4, vector_pcr[1], 32);
	memcpy(quote.pcr7, vector_pcr[2], 32);
	memcpy(quote.pcr8, vector_pcr[3], 32);
	memcpy(quote.pcr11, vector_pcr[4], 32);
	memcpy(quote.pcr12, vector_pcr[5], 32);
	memcpy(quote.pcr13, vector_pcr[6], 32);
	quote.attest.bytes = (uint32_t)(n = take(&data, &size, sizeof quote.attest.at));
	memcpy(quote.attest.at, data, n);
	data += n;
	size -= n;
	quote.signature.bytes = (uint32_t)(size < sizeof quote.signature.at ? size : sizeof quote.signature.at);
	memcpy(quote.signature.at, data, quote.signature.bytes);
	why = attest_judge(&key, vector_document, sizeof vector_document - 1, &quote, &clock);
	MUST(why < ATTEST_COUNT && attest_text(why) != NULL);
	if (why == ATTEST_ok)
		MUST(quote.attest.bytes == sizeof vector_attest && memcmp(quote.attest.at, vector_attest, sizeof vector_attest) == 0);
	return 0;
}
