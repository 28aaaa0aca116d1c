/*
 * Walks an initramfs from its first byte to its last: which archive begins where.  On the operator's side, before signing.
 * Distrusts the file: every bound is checked, no name reaches a file system, memory is bounded.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "unpack.h"

static void
note_how(struct unpacked *out, const char *name)
{
	size_t n = strlen(out->how);

	out->archives++;
	if (n + strlen(name) + 5 > sizeof out->how)	/* " ..." and the NUL still fit */
		return;
	(void)snprintf(out->how + n, sizeof out->how - n, "%s%s", n > 0 ? " " : "", name);
}

/* The kernel stops at such an error, says so, and boots on without the files behind it. */
static int
expand_stream(const struct format *format, const uint8_t *data, size_t len, size_t at, size_t *used, struct archive *archive, char *why)
{
	const struct sink sink = { archive_take, archive };
	const char *reason = NULL;
	int rc;

	if (format->expand == NULL) {
		(void)snprintf(why, UNPACK_WHY, "byte %zu: %s: %s", at, format->name, format->advice);
		return -EBADMSG;
	}
	archive_begin(archive, 0);
	rc = format->expand(data + at, len - at, used, &sink, &reason);
	if (rc == 0 && *used == 0)	/* cannot be; but it would not end */
		rc = -EBADMSG;
	if (rc != 0 && reason != NULL)
		(void)snprintf(why, UNPACK_WHY, "the %s stream that begins at byte %zu: %s", format->name, at, reason);
	if (rc == 0 && !archive_between(archive)) {
		(void)snprintf(why, UNPACK_WHY, "the %s stream that begins at byte %zu ends in the middle of an archive", format->name, at);
		rc = -EBADMSG;
	}
	return rc;
}

/* A run of plain archives: up to a byte that is neither an entry's nor padding. */
static int
plain_run(const uint8_t *data, size_t len, size_t at, size_t *used, struct archive *archive, char *why)
{
	size_t n = 0;
	int rc = 0;

	archive_begin(archive, at);
	while (rc == 0 && at + n < len && (!archive_between(archive) || data[at + n] == 0 || (data[at + n] == '0' && (at + n) % 4 == 0))) {
		size_t take = archive_wants(archive);

		if (take > len - at - n)
			take = len - at - n;
		rc = archive_take(archive, data + at + n, take);
		n += take;
	}
	if (rc == 0 && !archive_between(archive)) {
		(void)snprintf(why, UNPACK_WHY, "the file ends in the middle of an archive");
		rc = -EBADMSG;
	}
	*used = n;
	return rc;
}

static int
walk(const uint8_t *data, size_t len, struct archive *archive, struct unpacked *out, char *why)
{
	for (size_t at = 0, used = 0; at < len; at += used) {
		const struct format *format;
		int rc;

		if (data[at] == 0) {
			used = 1;
			continue;
		}
		if (data[at] == '0' && at % 4 == 0) {
			note_how(out, "none");
			rc = plain_run(data, len, at, &used, archive, why);
		} else if ((format = format_find(data + at, len - at)) != NULL) {
			note_how(out, format->name);
			rc = expand_stream(format, data, len, at, &used, archive, why);
		} else {
			(void)snprintf(why, UNPACK_WHY, "byte %zu: neither a cpio archive (at a multiple of 4) nor gzip, xz, zstd, lz4 -l "
			    "or zero padding", at);
			rc = -EBADMSG;
		}
		if (rc != 0)
			return rc;
	}
	return 0;
}

int
unpack_check(const uint8_t *data, size_t len, struct unpacked *out, char why[UNPACK_WHY])
{
	struct unpacked unpacked;
	struct archive *archive;
	int rc;

	memset(&unpacked, 0, sizeof unpacked);
	why[0] = '\0';
	archive = archive_new(why);
	if (archive == NULL) {
		(void)snprintf(why, UNPACK_WHY, "not enough memory");
		return -ENOMEM;
	}
	rc = walk(data, len, archive, &unpacked, why);
	archive_count(archive, &unpacked);
	archive_free(archive);
	if (rc == 0 && unpacked.entries == 0) {
		(void)snprintf(why, UNPACK_WHY, "holds no file at all");
		rc = -EBADMSG;
	}
	if (rc == 0)
		*out = unpacked;
	else if (why[0] == '\0')
		(void)snprintf(why, UNPACK_WHY, "damaged");
	return rc;
}
