/*
 * Answers that are cut, shortened, lengthened, or have a field or a bit wrong.  Outside the wall: tests only.
 */
#include <stdlib.h>
#include <string.h>

#include "tpm_harm.h"
#include "tpm_wire.h"

static void
put_size(uint8_t *answer, size_t n)
{
	for (int i = 0; i < 4; i++)
		answer[2 + i] = (uint8_t)(n >> (24 - 8 * i));
}

enum tap
do_harm(void *context, unsigned n, const uint8_t *command, size_t command_bytes, uint8_t *answer, size_t *answer_bytes)
{
	static const uint8_t extreme[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct harm *h = context;
	size_t at;

	(void)command, (void)command_bytes;
	if (n != h->at || answer == NULL)
		return TAP_pass;
	h->had_bytes = *answer_bytes;
	at = h->seed % *answer_bytes;
	switch (h->kind) {
	case HARM_cut:
		return TAP_cut;
	case HARM_short:
	case HARM_short_head:
		*answer_bytes = at;
		if (h->kind == HARM_short_head && at >= 6)
			put_size(answer, at);
		break;
	case HARM_long:
	case HARM_long_head:
		at = 1 + h->seed % (SWTPM_BYTES_MAX - *answer_bytes);
		memset(answer + *answer_bytes, (int)(h->seed >> 16 & 0xff), at);
		*answer_bytes += at;
		if (h->kind == HARM_long_head)
			put_size(answer, *answer_bytes);
		break;
	case HARM_field:	/* two bytes at once: lengths, counts, algorithms */
		answer[at] = extreme[(h->seed >> 16) % sizeof extreme];
		answer[at + 1 < *answer_bytes ? at + 1 : at] = extreme[(h->seed >> 20) % sizeof extreme];
		break;
	default:
		answer[at] ^= (uint8_t)(1u << (h->seed >> 16 & 7));
		break;
	}
	/* Where the sizes no longer agree the line goes dead, lest the reader waits for the rest. */
	return *answer_bytes < 10 || wire_get32(answer + 2) > *answer_bytes ? TAP_last : TAP_pass;
}

uint32_t
next_seed(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 5 | *state << 27;
}

unsigned
hostile_rounds(void)
{
	const char *n = getenv("SALLYPORT_HOSTILE");

	return 24u * (unsigned)(n == NULL ? 1 : strtoul(n, NULL, 10));
}
