/*
 * sallyport-org log: prints what the service did and signed, oldest first.  On the organisation's side.
 * Distrusts nothing: what was logged was made printable by whoever logged it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "service.h"

static const char help[] =
    "usage: sallyport-org log DIR\n"
    "\n"
    "Prints the log of the service in DIR: every change and every answer that it signed, oldest first, a line each:\n"
    "number, time, kind, who, what.\n";

static int
print_entry(void *arg, const struct store_entry *entry)
{
	char when[40];

	(void)arg;
	printf("%" PRIu64 "  %s  %s  %s  %s\n", entry->number, time_text(entry->time, when, sizeof when), entry->kind, entry->who, entry->what);
	return ferror(stdout);
}

int
cmd_log(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	struct store *store;
	int c, rc;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h')
			return print_help(help);
		return ORG_usage;
	}
	if (argc - optind != 1)
		return usage_error("wants the service's folder");
	if (service_store(argv[optind], &store) != 0)
		return ORG_refused;
	rc = store_entries(store, print_entry, NULL);
	store_close(store);
	return rc == 0 ? ORG_ok : ORG_refused;
}
