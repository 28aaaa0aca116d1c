/*
 * sallyport-org generation assign, unassign: what nodes are to boot.  On the organisation's side.
 * Decides nothing: registry.c does.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "service.h"

struct arguments {
	const char *target[SCOPE_LAST + 1];	/* what was named; NULL: it was not */
	uint64_t percent;			/* 0: not said */
};

static const struct option options[] = { { "all", no_argument, NULL, SCOPE_all }, { "group", required_argument, NULL, SCOPE_group },
	{ "class", required_argument, NULL, SCOPE_class }, { "node", required_argument, NULL, SCOPE_node }, { "percent", required_argument, NULL, 'p' },
	{ NULL, 0, NULL, 0 } };

/* 0 or an exit code. */
static int
parse(int argc, char **argv, struct arguments *out)
{
	int c;

	memset(out, 0, sizeof *out);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case SCOPE_all: out->target[c] = ""; break;
		case SCOPE_group: case SCOPE_class: case SCOPE_node: out->target[c] = optarg; break;
		case 'p':
			if (parse_number("--percent", optarg, 1, 100, &out->percent) != 0)
				return ORG_usage;
			break;
		default: return ORG_usage;
		}
	}
	return 0;
}

/* The one scope that was named.  text is room for a node's id. */
static int
find_scope(struct store *store, const struct arguments *a, char text[NODE_TEXT + 1], struct registry_scope *out)
{
	struct store_node node;
	int rc = 0;

	for (int i = 0; i <= SCOPE_LAST; i++)
		if (a->target[i] != NULL)
			*out = (struct registry_scope){ (enum scope)i, a->target[i] };
	if (out->scope == SCOPE_group)
		rc = name_of_group(out->target);
	else if (out->scope == SCOPE_class)
		rc = name_of_class(out->target);
	else if (out->scope == SCOPE_node) {
		rc = service_node(store, out->target, &node);
		if (rc == 0)
			out->target = hex_text(node.node, sizeof node.node, text);
	}
	return rc;
}

static unsigned
scopes(const struct arguments *a)
{
	unsigned n = 0;

	for (int i = 0; i <= SCOPE_LAST; i++)
		n += a->target[i] != NULL;
	return n;
}

int
generation_assign(int argc, char **argv)
{
	char text[NODE_TEXT + 1];
	struct registry_scope scope;
	struct arguments a;
	struct store *store;
	uint8_t id[ID_BYTES];
	int rc = parse(argc, argv, &a);

	if (rc != 0)
		return rc;
	if (argc - optind != 2)
		return usage_error("wants the service's folder and a generation's id");
	rc = generation_id(argv[optind + 1], id);
	if (rc != 0)
		return rc;
	if (a.percent != 0 && scopes(&a) == 0)
		a.target[SCOPE_all] = "";
	if (scopes(&a) != 1)
		return usage_error("assign wants --all, --group, --class or --node, and one of them only");
	if (a.percent != 0 && a.percent != 100 && a.target[SCOPE_node] != NULL)
		return usage_error("--percent of one node is nothing");
	if (service_store(argv[optind], &store) != 0)
		return ORG_refused;
	rc = find_scope(store, &a, text, &scope);
	if (rc == 0)
		rc = registry_assign(store, id, &scope, a.percent != 0 ? (unsigned)a.percent : 100);
	store_close(store);
	return rc == 0 ? ORG_ok : ORG_refused;
}

int
generation_unassign(int argc, char **argv)
{
	char text[NODE_TEXT + 1];
	struct registry_scope scope;
	struct arguments a;
	struct store *store;
	int rc = parse(argc, argv, &a);

	if (rc != 0)
		return rc;
	if (argc - optind != 1 || scopes(&a) != 1 || a.percent != 0)
		return usage_error("unassign wants the service's folder and --all, --group, --class or --node, one of them only");
	if (service_store(argv[optind], &store) != 0)
		return ORG_refused;
	rc = find_scope(store, &a, text, &scope);
	if (rc == 0)
		rc = registry_unassign(store, &scope);
	store_close(store);
	return rc == 0 ? ORG_ok : ORG_refused;
}
