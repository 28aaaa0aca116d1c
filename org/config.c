/*
 * sallyport-org config: writes the document that is sealed into an image.  On the operator's side.
 * Distrusts its own writer: what was written is parsed as the target does before it is kept.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "config_options.h"
#include "key.h"

static const char help[] =
    "usage: sallyport-org config --release-key KEY... --threshold K --org-key KEY --cache DEV [options] -o FILE\n"
    "\n"
    "Writes the config document of an image, and checks it as the target does.\n"
    "A KEY is the file or the text of a public key; HEX is 64 hexadecimal digits.\n"
    "\n"
    "  --release-key KEY      once for each key, at most 16\n"
    "  --threshold K          1 to 16: how many different ones must have signed a generation\n"
    "  --org-key KEY          the organisation's own key, no release key\n"
    "  --cache DEV            block device of the cache partition, by its name under /dev, such as vda or nvme0n1p3\n"
    "  --tpm DEV              default tpm0\n"
    "  --console DEV          default ttyS0; written to, never read\n"
    "  --least-version N      0 to 9007199254740991, default 0: no generation under it boots\n"
    "  --retry-wait SECONDS   1 to 86400, default 60: before the reboot after a stop; doubles with each stop in a row\n"
    "  --build-time TIME      1 to 253402300799 seconds since 1970, or 2026-11-23T09:00:00Z: the earliest that it\n"
    "                         can be now; default SOURCE_DATE_EPOCH or now\n"
    "  -o, --output FILE\n"
    "\n"
    "The organisation's service; without --org there is none, and no network:\n"
    "  --org HOST[:PORT]      port 443 unless stated; an IPv6 address in brackets\n"
    "  --org-ca FILE          who may sign its certificate and the mirrors': certificates in DER or PEM; may be repeated\n"
    "  --org-pin HEX          SHA-256 of its SubjectPublicKeyInfo: no other key is taken\n"
    "  --mirror HOST[:PORT][/PATH]  serves generations too, asked before the org; up to 4\n"
    "  --enrol none|local|org local: a machine without enrolment enrols itself at its first boot, where there is no org;\n"
    "                         org: with the org; default none\n"
    "  --invite HEX|FILE      what admits it there: from sallyport-org invite\n"
    "  --release local|org    org: the disk key needs the org's share; default local\n"
    "  --tpm-owner keep|take  take: the enrolment sets ownerAuth and lockoutAuth; default with --escrow-key, keep without\n"
    "  --escrow-key HEX|FILE  whom they are sealed to: the public half, escrow.pub\n"
    "  --hardware TEXT        hardware class, 1 to 63 characters, for the org\n"
    "  --offline-max N        0 to 1000000, default 16: boots without a ticket since the last one\n"
    "\n"
    "The network:\n"
    "  --interface NAME|MAC|first  default first: the first one with a carrier\n"
    "  --vlan N               0 to 4094, default 0: none; wants an interface by name or MAC\n"
    "  --address dhcp|ra|ADDR/PREFIX  default dhcp; ra: IPv6 by router advertisements\n"
    "  --gateway ADDR         with ADDR/PREFIX\n"
    "  --dns ADDR             name server, in the place of DHCP's; up to 3\n"
    "  --dhcp-routes ignore|take  default ignore: DHCP's options 121 and 249 (CVE-2024-3661)\n"
    "  --link-wait SECONDS    1 to 600, default 15: for a carrier\n"
    "  --net-wait SECONDS     1 to 600, default 30: for an answer, of DHCP and of the org\n";

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
take_other(int c, const char *arg, struct doc_config *config)
{
	int rc = config_org_option(c, arg, config);

	return rc == 1 ? config_net_option(c, arg, config) : rc;	/* 1 again: getopt_long() has said why */
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
	case 'l': return parse_number("--least-version", arg, 0, UINT64_C(9007199254740991), &config->least_version);
	case 'w': return parse_number("--retry-wait", arg, 1, 86400, &config->retry_wait_s);
	case 'b': return parse_time("--build-time", arg, &config->build_time);
	case 'o': *output = arg; return 0;
	default: return take_other(c, arg, config);
	}
}

/* Beside OWNER_keep and OWNER_take: no option has said. */
enum { OWNER_unstated = OWNER_take + 1 };

/* What the options must be together. */
static int
check_together(struct doc_config *config, const char *output)
{
	char id[KEY_ID_TEXT + 1], option[DOC_KEY_MAX + 1];
	const char *key, *why;

	if (config->tpm_owner == OWNER_unstated)
		config->tpm_owner = config->escrow_key.bytes > 0 ? OWNER_take : OWNER_keep;
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
	if (config_check(config, &key, &why) == 0)
		return 0;
	/* an option has its line's name, but for the hyphens */
	(void)snprintf(option, sizeof option, "%s", key);
	for (char *c = option; *c != '\0'; c++)
		if (*c == '_')
			*c = '-';
	return usage_error("--%s: %s", option, why);
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
	/* an invite admits whoever has it */
	return file_write(output, text, (size_t)n, config->invite.bytes > 0 ? 0600 : 0644, FILE_replace);
}

int
cmd_config(int argc, char **argv)
{
#define LONG(name, option) { name, required_argument, NULL, option }
	static const struct option options[] = { { "release-key", required_argument, NULL, 'r' },
		{ "threshold", required_argument, NULL, 'k' }, { "org-key", required_argument, NULL, 'K' },
		{ "cache", required_argument, NULL, 'd' }, { "tpm", required_argument, NULL, 't' },
		{ "console", required_argument, NULL, 'C' },
		{ "least-version", required_argument, NULL, 'l' }, { "retry-wait", required_argument, NULL, 'w' },
		{ "build-time", required_argument, NULL, 'b' }, { "output", required_argument, NULL, 'o' },
		LONG("enrol", OPT_enrol), LONG("release", OPT_release), LONG("org", OPT_org), LONG("mirror", OPT_mirror),
		LONG("org-ca", OPT_org_ca), LONG("org-pin", OPT_org_pin), LONG("invite", OPT_invite), LONG("escrow-key", OPT_escrow_key),
		LONG("tpm-owner", OPT_tpm_owner), LONG("hardware", OPT_hardware), LONG("interface", OPT_interface), LONG("vlan", OPT_vlan),
		LONG("address", OPT_address), LONG("gateway", OPT_gateway), LONG("dns", OPT_dns), LONG("dhcp-routes", OPT_dhcp_routes),
		LONG("link-wait", OPT_link_wait), LONG("net-wait", OPT_net_wait), LONG("offline-max", OPT_offline_max),
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	static struct doc_config config = { .enrol = ENROL_none, .release = RELEASE_local, .tpm = "tpm0", .console = "ttyS0", .retry_wait_s = 60,
		.tpm_owner = OWNER_unstated, .interface = "first", .address = "dhcp", .dhcp_routes = ROUTES_ignore, .link_wait_s = 15,
		.net_wait_s = 30, .offline_max = 16 };
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
