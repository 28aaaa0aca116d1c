/*
 * sallyport-org invite: what lets a machine enrol.  On the organisation's side.
 * Decides nothing: registry_invite.c does.  The invite is shown once; what is kept of it can check it and not make it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "service.h"

static const char help[] =
    "usage: sallyport-org invite DIR [--expires HOURS] [--approve] [--ek DIGEST] [--name NAME] [--group GROUP] [--class CLASS]\n"
    "       sallyport-org invite list DIR\n"
    "       sallyport-org invite revoke DIR NUMBER\n"
    "\n"
    "Makes an invite for one machine and prints it, 64 hexadecimal digits, this once; DIR is the service's folder, made by\n"
    "sallyport-org init.  It goes into that machine's config.  list: those that were made; revoke: nobody enrols with it any more.\n"
    "\n"
    "  --expires HOURS  from now on, 1 to 8760, default 24\n"
    "  --approve        who comes with it is a member at once; else an operator approves: sallyport-org node approve\n"
    "  --ek DIGEST      only for the machine whose TPM has this endorsement key: SHA-256 of its TPMT_PUBLIC, 64 hexadecimal digits\n"
    "  --name NAME      what the node is called here\n"
    "  --group GROUP    where it belongs, default all\n"
    "  --class CLASS    its hardware class, whatever the machine says of itself\n";

enum { INVITE_BYTES = 32 };

static int
set_text(char *out, size_t cap_bytes, const char *text, int (*check)(const char *text))
{
	if (check(text) != 0)
		return ORG_usage;
	(void)snprintf(out, cap_bytes, "%s", text);	/* fits: check() has looked */
	return 0;
}

/* 0 or an exit code. */
static int
parse(int argc, char **argv, struct store_invite *out)
{
	static const struct option options[] = { { "expires", required_argument, NULL, 'e' }, { "approve", no_argument, NULL, 'a' },
		{ "ek", required_argument, NULL, 'k' }, { "name", required_argument, NULL, 'n' }, { "group", required_argument, NULL, 'g' },
		{ "class", required_argument, NULL, 'c' }, { NULL, 0, NULL, 0 } };
	uint64_t hours = 24;
	int c, rc = 0;

	memset(out, 0, sizeof *out);
	while (rc == 0 && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'e': rc = parse_number("--expires", optarg, 1, 8760, &hours) != 0 ? ORG_usage : 0; break;
		case 'a': out->approve = 1; break;
		case 'k':
			out->for_ek = 1;
			rc = name_of_digest("an EK", optarg, out->ek_digest) != 0 ? ORG_usage : 0;
			break;
		case 'n': rc = set_text(out->name, sizeof out->name, optarg, name_of_node); break;
		case 'g': rc = set_text(out->group, sizeof out->group, optarg, name_of_group); break;
		case 'c': rc = set_text(out->class_set, sizeof out->class_set, optarg, name_of_class); break;
		default: return ORG_usage;
		}
	}
	out->made = (uint64_t)time(NULL);
	out->until = out->made + hours * 3600;
	return rc;
}

static int
make(int argc, char **argv)
{
	uint8_t sec_invite[INVITE_BYTES];
	char sec_hex[2 * INVITE_BYTES + 1], when[40];
	struct store_invite invite;
	struct store *store;
	int rc = parse(argc, argv, &invite);

	if (rc != 0)
		return rc;
	if (argc - optind != 1)
		return usage_error("wants the service's folder, or list, or revoke");
	if (service_store(argv[optind], &store) != 0)
		return ORG_refused;
	randombytes_buf(sec_invite, sizeof sec_invite);
	(void)crypto_generichash(invite.digest, sizeof invite.digest, sec_invite, sizeof sec_invite, NULL, 0);	/* fails for wrong lengths only */
	rc = registry_invite(store, &invite);
	store_close(store);
	if (rc == 0) {
		printf("%s\n", hex_text(sec_invite, sizeof sec_invite, sec_hex));
		(void)fflush(stdout);	/* keeps the order on a terminal; a failing stdout is found by main.c */
		fprintf(stderr, "invite %" PRIu64 ", until %s\n", invite.number, time_text(invite.until, when, sizeof when));
	}
	sodium_memzero(sec_invite, sizeof sec_invite);
	sodium_memzero(sec_hex, sizeof sec_hex);
	return rc == 0 ? ORG_ok : ORG_refused;
}

static int
print_one(void *arg, const struct store_invite *invite)
{
	const uint64_t *now = arg;
	char when[40], hex[ID_TEXT + 1];
	const char *state = invite->revoked != 0 ? "revoked" : invite->used != 0 ? "used" : invite->until <= *now ? "over" : "open";

	printf("%" PRIu64 " %s until %s", invite->number, state, time_text(invite->until, when, sizeof when));
	if (invite->used != 0)
		printf(", node %s", hex_text(invite->used_node, sizeof invite->used_node, hex));
	if (invite->approve)
		printf(", approves");
	if (invite->for_ek)
		printf(", for EK %s", hex_text(invite->ek_digest, sizeof invite->ek_digest, hex));
	printf("%s%s", invite->name[0] != '\0' ? ", name " : "", invite->name);
	printf("%s%s", invite->group[0] != '\0' ? ", group " : "", invite->group);
	printf("%s%s\n", invite->class_set[0] != '\0' ? ", class " : "", invite->class_set);
	return ferror(stdout);
}

static const struct option no_options[] = { { NULL, 0, NULL, 0 } };

static int
list(int argc, char **argv)
{
	uint64_t now = (uint64_t)time(NULL);
	struct store *store;
	int rc;

	if (getopt_long(argc, argv, "", no_options, NULL) != -1)
		return ORG_usage;
	if (argc - optind != 1)
		return usage_error("wants the service's folder");
	if (service_store(argv[optind], &store) != 0)
		return ORG_refused;
	rc = store_invites(store, print_one, &now);
	store_close(store);
	return rc == 0 ? ORG_ok : ORG_refused;
}

static int
revoke(int argc, char **argv)
{
	struct store *store;
	uint64_t number;
	int rc;

	if (getopt_long(argc, argv, "", no_options, NULL) != -1)
		return ORG_usage;
	if (argc - optind != 2)
		return usage_error("wants the service's folder and an invite's number");
	if (parse_number("NUMBER", argv[optind + 1], 1, UINT64_C(9007199254740991), &number) != 0)
		return ORG_usage;
	if (service_store(argv[optind], &store) != 0)
		return ORG_refused;
	rc = registry_invite_revoke(store, number);
	store_close(store);
	return rc == 0 ? ORG_ok : ORG_refused;
}

int
cmd_invite(int argc, char **argv)
{
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return print_help(help);
	if (argc >= 2 && strcmp(argv[1], "list") == 0) {
		org_program = "sallyport-org invite list";
		return list(argc - 1, argv + 1);
	}
	if (argc >= 2 && strcmp(argv[1], "revoke") == 0) {
		org_program = "sallyport-org invite revoke";
		return revoke(argc - 1, argv + 1);
	}
	return make(argc, argv);
}
