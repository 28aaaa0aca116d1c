#ifndef TESTS_PEER_GENERATION_H
#define TESTS_PEER_GENERATION_H
/* A generation, signed by release keys 0..signers-1 of three that peer_config() lists with a threshold of two, and its files. */
#include <stddef.h>
#include <stdint.h>

#include "bodies.h"
#include "doc.h"
#include "minisig.h"

struct generation {
	char manifest[DOC_MAX], minisig[MINISIG_MAX];
	uint32_t manifest_bytes, minisig_bytes;
	uint8_t *kernel, *initramfs;		/* of the test */
	uint64_t kernel_bytes, initramfs_bytes;
	uint8_t id[ID_BYTES];
};
void peer_config(struct doc_config *config);
void peer_sign(struct generation *g, unsigned signers);	/* manifest -> minisig, id */
void peer_generation(struct generation *g, uint64_t version, uint64_t kernel_bytes, uint64_t initramfs_bytes);
void peer_generation_free(struct generation *g);
const void *peer_part(const struct generation *g, uint32_t part, uint64_t *len_bytes);
#endif
