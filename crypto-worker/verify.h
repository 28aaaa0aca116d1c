#ifndef CRYPTO_WORKER_VERIFY_H
#define CRYPTO_WORKER_VERIFY_H
/*
 * Is this generation signed by enough release keys, and is it fit to be booted here?  Pure: no descriptor, no clock, no log, so that
 * sallyport-org verify is the very code of the target.  All input is hostile until the signatures have verified.
 */
#include <stddef.h>
#include <stdint.h>

#include "bodies.h"
#include "doc.h"
#include "event.h"

struct verify_rules {
	const struct doc_keys *release_keys;	/* n */
	uint32_t threshold;			/* k, 1..n; 0 or more than n: nothing verifies */
	uint64_t least_version;			/* the floor */
	uint64_t build_time;			/* seconds since 1970 */
	uint64_t memory_bytes;			/* of the machine; 0: not known, not checked */
};

struct verified {
	uint8_t id[ID_BYTES];
	uint32_t keys_good;			/* distinct listed keys with a valid signature */
	uint8_t key_is_good[DOC_KEYS_MAX];	/* by index into release_keys */
	struct doc_manifest manifest;		/* valid only with EV_none, and with events after the signatures */
	struct doc_error error;			/* EV_doc_syntax, EV_image_size: where and why; EV_doc_minisig: the line */
};

/*
 * EV_none, or why not, checked in this order: EV_doc_minisig, EV_doc_signature (keys_good says how many; the manifest is not parsed),
 * EV_doc_syntax or, for a size that the schema refuses, EV_image_size (both with *error), EV_doc_floor, EV_doc_time, EV_image_memory
 * (the unpacked files must fit into half of what packed initramfs and 32 MiB leave), EV_cmdline_forbidden.  *out is written always.
 */
enum event verify_manifest(const struct verify_rules *rules, const void *manifest, size_t manifest_bytes, const void *minisig,
    size_t minisig_bytes, struct verified *out);

/*
 * An answer of the org: a document and its signature, one behind the other.  1: the org key has signed the first *doc_bytes bytes; 0: it has
 * not, and *doc_bytes is untouched.
 */
int verify_org(const struct doc_keys *org_key, const void *text, size_t len_bytes, size_t *doc_bytes);

/* BLAKE2b-256 of the bytes, compared in constant time. 1 equal, 0 not. */
int verify_hash(const void *data, size_t len_bytes, const uint8_t expected[32]);

/*
 * A manifest's command line.  NULL when it may be used; else the word or the reason that forbids it, a static string: "--" as a
 * word, a double quote, a byte that is not printable ASCII, a key of ours (sysctl.kernel.kexec_load_disabled, init_on_free,
 * acpi_rsdp, sallyport.*; '-' and '_' are one to the kernel).
 */
const char *cmdline_forbidden(const char *cmdline);

/*
 * The whole line for kexec: our additions first, then the manifest's.  Its length without the NUL, or -E2BIG when all together
 * reach 2048 bytes, -EINVAL when the manifest's is forbidden.
 */
int cmdline_join(const char *manifest_cmdline, const uint8_t id[ID_BYTES], char out[CMDLINE_MAX + 1]);
#endif
