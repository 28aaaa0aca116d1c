#ifndef NET_WORKER_TLS_VERIFY_H
#define NET_WORKER_TLS_VERIFY_H
/*
 * What is asked of a certificate beside what the library asks: see tls.h.
 */
#include "mbed.h"
#include "tls.h"

struct verify {
	const struct url *host;
	const uint8_t *pin;	/* PIN_BYTES, or NULL */
};

/* DER certificates, one behind the other, at least one.  0; -EBADMSG; -ENOMEM. */
int verify_read_ca(mbedtls_x509_crt *out, const uint8_t *ca, size_t ca_bytes);

/* For mbedtls_ssl_conf_verify(); context is a struct verify. */
int verify_certificate(void *context, mbedtls_x509_crt *crt, int depth, uint32_t *flags);

/* Has one of these certificates expired at the time that was set? */
int verify_expired(const mbedtls_x509_crt *chain);
#endif
