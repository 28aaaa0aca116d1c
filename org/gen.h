#ifndef ORG_GEN_H
#define ORG_GEN_H
/* A generation's folder, and the rules that it is held against.  Also used by the generation's cache tool. */
#include "minisig.h"
#include "org.h"
#include "verify.h"

/* By enum part; index 0 is unused. */
extern const char *const gen_names[PART_LAST + 1];

struct generation {
	struct bytes part[PART_LAST + 1];
};

/* Reads the four files, each under its limit. */
int gen_load(const char *dir, struct generation *out);
/* A new folder of the four files, whole and durable or not there at all. */
int gen_write(const char *output, const struct generation *gen);
void gen_free(struct generation *gen);

/* Are kernel and initramfs what the manifest says?  EV_none, EV_image_size, EV_image_kernel or EV_image_initramfs; detail says which. */
enum event gen_match(const struct generation *gen, const struct doc_manifest *manifest, char *detail, size_t cap_bytes);

/* From a config document; the keys live in *config. */
int gen_rules(const char *config_path, struct doc_config *config, struct verify_rules *out);

/*
 * verify_manifest(), then gen_match().  When it is refused, detail says more than the event's own text.
 */
enum event gen_verify(const struct generation *gen, const struct verify_rules *rules, struct verified *out, char *detail, size_t cap_bytes);

/* "version 42, issued ..., kernel ...", for people; a line each, on stdout. */
void gen_print(const struct doc_manifest *manifest);
#endif
