/*
 * Strict base64, RFC 4648 section 4.  Stands on every side of the wall; distrusts the text.
 * One sequence of bytes has one text: a signature that could be written in two ways could be replayed as another one.
 */
#include <errno.h>

#include "minisig.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

long
base64_decode(const char *text, size_t len_bytes, uint8_t *out, size_t cap_bytes)
{
	size_t pad = 0, bytes, at = 0;
	uint32_t bits = 0;

	if (len_bytes % 4 != 0)
		return -EBADMSG;
	while (pad < 2 && pad < len_bytes && text[len_bytes - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < len_bytes - pad; i++)
		if (value_of(text[i]) < 0)
			return -EBADMSG;
	/* The last digit's bits that no byte takes: 4 of them before "==", 2 before "=". */
	if (pad > 0 && (value_of(text[len_bytes - 1 - pad]) & (pad == 2 ? 15 : 3)) != 0)
		return -EBADMSG;
	bytes = len_bytes / 4 * 3 - pad;
	if (bytes > cap_bytes)
		return -ENOSPC;
	for (size_t i = 0; i < len_bytes; i++) {
		bits = bits << 6 | (uint32_t)(text[i] == '=' ? 0 : value_of(text[i]));
		if (i % 4 != 3)
			continue;
		for (unsigned shift = 24; shift > 0 && at < bytes; shift -= 8)
			out[at++] = (uint8_t)(bits >> (shift - 8));
	}
	return (long)bytes;
}

size_t
base64_encode(const uint8_t *in, size_t len_bytes, char *out)
{
	size_t at = 0;

	for (size_t i = 0; i < len_bytes; i += 3) {
		size_t left = len_bytes - i;
		uint32_t bits = (uint32_t)in[i] << 16;

		if (left > 1)
			bits |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			bits |= in[i + 2];
		out[at++] = digits[bits >> 18];
		out[at++] = digits[bits >> 12 & 63];
		out[at++] = left > 1 ? digits[bits >> 6 & 63] : '=';
		out[at++] = left > 2 ? digits[bits & 63] : '=';
	}
	out[at] = '\0';
	return at;
}
