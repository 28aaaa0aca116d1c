/*
 * sallyport-org image: programs, config, modules and file list -> the preboot initramfs.  On the operator's side.
 * Distrusts clocks and directory order: the same inputs and libraries give the same bytes, so that a measurement can be foretold.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "image.h"
#include "unpack.h"

static const char help[] =
    "usage: sallyport-org image -c CONFIG --list FILE --programs DIR\n"
    "           [--modules-dir DIR --modules FILE] [--compress none|gzip|zstd|xz] -o FILE\n"
    "\n"
    "Makes the preboot initramfs: the same inputs, the same bytes.\n"
    "\n"
    "  -c, --config FILE      made by sallyport-org config; checked again\n"
    "  --list FILE            what is in the image: image/files.list\n"
    "  --programs DIR         init, broker and the workers\n"
    "  --modules-dir DIR      where the kernel's modules are\n"
    "  --modules FILE         their paths in it, one a line, in the order in which they are loaded\n"
    "  --compress HOW         default zstd\n"
    "  -o, --output FILE\n"
    "\n"
    "Every entry gets the time SOURCE_DATE_EPOCH, or 0.\n";

static int
put_entry(const struct image_entry *e, uint32_t ino, uint32_t mtime, uint8_t *out, size_t cap_bytes, size_t *used)
{
	struct newc_entry entry = { .ino = ino, .mode = e->mode, .nlink = S_ISDIR(e->mode) ? 2 : 1, .mtime = mtime,
		.size_bytes = (uint32_t)e->content.len, .rdev_major = e->major, .rdev_minor = e->minor };
	size_t n = strlen(e->path + 1);
	long at;

	memcpy(entry.name, e->path + 1, n + 1);	/* cpio's names have no first '/' */
	at = newc_begin(&entry, out, cap_bytes);
	if (at < 0)
		return refuse_errno((int)-at, "%s", e->path);
	if (e->content.len > 0)
		memcpy(out + at, e->content.data, e->content.len);
	*used = newc_entry_bytes(n, e->content.len);
	return 0;
}

int
image_archive(const struct image *image, uint32_t mtime, struct bytes *out)
{
	struct bytes archive = { NULL, newc_entry_bytes(strlen("TRAILER!!!"), 0) };
	size_t at = 0, used = 0;
	long n;
	int rc = 0;

	for (unsigned i = 0; i < image->count; i++)
		archive.len += newc_entry_bytes(strlen(image->entry[i].path + 1), image->entry[i].content.len);
	/* and padding: the trailer itself may reach into the next 512 */
	archive.len = (archive.len + NEWC_ALIGN - 1) / NEWC_ALIGN * NEWC_ALIGN;
	if (archive.len > IMAGE_MAX)
		return refuse("the image would have %zu bytes; allowed: %d", archive.len, IMAGE_MAX);
	archive.data = calloc(1, archive.len);
	if (archive.data == NULL)
		return refuse_errno(ENOMEM, "the image");
	for (unsigned i = 0; i < image->count && rc == 0; i++, at += used)
		rc = put_entry(&image->entry[i], i + 1, mtime, archive.data + at, archive.len - at, &used);
	if (rc == 0 && (n = newc_trailer(archive.data + at, archive.len - at)) < 0)
		rc = refuse_errno((int)-n, "the image's trailer");
	if (rc != 0) {
		free(archive.data);
		return rc;
	}
	*out = archive;
	return 0;
}

static int
check_config(const char *path)
{
	struct bytes file = { NULL, 0 };
	struct doc_config config;
	struct doc_error error;
	int rc;

	rc = file_read(path, 1, DOC_MAX, &file);
	if (rc != 0)
		return rc;
	rc = doc_parse(DOC_config, file.data, file.len, &config, sizeof config, &error);
	if (rc != 0)
		refuse_doc(path, DOC_config, &error);
	bytes_free(&file);
	return rc;
}

static int
source_date(uint32_t *out)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	uint64_t value = 0;
	int rc = epoch != NULL ? parse_number("SOURCE_DATE_EPOCH", epoch, 0, UINT32_MAX, &value) : 0;

	*out = (uint32_t)value;
	return rc;
}

static int
make_image(const struct image_sources *sources, const struct way *way, const char *output)
{
	struct bytes archive = { NULL, 0 }, packed = { NULL, 0 };
	char hex[ID_TEXT + 1];
	struct image *image = NULL;
	uint8_t hash[32];
	uint32_t mtime;
	int rc;

	rc = source_date(&mtime);
	if (rc == 0)
		rc = check_config(sources->config);
	if (rc == 0)
		rc = image_read(sources, &image);
	if (rc == 0)
		rc = image_archive(image, mtime, &archive);
	if (rc == 0)
		rc = compress_bytes(way, &archive, &packed);
	if (rc == 0)
		rc = file_write(output, packed.data, packed.len, 0644, FILE_replace);
	if (rc == 0) {
		(void)crypto_generichash(hash, sizeof hash, packed.data, packed.len, NULL, 0);	/* fails for wrong lengths only */
		printf("%s: %u entries, %zu bytes, %s %zu bytes, BLAKE2b-256 %s\n", output, image->count, archive.len, way_name(way), packed.len,
		    hex_text(hash, sizeof hash, hex));
	}
	image_free(image);
	bytes_free(&archive);
	bytes_free(&packed);
	return rc;
}

int
cmd_image(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' }, { "list", required_argument, NULL, 'l' },
		{ "programs", required_argument, NULL, 'p' }, { "modules-dir", required_argument, NULL, 'd' },
		{ "modules", required_argument, NULL, 'm' }, { "compress", required_argument, NULL, 'z' },
		{ "output", required_argument, NULL, 'o' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	struct image_sources s = { NULL, NULL, NULL, NULL, NULL };
	const char *output = NULL, *how = "zstd";
	const struct way *way;
	int c;

	while ((c = getopt_long(argc, argv, "c:o:h", options, NULL)) != -1) {
		switch (c) {
		case 'c': s.config = optarg; break;
		case 'l': s.list = optarg; break;
		case 'p': s.programs = optarg; break;
		case 'd': s.modules_dir = optarg; break;
		case 'm': s.modules_order = optarg; break;
		case 'z': how = optarg; break;
		case 'o': output = optarg; break;
		case 'h': return print_help(help);
		default: return ORG_usage;
		}
	}
	if (optind < argc)
		return usage_error("\"%s\" is one argument too many", argv[optind]);
	if (s.config == NULL || s.list == NULL || s.programs == NULL || output == NULL)
		return usage_error("wants -c, --list, --programs and -o");
	if ((s.modules_dir == NULL) != (s.modules_order == NULL))
		return usage_error("--modules-dir and --modules go together");
	if ((way = compress_way(how)) == NULL)
		return usage_error("--compress: \"%s\"; allowed: none, gzip, zstd, xz", how);
	return make_image(&s, way, output) == 0 ? ORG_ok : ORG_refused;
}
