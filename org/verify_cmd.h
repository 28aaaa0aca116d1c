#ifndef ORG_VERIFY_CMD_H
#define ORG_VERIFY_CMD_H
/* What verify says of a loaded generation, for whoever takes generations in. */
#include "gen.h"

/* Signatures, contents, and a walk through the initramfs; prints who has signed, and why not.  0 or negative. */
int verify_generation(const struct generation *gen, const struct verify_rules *rules, struct verified *out);
#endif
