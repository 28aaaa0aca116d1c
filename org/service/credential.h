#ifndef ORG_SERVICE_CREDENTIAL_H
#define ORG_SERVICE_CREDENTIAL_H
/*
 * Credential protection (TCG TPM 2.0 Library, part 1, 24; part 3, TPM2_MakeCredential), made without a TPM: 32 bytes that only the TPM
 * which holds both this endorsement key and an attestation key of this name can open.  And the endorsement key's certificate.
 */
#include <stddef.h>
#include <stdint.h>

#include "attest.h"
#include "doc.h"

enum { CREDENTIAL_BYTES = 32 };

struct ek {
	uint8_t x[ATTEST_POINT_BYTES], y[ATTEST_POINT_BYTES];
	uint8_t digest[32];		/* SHA-256 of the public area: what the operator compares, and a node's identity */
};

/*
 * An endorsement key of the TCG's template L-2 (EK Credential Profile 2.5, B.3.4: ECC NIST P-256, AES-128-CFB, policy A), and no other;
 * TPMT_PUBLIC.  0 or -EBADMSG.
 */
int ek_parse(const void *public, size_t len_bytes, struct ek *out);

/* Writes blob and secret of *out, the other fields stay.  0, or -EIO. */
int credential_make(const struct ek *ek, const uint8_t ak_name[ATTEST_NAME_BYTES], const uint8_t sec_credential[CREDENTIAL_BYTES],
    struct doc_credential *out);

/* Who may have signed EK certificates: all that are in a file of PEM. */
struct ek_roots;
int ek_roots_read(const char *path, struct ek_roots **out);	/* 0, or a negative errno with the reason on stderr */
void ek_roots_free(struct ek_roots *roots);			/* takes NULL */

enum ek_cert { EK_CERT_none, EK_CERT_malformed, EK_CERT_other, EK_CERT_unverified, EK_CERT_verified };

/*
 * X.509, DER.  other: it is for another key.  unverified: it is for this key, and nobody in roots (NULL: there are none) vouches for it as an
 * endorsement key: a certificate that says it is for something else, or a CA's, counts for nothing.  Dates are not looked at: a TPM's certificate cannot be renewed.
 */
enum ek_cert ek_cert_judge(const struct ek *ek, const void *cert, size_t len_bytes, const struct ek_roots *roots);
#endif
