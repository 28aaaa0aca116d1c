/*
 * persist-mount: takes the keys, opens the checked volume, mounts it.  In the generation's initramfs, as root, once per boot.
 * Distrusts the device; whatever happens, the key files are gone when it ends.  See persist-mount(8).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <libcryptsetup.h>

#include "doc.h"
#include "persist.h"

struct options {
	const char *device, *name, *mountpoint, *key, *prev, *id, *report, *uuid;
	int format, mkfs, test, help, wrong;
};

enum { OPT_device = 256, OPT_name, OPT_mountpoint, OPT_key, OPT_prev, OPT_id, OPT_report, OPT_uuid };

static const char usage_text[] =
    "usage: persist-mount --device DEV [--format] [--mkfs] [--test] [--name persist] [--mountpoint /persist]\n"
    "           [--key /luks.key] [--prev /luks.key.prev] [--generation-id HEX | --report /sallyport/report] [--uuid UUID]\n"
    "Opens the LUKS2 volume on DEV with the key that preboot handed over and mounts it. The key files are overwritten\n"
    "and unlinked, whatever happens.\n"
    "  --format  make the volume if DEV is blank: zero in its first 16 MiB and without any known signature\n"
    "  --mkfs    and an ext4 file system in it\n"
    "  --test    open (and add the keyslot, or format), but neither map nor mount\n"
    "  --uuid    refuse any other volume\n"
    "Exit status:\n";

static int
is_hex(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

static int
is_uuid(const char *s)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (strlen(s) != sizeof form - 1)
		return 0;
	for (size_t i = 0; i < sizeof form - 1; i++)
		if (form[i] == '-' ? s[i] != '-' : strchr("0123456789abcdef", s[i]) == NULL)
			return 0;
	return 1;
}

static int
is_name(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return s[0] != '\0' && strlen(s) <= 64 && strspn(s, allowed) == strlen(s);
}

/* Goes on after a wrong argument: the key files to be destroyed may be named behind it. */
static void
parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "format", no_argument, NULL, 'f' }, { "mkfs", no_argument, NULL, 'm' }, { "test", no_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' }, { "device", required_argument, NULL, OPT_device },
		{ "name", required_argument, NULL, OPT_name }, { "mountpoint", required_argument, NULL, OPT_mountpoint },
		{ "key", required_argument, NULL, OPT_key }, { "prev", required_argument, NULL, OPT_prev },
		{ "generation-id", required_argument, NULL, OPT_id }, { "report", required_argument, NULL, OPT_report },
		{ "uuid", required_argument, NULL, OPT_uuid }, { NULL, 0, NULL, 0 },
	};
	const char **text[] = { &o->device, &o->name, &o->mountpoint, &o->key, &o->prev, &o->id, &o->report, &o->uuid };
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		o->format |= c == 'f';
		o->mkfs |= c == 'm';
		o->test |= c == 't';
		o->help |= c == 'h';
		o->wrong |= c == '?';
		if (c >= OPT_device)
			*text[c - OPT_device] = optarg;
	}
	o->wrong |= optind != argc;
}

static enum persist
judge(const struct options *o, struct why *why)
{
	if (o->wrong)
		return why_set(why, PERSIST_usage, "wrong arguments; --help tells more");
	if (o->device == NULL)
		return why_set(why, PERSIST_usage, "--device is missing: which disk it is, is never guessed");
	if (!is_name(o->name))
		return why_set(why, PERSIST_usage, "--name %.80s: 1 to 64 of a-z A-Z 0-9 _ - are allowed", o->name);
	if (o->mountpoint[0] != '/')
		return why_set(why, PERSIST_usage, "--mountpoint %.80s: an absolute path is needed", o->mountpoint);
	if (o->id != NULL && (o->report != NULL || !is_hex(o->id, ID_HEX)))
		return why_set(why, PERSIST_usage, "--generation-id takes %d lower-case hexadecimal digits, and excludes --report", ID_HEX);
	if (o->uuid != NULL && !is_uuid(o->uuid))
		return why_set(why, PERSIST_usage, "--uuid %.80s: not a UUID in lower case", o->uuid);
	if (o->mkfs && (!o->format || o->test))
		return why_set(why, PERSIST_usage, "--mkfs needs --format, and excludes --test");
	return PERSIST_ok;
}

/* The generation's id from preboot's report, as text.  No report and none asked for: "". */
static enum persist
read_id(const struct options *o, char id[ID_HEX + 1], struct why *why)
{
	const char *path = o->report != NULL ? o->report : "/sallyport/report";
	struct doc_error error = { .line = 0 };
	static char text[DOC_MAX + 1];
	struct doc_report report;
	ssize_t n;
	int fd;

	id[0] = '\0';
	if (o->id != NULL) {
		memcpy(id, o->id, ID_HEX + 1);
		return PERSIST_ok;
	}
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && o->report == NULL)
		return PERSIST_ok;
	n = fd >= 0 ? read(fd, text, sizeof text) : -1;
	if (fd >= 0)
		(void)close(fd);		/* only read */
	if (n < 0)
		return why_set(why, PERSIST_generation, "%s cannot be read: %s", path, strerror(errno));
	if (doc_parse(DOC_report, text, (size_t)n, &report, sizeof report, &error) != 0)
		return why_set(
		    why, PERSIST_generation, "%s is no report of preboot: line %u: %s", path, error.line, doc_why_text(error.why));
	for (size_t i = 0; i < sizeof report.generation; i++)
		(void)snprintf(id + 2 * i, 3, "%02x", report.generation[i]);	/* two digits and the NUL */
	return PERSIST_ok;
}

/* What is known on the way; done is the summary. */
struct run {
	const struct options *o;
	struct secrets *sec;
	struct header header;
	struct crypt_device *cd;
	char id[ID_HEX + 1];
	char done[160];
	int no_file_system;
};

static enum persist
need_id(const struct run *run, const char *what, struct why *why)
{
	if (run->id[0] != '\0')
		return PERSIST_ok;
	return why_set(why, PERSIST_generation, "%s: %s needs the generation's id: there is no /sallyport/report and neither --report nor "
	    "--generation-id was given", run->o->device, what);
}

static void
summary(struct run *run, int added, int slot, const char *tag)
{
	(void)snprintf(run->done, sizeof run->done, added ? "added keyslot %d for generation %.12s" : tag[0] != '\0' ?
	    "opened with keyslot %d (token %.12s)" : "opened with keyslot %d (no token)", slot, tag);	/* fits */
}

/* The keys against the checked copy; the new keyslot where it is due. */
static enum persist
unlock(struct run *run, const struct luks_view *view, struct why *why)
{
	uint8_t *volume_key = run->sec->sec_volume_key;
	struct why other = { .text = "" };
	int slot = -1;
	enum persist r;

	r = volume_open(run->cd, &run->header, view, run->sec->sec_key, volume_key, &slot, why);
	if (r == PERSIST_ok) {
		const char *tag = view->tag[slot];

		/* The power may have failed between keyslot and token.  It opens without one: failing is no reason to stop. */
		if (tag[0] == '\0' && run->id[0] != '\0') {
			tag = run->id;
			if (volume_tag(&run->header, crypt_get_uuid(run->cd), run->sec, run->id, &slot, &other) != PERSIST_ok) {
				fprintf(stderr, "persist-mount: warning: %s\n", other.text);
				tag = "";
			}
		}
		summary(run, 0, slot, tag);
		return r;
	}
	if (!run->sec->have_prev || volume_open(run->cd, &run->header, view, run->sec->sec_prev, volume_key, &slot, &other) != PERSIST_ok)
		return run->sec->have_prev ? why_set(why, r, "%s, nor with the previous one", other.text) : r;
	/* Not being able to add is fatal: preboot stops handing over the previous key once this generation has reported healthy. */
	if ((r = need_id(run, "the keyslot to be added", why)) != PERSIST_ok)
		return r;
	slot = -1;
	r = volume_tag(&run->header, crypt_get_uuid(run->cd), run->sec, run->id, &slot, why);
	if (r == PERSIST_ok)
		summary(run, 1, slot, run->id);
	return r;
}

static enum persist
open_volume(struct run *run, struct why *why)
{
	struct luks_view view;
	enum persist r;

	r = header_load_copy(&run->header, &run->cd, why);
	if (r == PERSIST_not_luks && run->o->format)
		return why_set(why, PERSIST_not_blank,
		    "%s is neither blank nor LUKS2: not formatted (blank: zero in its first %d MiB and no known signature)",
		    run->o->device, HEADER_BYTES >> 20);
	if (r == PERSIST_ok)
		r = volume_check(run->cd, &run->header, run->o->uuid, &view, why);
	if (r == PERSIST_ok)
		r = unlock(run, &view, why);
	if (r == PERSIST_ok && !run->o->test)
		r = volume_activate(run->cd, run->o->name, run->sec, why);
	return r;
}

/* The header goes to the device last: whatever fails or loses power before, the device counts as blank the next time. */
static enum persist
make_volume(struct run *run, struct why *why)
{
	int fd = -1, active = 0;
	enum persist r;

	if (!run->o->format)
		return why_set(why, PERSIST_blank, "%s is blank; --format makes a volume of it", run->o->device);
	r = need_id(run, "the new volume's token", why);
	if (r == PERSIST_ok)
		r = volume_format(&run->header, run->o->uuid, run->sec, run->id, &fd, &run->cd, why);
	if (r == PERSIST_ok && !run->o->test) {
		r = volume_activate(run->cd, run->o->name, run->sec, why);
		active = r == PERSIST_ok;
	}
	if (r == PERSIST_ok && run->o->mkfs)
		r = volume_mkfs(run->o->name, why);
	if (r == PERSIST_ok)
		r = volume_commit(&run->header, fd, why);
	if (r != PERSIST_ok && active)
		volume_deactivate(run->o->name);
	if (fd >= 0)
		(void)close(fd);	/* a memfd */
	run->no_file_system = !run->o->mkfs;
	(void)snprintf(run->done, sizeof run->done, "formatted, keyslot 0 for generation %.12s", run->id);	/* fits */
	return r;
}

static enum persist
work(struct run *run, struct why *why)
{
	const struct options *o = run->o;
	enum persist r;

	r = read_id(o, run->id, why);
	if (r == PERSIST_ok)
		r = header_copy(o->device, &run->header, why);
	if (r != PERSIST_ok)
		return r;
	if (run->header.all_zero) {
		r = header_blank(&run->header, why);
		if (r == PERSIST_ok)
			r = make_volume(run, why);
		else if (r == PERSIST_not_blank && !o->format)
			r = PERSIST_not_luks;
	} else
		r = open_volume(run, why);
	if (r == PERSIST_ok && !o->test && !run->no_file_system && (r = volume_mount(o->name, o->mountpoint, why)) != PERSIST_ok)
		volume_deactivate(o->name);
	if (r != PERSIST_ok)
		return r;
	if (o->test)
		printf("persist-mount: %s %s, not mapped (--test)\n", o->device, run->done);
	else if (run->no_file_system)
		printf("persist-mount: /dev/mapper/%s %s, not mounted: there is no file system yet\n", o->name, run->done);
	else
		printf("persist-mount: /dev/mapper/%s %s, mounted on %s\n", o->name, run->done, o->mountpoint);
	return r;
}

static int
help(void)
{
#define X(name, number, text) printf("  %2d  %s\n", number, text);
	(void)fputs(usage_text, stdout);	/* the flush below finds a failing stdout */
	PERSIST_EXITS(X)
#undef X
	return fflush(stdout) == 0 ? PERSIST_ok : PERSIST_internal;
}

int
main(int argc, char **argv)
{
	struct options o = { .name = "persist", .mountpoint = "/persist", .key = "/luks.key", .prev = "/luks.key.prev" };
	struct run run = { .o = &o, .header = { .device_fd = -1, .copy_fd = -1 } };
	const struct rlimit no_core = { 0, 0 };
	static struct why why;			/* outlives every libcryptsetup context, which writes to it */
	enum persist r, taken;
	int locked, error;
	sigset_t all;

	(void)sigfillset(&all);		/* cannot fail */
	locked =
	    sigprocmask(SIG_SETMASK, &all, NULL) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && setrlimit(RLIMIT_CORE, &no_core) == 0;
	parse(argc, argv, &o);
	if (o.help)
		return help();			/* takes nothing, so nothing is to be destroyed */
	run.sec = locked ? secrets_new() : NULL;
	error = errno;
	/* Before anything is judged: from here on no file holds a key, on no path. */
	taken = keys_take(o.key, o.prev, run.sec, &why);
	if (run.sec == NULL)
		r = why_set(&why, PERSIST_internal, "memory for the keys cannot be locked: %s", strerror(error));
	else {
		struct why wrong = { .text = "" };

		r = judge(&o, &wrong);
		if (r != PERSIST_ok)
			why = wrong;
		else
			r = taken;
	}
	if (r == PERSIST_ok)
		r = work(&run, &why);
	crypt_free(run.cd);
	header_close(&run.header);
	secrets_free(run.sec);
	if (r != PERSIST_ok)
		fprintf(stderr, "persist-mount: %s\n", why.text);
	if (fflush(stdout) != 0 && r == PERSIST_ok)
		fprintf(stderr, "persist-mount: warning: the summary could not be written\n");
	return (int)r;
}
