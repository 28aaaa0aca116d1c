/*
 * sallyport-org generation add: takes a signed generation into the service.  On the organisation's side.
 * Distrusts the folder: what was verified is the very buffer that is written.  Distrusts power and kill(2): a folder appears under its
 * id whole and durable, and counts only once the store knows it.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "request.h"
#include "service.h"
#include "verify_cmd.h"

/* What an interrupted command left: ID.tmp.XXXXXX.  Under the lock nobody else's. */
static int
sweep(const char *folder)
{
	uint8_t id[ID_BYTES];
	struct dirent *entry;
	char path[PATH_BYTES];
	DIR *dir = opendir(folder);
	int rc = 0;

	if (dir == NULL)
		return refuse_errno(errno, "%s", folder);
	while (rc == 0 && (errno = 0, entry = readdir(dir)) != NULL) {
		if (id_parse(entry->d_name, id) != 0 || strncmp(entry->d_name + ID_TEXT, ".tmp.", 5) != 0)
			continue;
		rc = path_join(path, folder, entry->d_name);
		if (rc != 0)
			break;
		folder_remove(path);
	}
	(void)closedir(dir);
	return rc;
}

/* The four files under another name, each durable, then the name.  A folder that the store does not know is an interrupted command's. */
static int
copy_in(const char *folder, const char *hex, const struct generation *gen)
{
	char final[PATH_BYTES];
	int rc = path_join(final, folder, hex);

	if (rc != 0)
		return rc;
	folder_remove(final);
	return gen_write(final, gen);
}

static void
describe(const struct generation *gen, const struct verified *v, struct store_generation *out)
{
	memset(out, 0, sizeof *out);
	memcpy(out->id, v->id, sizeof out->id);
	out->version = v->manifest.version;
	out->issued = v->manifest.issued;
	out->added = (uint64_t)time(NULL);
	for (unsigned part = 1; part <= PART_LAST; part++) {
		struct store_part *to = &out->part[part];

		to->bytes = gen->part[part].len;
		/* fails for wrong lengths of hash or key only */
		(void)crypto_generichash(to->blake2b, sizeof to->blake2b, gen->part[part].data, gen->part[part].len, NULL, 0);
	}
}

/* Under the lock. */
static int
take_in(const char *dir, struct store *store, const struct generation *gen, const struct verified *v)
{
	char folder[PATH_BYTES], path[PATH_BYTES], hex[ID_TEXT + 1], when[40];
	struct store_generation record;
	int rc = path_join(folder, dir, SERVICE_generations);

	(void)hex_text(v->id, sizeof v->id, hex);
	if (rc == 0)
		rc = store_find(store, v->id, &record);
	if (rc == 0 && record.withdrawn != 0)
		return refuse("generation %s was withdrawn %s; what was withdrawn does not come back: sign it anew", hex,
		    time_text(record.withdrawn, when, sizeof when));
	if (rc == 0)
		return refuse("generation %s is there already, added %s", hex, time_text(record.added, when, sizeof when));
	if (rc != -ENOENT)
		return rc;
	describe(gen, v, &record);
	rc = sweep(folder);
	if (rc == 0)
		rc = copy_in(folder, hex, gen);
	if (rc == 0) {
		rc = registry_add(store, &record);
		/* Nobody has it: nor may a server of static files. */
		if (rc != 0 && store_find(store, v->id, &record) == -ENOENT && path_join(path, folder, hex) == 0)
			folder_remove(path);
	}
	if (rc == 0)
		printf("generation %s v%" PRIu64 " added: %u keys have signed\n", hex, record.version, v->keys_good);
	return rc;
}

static int
add(const char *dir, const char *gen_dir, const char *config_path)
{
	struct doc_config config;
	struct verify_rules rules;
	uint64_t floor;
	struct store *store = NULL;
	struct generation gen;
	struct verified v;
	int lock = -1, rc;

	memset(&gen, 0, sizeof gen);
	rc = gen_rules(config_path, &config, &rules);
	if (rc == 0)
		rc = service_store(dir, &store);
	if (rc == 0)
		rc = store_floor(store, "", &floor);
	if (rc == 0)
		rc = gen_load(gen_dir, &gen);
	if (rc == 0) {
		if (floor > rules.least_version)
			rules.least_version = floor;
		rc = verify_generation(&gen, &rules, &v);
	}
	if (rc == 0)
		rc = lock = service_lock(dir);
	if (rc >= 0)
		rc = take_in(dir, store, &gen, &v);
	if (lock >= 0)
		(void)close(lock);
	gen_free(&gen);
	store_close(store);
	return rc;
}

int
generation_add(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' }, { NULL, 0, NULL, 0 } };
	const char *config = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (c != 'c')
			return ORG_usage;
		config = optarg;
	}
	if (argc - optind != 2 || config == NULL)
		return usage_error("wants the service's folder, a generation's folder and -c");
	/* signed, and for everyone who may enter the service's folder: its own user may be another one than the operator */
	(void)umask(022);
	return add(argv[optind], argv[optind + 1], config) == 0 ? ORG_ok : ORG_refused;
}
