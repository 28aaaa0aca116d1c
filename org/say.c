/*
 * Messages to the operator.  On the operator's side, outside of the walls.
 * Distrusts nothing: what it prints was checked to be printable by whoever read it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "org.h"

const char *org_program = "sallyport-org";

static void
say(const char *kind, const char *fmt, va_list ap, const char *tail)
{
	(void)fflush(stdout);	/* keeps the order on a terminal; a failing stdout is found by main.c */
	fprintf(stderr, "%s: %s", org_program, kind);
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "%s%s\n", tail != NULL ? ": " : "", tail != NULL ? tail : "");
}

int
refuse(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap, NULL);
	va_end(ap);
	return -EINVAL;
}

int
refuse_errno(int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap, strerror(error));
	va_end(ap);
	return -error;
}

void
warn_operator(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("warning: ", fmt, ap, NULL);
	va_end(ap);
}

int
usage_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap, NULL);
	va_end(ap);
	fprintf(stderr, "%s: --help tells more\n", org_program);
	return ORG_usage;
}

int
print_help(const char *text)
{
	fputs(text, stdout);
	return ORG_ok;
}

void
refuse_doc(const char *path, enum doc_kind kind, const struct doc_error *error)
{
	char allowed[256] = "";

	doc_allowed(kind, error->key, allowed, sizeof allowed);
	(void)refuse("%s: line %u%s%s: %s%s%s", path, error->line, error->key[0] != '\0' ? ": " : "", error->key,
	    doc_why_text(error->why), allowed[0] != '\0' ? "; allowed: " : "", allowed);
}

void
print_event(enum event event, const char *detail)
{
	const struct event_row *row = event_find((uint32_t)event);

	(void)fflush(stdout);
	if (row == NULL) {
		fprintf(stderr, "refused: %u: %s\n", (unsigned)event, detail);
		return;
	}
	fprintf(stderr, "refused: %u %s: %s%s%s\n", row->code, row->name, row->text, detail[0] != '\0' ? ": " : "", detail);
	fprintf(stderr, "what to do: %s\n", row->todo);
}

const char *
hex_text(const uint8_t *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = '\0';
	return out;
}

/* minisign(1) shows the eight bytes as a little-endian number. */
const char *
key_id_text(const uint8_t keynum[8], char out[KEY_ID_TEXT + 1])
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < 8; i++) {
		out[2 * i] = digits[keynum[7 - i] >> 4];
		out[2 * i + 1] = digits[keynum[7 - i] & 15];
	}
	out[KEY_ID_TEXT] = '\0';
	return out;
}

const char *
time_text(uint64_t seconds, char *out, size_t cap_bytes)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || strftime(out, cap_bytes, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		(void)snprintf(out, cap_bytes, "%llu", (unsigned long long)seconds);	/* cut: a display text only */
	return out;
}
