/*
 * sallyport-org: the operator's commands.  Outside of every wall, on the operator's machine.
 * Decides nothing but which command runs, and whether what it printed has arrived.
 */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "org.h"

static const struct {
	const char *name, *title, *what;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "keygen", "sallyport-org keygen", "make key pairs", cmd_keygen },
	{ "sign", "sallyport-org sign", "kernel, initramfs and command line -> a signed generation", cmd_sign },
	{ "cosign", "sallyport-org cosign", "add a release key's signature to a generation", cmd_cosign },
	{ "verify", "sallyport-org verify", "would a machine boot this generation", cmd_verify },
	{ "inspect", "sallyport-org inspect", "show what a generation says of itself", cmd_inspect },
	{ "cache", "sallyport-org cache", "format, put, list, drop, healthy: a cache partition or image", cmd_cache },
	{ "config", "sallyport-org config", "write the config document of an image", cmd_config },
	{ "image", "sallyport-org image", "make the preboot initramfs", cmd_image },
	{ "init", "sallyport-org init", "make the folder of the organisation's service", cmd_init },
	{ "generation", "sallyport-org generation", "add, list, assign, unassign, floor, withdraw: what the service gives out", cmd_generation },
	{ "invite", "sallyport-org invite", "make, list, revoke: what lets a machine enrol", cmd_invite },
	{ "node", "sallyport-org node", "list, show, approve, revoke, forget, learn, name, group, escrow", cmd_node },
	{ "log", "sallyport-org log", "print what the service did and signed", cmd_log },
	{ "serve", "sallyport-org serve", "the organisation's service", cmd_serve },
};

static void
print_commands(FILE *to)
{
	fprintf(to, "usage: sallyport-org COMMAND ...\n\n");
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].what);
	fprintf(to, "\nsallyport-org COMMAND --help tells more; exit 0 done, 1 refused or failed, 2 wrong usage\n");
}

static int
run(int argc, char **argv)
{
	static char title[64];

	if (argc < 2) {
		print_commands(stderr);
		return ORG_usage;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_commands(stdout);
		return ORG_ok;
	}
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		org_program = commands[i].title;
		(void)snprintf(title, sizeof title, "%s", commands[i].title);	/* fits; getopt_long() begins its messages with argv[0] */
		argv[1] = title;
		return commands[i].run(argc - 1, argv + 1);
	}
	(void)refuse("there is no command \"%s\"", argv[1]);
	print_commands(stderr);
	return ORG_usage;
}

int
main(int argc, char **argv)
{
	int rc;

	if (sodium_init() < 0) {
		(void)refuse("libsodium does not start");
		return ORG_refused;
	}
	rc = run(argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout) != 0) {
		(void)refuse("standard output cannot be written");
		return rc == ORG_ok ? ORG_refused : rc;
	}
	return rc;
}
