/*
 * sallyport-org generation: what the service gives out.  On the organisation's side.
 * Decides nothing: registry.c does.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "request.h"
#include "service.h"

static const char help[] =
    "usage: sallyport-org generation add DIR GENERATION -c CONFIG\n"
    "       sallyport-org generation list DIR\n"
    "       sallyport-org generation assign DIR ID --all\n"
    "       sallyport-org generation floor DIR VERSION [--force]\n"
    "       sallyport-org generation withdraw DIR ID\n"
    "\n"
    "DIR is the service's folder, made by sallyport-org init; ID a generation's id, 64 hexadecimal digits.\n"
    "\n"
    "  add        verifies as sallyport-org verify -c CONFIG does and copies: from then on it is served\n"
    "  list       newest version first\n"
    "  assign     what all nodes are to boot\n"
    "  floor      no node that was told boots an older version; --force: also downwards\n"
    "  withdraw   not served and not assigned any more; its record and files are kept\n";

struct arguments {
	const char *dir, *more;
	uint8_t id[ID_BYTES];
	int all, force;
};

/* The folder, and one argument more where wanted.  0 or an exit code. */
static int
parse(int argc, char **argv, int wanted, const struct option *options, struct arguments *out)
{
	int c;

	memset(out, 0, sizeof *out);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'a': out->all = 1; break;
		case 'f': out->force = 1; break;
		default: return ORG_usage;
		}
	}
	if (argc - optind != wanted)
		return usage_error(wanted == 1 ? "wants the service's folder" : "wants the service's folder and one argument more");
	out->dir = argv[optind];
	out->more = wanted == 2 ? argv[optind + 1] : NULL;
	return 0;
}

static int
parse_id(struct arguments *a)
{
	if (strlen(a->more) != ID_TEXT || id_parse(a->more, a->id) != 0)
		return usage_error("\"%s\" is no generation's id: 64 lower-case hexadecimal digits", a->more);
	return 0;
}

static const struct option no_options[] = { { NULL, 0, NULL, 0 } };

static int
print_one(void *arg, const struct store_generation *g)
{
	const struct store_state *state = arg;
	char hex[ID_TEXT + 1], when[40];
	int assigned = state->assigned && memcmp(state->assigned_id, g->id, sizeof g->id) == 0;

	printf("%s v%" PRIu64 " ", hex_text(g->id, sizeof g->id, hex), g->version);
	if (g->withdrawn != 0)
		printf("withdrawn %s\n", time_text(g->withdrawn, when, sizeof when));
	else
		printf("%s, added %s\n", assigned ? "assigned to all" : "served", time_text(g->added, when, sizeof when));
	return 0;
}

static int
list(int argc, char **argv)
{
	struct store_state state;
	struct arguments a;
	struct store *store;
	int rc = parse(argc, argv, 1, no_options, &a);

	if (rc != 0)
		return rc;
	if (service_store(a.dir, &store) != 0)
		return ORG_refused;
	rc = store_get_state(store, &state);
	if (rc == 0)
		rc = store_generations(store, print_one, &state);
	if (rc == 0)
		printf("floor %" PRIu64 "\n", state.floor);
	store_close(store);
	return rc == 0 ? ORG_ok : ORG_refused;
}

static int
assign(int argc, char **argv)
{
	static const struct option options[] = { { "all", no_argument, NULL, 'a' }, { NULL, 0, NULL, 0 } };
	struct arguments a;
	struct store *store;
	int rc = parse(argc, argv, 2, options, &a);

	if (rc == 0)
		rc = parse_id(&a);
	if (rc != 0)
		return rc;
	if (!a.all)
		return usage_error("assign wants --all");
	if (service_store(a.dir, &store) != 0)
		return ORG_refused;
	rc = registry_assign(store, a.id);
	store_close(store);
	return rc == 0 ? ORG_ok : ORG_refused;
}

static int
set_floor(int argc, char **argv)
{
	static const struct option options[] = { { "force", no_argument, NULL, 'f' }, { NULL, 0, NULL, 0 } };
	struct arguments a;
	struct store *store;
	uint64_t version;
	int rc = parse(argc, argv, 2, options, &a);

	if (rc != 0)
		return rc;
	if (parse_number("VERSION", a.more, 0, UINT64_C(9007199254740991), &version) != 0)
		return ORG_usage;
	if (service_store(a.dir, &store) != 0)
		return ORG_refused;
	rc = registry_floor(store, version, a.force);
	store_close(store);
	return rc == 0 ? ORG_ok : ORG_refused;
}

/* Whoever serves generations/ as static files has to lose it too.  An earlier withdraw may have been killed before that. */
static int
move_out(const struct arguments *a)
{
	char from[PATH_BYTES], to[PATH_BYTES], folder[PATH_BYTES];
	int rc = path_join(folder, a->dir, SERVICE_generations);

	if (rc == 0)
		rc = path_join(from, folder, a->more);
	if (rc == 0)
		rc = path_join(folder, a->dir, SERVICE_withdrawn);
	if (rc == 0)
		rc = path_join(to, folder, a->more);
	if (rc != 0)
		return rc;
	if (rename(from, to) != 0)
		return errno == ENOENT && access(from, F_OK) != 0 && errno == ENOENT ? 0 : refuse_errno(errno, "%s to %s", from, to);
	rc = sync_parent(from);
	return rc != 0 ? rc : sync_parent(to);
}

static int
withdraw(int argc, char **argv)
{
	struct store_generation g;
	struct arguments a;
	struct store *store;
	int lock, rc = parse(argc, argv, 2, no_options, &a);

	if (rc == 0)
		rc = parse_id(&a);
	if (rc != 0)
		return rc;
	if (service_store(a.dir, &store) != 0)
		return ORG_refused;
	rc = lock = service_lock(a.dir);
	if (lock >= 0) {
		rc = 0;
		if (store_find(store, a.id, &g) != 0 || g.withdrawn == 0)
			rc = registry_withdraw(store, a.id);	/* from here on it is not served */
		if (rc == 0)
			rc = move_out(&a);
		(void)close(lock);
	}
	store_close(store);
	return rc == 0 ? ORG_ok : ORG_refused;
}

int
cmd_generation(int argc, char **argv)
{
	static const struct {
		const char *name, *title;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{ "add", "sallyport-org generation add", generation_add }, { "list", "sallyport-org generation list", list },
		{ "assign", "sallyport-org generation assign", assign }, { "floor", "sallyport-org generation floor", set_floor },
		{ "withdraw", "sallyport-org generation withdraw", withdraw },
	};

	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return print_help(help);
	for (size_t i = 0; argc >= 2 && i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(argv[1], commands[i].name) == 0) {
			org_program = commands[i].title;
			return commands[i].run(argc - 1, argv + 1);
		}
	return usage_error("wants add, list, assign, floor or withdraw");
}
