/*
 * The organisation's CA and the service's certificate, by GnuTLS, which also serves them.  On the organisation's side, at init only.
 * Distrusts the operator's names: no wildcard, nothing that a client could read in two ways.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <sodium.h>

#include "pki.h"

enum {
	SERIAL_BYTES = 16,
	DAY_S = 86400,
	CA_DAYS = 7305,		/* 20 years: it is in every node's config */
	SERVER_DAYS = 3652,	/* 10: nodes trust this CA alone, and a service that nobody renewed must not stop a fleet */
};

struct pair {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
};

static int
is_host(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	size_t n = strlen(name);

	if (n == 0 || n > 253)
		return 0;
	for (;;) {
		size_t label = strspn(name, letters);

		if (label == 0 || label > 63 || name[0] == '-' || name[label - 1] == '-')
			return 0;
		if (name[label] == '\0')
			return name[strspn(name, "0123456789")] != '\0';	/* 127.1 and 2130706433 are addresses to some clients */
		if (name[label] != '.')
			return 0;
		name += label + 1;
	}
}

/* The address's bytes: 4, 16, or 0 for what is none. */
static unsigned
address_bytes(const char *name, uint8_t out[16])
{
	if (inet_pton(AF_INET, name, out) == 1)
		return 4;
	return inet_pton(AF_INET6, name, out) == 1 ? 16 : 0;
}

int
pki_names(char *text, const char *names[PKI_NAMES_MAX], unsigned *count)
{
	uint8_t bytes[16];
	char *name;

	*count = 0;
	while ((name = strsep(&text, ",")) != NULL) {
		if (*count == PKI_NAMES_MAX)
			return usage_error("--name: more than %d names", PKI_NAMES_MAX);
		if (address_bytes(name, bytes) == 0 && !is_host(name))
			return usage_error("--name: \"%s\" is neither a host's name nor an IP address", name);
		names[(*count)++] = name;
	}
	return 0;
}

static int
failed(int rc)
{
	return refuse("certificates: %s", gnutls_strerror(rc));
}

/* What both certificates have; signed later. */
static int
begin_pair(struct pair *pair, const char *common_name, unsigned days)
{
	uint8_t serial[SERIAL_BYTES], key_id[32];
	size_t key_id_bytes = sizeof key_id;
	time_t now = time(NULL);
	int rc;

	randombytes_buf(serial, sizeof serial);
	serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);	/* positive, and always of this length */
	rc = gnutls_x509_privkey_init(&pair->key);
	if (rc == 0)
		rc = gnutls_x509_privkey_generate(pair->key, GNUTLS_PK_ECDSA,
		    (unsigned)GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	if (rc == 0)
		rc = gnutls_x509_crt_init(&pair->crt);
	if (rc == 0)
		rc = gnutls_x509_crt_set_version(pair->crt, 3);
	if (rc == 0)
		rc = gnutls_x509_crt_set_serial(pair->crt, serial, sizeof serial);
	if (rc == 0)
		rc = gnutls_x509_crt_set_key(pair->crt, pair->key);
	if (rc == 0)
		rc = gnutls_x509_crt_set_dn_by_oid(pair->crt, GNUTLS_OID_X520_COMMON_NAME, 0, common_name,
		    (unsigned)strnlen(common_name, 64));
	/* a day back: the node's clock is the time of its image's build, or of its last ticket */
	if (rc == 0)
		rc = gnutls_x509_crt_set_activation_time(pair->crt, now - DAY_S);
	if (rc == 0)
		rc = gnutls_x509_crt_set_expiration_time(pair->crt, now + (time_t)days * DAY_S);
	if (rc == 0)
		rc = gnutls_x509_crt_get_key_id(pair->crt, GNUTLS_KEYID_USE_SHA256, key_id, &key_id_bytes);
	if (rc == 0)
		rc = gnutls_x509_crt_set_subject_key_id(pair->crt, key_id, key_id_bytes);
	return rc;
}

static int
sign_ca(struct pair *ca)
{
	int rc = gnutls_x509_crt_set_basic_constraints(ca->crt, 1, 0);	/* signs servers, no CAs */

	if (rc == 0)
		rc = gnutls_x509_crt_set_key_usage(ca->crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	return rc != 0 ? rc : gnutls_x509_crt_sign2(ca->crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0);
}

static int
sign_server(struct pair *server, const struct pair *ca, const char *const *names, unsigned count)
{
	uint8_t bytes[16], key_id[32];
	size_t key_id_bytes = sizeof key_id;
	int rc = gnutls_x509_crt_set_basic_constraints(server->crt, 0, -1);

	for (unsigned i = 0; i < count && rc == 0; i++) {
		unsigned n = address_bytes(names[i], bytes);

		if (n > 0)
			rc = gnutls_x509_crt_set_subject_alt_name(server->crt, GNUTLS_SAN_IPADDRESS, bytes, n, GNUTLS_FSAN_APPEND);
		else
			rc = gnutls_x509_crt_set_subject_alt_name(server->crt, GNUTLS_SAN_DNSNAME, names[i], (unsigned)strlen(names[i]),
			    GNUTLS_FSAN_APPEND);
	}
	if (rc == 0)
		rc = gnutls_x509_crt_set_key_usage(server->crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (rc == 0)
		rc = gnutls_x509_crt_set_key_purpose_oid(server->crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
	if (rc == 0)
		rc = gnutls_x509_crt_get_subject_key_id(ca->crt, key_id, &key_id_bytes, NULL);
	if (rc == 0)
		rc = gnutls_x509_crt_set_authority_key_id(server->crt, key_id, key_id_bytes);
	return rc != 0 ? rc : gnutls_x509_crt_sign2(server->crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0);
}

static int
take(gnutls_datum_t *from, struct bytes *to)
{
	to->data = malloc(from->size + 1U);
	if (to->data != NULL) {
		memcpy(to->data, from->data, from->size);
		to->data[from->size] = '\0';	/* PEM is read as a string */
		to->len = from->size;
	}
	sodium_memzero(from->data, from->size);
	gnutls_free(from->data);
	return to->data != NULL ? 0 : GNUTLS_E_MEMORY_ERROR;
}

static int
export_pair(const struct pair *pair, struct bytes *cert, struct bytes *key)
{
	gnutls_datum_t text = { NULL, 0 };
	int rc = gnutls_x509_crt_export2(pair->crt, GNUTLS_X509_FMT_PEM, &text);

	if (rc == 0)
		rc = take(&text, cert);
	if (rc == 0)
		rc = gnutls_x509_privkey_export2_pkcs8(pair->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &text);
	return rc == 0 ? take(&text, key) : rc;
}

static void
end_pair(struct pair *pair)
{
	if (pair->crt != NULL)
		gnutls_x509_crt_deinit(pair->crt);
	if (pair->key != NULL)
		gnutls_x509_privkey_deinit(pair->key);	/* wipes */
}

int
pki_make(const char *const *names, unsigned count, struct pki *out)
{
	struct pair ca = { NULL, NULL }, server = { NULL, NULL };
	char ca_name[64], hex[17];
	uint8_t random[8], digest[32];
	size_t digest_bytes = sizeof digest;
	struct pki pki;
	int rc;

	memset(&pki, 0, sizeof pki);
	randombytes_buf(random, sizeof random);		/* two CAs of one organisation differ by name */
	(void)snprintf(ca_name, sizeof ca_name, "sallyport CA %s", hex_text(random, sizeof random, hex));
	rc = begin_pair(&ca, ca_name, CA_DAYS);
	if (rc == 0)
		rc = sign_ca(&ca);
	if (rc == 0)
		rc = begin_pair(&server, names[0], SERVER_DAYS);
	if (rc == 0)
		rc = sign_server(&server, &ca, names, count);
	if (rc == 0)
		rc = export_pair(&ca, &pki.ca_cert, &pki.ca_key);
	if (rc == 0)
		rc = export_pair(&server, &pki.cert, &pki.key);
	if (rc == 0)
		rc = gnutls_x509_crt_get_fingerprint(ca.crt, GNUTLS_DIG_SHA256, digest, &digest_bytes);
	end_pair(&server);
	end_pair(&ca);
	if (rc != 0) {
		pki_free(&pki);
		return failed(rc);
	}
	(void)hex_text(digest, sizeof digest, pki.ca_digest);
	*out = pki;
	return 0;
}

void
pki_free(struct pki *pki)
{
	bytes_free(&pki->ca_cert);
	bytes_free(&pki->ca_key);
	bytes_free(&pki->cert);
	bytes_free(&pki->key);
}
