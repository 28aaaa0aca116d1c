#ifndef TESTS_CONFINED_H
#define TESTS_CONFINED_H
/* What a confined test program says of itself. */
#include <stdint.h>

struct confined_says {
	uint32_t peer;
	int32_t rc;		/* of confine(), or of what was asked */
	int32_t pid;
	char step[36];
};
#endif
