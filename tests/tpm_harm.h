#ifndef TESTS_TPM_HARM_H
#define TESTS_TPM_HARM_H
/* One answer of a TPM, broken on its way to the module, in every way that an answer can be. */
#include <stdint.h>

#include "swtpm.h"

struct harm {
	unsigned at, kind;
	uint32_t seed;
	size_t had_bytes;	/* of the answer before */
};
enum { HARM_cut, HARM_short, HARM_short_head, HARM_long, HARM_long_head, HARM_field, HARM_bit, HARM_KINDS };

/* Harms the answer to command number at, once. */
enum tap do_harm(void *context, unsigned n, const uint8_t *command, size_t command_bytes, uint8_t *answer, size_t *answer_bytes);
uint32_t next_seed(uint32_t *state);
/* SALLYPORT_HOSTILE=N in the environment makes N times as many. */
unsigned hostile_rounds(void);
#endif
