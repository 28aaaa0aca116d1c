/*
 * sallyport-org log: prints what the service did and signed, oldest first.  On the organisation's side.
 * Distrusts nothing: what was logged was made printable by whoever logged it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "service.h"

static const char help[] =
    "usage: sallyport-org log DIR [--node NODE] [--since TIME]\n"
    "\n"
    "Prints the log of the service in DIR: every change and every answer that it signed, oldest first, a line each:\n"
    "number, time, kind, who, what.\n"
    "\n"
    "  --node NODE    what is about this one: its name, the first 8 or more digits of its id, or a whole id, also of one that is forgotten\n"
    "  --since TIME   from then on: seconds since 1970 or like 2026-11-23T09:00:00Z\n";

static int
print_entry(void *arg, const struct store_entry *entry)
{
	char when[40];

	(void)arg;
	printf("%" PRIu64 "  %s  %s  %s  %s\n", entry->number, time_text(entry->time, when, sizeof when), entry->kind, entry->who, entry->what);
	return ferror(stdout);
}

/* out is room for the node's id. */
static int
find_node(struct store *store, const char *text, uint8_t out[NODE_BYTES])
{
	struct store_node node;
	size_t got = 0;
	int rc;

	if (strlen(text) == NODE_TEXT && sodium_hex2bin(out, NODE_BYTES, text, NODE_TEXT, NULL, &got, NULL) == 0 && got == NODE_BYTES)
		return 0;
	rc = service_node(store, text, &node);
	if (rc == 0)
		memcpy(out, node.node, NODE_BYTES);
	return rc;
}

int
cmd_log(int argc, char **argv)
{
	static const struct option options[] = { { "node", required_argument, NULL, 'n' }, { "since", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	struct store_entries which = { NULL, 0 };
	const char *name = NULL;
	uint8_t node[NODE_BYTES];
	struct store *store;
	int c, rc = 0;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'n': name = optarg; break;
		case 's':
			if (parse_time("--since", optarg, &which.since) != 0)
				return ORG_usage;
			break;
		case 'h': return print_help(help);
		default: return ORG_usage;
		}
	}
	if (argc - optind != 1)
		return usage_error("wants the service's folder");
	if (service_store(argv[optind], &store) != 0)
		return ORG_refused;
	if (name != NULL) {
		which.node = node;
		rc = find_node(store, name, node);
	}
	if (rc == 0)
		rc = store_entries(store, &which, print_entry, NULL);
	store_close(store);
	return rc == 0 ? ORG_ok : ORG_refused;
}
