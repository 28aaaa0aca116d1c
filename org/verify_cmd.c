/*
 * sallyport-org verify: would a machine with this config boot this generation?  On the operator's side; the verdict is crypto-worker's
 * own code.  Distrusts the folder; believes the config or the keys that it is given.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "key.h"
#include "lint.h"
#include "verify_cmd.h"

static const char help[] =
    "usage: sallyport-org verify -c CONFIG [--least-version N] [--memory MIB] DIR\n"
    "       sallyport-org verify --release-key KEY... --threshold K [--least-version N] [--memory MIB] DIR\n"
    "\n"
    "Verifies the generation in DIR by the code that the machine runs, then looks into its initramfs as sign does.\n"
    "Exit 0: a machine with these rules boots it.  Exit 1: refused, with the code that the machine's console shows.\n"
    "\n"
    "  -c, --config FILE      the config document of the image\n"
    "  --release-key KEY      file or text of a public key; once for each key, at most 16\n"
    "  --threshold K          1 to 16: how many of them must have signed\n"
    "  --least-version N      0 to 9007199254740991: the floor, default 0\n"
    "  --memory MIB           1 to 1073741824: also, would it fit into a machine with so much memory\n";

struct request {
	const char *config, *dir;
	struct doc_config rules_from;
	struct verify_rules rules;
	uint64_t threshold, least_version, memory_mib;
};

static int
take_rules(struct request *r)
{
	struct doc_keys *keys = &r->rules_from.release_key;

	if (r->config != NULL && (keys->count > 0 || r->threshold > 0))
		return usage_error("wants either -c or --release-key and --threshold");
	if (r->config != NULL)
		return gen_rules(r->config, &r->rules_from, &r->rules) == 0 ? 0 : ORG_refused;
	if (keys->count == 0 || r->threshold == 0)
		return usage_error("wants -c, or --release-key and --threshold");
	if (r->threshold > keys->count)
		return usage_error("--threshold %" PRIu64 " is more than the %u keys given", r->threshold, keys->count);
	r->rules.release_keys = keys;
	r->rules.threshold = (uint32_t)r->threshold;
	return 0;
}

static int
parse_options(int argc, char **argv, struct request *r)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "release-key", required_argument, NULL, 'r' }, { "threshold", required_argument, NULL, 't' },
		{ "least-version", required_argument, NULL, 'l' }, { "memory", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (c) {
		case 'c': r->config = optarg; break;
		case 'r': rc = key_append(&r->rules_from.release_key, optarg, "--release-key"); break;
		case 't': rc = parse_number("--threshold", optarg, 1, DOC_KEYS_MAX, &r->threshold); break;
		case 'l': rc = parse_number("--least-version", optarg, 0, UINT64_C(9007199254740991), &r->least_version); break;
		case 'm': rc = parse_number("--memory", optarg, 1, 1 << 30, &r->memory_mib); break;
		case 'h': return -1;
		default: return ORG_usage;
		}
	}
	if (rc != 0)
		return ORG_usage;
	if (argc - optind != 1)
		return usage_error("wants one folder");
	r->dir = argv[optind];
	rc = take_rules(r);
	if (rc == 0 && r->least_version > r->rules.least_version)
		r->rules.least_version = r->least_version;
	r->rules.memory_bytes = r->memory_mib << 20;
	return rc;
}

static void
print_keys(const struct verify_rules *rules, const struct verified *v)
{
	char id[KEY_ID_TEXT + 1];

	for (uint32_t i = 0; i < rules->release_keys->count; i++)
		printf("key %s %s\n", key_id_text(rules->release_keys->key[i].keynum, id),
		    v->key_is_good[i] ? "has signed" : "has not signed");
}

static int
check_initramfs(const struct generation *gen, const struct verified *v)
{
	struct unpacked unpacked;
	int rc;

	rc = lint_initramfs(gen_names[PART_initramfs], &gen->part[PART_initramfs], &unpacked);
	if (rc == 0 && unpacked.bytes > v->manifest.unpacked_size)
		rc = refuse("the initramfs unpacks to %" PRIu64 " bytes, the manifest says %" PRIu64, unpacked.bytes,
		    v->manifest.unpacked_size);
	return rc;
}

int
verify_generation(const struct generation *gen, const struct verify_rules *rules, struct verified *out)
{
	char detail[512];
	enum event event = gen_verify(gen, rules, out, detail, sizeof detail);

	print_keys(rules, out);
	if (event == EV_none)
		return check_initramfs(gen, out);
	print_event(event, detail);
	return -1;
}

static int
verify(const struct request *r)
{
	char hex[ID_TEXT + 1];
	struct generation gen;
	struct verified v;
	int rc;

	rc = gen_load(r->dir, &gen);
	if (rc != 0)
		return rc;
	rc = verify_generation(&gen, &r->rules, &v);
	gen_free(&gen);
	if (rc != 0)
		return rc;
	gen_print(&v.manifest);
	printf("generation %s v%" PRIu64 " verified: %u of %u release keys have signed, %u are needed\n", hex_text(v.id, sizeof v.id, hex),
	    v.manifest.version, v.keys_good, r->rules.release_keys->count, r->rules.threshold);
	return 0;
}

int
cmd_verify(int argc, char **argv)
{
	struct request request;
	int rc;

	memset(&request, 0, sizeof request);
	rc = parse_options(argc, argv, &request);
	if (rc < 0)
		return print_help(help);
	if (rc != 0)
		return rc;
	return verify(&request) == 0 ? ORG_ok : ORG_refused;
}
