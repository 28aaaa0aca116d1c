/*
 * Hosts and certificates as a config names them.  Stands on both sides: where configs are made and where they are read.
 * Distrusts the text: what is let through stands in requests, and in certificates' names.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "config.h"

enum { LABEL_MAX = 63, PORT_MAX = 65535, DER_SEQUENCE = 0x30, DER_ONE = 0x81, DER_TWO = 0x82 };

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

/* What inet_aton(3) would take for a number: a resolver that tries it first would ask nobody. */
static int
is_number(const char *label, size_t n)
{
	size_t digits = 0;

	while (digits < n && is_digit(label[digits]))
		digits++;
	return digits == n || (n > 1 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X'));
}

/* RFC 1123, 2.1.  A last label that is a number would be a mistyped IPv4 address. */
static int
is_name(const char *at, size_t n)
{
	size_t label = 0;

	for (size_t i = 0; i <= n; i++) {
		if (i < n && at[i] != '.') {
			if (!is_alnum(at[i]) && (at[i] != '-' || label == 0))
				return 0;
			label++;
			continue;
		}
		if (label == 0 || label > LABEL_MAX || at[i - 1] == '-')
			return 0;
		if (i < n)
			label = 0;
	}
	return !is_number(at + n - label, label);
}

static int
check_host(const char *at, size_t n, int brackets, int *name)
{
	char host[CONFIG_HOST_MAX + 1];
	struct in6_addr address;

	if (n == 0 || n > CONFIG_HOST_MAX)
		return -EINVAL;
	memcpy(host, at, n);
	host[n] = '\0';
	*name = 0;
	if (brackets)
		return inet_pton(AF_INET6, host, &address) == 1 ? 0 : -EINVAL;
	if (inet_pton(AF_INET, host, &address) == 1)
		return 0;
	*name = 1;
	return is_name(at, n) ? 0 : -EINVAL;
}

/* ":PORT"; *at ends up behind it. */
static int
check_port(const char **at)
{
	const char *s = *at + 1;
	uint32_t port = 0;

	if (*s == '0')
		return -EINVAL;
	while (is_digit(*s) && port <= PORT_MAX)
		port = 10 * port + (uint32_t)(*s++ - '0');
	*at = s;
	return port >= 1 && port <= PORT_MAX ? 0 : -EINVAL;
}

static int
check_path(const char *s)
{
	for (; *s != '\0'; s++) {
		if (!is_alnum(*s) && strchr("-._~/", *s) == NULL)
			return -EINVAL;
		if (*s == '/' && (s[1] == '\0' || s[1] == '/' || s[1] == '.'))
			return -EINVAL;
	}
	return 0;
}

int
config_host(const char *text, int with_path, int *is_a_name)
{
	const char *begin = text, *end = text + strcspn(text, ":/");
	const int brackets = *text == '[';
	int name = 0;

	if (brackets) {
		begin = text + 1;
		end = strchr(text, ']');
		if (end == NULL)
			return -EINVAL;
	}
	if (check_host(begin, (size_t)(end - begin), brackets, &name) != 0)
		return -EINVAL;
	end += brackets;
	if (*end == ':' && check_port(&end) != 0)
		return -EINVAL;
	if (*end != '\0' && (!with_path || *end != '/' || check_path(end) != 0))
		return -EINVAL;
	*is_a_name = name;
	return 0;
}

/* X.690, 10.1: definite, and as short as may be. */
size_t
config_der(const uint8_t *at, size_t len_bytes)
{
	size_t head = 2, body;

	if (len_bytes < head || at[0] != DER_SEQUENCE)
		return 0;
	body = at[1];
	if (at[1] == DER_ONE) {
		head = 3;
		if (len_bytes < head || at[2] < 0x80)
			return 0;
		body = at[2];
	} else if (at[1] == DER_TWO) {
		head = 4;
		if (len_bytes < head || at[2] == 0)
			return 0;
		body = (size_t)at[2] << 8 | at[3];
	} else if (at[1] >= 0x80)
		return 0;	/* indefinite, or more than a config can hold */
	return body > 0 && body <= len_bytes - head ? head + body : 0;
}
