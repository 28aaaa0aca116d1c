/*
 * Texts for people.  In the generation's initramfs.
 * Distrusts what the texts quote: strings of a header may hold escape sequences for the console.
 */
#include <stdarg.h>
#include <stdio.h>

#include "persist.h"

enum persist
why_set(struct why *why, enum persist code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(why->text, sizeof why->text, fmt, ap) < 0)
		why->text[0] = '\0';
	va_end(ap);
	for (char *p = why->text; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	return code;
}
