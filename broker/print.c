/*
 * What the operator sees.  Inside the wall; output only: nothing here or elsewhere reads the console.
 * Texts come from events.def and from this program; of workers it takes numbers and identifiers in hexadecimal, never text.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "broker.h"
#include "console.h"

enum { CHECKPOINTS = 9, LINE = 240 };

static void
print(const char *mark, const char *format, va_list args)
{
	char line[LINE];
	struct timespec t = { 0 };
	int n, m;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);	/* zero is printed if it fails */
	n = snprintf(line, sizeof line, "sallyport %3lld.%03ld %s", (long long)t.tv_sec, t.tv_nsec / 1000000, mark);
	m = vsnprintf(line + n, sizeof line - (size_t)n - 2, format, args);
	n += m < 0 ? 0 : m;
	if ((size_t)n > sizeof line - 3)
		n = (int)sizeof line - 3;
	line[n++] = '\r';
	line[n++] = '\n';
	console_put(FD_CONSOLE, line, (size_t)n);
}

void
print_checkpoint(unsigned number, const char *format, ...)
{
	char mark[16];
	va_list args;

	(void)snprintf(mark, sizeof mark, "[%u/%d] ", number, CHECKPOINTS);
	va_start(args, format);
	print(mark, format, args);
	va_end(args);
}

void
print_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print("      ", format, args);
	va_end(args);
}

/* Response codes of a TPM, errors and flags of Mbed TLS are looked up so; an errno, an HTTP status, another event's code is not. */
static int
is_hexadecimal(uint32_t code)
{
	return code / 100 == 2 || code == EV_net_tls || code == EV_net_certificate;
}

void
print_event(uint32_t code, const char *about, uint32_t detail)
{
	const struct event_row *row = event_find(code);

	if (row == NULL) {
		print_line("%s: unknown event %u", about, code);
		return;
	}
	if (detail != 0)
		print_line(is_hexadecimal(code) ? "SP%u %s: %s (%s, 0x%x)" : "SP%u %s: %s (%s, %u)", row->code, about, row->text, row->name,
		    detail);
	else
		print_line("SP%u %s: %s (%s)", row->code, about, row->text, row->name);
	print_line("      -> %s", row->todo);
}

const char *
short_id(const uint8_t *id, unsigned bytes, char out[33])
{
	static const char digits[] = "0123456789abcdef";
	unsigned i;

	for (i = 0; i < bytes && i < 16; i++) {
		out[2 * i] = digits[id[i] >> 4];
		out[2 * i + 1] = digits[id[i] & 15];
	}
	out[2 * i] = '\0';
	return out;
}

void
print_candidate(const struct candidate *c)
{
	static const uint8_t none[ID_BYTES];
	char about[80], from[16] = "the org's", id[33];

	if (memcmp(c->id, none, sizeof none) == 0 && c->event / 100 == 3) {
		print_event(c->event, "cache", 0);	/* of all of it, or of a slot that cannot be read */
		return;
	}
	if (c->slot != SLOT_NONE)
		(void)snprintf(from, sizeof from, "slot %u", c->slot);
	if (c->line != 0)
		(void)snprintf(about, sizeof about, "%s generation %s line %u", from, short_id(c->id, 6, id), c->line);
	else if (c->version != 0)
		(void)snprintf(about, sizeof about, "%s generation %s v%llu", from, short_id(c->id, 6, id), (unsigned long long)c->version);
	else
		(void)snprintf(about, sizeof about, "%s generation %s", from, short_id(c->id, 6, id));
	print_event(c->event, about, 0);
	if (c->event == EV_doc_signature)
		print_line("      %u of %u needed release keys have signed (%u listed)", c->keys_good, c->keys_need, c->keys_listed);
}
