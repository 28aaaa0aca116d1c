/*
 * The image's file list: lines -> entries with their content.  On the operator's side.
 * Distrusts the list: whatever is not exactly one of the forms of image.h is an error that names file and line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "image.h"

int
image_complain(const struct image_line *line, const char *reason, const char *word)
{
	return refuse("%s:%u: %s: \"%s\"", line->sources->list, line->number, reason, word);
}

/* Absolute, no empty or dot component, printable, as short as cpio wants it. */
static int
path_ok(const char *path)
{
	size_t n = strlen(path);

	if (n < 2 || n > NEWC_NAME_MAX || path[0] != '/' || path[n - 1] == '/')
		return 0;
	for (const char *p = path; *p != '\0'; p++) {
		if (*p <= ' ' || *p > '~')
			return 0;
		if (p[0] == '/' && (p[1] == '/' || (p[1] == '.' && (p[2] == '/' || p[2] == '\0' ||
		    (p[2] == '.' && (p[3] == '/' || p[3] == '\0'))))))
			return 0;
	}
	return 1;
}

struct image_entry *
image_add(struct image *image, const struct image_line *line, const char *path, uint32_t mode)
{
	struct image_entry *entry;

	if (!path_ok(path)) {
		(void)image_complain(line, "no path: begins with '/', has no \"//\", \".\", \"..\", no blank", path);
		return NULL;
	}
	if (image->count == IMAGE_ENTRIES_MAX) {
		(void)image_complain(line, "more than 1024 entries", path);
		return NULL;
	}
	entry = &image->entry[image->count++];
	memset(entry, 0, sizeof *entry);
	memcpy(entry->path, path, strlen(path) + 1);
	entry->mode = mode;
	entry->line = line->number;
	return entry;
}

static int
octal(const struct image_line *line, const char *text, uint32_t *out)
{
	uint32_t value = 0;
	size_t n = strlen(text);

	if (n < 3 || n > 5 || strspn(text, "01234567") != n)
		return image_complain(line, "no mode in octal digits, such as 0755", text);
	for (size_t i = 0; i < n; i++)
		value = value * 8 + (uint32_t)(text[i] - '0');
	if (value > 0777)
		return image_complain(line, "mode out of range; allowed: 0 to 0777", text);
	*out = value;
	return 0;
}

/* A file's content: {programs}/NAME, {config}, {modules-list}, or a path from the list's own folder. */
static int
read_source(const struct image_line *line, const char *source, struct bytes *out)
{
	static const char programs[] = "{programs}/";
	const struct image_sources *s = line->sources;
	const char *slash = strrchr(s->list, '/');
	char path[PATH_BYTES], dir[PATH_BYTES];
	int rc;

	if (strcmp(source, "{config}") == 0)
		return file_read(s->config, 1, DOC_MAX, out);
	if (strncmp(source, programs, sizeof programs - 1) == 0)
		rc = path_join(path, s->programs, source + sizeof programs - 1);
	else if (source[0] == '{')
		return image_complain(line, "no source; allowed: {programs}/NAME, {config}, {modules-list} or a path", source);
	else if (source[0] == '/' || slash == NULL)
		rc = snprintf(path, sizeof path, "%s", source) < (int)sizeof path ? 0 : image_complain(line, "path too long", source);
	else if (snprintf(dir, sizeof dir, "%.*s", (int)(slash - s->list), s->list) >= (int)sizeof dir)
		rc = image_complain(line, "path too long", s->list);
	else
		rc = path_join(path, dir, source);
	if (rc == 0)
		rc = file_read(path, 0, IMAGE_MAX, out);
	if (rc != 0)
		(void)image_complain(line, "this file cannot be had", source);
	return rc;
}

static int
take_node(struct image *image, const struct image_line *line, uint32_t mode)
{
	struct image_entry *entry;
	uint64_t major_no, minor_no;

	if (strcmp(line->word[3], "c") != 0 && strcmp(line->word[3], "b") != 0)
		return image_complain(line, "no kind of device; allowed: c, b", line->word[3]);
	if (parse_number("major", line->word[4], 0, 4095, &major_no) != 0 ||
	    parse_number("minor", line->word[5], 0, 1048575, &minor_no) != 0)
		return image_complain(line, "no device number", line->word[1]);
	entry = image_add(image, line, line->word[1], mode | (line->word[3][0] == 'c' ? S_IFCHR : S_IFBLK));
	if (entry == NULL)
		return -EINVAL;
	entry->major = (uint32_t)major_no;
	entry->minor = (uint32_t)minor_no;
	return 0;
}

static int
take_line(struct image *image, const struct image_line *line, const char *modules_path)
{
	static const struct {
		const char *name;
		unsigned words;
	} forms[] = { { "dir", 3 }, { "file", 4 }, { "node", 6 }, { "modules", 4 } };
	struct image_entry *entry;
	uint32_t mode = 0;
	unsigned form = 0;

	while (form < 4 && strcmp(line->word[0], forms[form].name) != 0)
		form++;
	if (form == 4)
		return image_complain(line, "no entry begins so; allowed: dir, file, node, modules", line->word[0]);
	if (line->words != forms[form].words)
		return image_complain(line, "too many or too few words for an entry", line->word[0]);
	if (octal(line, line->word[2], &mode) != 0)
		return -EINVAL;
	if (form == 2)
		return take_node(image, line, mode);
	if (form == 3) {
		if (strcmp(line->word[3], "{modules}") != 0)
			return image_complain(line, "an entry of modules has the source {modules}, not", line->word[3]);
		return image_add_modules(image, line, line->word[1], mode);
	}
	entry = image_add(image, line, line->word[1], mode | (form == 0 ? S_IFDIR : S_IFREG));
	if (entry == NULL)
		return -EINVAL;
	if (form == 0)
		return 0;
	if (strcmp(line->word[3], "{modules-list}") == 0)
		return image_modules_list(line, modules_path, &entry->content);
	return read_source(line, line->word[3], &entry->content);
}

static int
split(struct image_line *line, char *text)
{
	char *save = NULL;

	line->words = 0;
	for (char *w = strtok_r(text, " \t", &save); w != NULL; w = strtok_r(NULL, " \t", &save)) {
		if (line->words == IMAGE_WORDS)
			return image_complain(line, "too many words", w);
		line->word[line->words++] = w;
	}
	return 0;
}

/* want_modules: only finds the line of the modules, for the text that names them may be wanted before it comes. */
static int
each_line(const struct image_sources *sources, const struct bytes *file, struct image *image, char modules_path[NEWC_NAME_MAX + 2])
{
	struct image_line line = { .sources = sources };
	char copy[2048];
	int rc = 0;

	for (const char *at = (const char *)file->data; *at != '\0' && rc == 0; at += *at == '\n') {
		size_t n = strcspn(at, "\n");

		line.number++;
		if (n >= sizeof copy)
			return refuse("%s:%u: longer than %zu bytes", sources->list, line.number, sizeof copy - 1);
		memcpy(copy, at, n);
		copy[n] = '\0';
		at += n;
		rc = copy[0] == '#' ? 0 : split(&line, copy);
		if (rc != 0 || copy[0] == '#' || line.words == 0)
			continue;
		if (image != NULL)
			rc = take_line(image, &line, modules_path);
		else if (strcmp(line.word[0], "modules") == 0 && line.words > 1) {
			if (modules_path[0] != '\0')
				rc = image_complain(&line, "there is one entry of modules already", line.word[1]);
			else if (!path_ok(line.word[1]))
				rc = image_complain(&line, "no path", line.word[1]);
			else
				memcpy(modules_path, line.word[1], strlen(line.word[1]) + 1);
		}
	}
	return rc;
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct image_entry *)a)->path, ((const struct image_entry *)b)->path);
}

/* Sorted, a parent comes before its children; the kernel makes no folder that is not listed, and says nothing. */
static int
check_tree(struct image *image, const char *list)
{
	struct image_entry *e = image->entry;

	qsort(e, image->count, sizeof *e, by_path);
	for (unsigned i = 0; i < image->count; i++) {
		const char *slash = strrchr(e[i].path, '/');
		size_t n = (size_t)(slash - e[i].path);
		unsigned parent = 0;

		if (i > 0 && strcmp(e[i - 1].path, e[i].path) == 0)
			return refuse("%s:%u: \"%s\" is there already, by line %u", list, e[i].line, e[i].path, e[i - 1].line);
		if (n == 0)
			continue;
		while (parent < i && (strlen(e[parent].path) != n || memcmp(e[parent].path, e[i].path, n) != 0 || !S_ISDIR(e[parent].mode)))
			parent++;
		if (parent == i)
			return refuse("%s:%u: \"%s\": its folder has no entry: dir %.*s 0755", list, e[i].line, e[i].path, (int)n,
			    e[i].path);
	}
	return image->count > 0 ? 0 : refuse("%s: no entry", list);
}

int
image_read(const struct image_sources *sources, struct image **out)
{
	char modules_path[NEWC_NAME_MAX + 2] = "";
	struct image *image = NULL;
	struct bytes file = { NULL, 0 };
	int rc;

	rc = file_read(sources->list, 1, LIST_FILE_MAX, &file);
	if (rc != 0)
		return rc;
	image = calloc(1, sizeof *image);
	if (image == NULL)
		rc = refuse_errno(ENOMEM, "%s", sources->list);
	else if (strlen((const char *)file.data) != file.len)
		rc = refuse("%s: has a NUL byte", sources->list);
	if (rc == 0)
		rc = each_line(sources, &file, NULL, modules_path);
	if (rc == 0)
		rc = each_line(sources, &file, image, modules_path);
	if (rc == 0)
		rc = check_tree(image, sources->list);
	bytes_free(&file);
	if (rc == 0)
		*out = image;
	else
		image_free(image);
	return rc;
}

void
image_free(struct image *image)
{
	if (image == NULL)
		return;
	for (unsigned i = 0; i < image->count; i++)
		bytes_free(&image->entry[i].content);
	free(image);
}
