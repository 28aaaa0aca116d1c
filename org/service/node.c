/*
 * sallyport-org node: the machines that the service knows.  On the organisation's side.
 * Decides nothing: registry_node.c does.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service.h"

static const char help[] =
    "usage: sallyport-org node list DIR [--group GROUP] [--state STATE] [--refused]\n"
    "       sallyport-org node show DIR NODE\n"
    "       sallyport-org node approve DIR NODE [--ek DIGEST]\n"
    "       sallyport-org node revoke DIR NODE\n"
    "       sallyport-org node forget DIR NODE\n"
    "       sallyport-org node learn DIR NODE [--pcrs DIGEST]\n"
    "       sallyport-org node learn DIR --pcrs DIGEST [--group GROUP]\n"
    "       sallyport-org node name DIR NODE NAME\n"
    "       sallyport-org node group DIR NODE GROUP\n"
    "       sallyport-org node escrow DIR NODE --key FILE\n"
    "\n"
    "DIR is the service's folder, made by sallyport-org init; NODE a node's name or the first 8 or more digits of its id;\n"
    "STATE is pending, member or revoked.\n"
    "\n"
    "  list       a line each, by id: id, state, name, group, when seen, what it was told, hardware class;\n"
    "             --refused: whose PCRs were not those that are accepted: id, name, group, when seen, DIGEST, what differs\n"
    "  show       all that is known of it\n"
    "  approve    a pending node becomes a member; --ek: only if that is the digest of its endorsement key, as the machine shows it\n"
    "  revoke     it boots nothing from the organisation any more, for good\n"
    "  forget     a pending or revoked one: its TPM and its id may enrol anew.  Its share of the disk key is gone\n"
    "  learn      accepts what its last request was refused for: the PCRs, the resetCount; --pcrs: only if these are its PCRs;\n"
    "             without NODE: of every member (of GROUP) that was refused for these, after an update of firmware or preboot\n"
    "  name       another name; - is none\n"
    "  group      another group\n"
    "  escrow     prints its TPM's ownerAuth and lockoutAuth; --key: the escrow.key that sallyport-org init made\n";

const char *
node_state_text(enum node_state state)
{
	static const char *const names[NODE_STATE_LAST + 1] = { [0] = "damaged", [NODE_pending] = "pending", [NODE_member] = "member",
		[NODE_revoked] = "revoked" };

	return names[state <= NODE_STATE_LAST ? state : 0];
}

/* "2026-11-23T09:00:00Z", one word; "-" for 0. */
static const char *
word_time(uint64_t seconds, char out[40])
{
	char *blank;

	if (seconds == 0)
		return "-";
	(void)time_text(seconds, out, 40);
	blank = strchr(out, ' ');
	if (blank == NULL)
		return out;
	*blank = 'T';
	blank = strchr(out, ' ');
	if (blank != NULL)
		(void)strcpy(blank, "Z");
	return out;
}

static int
print_one(void *arg, const struct store_node *node)
{
	char hex[NODE_TEXT + 1], when[40], id[ID_TEXT + 1];
	const char *class = store_node_class(node);

	(void)arg;
	printf("%s %s %s %s %s ", hex_text(node->node, sizeof node->node, hex), node_state_text(node->state),
	    node->name[0] != '\0' ? node->name : "-", node->group, word_time(node->seen, when));
	if (node->ticket_time == 0)
		printf("-");
	else if (node->ticket_reason == REASON_none)
		printf("boot:%s", hex_text(node->ticket_generation, ID_BYTES, id));
	else
		printf("refuse:%s", registry_reason(node->ticket_reason));
	printf(" %s\n", class[0] != '\0' ? class : "-");
	return ferror(stdout);
}

/* Those alone whose last request was refused for what was measured: what "learn" would accept. */
static int
print_refused(void *arg, const struct store_node *node)
{
	char hex[NODE_TEXT + 1], when[40], pcrs[ID_TEXT + 1], what[REGISTRY_WHAT_TEXT];
	uint8_t digest[32];

	(void)arg;
	if (!node->refused || node->state == NODE_revoked)
		return 0;
	registry_pcrs(&node->refused_as.pcrs, digest);
	registry_differing(&node->accepted, &node->refused_as, what);
	printf("%s %s %s %s %s %s\n", hex_text(node->node, sizeof node->node, hex), node->name[0] != '\0' ? node->name : "-", node->group,
	    word_time(node->seen, when), hex_text(digest, sizeof digest, pcrs), what);
	return ferror(stdout);
}

static enum node_state
state_of(const char *text)
{
	for (int i = 1; i <= NODE_STATE_LAST; i++)
		if (strcmp(text, node_state_text((enum node_state)i)) == 0)
			return (enum node_state)i;
	return 0;
}

static int
list(int argc, char **argv)
{
	static const struct option options[] = { { "group", required_argument, NULL, 'g' }, { "state", required_argument, NULL, 's' },
		{ "refused", no_argument, NULL, 'r' }, { NULL, 0, NULL, 0 } };
	int (*print)(void *arg, const struct store_node *node) = print_one;
	enum node_state state = 0;
	const char *group = NULL;
	struct store *store;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'g': group = optarg; break;
		case 'r': print = print_refused; break;
		case 's':
			state = state_of(optarg);
			if (state == 0)
				return usage_error("\"%s\" is no state: pending, member, revoked", optarg);
			break;
		default: return ORG_usage;
		}
	}
	if (argc - optind != 1)
		return usage_error("wants the service's folder");
	if (group != NULL && name_of_group(group) != 0)
		return ORG_usage;
	if (service_store(argv[optind], &store) != 0)
		return ORG_refused;
	rc = store_nodes(store, group, state, print, NULL);
	store_close(store);
	return rc == 0 ? ORG_ok : ORG_refused;
}

int
cmd_node(int argc, char **argv)
{
	static const struct {
		const char *name, *title;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{ "list", "sallyport-org node list", list }, { "show", "sallyport-org node show", node_show },
		{ "approve", "sallyport-org node approve", node_change }, { "revoke", "sallyport-org node revoke", node_change },
		{ "forget", "sallyport-org node forget", node_change }, { "learn", "sallyport-org node learn", node_change },
		{ "name", "sallyport-org node name", node_change }, { "group", "sallyport-org node group", node_change },
		{ "escrow", "sallyport-org node escrow", node_escrow },
	};

	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return print_help(help);
	for (size_t i = 0; argc >= 2 && i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(argv[1], commands[i].name) == 0) {
			org_program = commands[i].title;
			return commands[i].run(argc - 1, argv + 1);
		}
	return usage_error("wants list, show, approve, revoke, forget, learn, name, group or escrow");
}
