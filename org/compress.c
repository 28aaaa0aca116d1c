/*
 * Compressing the image in ways that the preboot kernel unpacks.  On the operator's side.
 * No time, no name, no thread goes in: the same bytes from the same library.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "image.h"

enum { ZSTD_LEVEL = 19, XZ_PRESET = 6 };	/* zstd 19 and xz 6 keep to a window of 8 MiB: unpacking stays small */

static int
room(size_t cap_bytes, struct bytes *out)
{
	out->data = malloc(cap_bytes);
	out->len = cap_bytes;
	return out->data != NULL ? 0 : refuse_errno(ENOMEM, "compressing");
}

static int
with_none(const struct bytes *in, struct bytes *out)
{
	int rc = room(in->len, out);

	if (rc == 0)
		memcpy(out->data, in->data, in->len);
	return rc;
}

static int
with_gzip(const struct bytes *in, struct bytes *out)
{
	z_stream z;
	int rc, state;

	memset(&z, 0, sizeof z);
	if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		return refuse_errno(ENOMEM, "compressing");
	rc = room(deflateBound(&z, (uLong)in->len), out);
	if (rc == 0) {
		z.next_in = in->data;
		z.avail_in = (uInt)in->len;	/* at most IMAGE_MAX */
		z.next_out = out->data;
		z.avail_out = (uInt)out->len;
		state = deflate(&z, Z_FINISH);
		out->len = z.total_out;
		if (state != Z_STREAM_END)
			rc = refuse("gzip does not compress the image");
	}
	(void)deflateEnd(&z);	/* only frees */
	return rc;
}

static int
with_xz(const struct bytes *in, struct bytes *out)
{
	size_t at = 0;
	int rc = room(lzma_stream_buffer_bound(in->len), out);

	if (rc != 0)
		return rc;
	/* CRC32: the only check that the kernel's decoder knows */
	if (lzma_easy_buffer_encode(XZ_PRESET, LZMA_CHECK_CRC32, NULL, in->data, in->len, out->data, &at, out->len) != LZMA_OK)
		return refuse("xz does not compress the image");
	out->len = at;
	return 0;
}

static int
with_zstd(const struct bytes *in, struct bytes *out)
{
	size_t n;
	int rc = room(ZSTD_compressBound(in->len), out);

	if (rc != 0)
		return rc;
	n = ZSTD_compress(out->data, out->len, in->data, in->len, ZSTD_LEVEL);
	if (ZSTD_isError(n))
		return refuse("zstd does not compress the image: %s", ZSTD_getErrorName(n));
	out->len = n;
	return 0;
}

static const struct way {
	const char *name;
	int (*run)(const struct bytes *in, struct bytes *out);
} ways[] = { { "none", with_none }, { "gzip", with_gzip }, { "zstd", with_zstd }, { "xz", with_xz } };

const struct way *
compress_way(const char *how)
{
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
		if (strcmp(how, ways[i].name) == 0)
			return &ways[i];
	return NULL;
}

const char *
way_name(const struct way *way)
{
	return way->name;
}

int
compress_bytes(const struct way *way, const struct bytes *in, struct bytes *out)
{
	struct bytes packed = { NULL, 0 };
	int rc = way->run(in, &packed);

	if (rc == 0)
		*out = packed;
	else
		free(packed.data);
	return rc;
}
