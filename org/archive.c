/*
 * cpio archives as a stream, in the kernel's own manner: header, name, content, each padded to 4; zero bytes between entries; an
 * archive's trailer is an entry like others.  On the operator's side.  Distrusts every field.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "newc.h"
#include "unpack.h"

enum { PAGE = 4096, INODE = 1024, FIELDS = 13, F_MODE = 1, F_SIZE = 6, F_NAMESIZE = 11 };
static const uint64_t bytes_max = UINT64_C(17179869184);	/* doc.def's limit of unpacked_size; of the stream, twice that */

enum state { BETWEEN, HEADER, NAME, NAME_PADDING, TARGET, CONTENT, CONTENT_PADDING };

struct archive {
	char *why;
	struct names *names;
	enum state state;
	uint64_t at, need, fill;	/* offset in the stream; bytes that the state still lacks, and has */
	uint64_t seen, bytes, entries;
	uint32_t mode, size, name_bytes;
	uint8_t header[NEWC_HEADER];
	char name[UNPACK_NAME_MAX];
	char target[UNPACK_NAME_MAX + 1];
};

struct archive *
archive_new(char why[UNPACK_WHY])
{
	struct archive *a = calloc(1, sizeof *a);

	if (a == NULL)
		return NULL;
	a->why = why;
	a->names = names_new();
	if (a->names == NULL) {
		free(a);
		return NULL;
	}
	return a;
}

void
archive_free(struct archive *archive)
{
	names_free(archive->names);
	free(archive);
}

void
archive_begin(struct archive *archive, uint64_t at)
{
	archive->at = at;
	archive->state = BETWEEN;
}

int
archive_between(const struct archive *archive)
{
	return archive->state == BETWEEN;
}

size_t
archive_wants(const struct archive *archive)
{
	return archive->state == BETWEEN ? 1 : (size_t)archive->need;
}

void
archive_count(const struct archive *archive, struct unpacked *out)
{
	out->bytes = archive->bytes;
	out->entries = archive->entries;
}

/* Says why, naming the entry with what is not printable in it as '?'. */
static int
bad_entry(struct archive *a, const char *reason)
{
	char shown[128];
	size_t n = strnlen(a->name, sizeof shown - 1);

	for (size_t i = 0; i < n; i++)
		shown[i] = (char)(a->name[i] >= ' ' && a->name[i] <= '~' ? a->name[i] : '?');
	shown[n] = '\0';
	(void)snprintf(a->why, UNPACK_WHY, "the entry \"%s\": %s", shown, reason);
	return -EBADMSG;
}

static int
bad_place(struct archive *a, const char *reason)
{
	(void)snprintf(a->why, UNPACK_WHY, "behind %llu entries, byte %llu of the unpacked archive: %s", (unsigned long long)a->entries,
	    (unsigned long long)a->at, reason);
	return -EBADMSG;
}

static int
parse_hex(const uint8_t *in, uint32_t *out)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < 8; i++) {
		uint8_t c = in[i];
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = c - (unsigned)'0';
		else if (c >= 'a' && c <= 'f')
			digit = c - (unsigned)'a' + 10;
		else if (c >= 'A' && c <= 'F')
			digit = c - (unsigned)'A' + 10;
		else
			return -EBADMSG;
		value = value << 4 | digit;
	}
	*out = value;
	return 0;
}

static int
parse_header(struct archive *a)
{
	uint32_t field[FIELDS];

	if (memcmp(a->header, "070701", 6) != 0 && memcmp(a->header, "070702", 6) != 0)
		return bad_place(a, "no cpio header of format newc");
	for (unsigned i = 0; i < FIELDS; i++)
		if (parse_hex(a->header + 6 + 8 * i, &field[i]) != 0)
			return bad_place(a, "a cpio header with something else than hexadecimal digits");
	a->mode = field[F_MODE];
	a->size = field[F_SIZE];
	a->name_bytes = field[F_NAMESIZE];
	/* the kernel skips such an entry without a word: what was signed would not be what runs */
	if (a->name_bytes < 2 || a->name_bytes > UNPACK_NAME_MAX)
		return bad_place(a, "a name that is empty or longer than 4095 bytes");
	return 0;
}

/* The name (and the target of a link) is known: is it one that may be there? */
static int
judge_entry(struct archive *a)
{
	const char *why;

	if (strcmp(a->name, "TRAILER!!!") == 0)
		return a->size == 0 ? 0 : bad_entry(a, "a trailer with content");
	why = names_add(a->names, a->name, a->mode, a->target);
	if (why != NULL)
		return bad_entry(a, why);
	a->entries++;
	a->bytes += INODE + ((uint64_t)a->size + PAGE - 1) / PAGE * PAGE;
	if (a->entries > UNPACK_ENTRIES_MAX || a->bytes > bytes_max)
		return bad_entry(a, "too much: allowed are 1000000 entries and 16 GiB");
	return 0;
}

static int
finish_name(struct archive *a)
{
	a->target[0] = '\0';
	if (memchr(a->name, '\0', a->name_bytes) != a->name + a->name_bytes - 1) {
		a->name[a->name_bytes - 1] = '\0';
		return bad_entry(a, "its name does not end where its length says");
	}
	if (S_ISLNK(a->mode))
		return a->size > 0 && a->size < UNPACK_NAME_MAX ? 0 : bad_entry(a, "a symbolic link's target has 1 to 4095 bytes");
	if (!S_ISREG(a->mode) && a->size > 0)
		return bad_entry(a, "content in what is no regular file");
	return judge_entry(a);
}

static void
enter(struct archive *a, enum state state, uint64_t need)
{
	a->state = state;
	a->need = need;
	a->fill = 0;
}

/* The state has all its bytes. */
static int
advance(struct archive *a)
{
	int rc = 0;

	switch (a->state) {
	case BETWEEN:
		break;
	case HEADER:
		rc = parse_header(a);
		enter(a, NAME, a->name_bytes);
		break;
	case NAME:
		rc = finish_name(a);
		enter(a, NAME_PADDING, -a->at % 4);
		break;
	case NAME_PADDING:
		enter(a, S_ISLNK(a->mode) ? TARGET : CONTENT, a->size);
		break;
	case TARGET:
		a->target[a->size] = '\0';
		rc = strlen(a->target) == a->size ? judge_entry(a) : bad_entry(a, "its target has a NUL");
		enter(a, CONTENT_PADDING, -a->at % 4);
		break;
	case CONTENT:
		enter(a, CONTENT_PADDING, -a->at % 4);
		break;
	case CONTENT_PADDING:
		enter(a, BETWEEN, 0);
		break;
	}
	return rc;
}

static void
keep(struct archive *a, const uint8_t *data, size_t n)
{
	if (a->state == HEADER)
		memcpy(a->header + a->fill, data, n);
	else if (a->state == NAME)
		memcpy(a->name + a->fill, data, n);
	else if (a->state == TARGET)
		memcpy(a->target + a->fill, data, n);
}

int
archive_take(void *archive, const uint8_t *data, size_t len)
{
	struct archive *a = archive;
	int rc = 0;

	a->seen += len;
	if (a->seen > 2 * bytes_max)
		return bad_place(a, "too much: allowed are 32 GiB of archives");
	while (rc == 0 && len > 0) {
		size_t n = 1;

		if (a->state == BETWEEN && *data != 0) {
			if (*data != '0' || a->at % 4 != 0)
				return bad_place(a, "neither an entry at a multiple of 4 nor zero padding");
			enter(a, HEADER, NEWC_HEADER);
		}
		if (a->state != BETWEEN) {
			n = len < a->need ? len : (size_t)a->need;
			keep(a, data, n);
			a->fill += n;
			a->need -= n;
		}
		a->at += n;
		data += n;
		len -= n;
		while (rc == 0 && a->state != BETWEEN && a->need == 0)
			rc = advance(a);
	}
	return rc;
}
