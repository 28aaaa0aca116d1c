#ifndef TESTS_TPM_TOOLS_H
#define TESTS_TPM_TOOLS_H
/* tpm2-tools beside the module: other software's word on quotes, credentials and keys.  In a folder of the test's own. */
#include <stddef.h>
#include <stdint.h>

#include "swtpm.h"
#include "tpm.h"

struct tools {
	char dir[64];		/* removed by tools_remove() */
};

void tools_make(struct tools *tools);
void tools_remove(struct tools *tools);
void tools_put(const struct tools *tools, const char *name, const void *data, size_t len_bytes);
size_t tools_get(const struct tools *tools, const char *name, void *out, size_t max_bytes);

/* Runs a shell's script in the folder; its exit status.  swtpm NULL: without any TPM. What it says goes to the file "said". */
int tools_run(const struct tools *tools, const struct swtpm *swtpm, const char *script);

/* A TPMT_PUBLIC as the TPM2B_PUBLIC that the tools read. */
void tools_put_public(const struct tools *tools, const char *name, const uint8_t *pub, size_t len_bytes);
/* tpm2_checkquote's verdict, by the key in ak.pub and with the PCR values given: 0 is good. */
int tools_checkquote(const struct tools *tools, const struct tpm_quote *quote, uint8_t (*pcr)[32], const uint8_t qualifying[32]);
/*
 * tpm2_makecredential for an EK (TPMT_PUBLIC) and an AK's Name: blob and secret as tpm_activate() takes them, at least 512 bytes each.
 */
void tools_credential(const struct tools *tools, const uint8_t *ek, size_t ek_bytes, const uint8_t name[34], const uint8_t *value,
    size_t value_bytes, uint8_t *blob, uint32_t *blob_bytes, uint8_t *secret, uint32_t *secret_bytes);
#endif
