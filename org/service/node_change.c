/*
 * sallyport-org node approve, revoke, forget, learn, name, group.  On the organisation's side.
 * Decides nothing: registry_node.c does.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "service.h"

struct arguments {
	uint8_t ek[32];
	int has_ek;
	const char *text;	/* name or group */
};

static int
approve(struct store *store, const struct store_node *node, const struct arguments *a)
{
	char hex[ID_TEXT + 1];
	int rc = registry_approve(store, node->node, a->has_ek ? a->ek : NULL);

	if (rc == 0 && !a->has_ek)
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
	(void)a;
	return registry_learn(store, node->node);
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

/* Only approve has an option. */
static const struct option options[] = { { "ek", required_argument, NULL, 'k' }, { NULL, 0, NULL, 0 } };

static int
run(int argc, char **argv, const struct change *change)
{
	const int wanted = change->check != NULL ? 3 : 2;
	struct arguments a = { .has_ek = 0 };
	struct store_node node;
	struct store *store;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", change->run == approve ? options : &options[1], NULL)) != -1) {
		if (c != 'k' || name_of_ek(optarg, a.ek) != 0)
			return ORG_usage;
		a.has_ek = 1;
	}
	if (argc - optind != wanted)
		return usage_error(wanted == 2 ? "wants the service's folder and a node" : "wants the service's folder, a node and one argument more");
	if (change->check != NULL) {
		a.text = argv[optind + 2];
		if (change->check(a.text) != 0)
			return ORG_usage;
	}
	if (service_store(argv[optind], &store) != 0)
		return ORG_refused;
	rc = service_node(store, argv[optind + 1], &node);
	if (rc == 0)
		rc = change->run(store, &node, &a);
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
