/*
 * TLS 1.3.  In net-worker; whoever answers is met here first.
 * Distrusts every byte, and the library too: a process that loses itself here holds no key, no disk, no TPM.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mbed.h"
#include "tls.h"
#include "tls_verify.h"

static struct {
	mbedtls_ssl_config config;
	mbedtls_x509_crt ca;
	mbedtls_ssl_context ssl;
	struct verify verify;
	const struct patience *patience;	/* of the call under way */
	int fd;
	int open;
	int error;				/* the socket's, why the library was stopped: 0 or a negative errno */
} tls = { .fd = -1 };

static int
random_for_tls(void *context, unsigned char *out, size_t n)
{
	(void)context;	/* there is no state */
	return random_bytes(out, n) == 0 ? 0 : MBEDTLS_ERR_ERROR_GENERIC_ERROR;
}

/*
 * The library's way to the socket.  It reads on by itself as long as records come that hold nothing for us: the time is looked at here, or
 * a server could keep it busy for ever with session tickets.
 */
static int
socket_failed(int error)
{
	tls.error = error;
	return MBEDTLS_ERR_SSL_INTERNAL_ERROR;	/* any that the library does not take for its own business */
}

static int
socket_send(void *context, const unsigned char *data, size_t n)
{
	ssize_t sent;

	(void)context;	/* there is one connection */
	if (patience_left(tls.patience) == 0)
		return socket_failed(-ETIMEDOUT);
	do
		sent = send(tls.fd, data, n, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_WRITE : socket_failed(-ECONNRESET);
	return (int)sent;
}

static int
socket_recv(void *context, unsigned char *out, size_t n)
{
	ssize_t got;

	(void)context;	/* there is one connection */
	if (patience_left(tls.patience) == 0)
		return socket_failed(-ETIMEDOUT);
	do
		got = recv(tls.fd, out, n, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_READ : socket_failed(-ECONNRESET);
	return got > 0 ? (int)got : socket_failed(-ECONNRESET);
}

/* After a call of the library: 0 try it again, or a negative errno.  *end is set where the other side has announced its end. */
static int
again(int rc, int *end)
{
	struct pollfd fd = { .fd = tls.fd };

	if (tls.error != 0)
		return tls.error;
	switch (rc) {
	case MBEDTLS_ERR_SSL_WANT_READ:
		fd.events = POLLIN;
		return wait_for(&fd, 1, tls.patience, UINT64_MAX);
	case MBEDTLS_ERR_SSL_WANT_WRITE:
		fd.events = POLLOUT;
		return wait_for(&fd, 1, tls.patience, UINT64_MAX);
	case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
		*end = 1;
		return -ECONNRESET;
	case MBEDTLS_ERR_SSL_ALLOC_FAILED:
	case MBEDTLS_ERR_X509_ALLOC_FAILED:
		return -ENOMEM;
	default:
		return -EPROTO;
	}
}

int
tls_init(const uint8_t *ca, size_t ca_bytes)
{
	static const uint16_t groups[] = { MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
		MBEDTLS_SSL_IANA_TLS_GROUP_NONE };
	/* PKCS#1 v1.5 is for certificates alone, RFC 8446, 4.2.3: the library takes no handshake signed so. */
	static const uint16_t signatures[] = { MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256, MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
		MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256, MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384, MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,
		MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256, MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384, MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
		MBEDTLS_TLS1_3_SIG_NONE };
	static const char *protocols[] = { "http/1.1", NULL };
	int rc;

	mbedtls_ssl_init(&tls.ssl);
	mbedtls_ssl_config_init(&tls.config);
	mbedtls_x509_crt_init(&tls.ca);
	if (psa_crypto_init() != PSA_SUCCESS)
		return -ENOMEM;
	rc = verify_read_ca(&tls.ca, ca, ca_bytes);
	if (rc != 0)
		return rc;
	if (mbedtls_ssl_config_defaults(&tls.config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT) != 0)
		return -ENOMEM;
	mbedtls_ssl_conf_min_tls_version(&tls.config, MBEDTLS_SSL_VERSION_TLS1_3);
	mbedtls_ssl_conf_authmode(&tls.config, MBEDTLS_SSL_VERIFY_REQUIRED);
	mbedtls_ssl_conf_ca_chain(&tls.config, &tls.ca, NULL);
	mbedtls_ssl_conf_verify(&tls.config, verify_certificate, &tls.verify);
	mbedtls_ssl_conf_groups(&tls.config, groups);
	mbedtls_ssl_conf_sig_algs(&tls.config, signatures);
	mbedtls_ssl_conf_rng(&tls.config, random_for_tls, NULL);
	return mbedtls_ssl_conf_alpn_protocols(&tls.config, protocols) == 0 ? 0 : -ENOMEM;
}

/* Is it a certificate that the library cannot read: a key that it does not know, or too large a one?  Codes are sums of two levels. */
static int
is_certificate_error(int rc)
{
	const int level = -rc & 0xff80;

	return (level >= -MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE && level <= -MBEDTLS_ERR_X509_BUFFER_TOO_SMALL) ||
	    (level >= -MBEDTLS_ERR_PK_BUFFER_TOO_SMALL && level <= -MBEDTLS_ERR_PK_ALLOC_FAILED) || rc == MBEDTLS_ERR_SSL_BAD_CERTIFICATE;
}

/* What the handshake's end means. */
static void
explain(int error, int rc, struct failure *why)
{
	uint32_t flags = mbedtls_ssl_get_verify_result(&tls.ssl);

	*why = (struct failure){ .event = EV_net_tls, .detail = (uint32_t)-error };
	if (error == -ENOMEM)
		*why = (struct failure){ .event = EV_load_memory };
	else if (error == -ETIMEDOUT)
		why->event = EV_net_slow;
	else if (error == -EPROTO && flags != 0 && flags != UINT32_MAX)	/* UINT32_MAX: it did not come to that */
		*why = (struct failure){ .event = EV_net_certificate, .detail = flags, .lasting = 1 };
	else if (error == -EPROTO)
		*why = (struct failure){ .event = is_certificate_error(rc) ? EV_net_certificate : EV_net_tls, .detail = (uint32_t)-rc,
			.lasting = 1 };
}

static int
set_host(const struct url *host, const uint8_t *pin)
{
	tls.verify = (struct verify){ .host = host, .pin = pin };
	/*
	 * Always a call: without one the library would verify for any name (CVE-2025-27809).  An address is no name for SNI, RFC 6066, 3:
	 * then verify_certificate() is who compares.
	 */
	return mbedtls_ssl_set_hostname(&tls.ssl, host->kind == HOST_name ? host->host : NULL);
}

int
tls_open(int fd, const struct url *host, const uint8_t *pin, const struct patience *p, struct failure *why)
{
	int rc, error = 0, end = 0;

	tls_close();
	tls.fd = fd;
	tls.error = 0;
	tls.patience = p;
	rc = mbedtls_ssl_setup(&tls.ssl, &tls.config);
	if (rc == 0)
		rc = set_host(host, pin);
	if (rc != 0) {
		*why = (struct failure){ .event = EV_load_memory };
		tls_close();
		return -EIO;
	}
	mbedtls_ssl_set_bio(&tls.ssl, NULL, socket_send, socket_recv, NULL);
	while (error == 0 && (rc = mbedtls_ssl_handshake(&tls.ssl)) != 0)
		error = again(rc, &end);
	tls.open = error == 0;
	if (error == 0)
		return 0;
	explain(error, rc, why);
	tls_close();
	return error == -ECANCELED ? error : -EIO;
}

int
tls_send(const void *data, size_t n, const struct patience *p)
{
	const uint8_t *at = data;
	int end = 0;

	tls.patience = p;
	while (n > 0) {
		int rc = mbedtls_ssl_write(&tls.ssl, at, n);

		if (rc > 0) {
			at += rc;
			n -= (size_t)rc;
		} else if ((rc = again(rc, &end)) != 0)
			return rc;
	}
	return 0;
}

int
tls_recv(void *out, size_t n, const struct patience *p)
{
	int end = 0;

	tls.patience = p;
	for (;;) {
		int rc = mbedtls_ssl_read(&tls.ssl, out, n);

		if (rc > 0)
			return rc;
		rc = again(rc, &end);
		if (rc != 0)
			return end ? 0 : rc;
	}
}

int
tls_usable(void)
{
	struct patience now = { .channel = -1, .until_ms = 0 };
	struct pollfd fd = { .fd = tls.fd, .events = POLLIN };

	/* Whatever could be read now is an end, or an answer to nothing that was asked. */
	return tls.open && mbedtls_ssl_get_bytes_avail(&tls.ssl) == 0 && wait_for(&fd, 1, &now, 0) == -ETIMEDOUT &&
	    !verify_expired(mbedtls_ssl_get_peer_cert(&tls.ssl));
}

void
tls_close(void)
{
	struct patience now = { .channel = -1, .until_ms = clock_ms() + 1 };

	if (tls.fd < 0)
		return;
	tls.patience = &now;
	if (tls.open && tls.error == 0)
		(void)mbedtls_ssl_close_notify(&tls.ssl);	/* a courtesy: whoever does not take it at once goes without */
	mbedtls_ssl_free(&tls.ssl);
	mbedtls_ssl_init(&tls.ssl);
	(void)close(tls.fd);	/* nothing was promised to arrive */
	tls.fd = -1;
	tls.open = 0;
	tls.patience = NULL;
}
