/*
 * The CA certificates of a config: DER, or PEM (RFC 7468) with text around it.  On the operator's side.
 * Distrusts the file: a private key that was given by mistake must not be sealed into an image, nor half a certificate.
 */
#include <string.h>

#include "config.h"
#include "config_options.h"
#include "minisig.h"

enum { CA_FILE_MAX = 1 << 16, DER_SEQUENCE = 0x30 };

static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";

/* A certificate's sequence begins with another one; that of a key, with a number. */
static int
is_certificate(const uint8_t *der, size_t n)
{
	size_t head = n > 1 && der[1] == 0x81 ? 3 : n > 1 && der[1] == 0x82 ? 4 : 2;

	return n > head && config_der(der, n) == n && der[head] == DER_SEQUENCE;
}

/* One certificate, behind the others. */
static int
add(const char *path, const uint8_t *der, size_t n, struct doc_config *config)
{
	const size_t have = config->org_ca.bytes;

	if (!is_certificate(der, n))
		return refuse("--org-ca: %s: something in it is no certificate, or a cut one", path);
	for (size_t at = 0, next; at < have; at += next) {
		next = config_der(config->org_ca.at + at, have - at);
		if (next == n && memcmp(config->org_ca.at + at, der, n) == 0)
			return refuse("--org-ca: %s: a certificate is given twice", path);
	}
	if (n > sizeof config->org_ca.at - have)
		return refuse("--org-ca: %s: all certificates together have more than %zu bytes as DER", path, sizeof config->org_ca.at);
	memcpy(config->org_ca.at + have, der, n);
	config->org_ca.bytes = (uint32_t)(have + n);
	return 0;
}

static int
add_der(const char *path, const struct bytes *file, struct doc_config *config)
{
	size_t n;
	int rc = 0;

	for (size_t at = 0; at < file->len && rc == 0; at += n) {
		n = config_der(file->data + at, file->len - at);
		rc = n == 0 ? refuse("--org-ca: %s: something in it is no certificate, or a cut one", path) : add(path, file->data + at, n, config);
	}
	return rc;
}

/* The lines between begin and end, without what ends them. */
static int
add_block(const char *path, const char *text, size_t n, struct doc_config *config)
{
	uint8_t der[sizeof config->org_ca.at];
	char base64[CA_FILE_MAX];
	size_t kept = 0;
	long bytes;

	for (size_t i = 0; i < n; i++)
		if (text[i] != '\n' && text[i] != '\r' && text[i] != ' ' && text[i] != '\t')
			base64[kept++] = text[i];
	bytes = base64_decode(base64, kept, der, sizeof der);
	if (bytes < 0)
		return refuse("--org-ca: %s: a certificate is no base64, or has more than %zu bytes", path, sizeof der);
	return add(path, der, (size_t)bytes, config);
}

static int
add_pem(const char *path, const struct bytes *file, struct doc_config *config)
{
	const char *at = (const char *)file->data, *from, *to;
	int rc = 0;

	if (strlen(at) != file->len)
		return refuse("--org-ca: %s: neither DER nor PEM", path);
	for (unsigned count = 0; rc == 0; count++) {
		from = strstr(at, "-----BEGIN ");
		if (from == NULL)
			return count > 0 ? 0 : refuse("--org-ca: %s: neither DER nor PEM: no certificate in it", path);
		if (strncmp(from, begin, sizeof begin - 1) != 0)
			return refuse("--org-ca: %s: something else than certificates is in it, such as a key", path);
		from += sizeof begin - 1;
		to = strstr(from, end);
		if (to == NULL)
			return refuse("--org-ca: %s: a certificate without its end", path);
		rc = add_block(path, from, (size_t)(to - from), config);
		at = to + sizeof end - 1;
	}
	return rc;
}

int
config_ca_add(const char *path, struct doc_config *config)
{
	struct bytes file = { NULL, 0 };
	int rc = file_read(path, 1, CA_FILE_MAX, &file);

	if (rc != 0)
		return rc;
	rc = file.data[0] == DER_SEQUENCE && config_der(file.data, file.len) != 0 ? add_der(path, &file, config) : add_pem(path, &file, config);
	bytes_free(&file);
	return rc;
}
