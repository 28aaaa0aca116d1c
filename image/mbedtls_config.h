/*
 * What of Mbed TLS net-worker has: a TLS 1.3 client that verifies X.509 certificates, and nothing else.  image/libs.sh builds this beside the
 * one that tpm2-tss wants, under build/lib/TARGET/tls.  What is not here cannot be reached by whoever answers: TLS 1.2 and renegotiation,
 * servers, session tickets and pre-shared keys, early data, PEM, files, sockets, debug texts, revocation lists, weak curves and hashes.
 */
#include <time.h>

/* The machine.  AES by the processor's own instructions where it has them: the tables of the other way can be watched through the cache. */
#define MBEDTLS_HAVE_ASM
#define MBEDTLS_AESNI_C
#define MBEDTLS_PLATFORM_C

/*
 * Dates of certificates are judged, by net-worker's own clock: it has no way to ask the RTC for them.  mbedtls_ms_time() is there for the
 * age of session tickets, which there are none of.
 */
#define MBEDTLS_HAVE_TIME
#define MBEDTLS_HAVE_TIME_DATE
#define MBEDTLS_PLATFORM_TIME_MACRO tls_clock
time_t tls_clock(time_t *out);

/*
 * Random numbers come from the kernel each time: mbedtls_psa_external_get_random() in net-worker/random.c.  There is no generator whose
 * state a second process could inherit (CVE-2026-25835).
 */
#define MBEDTLS_PSA_CRYPTO_C
#define MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG

/* Ciphers and hashes of the three suites of RFC 8446, 9.1. */
#define MBEDTLS_CIPHER_C
#define MBEDTLS_AES_C
#define MBEDTLS_GCM_C
#define MBEDTLS_CHACHA20_C
#define MBEDTLS_POLY1305_C
#define MBEDTLS_CHACHAPOLY_C
#define MBEDTLS_MD_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C		/* certificates that are signed with it */
#define MBEDTLS_HKDF_C

/* Keys: exchange by X25519 or P-256; certificates of P-256, P-384 and RSA up to 4096 bits. */
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_MPI_MAX_SIZE 512	/* bytes: a larger RSA key is work that its sender does not have */
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED
#define MBEDTLS_ECP_DP_CURVE25519_ENABLED
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C
#define MBEDTLS_RSA_C
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_PKCS1_V21

/* Certificates: DER only (CVE-2025-52497 is a PEM parser's). */
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_OID_C
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C
#define MBEDTLS_X509_RSASSA_PSS_SUPPORT
#define MBEDTLS_X509_REMOVE_INFO

/* TLS */
#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_PROTO_TLS1_3
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED
#define MBEDTLS_SSL_TLS1_3_COMPATIBILITY_MODE	/* looks like TLS 1.2 to what stands on the way, RFC 8446, D.4 */
#define MBEDTLS_SSL_KEEP_PEER_CERTIFICATE
#define MBEDTLS_SSL_SERVER_NAME_INDICATION
#define MBEDTLS_SSL_ALPN
