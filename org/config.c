/*
 * sallyport-org config: writes the document that is sealed into an image.  On the operator's side.
 * Distrusts its own writer: what was written is parsed as the target does before it is kept.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "key.h"

static const char help[] =
    "usage: sallyport-org config --release-key KEY... --threshold K --org-key KEY --cache DEV\n"
    "           [--tpm DEV] [--console DEV] [--enrol local|none] [--least-version N]\n"
    "           [--retry-wait SECONDS] [--build-time TIME] -o FILE\n"
    "\n"
    "Writes the config document of an image.  A KEY is the file or the text of a public key.\n"
    "\n"
    "  --release-key KEY      once for each key, at most 16\n"
    "  --threshold K          1 to 16: how many different ones must have signed a generation\n"
    "  --org-key KEY          the organisation's own key, no release key\n"
    "  --cache DEV            block device of the cache partition, by its name under /dev, such as vda or nvme0n1p3\n"
    "  --tpm DEV              default tpm0\n"
    "  --console DEV          default ttyS0; written to, never read\n"
    "  --enrol local|none     local: a machine without enrolment enrols itself at its first boot; default none\n"
    "  --least-version N      0 to 9007199254740991, default 0: no generation under it boots\n"
    "  --retry-wait SECONDS   1 to 86400, default 60: before the reboot after a stop; doubles with each stop in a row\n"
    "  --build-time TIME      1 to 253402300799 seconds since 1970, or 2026-11-23T09:00:00Z: the earliest that it\n"
    "                         can be now; default SOURCE_DATE_EPOCH or now\n"
    "  -o, --output FILE\n";

static int
take_device(const char *what, const char *text, char *out, size_t cap_bytes)
{
	size_t n = strlen(text);

	if (n == 0 || n >= cap_bytes ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != n)
		return refuse("%s: \"%s\" is no device's name under /dev: 1 to %zu letters, digits, '-' and '_'", what, text,
		    cap_bytes - 1);
	memcpy(out, text, n + 1);
	return 0;
}

static int
take_enrol(const char *text, uint8_t *out)
{
	if (strcmp(text, "local") != 0 && strcmp(text, "none") != 0)
		return refuse("--enrol: \"%s\"; allowed: local, none", text);
	*out = strcmp(text, "local") == 0 ? ENROL_local : ENROL_none;
	return 0;
}

static int
take_option(int c, const char *arg, struct doc_config *config, const char **output)
{
	switch (c) {
	case 'r': return key_append(&config->release_key, arg, "--release-key");
	case 'k': return parse_number("--threshold", arg, 1, DOC_KEYS_MAX, &config->threshold);
	case 'K':
		if (config->org_key.count > 0)
			return refuse("--org-key: %s: there is only one", arg);
		return key_append(&config->org_key, arg, "--org-key");
	case 'd': return take_device("--cache", arg, config->cache, sizeof config->cache);
	case 't': return take_device("--tpm", arg, config->tpm, sizeof config->tpm);
	case 'C': return take_device("--console", arg, config->console, sizeof config->console);
	case 'e': return take_enrol(arg, &config->enrol);
	case 'l': return parse_number("--least-version", arg, 0, UINT64_C(9007199254740991), &config->least_version);
	case 'w': return parse_number("--retry-wait", arg, 1, 86400, &config->retry_wait_s);
	case 'b': return parse_time("--build-time", arg, &config->build_time);
	case 'o': *output = arg; return 0;
	default: return -1;	/* getopt_long() has said why */
	}
}

/* What the options must be together. */
static int
check_together(struct doc_config *config, const char *output)
{
	char id[KEY_ID_TEXT + 1];

	if (config->release_key.count == 0 || config->threshold == 0 || config->org_key.count == 0 || config->cache[0] == '\0' ||
	    output == NULL)
		return usage_error("wants --release-key, --threshold, --org-key, --cache and -o");
	if (config->threshold > config->release_key.count)
		return usage_error("--threshold %" PRIu64 " is more than the %u release keys given", config->threshold,
		    config->release_key.count);
	for (uint32_t i = 0; i < config->release_key.count; i++)
		if (memcmp(config->release_key.key[i].key, config->org_key.key[0].key, sizeof config->org_key.key[0].key) == 0)
			return usage_error("--org-key: %s is a release key too; the org's service must not be able to sign generations",
			    key_id_text(config->org_key.key[0].keynum, id));
	return 0;
}

static int
write_config(const struct doc_config *config, const char *output)
{
	struct doc_config again;
	struct doc_error error;
	char text[DOC_MAX];
	long n;

	n = doc_write(DOC_config, config, text, sizeof text);
	if (n < 0)
		return refuse("%s: a field is out of its range", output);
	if (doc_parse(DOC_config, text, (size_t)n, &again, sizeof again, &error) != 0) {
		refuse_doc(output, DOC_config, &error);
		return -1;
	}
	return file_write(output, text, (size_t)n, 0644, FILE_replace);
}

int
cmd_config(int argc, char **argv)
{
	static const struct option options[] = { { "release-key", required_argument, NULL, 'r' },
		{ "threshold", required_argument, NULL, 'k' }, { "org-key", required_argument, NULL, 'K' },
		{ "cache", required_argument, NULL, 'd' }, { "tpm", required_argument, NULL, 't' },
		{ "console", required_argument, NULL, 'C' }, { "enrol", required_argument, NULL, 'e' },
		{ "least-version", required_argument, NULL, 'l' }, { "retry-wait", required_argument, NULL, 'w' },
		{ "build-time", required_argument, NULL, 'b' }, { "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	struct doc_config config = { .enrol = ENROL_none, .release = RELEASE_local, .tpm = "tpm0", .console = "ttyS0", .retry_wait_s = 60 };
	const char *output = NULL;
	int c, rc;

	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		if (c == 'h')
			return print_help(help);
		if (take_option(c, optarg, &config, &output) != 0)
			return ORG_usage;
	}
	if (optind < argc)
		return usage_error("\"%s\" is one argument too many (each key wants its own --release-key)", argv[optind]);
	rc = check_together(&config, output);
	if (rc == 0 && config.build_time == 0)
		rc = default_time(&config.build_time) == 0 ? 0 : ORG_usage;
	if (rc != 0)
		return rc;
	return write_config(&config, output) == 0 ? ORG_ok : ORG_refused;
}
