/*
 * Certificates: the time, addresses, the pin.  In net-worker.
 * Distrusts what the other side sent; the library has parsed it and walked the chain before this is called.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "mbed.h"
#include "tls_verify.h"

static time_t now;

void
tls_set_time(uint64_t seconds)
{
	now = (time_t)seconds;
}

/* The library's only clock (image/mbedtls_config.h): the RTC, which anyone with the machine in hand can set, is never asked. */
time_t
tls_clock(time_t *out)
{
	if (out != NULL)
		*out = now;
	return now;
}

int
verify_read_ca(mbedtls_x509_crt *out, const uint8_t *ca, size_t ca_bytes)
{
	if (ca_bytes == 0)
		return -EBADMSG;
	while (ca_bytes > 0) {
		unsigned char *at = (unsigned char *)(uintptr_t)ca;
		size_t length;
		int rc;

		/* Each is a SEQUENCE that says how long it is. */
		if (mbedtls_asn1_get_tag(&at, ca + ca_bytes, &length, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) != 0)
			return -EBADMSG;
		length += (size_t)(at - ca);
		rc = mbedtls_x509_crt_parse_der(out, ca, length);
		if (rc != 0)
			return rc == MBEDTLS_ERR_X509_ALLOC_FAILED ? -ENOMEM : -EBADMSG;
		ca += length;
		ca_bytes -= length;
	}
	return 0;
}

/* Is the host, which is an address, one of subjectAltName's iPAddress entries (RFC 5280, 4.2.1.6)? */
static int
has_address(const mbedtls_x509_crt *crt, const struct url *host)
{
	const int six = host->kind == HOST_ipv6;
	const size_t n = six ? 16 : 4;
	uint8_t want[16];

	if (inet_pton(six ? AF_INET6 : AF_INET, host->host, want) != 1)
		return 0;
	for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; s != NULL; s = s->next)
		if (s->buf.tag == (MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_X509_SAN_IP_ADDRESS) && s->buf.len == n &&
		    memcmp(s->buf.p, want, n) == 0)
			return 1;
	return 0;
}

static int
has_pin(const mbedtls_x509_crt *crt, const uint8_t *pin)
{
	uint8_t digest[PIN_BYTES];

	return mbedtls_sha256(crt->pk_raw.p, crt->pk_raw.len, digest, 0) == 0 && memcmp(digest, pin, PIN_BYTES) == 0;	/* both are public */
}

int
verify_certificate(void *context, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
	const struct verify *v = context;

	/* Now is not earlier than the time that was set, and nobody knows how much later: "not yet valid" cannot be said of anything. */
	*flags &= ~(uint32_t)MBEDTLS_X509_BADCERT_FUTURE;
	if (depth > 0)
		return 0;
	/* A name the library has compared; but without subjectAltName with the common name, which is no host's (RFC 9525, 2). */
	if (v->host->kind == HOST_name ? !mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME) : !has_address(crt, v->host))
		*flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
	if (v->pin != NULL && !has_pin(crt, v->pin))
		*flags |= MBEDTLS_X509_BADCERT_OTHER;
	return 0;
}

int
verify_expired(const mbedtls_x509_crt *chain)
{
	for (; chain != NULL; chain = chain->next)
		if (mbedtls_x509_time_is_past(&chain->valid_to))
			return 1;
	return 0;
}
