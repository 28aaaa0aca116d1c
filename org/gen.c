/*
 * A generation's folder: loading, comparing, verifying by the target's own code.  On the operator's side, and in the generation.
 * Distrusts the folder: files are bounded before they are read, nothing in them is believed until verified.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gen.h"

const char *const gen_names[PART_LAST + 1] = {
	[PART_manifest] = "manifest", [PART_minisig] = "manifest.minisig", [PART_kernel] = "kernel", [PART_initramfs] = "initramfs",
};

int
gen_write(const char *output, const struct generation *gen)
{
	char temp[PATH_BYTES], path[PATH_BYTES];
	int rc;

	rc = dir_begin(output, temp);
	if (rc != 0)
		return rc;
	for (unsigned part = 1; part <= PART_LAST && rc == 0; part++) {
		rc = path_join(path, temp, gen_names[part]);
		if (rc == 0)
			rc = file_write(path, gen->part[part].data, gen->part[part].len, 0644, FILE_new);
	}
	if (rc == 0)
		rc = dir_commit(temp, output);
	if (rc != 0)
		dir_abort(temp, gen_names + 1, PART_LAST);
	return rc;
}

void
gen_free(struct generation *gen)
{
	for (unsigned part = 1; part <= PART_LAST; part++)
		bytes_free(&gen->part[part]);
}

int
gen_load(const char *dir, struct generation *out)
{
	static const size_t most[PART_LAST + 1] = {
		[PART_manifest] = DOC_MAX, [PART_minisig] = MINISIG_MAX, [PART_kernel] = IMAGE_MAX, [PART_initramfs] = IMAGE_MAX,
	};
	struct generation gen;
	char path[PATH_BYTES];
	int rc = 0;

	memset(&gen, 0, sizeof gen);
	for (unsigned part = 1; part <= PART_LAST && rc == 0; part++) {
		rc = path_join(path, dir, gen_names[part]);
		if (rc == 0)
			rc = file_read(path, 1, most[part], &gen.part[part]);
	}
	if (rc != 0)
		gen_free(&gen);
	else
		*out = gen;
	return rc;
}

enum event
gen_match(const struct generation *gen, const struct doc_manifest *manifest, char *detail, size_t cap_bytes)
{
	const struct {
		enum part part;
		uint64_t size;
		const uint8_t *hash;
		enum event event;
	} images[] = {
		{ PART_kernel, manifest->kernel_size, manifest->kernel_blake2b, EV_image_kernel },
		{ PART_initramfs, manifest->initramfs_size, manifest->initramfs_blake2b, EV_image_initramfs },
	};

	for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) {
		const struct bytes *bytes = &gen->part[images[i].part];

		if (bytes->len != images[i].size) {
			(void)snprintf(detail, cap_bytes, "%s has %zu bytes, the manifest says %" PRIu64, gen_names[images[i].part],
			    bytes->len, images[i].size);
			return EV_image_size;
		}
		if (!verify_hash(bytes->data, bytes->len, images[i].hash)) {
			(void)snprintf(detail, cap_bytes, "%s has another BLAKE2b-256 than the manifest says", gen_names[images[i].part]);
			return images[i].event;
		}
	}
	return EV_none;
}

int
gen_rules(const char *config_path, struct doc_config *config, struct verify_rules *out)
{
	struct bytes file = { NULL, 0 };
	struct doc_error error;
	int rc;

	rc = file_read(config_path, 1, DOC_MAX, &file);
	if (rc != 0)
		return rc;
	rc = doc_parse(DOC_config, file.data, file.len, config, sizeof *config, &error);
	bytes_free(&file);
	if (rc != 0) {
		refuse_doc(config_path, DOC_config, &error);
		return rc;
	}
	*out = (struct verify_rules){ .release_keys = &config->release_key, .threshold = (uint32_t)config->threshold,
		.least_version = config->least_version, .build_time = config->build_time };
	return 0;
}

/* What the target cannot print and a person wants to know. */
static void
explain(enum event event, const struct verify_rules *rules, const struct verified *v, char *detail, size_t cap_bytes)
{
	const struct doc_error *error = &v->error;
	char allowed[128] = "", issued[40], built[40];

	if (event == EV_doc_minisig)
		(void)snprintf(detail, cap_bytes, "manifest.minisig, line %u", error->line);
	else if (event == EV_doc_signature)
		(void)snprintf(detail, cap_bytes, "%u of %u needed keys, %u listed", v->keys_good, rules->threshold,
		    rules->release_keys->count);
	else if (event == EV_doc_syntax || (event == EV_image_size && error->line != 0)) {
		doc_allowed(DOC_manifest, error->key, allowed, sizeof allowed);
		(void)snprintf(detail, cap_bytes, "manifest, line %u: %s%s%s%s%s", error->line, error->key,
		    error->key[0] != '\0' ? ": " : "", doc_why_text(error->why), allowed[0] != '\0' ? "; allowed: " : "", allowed);
	} else if (event == EV_doc_floor)
		(void)snprintf(detail, cap_bytes, "version %" PRIu64 ", at least %" PRIu64 " wanted", v->manifest.version,
		    rules->least_version);
	else if (event == EV_doc_time)
		(void)snprintf(detail, cap_bytes, "issued %s, preboot built %s", time_text(v->manifest.issued, issued, sizeof issued),
		    time_text(rules->build_time, built, sizeof built));
	else if (event == EV_cmdline_forbidden)
		(void)snprintf(detail, cap_bytes, "%s", cmdline_forbidden(v->manifest.cmdline));
}

enum event
gen_verify(const struct generation *gen, const struct verify_rules *rules, struct verified *out, char *detail, size_t cap_bytes)
{
	enum event event;

	detail[0] = '\0';
	event = verify_manifest(rules, gen->part[PART_manifest].data, gen->part[PART_manifest].len, gen->part[PART_minisig].data,
	    gen->part[PART_minisig].len, out);
	if (event != EV_none) {
		explain(event, rules, out, detail, cap_bytes);
		return event;
	}
	return gen_match(gen, &out->manifest, detail, cap_bytes);
}

void
gen_print(const struct doc_manifest *manifest)
{
	char hex[ID_TEXT + 1], issued[40];

	printf("version       %" PRIu64 "\n", manifest->version);
	printf("issued        %" PRIu64 " (%s)\n", manifest->issued, time_text(manifest->issued, issued, sizeof issued));
	printf("kernel        %" PRIu64 " bytes, BLAKE2b-256 %s\n", manifest->kernel_size, hex_text(manifest->kernel_blake2b, 32, hex));
	printf("initramfs     %" PRIu64 " bytes, BLAKE2b-256 %s\n", manifest->initramfs_size,
	    hex_text(manifest->initramfs_blake2b, 32, hex));
	printf("unpacked      %" PRIu64 " bytes\n", manifest->unpacked_size);
	printf("watchdog      %" PRIu64 " s\n", manifest->watchdog);
	printf("command line  %s\n", manifest->cmdline);
}
