#ifndef NET_WORKER_MBED_H
#define NET_WORKER_MBED_H
/* Mbed TLS's headers, as image/mbedtls_config.h has them, without the warnings that their inline functions would give. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wswitch-enum"
#include <mbedtls/asn1.h>
#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/sha256.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>
#pragma GCC diagnostic pop

#if defined(MBEDTLS_SSL_PROTO_TLS1_2) || defined(MBEDTLS_SSL_SRV_C) || !defined(MBEDTLS_HAVE_TIME_DATE)
#error "not the Mbed TLS that is meant for net-worker: build/lib/TARGET/tls/include"
#endif
#endif
