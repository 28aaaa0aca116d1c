/*
 * sallyport-org generation list: what the service gives out, and to whom.  On the organisation's side.
 * Decides nothing, distrusts nothing: what is printed was looked at before it was kept.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service.h"

struct list {
	struct store *store;
	const struct store_generation *generation;
	unsigned printed;		/* assignments of that one */
	int rc;
};

static void
print_scope(struct list *list, unsigned percent, const struct store_assignment *a)
{
	char text[SCOPE_TEXT];

	fputs(list->printed++ == 0 ? "assigned to " : ", ", stdout);
	if (percent < 100)
		printf("%u%% of ", percent);
	fputs(registry_scope_text(a->scope, a->target, text), stdout);
}

static int
print_assignment(void *arg, const struct store_assignment *a)
{
	struct list *list = arg;

	if (memcmp(a->id, list->generation->id, ID_BYTES) == 0)
		print_scope(list, a->percent, a);
	else if (a->former && memcmp(a->former_id, list->generation->id, ID_BYTES) == 0)
		print_scope(list, 100 - a->percent, a);
	return ferror(stdout);
}

static int
print_one(void *arg, const struct store_generation *g)
{
	struct list *list = arg;
	char hex[ID_TEXT + 1], when[40];

	printf("%s v%" PRIu64 " ", hex_text(g->id, sizeof g->id, hex), g->version);
	if (g->withdrawn != 0) {
		printf("withdrawn %s\n", time_text(g->withdrawn, when, sizeof when));
		return ferror(stdout);
	}
	list->generation = g;
	list->printed = 0;
	list->rc = store_assignments(list->store, print_assignment, list);
	printf("%s, added %s\n", list->printed > 0 ? "" : "served", time_text(g->added, when, sizeof when));
	return list->rc != 0 || ferror(stdout);
}

static int
print_floor(void *arg, const char *group, uint64_t version)
{
	(void)arg;
	printf("floor %" PRIu64 "%s%s\n", version, group[0] != '\0' ? " of group " : "", group);
	return ferror(stdout);
}

int
generation_list(int argc, char **argv)
{
	static const struct option options[] = { { NULL, 0, NULL, 0 } };
	struct list list = { NULL, NULL, 0, 0 };
	int rc;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return ORG_usage;
	if (argc - optind != 1)
		return usage_error("wants the service's folder");
	if (service_store(argv[optind], &list.store) != 0)
		return ORG_refused;
	rc = store_generations(list.store, print_one, &list);
	if (rc == 0)
		rc = list.rc;
	if (rc == 0)
		rc = store_floors(list.store, print_floor, NULL);
	store_close(list.store);
	return rc == 0 ? ORG_ok : ORG_refused;
}
