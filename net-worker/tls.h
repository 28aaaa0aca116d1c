#ifndef NET_WORKER_TLS_H
#define NET_WORKER_TLS_H
/*
 * TLS 1.3 (RFC 8446) over one connected socket, by Mbed TLS as image/mbedtls_config.h has it.  One connection at a time.
 *
 * What a certificate must be: signed by a CA of the config, directly or by intermediate ones; for this very host, by name or address
 * (subjectAltName); not expired at the time that was set; and, if asked for, with the pinned key.  The time is a lower bound of now, so
 * that a certificate has expired is certain, while one that is not valid yet may well be by now: it is taken.
 */
#include <stddef.h>

#include "net.h"
#include "url.h"

enum { PIN_BYTES = 32 };

/* Once, after the process has started: ca are certificates, DER, one behind the other.  0; -EBADMSG: not that; -ENOMEM. */
int tls_init(const uint8_t *ca, size_t ca_bytes);

/* For all certificates that are judged from now on: it is not earlier than this, seconds since 1970. */
void tls_set_time(uint64_t seconds);

/* Takes fd, in any case.  pin: PIN_BYTES of SHA-256 of the SubjectPublicKeyInfo (RFC 7469, 2.4), or NULL.  0, or -EIO and *why; -ECANCELED. */
int tls_open(int fd, const struct url *host, const uint8_t *pin, const struct patience *p, struct failure *why);

/* All of it.  0; -ETIMEDOUT; -ECANCELED; -ECONNRESET: the connection is gone; -EPROTO: TLS failed. */
int tls_send(const void *data, size_t n, const struct patience *p);

/* 1..n bytes; 0: the other side has said that it ends; otherwise as above, an end that was not announced being -ECONNRESET. */
int tls_recv(void *out, size_t n, const struct patience *p);

/* Can another request be made?  It is open, nothing has come unasked, and its certificates have not expired at the time now set. */
int tls_usable(void);

void tls_close(void);
#endif
