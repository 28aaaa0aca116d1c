/*
 * The endorsement key's certificate, by GnuTLS.  On the organisation's side.
 * Distrusts the certificate: it counts only for the very key that it is about, and says nothing unless one of the operator's roots signed it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "credential.h"
#include "org.h"

struct ek_roots {
	gnutls_x509_trust_list_t list;
};

int
ek_roots_read(const char *path, struct ek_roots **out)
{
	struct ek_roots *roots = calloc(1, sizeof *roots);
	struct bytes file = { NULL, 0 };
	gnutls_datum_t pem;
	int n, rc = roots != NULL ? file_read(path, 1, LIST_FILE_MAX, &file) : refuse_errno(ENOMEM, "%s", path);

	if (rc == 0 && gnutls_x509_trust_list_init(&roots->list, 0) != 0)
		rc = refuse_errno(ENOMEM, "%s", path);
	if (rc == 0) {
		pem = (gnutls_datum_t){ file.data, (unsigned)file.len };
		n = gnutls_x509_trust_list_add_trust_mem(roots->list, &pem, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
		if (n <= 0)
			rc = refuse("%s: no certificates in PEM%s%s", path, n < 0 ? ": " : "", n < 0 ? gnutls_strerror(n) : "");
	}
	bytes_free(&file);
	if (rc != 0)
		ek_roots_free(roots);
	else
		*out = roots;
	return rc;
}

void
ek_roots_free(struct ek_roots *roots)
{
	if (roots == NULL)
		return;
	if (roots->list != NULL)
		gnutls_x509_trust_list_deinit(roots->list, 1);
	free(roots);
}

/* Exactly so many bytes: the number without the leading zeros that GnuTLS leaves out. */
static int
is_number(const gnutls_datum_t *number, const uint8_t want[ATTEST_POINT_BYTES])
{
	uint8_t whole[ATTEST_POINT_BYTES] = { 0 };

	if (number->size > sizeof whole)
		return 0;
	memcpy(whole + sizeof whole - number->size, number->data, number->size);
	return memcmp(whole, want, sizeof whole) == 0;
}

static int
is_of(gnutls_x509_crt_t crt, const struct ek *ek)
{
	gnutls_datum_t x = { NULL, 0 }, y = { NULL, 0 };
	gnutls_pubkey_t key = NULL;
	gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
	int good;

	good = gnutls_pubkey_init(&key) == 0 && gnutls_pubkey_import_x509(key, crt, 0) == 0 &&
	    gnutls_pubkey_get_pk_algorithm(key, NULL) == GNUTLS_PK_ECDSA &&
	    gnutls_pubkey_export_ecc_raw2(key, &curve, &x, &y, GNUTLS_EXPORT_FLAG_NO_LZ) == 0 && curve == GNUTLS_ECC_CURVE_SECP256R1 &&
	    is_number(&x, ek->x) && is_number(&y, ek->y);
	gnutls_free(x.data);
	gnutls_free(y.data);
	if (key != NULL)
		gnutls_pubkey_deinit(key);
	return good;
}

/*
 * A CA that certifies EKs may certify servers as well, or attestation keys: whoever has such a key in software would play a TPM with it.
 * What is not said is no reason: older certificates have neither extension (EK Credential Profile 2.5, 3.2).
 */
static int
is_for_ek(gnutls_x509_crt_t crt)
{
	unsigned usage = 0, critical;
	int rc = gnutls_x509_crt_get_key_usage(crt, &usage, &critical);

	if (rc != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE && (rc != 0 || (usage & (GNUTLS_KEY_KEY_AGREEMENT | GNUTLS_KEY_KEY_ENCIPHERMENT)) == 0))
		return 0;
	return gnutls_x509_crt_get_ca_status(crt, &critical) <= 0 && gnutls_x509_crt_check_key_purpose(crt, "2.23.133.8.1", 0) == 1;
}

enum ek_cert
ek_cert_judge(const struct ek *ek, const void *cert, size_t len_bytes, const struct ek_roots *roots)
{
	const gnutls_datum_t der = { (void *)(uintptr_t)cert, (unsigned)len_bytes };
	enum ek_cert judged = EK_CERT_malformed;
	gnutls_x509_crt_t crt = NULL;
	unsigned status = ~0U;

	if (len_bytes == 0)
		return EK_CERT_none;
	if (gnutls_x509_crt_init(&crt) == 0 && gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER) == 0) {
		judged = EK_CERT_other;
		if (is_of(crt, ek))
			judged = roots != NULL && is_for_ek(crt) && gnutls_x509_trust_list_verify_crt(roots->list, &crt, 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS |
			    GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS, &status, NULL) == 0 && status == 0 ? EK_CERT_verified : EK_CERT_unverified;
	}
	if (crt != NULL)
		gnutls_x509_crt_deinit(crt);
	return judged;
}
