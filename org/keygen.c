/*
 * sallyport-org keygen: key pairs for release signers and the org.  On the operator's side, best on a machine without network.
 * Distrusts an existing file of the same name: never writes over a key.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "key.h"

static const char help[] =
    "usage: sallyport-org keygen DIR NAME...\n"
    "\n"
    "Makes DIR/NAME.key (secret, mode 0600) and DIR/NAME.pub for each NAME, in minisign's formats, and prints the key ids.\n"
    "The secret key has no password: keep the file on media that you lock away.\n";

static int
make_pair(const char *dir, const char *name)
{
	char path[PATH_BYTES], public_path[PATH_BYTES], file[256], id[KEY_ID_TEXT + 1], text[MINISIG_PUBKEY_TEXT + 1];
	struct secret_key key;
	struct stat st;
	int rc;

	if (name[0] == '\0' || name[0] == '.' || strlen(name) > 200 || strchr(name, '/') != NULL)
		return refuse("\"%s\" is no name for a key: 1 to 200 bytes, no '/', no '.' at its begin", name);
	(void)snprintf(file, sizeof file, "%s.key", name);	/* fits: see above */
	rc = path_join(path, dir, file);
	(void)snprintf(file, sizeof file, "%s.pub", name);
	if (rc == 0)
		rc = path_join(public_path, dir, file);
	/* said before the secret half is there; that neither is replaced is held by file_write() */
	if (rc == 0 && lstat(public_path, &st) == 0)
		rc = refuse_errno(EEXIST, "%s", public_path);
	if (rc != 0)
		return rc;
	rc = key_generate(&key);
	if (rc != 0)
		return rc;
	rc = key_write_secret(path, &key);
	if (rc == 0)
		rc = key_write_public(public_path, &key.public);
	if (rc == 0) {
		minisig_write_pubkey(&key.public, text);
		printf("%s %s %s\n", key_id_text(key.public.keynum, id), text, name);
	}
	key_wipe(&key);
	return rc;
}

int
cmd_keygen(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h')
			return print_help(help);
		return ORG_usage;
	}
	if (argc - optind < 2)
		return usage_error("wants a folder and at least one name");
	for (int i = optind + 1; i < argc; i++)
		if (make_pair(argv[optind], argv[i]) != 0)
			return ORG_refused;
	return ORG_ok;
}
