/*
 * HOST[:PORT][/PATH].  In net-worker; pure, no system call.
 * Distrusts what it reads although the image vouches for it: what is let through here stands in requests.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "url.h"

enum { LABEL_MAX = 63, PORT_DIGITS = 5, PORT_MAX = 65535 };

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Labels of letters, digits and hyphens, no hyphen at an end.  A last label of digits alone would be a mistyped IPv4 address. */
static int
is_name(const char *s)
{
	size_t label = 0;
	int digits = 1;

	for (;; s++) {
		if (*s == '.' || *s == '\0') {
			if (label == 0 || label > LABEL_MAX || s[-1] == '-')
				return 0;
			if (*s == '\0')
				return !digits;
			label = 0;
			digits = 1;
			continue;
		}
		if (!is_alnum(*s) && (*s != '-' || label == 0))
			return 0;
		digits &= is_digit(*s);
		label++;
	}
}

static int
set_host(struct url *url, const char *at, size_t n, int brackets)
{
	struct in6_addr address;

	if (n == 0 || n > HOST_MAX)
		return -EINVAL;
	memcpy(url->host, at, n);
	url->host[n] = '\0';
	if (strlen(url->host) != n)
		return -EINVAL;
	if (brackets) {
		url->kind = HOST_ipv6;
		return inet_pton(AF_INET6, url->host, &address) == 1 ? 0 : -EINVAL;
	}
	if (inet_pton(AF_INET, url->host, &address) == 1) {
		url->kind = HOST_ipv4;
		return 0;
	}
	url->kind = HOST_name;
	return is_name(url->host) ? 0 : -EINVAL;
}

/* ":PORT" or nothing; *at ends up behind it. */
static int
set_port(struct url *url, const char **at)
{
	uint32_t port = 0;
	const char *s = *at;

	url->port = PORT_HTTPS;
	if (*s != ':')
		return 0;
	for (s++; is_digit(*s); s++) {
		if (s - *at > PORT_DIGITS)
			return -EINVAL;
		port = 10 * port + (uint32_t)(*s - '0');
	}
	if (port == 0 || port > PORT_MAX || (*at)[1] == '0')
		return -EINVAL;
	url->port = (uint16_t)port;
	*at = s;
	return 0;
}

/* What stands in a request as it is: unreserved characters of RFC 3986 and slashes; no dot segments, no empty ones. */
static int
set_path(struct url *url, const char *s)
{
	size_t n = strlen(s);

	if (n > 0 && s[n - 1] == '/')
		n--;
	if (n > PATH_MAX_BYTES || (n > 0 && s[0] != '/'))
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (!is_alnum(s[i]) && strchr("-._~/", s[i]) == NULL)
			return -EINVAL;
		if (s[i] == '/' && (i + 1 == n || s[i + 1] == '/' || s[i + 1] == '.'))
			return -EINVAL;
	}
	memcpy(url->path, s, n);
	url->path[n] = '\0';
	return 0;
}

int
url_parse(const char *text, struct url *out)
{
	struct url url = { .port = PORT_HTTPS };
	const char *end;
	int rc;

	if (*text == '[') {
		end = strchr(text, ']');
		if (end == NULL)
			return -EINVAL;
		rc = set_host(&url, text + 1, (size_t)(end - text) - 1, 1);
		end++;
	} else {
		end = text + strcspn(text, ":/");
		rc = set_host(&url, text, (size_t)(end - text), 0);
	}
	if (rc == 0)
		rc = set_port(&url, &end);
	if (rc == 0)
		rc = set_path(&url, end);
	if (rc == 0)
		*out = url;
	return rc;
}

void
url_host_header(const struct url *url, char out[URL_HOST_HEADER])
{
	const int six = url->kind == HOST_ipv6;
	int n = snprintf(out, URL_HOST_HEADER, "%s%s%s", six ? "[" : "", url->host, six ? "]" : "");

	if (url->port != PORT_HTTPS && n > 0 && n < URL_HOST_HEADER)
		(void)snprintf(out + n, URL_HOST_HEADER - (size_t)n, ":%u", (unsigned)url->port);	/* fits: two brackets, five digits */
}
