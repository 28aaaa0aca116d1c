/*
 * sallyport-org node approve, revoke, forget, learn, name, group.  On the organisation's side.
 * Decides nothing: registry_node.c does.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "service.h"

struct arguments {
	uint8_t digest[32];	/* of its EK, of its PCRs */
	int has_digest;
	const char *group;
	const char *text;	/* name or group */
};

static int
approve(struct store *store, const struct store_node *node, const struct arguments *a)
{
	char hex[ID_TEXT + 1];
	int rc = registry_approve(store, node->node, a->has_digest ? a->digest : NULL);

	if (rc == 0 && !a->has_digest)
		printf("EK %s: is it what the machine shows?\n", hex_text(node->ek_digest, sizeof node->ek_digest, hex));
	return rc;
}

static int
revoke(struct store *store, const struct store_node *node, const struct arguments *a)
{
	(void)a;
	return registry_revoke(store, node->node);
}

static int
forget(struct store *store, const struct store_node *node, const struct arguments *a)
{
	(void)a;
	return registry_forget(store, node->node);
}

static int
learn(struct store *store, const struct store_node *node, const struct arguments *a)
{
	return registry_learn(store, node->node, a->has_digest ? a->digest : NULL);
}

static int
learn_all(struct store *store, const struct arguments *a)
{
	struct registry_learned count;
	int rc = registry_learn_all(store, a->group, a->digest, &count);

	if (rc != 0)
		return rc;
	printf("learned of %u\n", count.learned);
	if (count.left > 0)
		return refuse("%u are left", count.left);
	return count.learned > 0 ? 0 : refuse("no member%s%s was refused for these", a->group != NULL ? " of group " : "",
	    a->group != NULL ? a->group : "");
}

static int
rename_node(struct store *store, const struct store_node *node, const struct arguments *a)
{
	return registry_name(store, node->node, strcmp(a->text, "-") == 0 ? "" : a->text);
}

static int
regroup(struct store *store, const struct store_node *node, const struct arguments *a)
{
	return registry_group(store, node->node, a->text);
}

static int
is_name(const char *text)
{
	return strcmp(text, "-") == 0 ? 0 : name_of_node(text);
}

static const struct change {
	const char *name;
	int (*check)(const char *text);		/* NULL: no text is wanted */
	int (*run)(struct store *store, const struct store_node *node, const struct arguments *a);
} changes[] = {
	{ "approve", NULL, approve }, { "revoke", NULL, revoke }, { "forget", NULL, forget }, { "learn", NULL, learn },
	{ "name", is_name, rename_node }, { "group", name_of_group, regroup },
};

static const struct option no_options[] = { { NULL, 0, NULL, 0 } };
static const struct option approve_options[] = { { "ek", required_argument, NULL, 'd' }, { NULL, 0, NULL, 0 } };
static const struct option learn_options[] = { { "pcrs", required_argument, NULL, 'd' }, { "group", required_argument, NULL, 'g' },
	{ NULL, 0, NULL, 0 } };

/* 0 or an exit code. */
static int
parse(int argc, char **argv, const struct change *change, struct arguments *out)
{
	const struct option *options = change->run == approve ? approve_options : change->run == learn ? learn_options : no_options;
	int c;

	memset(out, 0, sizeof *out);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			if (name_of_digest(change->run == approve ? "an EK" : "PCRs", optarg, out->digest) != 0)
				return ORG_usage;
			out->has_digest = 1;
			break;
		case 'g':
			out->group = optarg;
			if (name_of_group(optarg) != 0)
				return ORG_usage;
			break;
		default: return ORG_usage;
		}
	}
	return 0;
}

static int
run(int argc, char **argv, const struct change *change)
{
	const int wanted = change->check != NULL ? 3 : 2;
	struct arguments a;
	struct store_node node;
	struct store *store;
	int all, rc = parse(argc, argv, change, &a);

	if (rc != 0)
		return rc;
	all = change->run == learn && a.has_digest && argc - optind == 1;
	if (a.group != NULL && !all)
		return usage_error("--group is for --pcrs without a node");
	if (!all && argc - optind != wanted)
		return usage_error(change->run == learn ? "wants the service's folder and a node, or --pcrs" : wanted == 2 ?
		    "wants the service's folder and a node" : "wants the service's folder, a node and one argument more");
	if (change->check != NULL) {
		a.text = argv[optind + 2];
		if (change->check(a.text) != 0)
			return ORG_usage;
	}
	if (service_store(argv[optind], &store) != 0)
		return ORG_refused;
	if (all)
		rc = learn_all(store, &a);
	else {
		rc = service_node(store, argv[optind + 1], &node);
		if (rc == 0)
			rc = change->run(store, &node, &a);
	}
	store_close(store);
	return rc == 0 ? ORG_ok : ORG_refused;
}

int
node_change(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
		if (strcmp(argv[0], changes[i].name) == 0)
			return run(argc, argv, &changes[i]);
	return usage_error("there is no change \"%s\"", argv[0]);
}
