#ifndef IPC_CONFIG_H
#define IPC_CONFIG_H
/*
 * What must hold together in a config, beyond the range of each line: for who makes it (sallyport-org config) and for whom it is sealed
 * (init, broker, crypto-worker).  Pure: no system call, no allocation; inet_pton(3) is all that it takes of libc's network.
 */
#include <stddef.h>
#include <stdint.h>

#include "doc.h"

enum {
	CONFIG_HOST_MAX = 253,		/* RFC 1035, 2.3.4, without the last point */
	CONFIG_PORT = 443,		/* where none is stated */
	CONFIG_KEY_BYTES = 32,		/* of pin, invite and escrow key, where there is one */
};

/* 0, or -EINVAL with the key that is wrong (the last one of those that do not fit together) and why, both constant. */
int config_check(const struct doc_config *c, const char **key, const char **why);

/*
 * HOST, HOST:PORT, and with_path HOST[:PORT][/PATH].  HOST is a name (letters, digits, hyphens, points; its last label not a number),
 * an IPv4 address, or an IPv6 address in brackets; PORT 1..65535 without leading zeros; PATH of unreserved characters (RFC 3986), no empty
 * segment, none that begins with a point.  0 and whether HOST is a name; -EINVAL.
 */
int config_host(const char *text, int with_path, int *is_name);

/* The length of the DER SEQUENCE that begins there, as a certificate is one; 0: none does, or it is cut. */
size_t config_der(const uint8_t *at, size_t len_bytes);
#endif
