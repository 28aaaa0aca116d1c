#ifndef NET_WORKER_URL_H
#define NET_WORKER_URL_H
/*
 * Where a host is, as the config's lines org and mirror say: HOST[:PORT][/PATH].  HOST is a name (RFC 1123), an IPv4 address, or an
 * IPv6 address in brackets.  Nothing of it comes from outside: the image vouches for the config.
 */
#include <stdint.h>

enum { HOST_MAX = 253, PATH_MAX_BYTES = 255, PORT_HTTPS = 443 };
enum host_kind { HOST_name, HOST_ipv4, HOST_ipv6 };

struct url {
	enum host_kind kind;
	uint16_t port;
	char host[HOST_MAX + 1];		/* without brackets */
	char path[PATH_MAX_BYTES + 1];		/* "" or "/..." without a slash at its end */
};

/* 0, or -EINVAL.  *out is untouched then. */
int url_parse(const char *text, struct url *out);

/* The value of the header Host: "name", "name:8443", "[2001:db8::1]:8443".  out has URL_HOST_HEADER bytes. */
enum { URL_HOST_HEADER = HOST_MAX + 9 };
void url_host_header(const struct url *url, char out[URL_HOST_HEADER]);
#endif
