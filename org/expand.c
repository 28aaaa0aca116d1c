/*
 * Decompressors, each with the limits that the kernel's own has (lib/decompress_*.c).  On the operator's side.
 * Distrusts the stream; the libraries are given bounded windows and memory, what comes out goes on in pieces.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "unpack.h"

enum {
	PIECE = 1 << 18,
	ZSTD_WINDOW_LOG = 27,			/* decompress_unzstd.c: ZSTD_WINDOWSIZE_MAX */
	LZ4_CHUNK = 8 << 20,			/* decompress_unlz4.c: LZ4_DEFAULT_UNCOMPRESSED_CHUNK_SIZE */
	LZ4_MAGIC = 0x184c2102,
};
static const uint64_t xz_memory_bytes = 256u << 20;	/* xz -9 wants 65 MiB */

static int
damaged(const char **why, const char *text)
{
	*why = text;
	return -EBADMSG;
}

static int
expand_gzip(const uint8_t *in, size_t len, size_t *used_bytes, const struct sink *sink, const char **why)
{
	z_stream z;
	uint8_t *piece;
	int state, rc = 0;

	memset(&z, 0, sizeof z);
	piece = malloc(PIECE);
	if (piece == NULL || inflateInit2(&z, 15 + 16) != Z_OK) {
		free(piece);
		return damaged(why, "not enough memory");
	}
	z.next_in = (Bytef *)(uintptr_t)in;	/* zlib does not write there; its prototype lacks the const */
	z.avail_in = (uInt)len;			/* at most IMAGE_MAX */
	do {
		z.next_out = piece;
		z.avail_out = PIECE;
		state = inflate(&z, Z_NO_FLUSH);
		if (state != Z_OK && state != Z_STREAM_END)
			rc = damaged(why, state == Z_BUF_ERROR ? "cut off" : "damaged");
		else
			rc = sink->take(sink->self, piece, PIECE - z.avail_out);
	} while (rc == 0 && state != Z_STREAM_END);
	*used_bytes = len - z.avail_in;
	(void)inflateEnd(&z);	/* only frees */
	free(piece);
	return rc;
}

static const char *
xz_why(lzma_ret state)
{
	if (state == LZMA_MEMLIMIT_ERROR || state == LZMA_MEM_ERROR)
		return "needs more than 256 MiB to unpack";
	if (state == LZMA_BUF_ERROR)
		return "cut off";
	return state == LZMA_OPTIONS_ERROR ? "made with unknown options" : "damaged";
}

static int
expand_xz(const uint8_t *in, size_t len, size_t *used_bytes, const struct sink *sink, const char **why)
{
	lzma_stream x = LZMA_STREAM_INIT;
	lzma_ret state = LZMA_OK;
	uint8_t *piece;
	int rc = 0;

	piece = malloc(PIECE);
	if (piece == NULL || lzma_stream_decoder(&x, xz_memory_bytes, LZMA_TELL_ANY_CHECK) != LZMA_OK) {
		free(piece);
		return damaged(why, "not enough memory");
	}
	x.next_in = in;
	x.avail_in = len;
	while (rc == 0 && state != LZMA_STREAM_END) {
		x.next_out = piece;
		x.avail_out = PIECE;
		state = lzma_code(&x, LZMA_RUN);
		if (state == LZMA_GET_CHECK) {
			/* the kernel's decoder knows no other and would boot on without the files */
			if (lzma_get_check(&x) != LZMA_CHECK_CRC32 && lzma_get_check(&x) != LZMA_CHECK_NONE)
				rc = damaged(why, "its check is not CRC32, which is the only one that the kernel knows: xz --check=crc32");
		} else if (state != LZMA_OK && state != LZMA_STREAM_END)
			rc = damaged(why, xz_why(state));
		else
			rc = sink->take(sink->self, piece, PIECE - x.avail_out);
	}
	*used_bytes = len - x.avail_in;
	lzma_end(&x);
	free(piece);
	return rc;
}

static int
expand_zstd(const uint8_t *in, size_t len, size_t *used_bytes, const struct sink *sink, const char **why)
{
	ZSTD_inBuffer input = { in, len, 0 };
	ZSTD_DStream *z = ZSTD_createDStream();
	uint8_t *piece = malloc(PIECE);
	size_t state = 1;
	int rc = 0;

	if (z == NULL || piece == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)))
		rc = damaged(why, "not enough memory");
	while (rc == 0 && state != 0) {
		ZSTD_outBuffer output = { piece, PIECE, 0 };
		size_t before = input.pos;

		state = ZSTD_decompressStream(z, &output, &input);	/* 0: a frame is whole */
		if (ZSTD_isError(state))
			rc = damaged(why, "damaged, or its window is above 128 MiB, the kernel's limit");
		else if (state != 0 && input.pos == before && output.pos == 0)
			rc = damaged(why, "cut off");
		else
			rc = sink->take(sink->self, piece, output.pos);
	}
	*used_bytes = input.pos;
	(void)ZSTD_freeDStream(z);	/* takes NULL; returns 0 always */
	free(piece);
	return rc;
}

static uint32_t
le32(const uint8_t *in)
{
	return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

/*
 * The legacy format has no end mark: chunks follow until the file or a chunk size of zero, which is padding.  So whatever stands
 * directly behind such a stream is taken for a chunk size, by the kernel too.
 */
static int
expand_lz4(const uint8_t *in, size_t len, size_t *used_bytes, const struct sink *sink, const char **why)
{
	uint8_t *chunk = malloc(LZ4_CHUNK);
	size_t at = 4;
	int n, rc = 0;

	if (chunk == NULL)
		return damaged(why, "not enough memory");
	while (rc == 0 && len - at >= 4) {
		uint32_t size = le32(in + at);

		if (size == 0)
			break;
		at += 4;
		if (size == LZ4_MAGIC)
			continue;
		if (size > LZ4_COMPRESSBOUND(LZ4_CHUNK) || size > len - at) {
			rc = damaged(why, "cut off, damaged, or followed by something else without zero padding");
			break;
		}
		n = LZ4_decompress_safe((const char *)in + at, (char *)chunk, (int)size, LZ4_CHUNK);
		rc = n < 0 ? damaged(why, "damaged") : sink->take(sink->self, chunk, (size_t)n);
		at += size;
	}
	*used_bytes = at;
	free(chunk);
	return rc;
}

static const struct format formats[] = {
	{ "gzip", { 0x1f, 0x8b }, 2, expand_gzip, NULL },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, expand_xz, NULL },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, expand_zstd, NULL },
	{ "lz4", { 0x02, 0x21, 0x4c, 0x18 }, 4, expand_lz4, NULL },
	{ "lz4 frame", { 0x04, 0x22, 0x4d, 0x18 }, 4, NULL, "the kernel takes lz4's legacy format only: lz4 -l" },
	{ "bzip2", { 'B', 'Z', 'h' }, 3, NULL, "compress with gzip, xz, zstd or lz4 -l" },
	{ "lzma", { 0x5d, 0, 0 }, 3, NULL, "compress with gzip, xz, zstd or lz4 -l" },
	{ "lzo", { 0x89, 'L', 'Z', 'O' }, 4, NULL, "compress with gzip, xz, zstd or lz4 -l" },
};

const struct format *
format_find(const uint8_t *in, size_t len)
{
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
		if (len >= formats[i].magic_bytes && memcmp(in, formats[i].magic, formats[i].magic_bytes) == 0)
			return &formats[i];
	return NULL;
}
