/*
 * sallyport-org init: makes the service's folder, whole or not at all.  On the organisation's side.
 * Distrusts what is there already: nothing is written over.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "key.h"
#include "pki.h"
#include "service.h"

static const char help[] =
    "usage: sallyport-org init DIR --name HOST[,HOST|IP...] [--keys-from KEYS]\n"
    "\n"
    "Makes DIR, the folder of the organisation's service: TLS CA and certificate (ECDSA P-256), the org key, the escrow key, the database.\n"
    "DIR must not exist, or be empty.\n"
    "\n"
    "  --name NAMES       by which nodes reach the service, separated by commas; the certificate is for these\n"
    "  --keys-from KEYS   a folder of sallyport-org keygen: takes its org.key instead of making one\n";

static const char *const files[] = { SERVICE_store, SERVICE_store "-wal", SERVICE_store "-shm", SERVICE_ca_cert, SERVICE_ca_key, SERVICE_cert,
	SERVICE_key, SERVICE_org_public, SERVICE_org_key, SERVICE_escrow_public, SERVICE_escrow_key };
static const char *const folders[] = { SERVICE_generations, SERVICE_withdrawn };

static int
make_folders(const char *temp)
{
	char path[PATH_BYTES];
	int rc = 0;

	for (size_t i = 0; i < sizeof folders / sizeof folders[0] && rc == 0; i++) {
		rc = path_join(path, temp, folders[i]);
		if (rc == 0 && mkdir(path, 0700) != 0)
			rc = refuse_errno(errno, "%s", path);
	}
	return rc;
}

static int
make_store(const char *temp)
{
	char path[PATH_BYTES], who[WHO_TEXT];
	struct store *store;
	int fd, rc = path_join(path, temp, SERVICE_store);

	if (rc != 0)
		return rc;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return refuse_errno(errno, "%s", path);
	(void)close(fd);
	rc = store_create(path);
	if (rc == 0)
		rc = store_open(path, 0, &store);
	if (rc != 0)
		return rc;
	service_who(who);
	rc = store_log(store, "init", who, "a new service");
	store_close(store);
	return rc;
}

static int
write_part(const char *temp, const char *name, const struct bytes *bytes, unsigned mode)
{
	char path[PATH_BYTES];
	int rc = path_join(path, temp, name);

	return rc != 0 ? rc : file_write(path, bytes->data, bytes->len, mode, FILE_new);
}

static int
write_pki(const char *temp, const struct pki *pki)
{
	int rc = write_part(temp, SERVICE_ca_key, &pki->ca_key, 0600);

	if (rc == 0)
		rc = write_part(temp, SERVICE_ca_cert, &pki->ca_cert, 0644);
	if (rc == 0)
		rc = write_part(temp, SERVICE_key, &pki->key, 0600);
	return rc != 0 ? rc : write_part(temp, SERVICE_cert, &pki->cert, 0644);
}

static int
write_org_key(const char *temp, const char *keys_from, struct minisig_pubkey *public)
{
	char path[PATH_BYTES];
	struct secret_key key;
	int rc;

	if (keys_from != NULL) {
		rc = path_join(path, keys_from, SERVICE_org_key);
		if (rc == 0)
			rc = key_read_secret(path, &key);
	} else
		rc = key_generate(&key);
	if (rc != 0)
		return rc;
	*public = key.public;
	rc = path_join(path, temp, SERVICE_org_key);
	if (rc == 0)
		rc = key_write_secret(path, &key);
	if (rc == 0)
		rc = path_join(path, temp, SERVICE_org_public);
	if (rc == 0)
		rc = key_write_public(path, &key.public);
	key_wipe(&key);
	return rc;
}

static void
undo(const char *temp)
{
	char path[PATH_BYTES];

	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		if (path_join(path, temp, folders[i]) == 0)
			(void)rmdir(path);	/* whatever was not made is not there */
	dir_abort(temp, files, sizeof files / sizeof files[0]);
}

static int
write_escrow(const char *temp, char public_hex[ID_TEXT + 1])
{
	char secret[PATH_BYTES], public[PATH_BYTES];
	int rc = path_join(secret, temp, SERVICE_escrow_key);

	if (rc == 0)
		rc = path_join(public, temp, SERVICE_escrow_public);
	return rc != 0 ? rc : escrow_make(secret, public, public_hex);
}

static int
fill(const char *temp, const struct pki *pki, const char *keys_from, struct minisig_pubkey *public, char escrow[ID_TEXT + 1])
{
	int rc = make_folders(temp);

	if (rc == 0)
		rc = make_store(temp);
	if (rc == 0)
		rc = write_org_key(temp, keys_from, public);
	if (rc == 0)
		rc = write_escrow(temp, escrow);
	return rc != 0 ? rc : write_pki(temp, pki);
}

static int
make_service(const char *dir, const char *const *names, unsigned count, const char *keys_from)
{
	char temp[PATH_BYTES], id[KEY_ID_TEXT + 1], text[MINISIG_PUBKEY_TEXT + 1], escrow[ID_TEXT + 1];
	struct minisig_pubkey public;
	struct pki pki;
	int held = -1, rc;

	(void)umask(077);
	rc = pki_make(names, count, &pki);
	if (rc != 0)
		return rc;
	folder_sweep(dir);
	rc = dir_begin(dir, temp);
	if (rc == 0) {
		rc = held = folder_hold(temp);
		if (rc >= 0)
			rc = fill(temp, &pki, keys_from, &public, escrow);
		if (rc == 0)
			rc = dir_commit(temp, dir);
		if (rc != 0)
			undo(temp);
		if (held >= 0)
			(void)close(held);
	}
	if (rc == 0) {
		minisig_write_pubkey(&public, text);
		printf("ca        %s/%s, SHA-256 %s\n", dir, SERVICE_ca_cert, pki.ca_digest);
		printf("org key   %s %s\n", key_id_text(public.keynum, id), text);
		printf("escrow    %s\n", escrow);
		for (unsigned i = 0; i < count; i++)
			printf("name      %s\n", names[i]);
	}
	pki_free(&pki);
	return rc;
}

int
cmd_init(int argc, char **argv)
{
	static const struct option options[] = { { "name", required_argument, NULL, 'n' }, { "keys-from", required_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	const char *names[PKI_NAMES_MAX], *keys_from = NULL;
	unsigned count = 0;
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'n': rc = pki_names(optarg, names, &count); break;
		case 'k': keys_from = optarg; break;
		case 'h': return print_help(help);
		default: return ORG_usage;
		}
	}
	if (rc != 0)
		return rc;
	if (argc - optind != 1 || count == 0)
		return usage_error("wants one folder and --name");
	return make_service(argv[optind], names, count, keys_from) == 0 ? ORG_ok : ORG_refused;
}
