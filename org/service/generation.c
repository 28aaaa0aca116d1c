/*
 * sallyport-org generation: what the service gives out.  On the organisation's side.
 * Decides nothing: registry.c does.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "request.h"
#include "service.h"

static const char help[] =
    "usage: sallyport-org generation add DIR GENERATION -c CONFIG\n"
    "       sallyport-org generation list DIR\n"
    "       sallyport-org generation assign DIR ID {--all | --group G | --class C | --node NODE} [--percent P]\n"
    "       sallyport-org generation unassign DIR {--all | --group G | --class C | --node NODE}\n"
    "       sallyport-org generation floor DIR VERSION [--group G] [--force]\n"
    "       sallyport-org generation withdraw DIR ID\n"
    "\n"
    "DIR is the service's folder, made by sallyport-org init; ID a generation's id, 64 hexadecimal digits; NODE a node's name or\n"
    "the first 8 or more digits of its id.\n"
    "\n"
    "  add        verifies as sallyport-org verify -c CONFIG does and copies: from then on it is served\n"
    "  list       newest version first\n"
    "  assign     what nodes are to boot: all, those of a group, of a hardware class, or one; the last that fits counts.  --percent P:\n"
    "             only so many of them (1 to 100), the others keep what they have\n"
    "  unassign   what a wider one says holds again\n"
    "  floor      no node that was told boots an older version; --group: only of that group; --force: also downwards\n"
    "  withdraw   not served and not assigned any more; its record and files are kept\n";

static const struct option no_options[] = { { NULL, 0, NULL, 0 } };

int
generation_id(const char *text, uint8_t out[ID_BYTES])
{
	if (strlen(text) != ID_TEXT || id_parse(text, out) != 0)
		return usage_error("\"%s\" is no generation's id: 64 lower-case hexadecimal digits", text);
	return 0;
}

static int
set_floor(int argc, char **argv)
{
	static const struct option options[] = { { "force", no_argument, NULL, 'f' }, { "group", required_argument, NULL, 'g' }, { NULL, 0, NULL, 0 } };
	const char *group = "";
	struct store *store;
	uint64_t version;
	int c, force = 0, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'f': force = 1; break;
		case 'g': group = optarg; break;
		default: return ORG_usage;
		}
	}
	if (argc - optind != 2)
		return usage_error("wants the service's folder and a version");
	if (parse_number("VERSION", argv[optind + 1], 0, UINT64_C(9007199254740991), &version) != 0 ||
	    (group[0] != '\0' && name_of_group(group) != 0))
		return ORG_usage;
	if (service_store(argv[optind], &store) != 0)
		return ORG_refused;
	rc = registry_floor(store, group, version, force);
	store_close(store);
	return rc == 0 ? ORG_ok : ORG_refused;
}

/* Whoever serves generations/ as static files has to lose it too.  An earlier withdraw may have been killed before that. */
static int
move_out(const char *dir, const char *hex)
{
	char from[PATH_BYTES], to[PATH_BYTES], folder[PATH_BYTES];
	int rc = path_join(folder, dir, SERVICE_generations);

	if (rc == 0)
		rc = path_join(from, folder, hex);
	if (rc == 0)
		rc = path_join(folder, dir, SERVICE_withdrawn);
	if (rc == 0)
		rc = path_join(to, folder, hex);
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
	uint8_t id[ID_BYTES];
	struct store *store;
	int lock, rc;

	if (getopt_long(argc, argv, "", no_options, NULL) != -1)
		return ORG_usage;
	if (argc - optind != 2)
		return usage_error("wants the service's folder and a generation's id");
	rc = generation_id(argv[optind + 1], id);
	if (rc != 0)
		return rc;
	if (service_store(argv[optind], &store) != 0)
		return ORG_refused;
	rc = lock = service_lock(argv[optind]);
	if (lock >= 0) {
		rc = 0;
		if (store_find(store, id, &g) != 0 || g.withdrawn == 0)
			rc = registry_withdraw(store, id);	/* from here on it is not served */
		if (rc == 0)
			rc = move_out(argv[optind], argv[optind + 1]);
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
		{ "add", "sallyport-org generation add", generation_add }, { "list", "sallyport-org generation list", generation_list },
		{ "assign", "sallyport-org generation assign", generation_assign },
		{ "unassign", "sallyport-org generation unassign", generation_unassign }, { "floor", "sallyport-org generation floor", set_floor },
		{ "withdraw", "sallyport-org generation withdraw", withdraw },
	};

	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return print_help(help);
	for (size_t i = 0; argc >= 2 && i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(argv[1], commands[i].name) == 0) {
			org_program = commands[i].title;
			return commands[i].run(argc - 1, argv + 1);
		}
	return usage_error("wants add, list, assign, unassign, floor or withdraw");
}
