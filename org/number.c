/*
 * Numbers and times from the command line and the environment.  On the operator's side.
 * Distrusts what strtoul(3) forgives: signs, blanks, overflow, letters behind the digits.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "org.h"

static const uint64_t time_max = 253402300799;	/* 9999-12-31, doc.def's limit */

int
parse_number(const char *what, const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	uint64_t value = 0;
	size_t n = strlen(text);

	if (n == 0 || n > 19 || strspn(text, "0123456789") != n || (n > 1 && text[0] == '0'))
		return refuse("%s: \"%s\" is no decimal number from %" PRIu64 " to %" PRIu64, what, text, least, most);
	for (size_t i = 0; i < n; i++)
		value = value * 10 + (uint64_t)(text[i] - '0');
	if (value < least || value > most)
		return refuse("%s: %s is out of range; allowed: %" PRIu64 " to %" PRIu64, what, text, least, most);
	*out = value;
	return 0;
}

int
parse_time(const char *what, const char *text, uint64_t *out)
{
	struct tm tm;
	const char *end;
	time_t t;

	if (strchr(text, '-') == NULL)
		return parse_number(what, text, 1, time_max, out);
	memset(&tm, 0, sizeof tm);
	end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (end == NULL || *end != '\0')
		return refuse("%s: \"%s\" is neither seconds since 1970 nor like 2026-11-23T09:00:00Z", what, text);
	t = timegm(&tm);
	if (t < 1 || (uint64_t)t > time_max)
		return refuse("%s: %s is out of range; allowed: 1970 to 9999", what, text);
	*out = (uint64_t)t;
	return 0;
}

int
default_time(uint64_t *out)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");

	if (epoch != NULL)
		return parse_number("SOURCE_DATE_EPOCH", epoch, 1, time_max, out);
	*out = (uint64_t)time(NULL);
	return 0;
}
