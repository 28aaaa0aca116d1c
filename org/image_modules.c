/*
 * The kernel modules of an image: files in load order -> entries, and the text that init reads.  On the operator's side.
 * Distrusts the order file: a path that leaves its folder, or two modules of one name, refuse.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image.h"

/* The next line of *at, without its LF, into name; 0: there is none. */
static int
next_module(const char **at, char *name, size_t cap_bytes)
{
	size_t n;

	*at += strspn(*at, "\n");
	n = strcspn(*at, "\n");
	if (n == 0 || n >= cap_bytes)
		return n == 0 ? 0 : -EINVAL;
	memcpy(name, *at, n);
	name[n] = '\0';
	*at += n;
	return 1;
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static int
read_order(const struct image_line *line, struct bytes *out)
{
	const struct image_sources *s = line->sources;
	int rc;

	if (s->modules_order == NULL || s->modules_dir == NULL)
		return image_complain(line, "wants --modules-dir and --modules", line->word[0]);
	rc = file_read(s->modules_order, 0, LIST_FILE_MAX, out);
	if (rc == 0 && (strlen((const char *)out->data) != out->len || (out->len > 0 && out->data[out->len - 1] != '\n'))) {
		bytes_free(out);
		rc = refuse("%s: no text of lines", s->modules_order);
	}
	return rc;
}

static int
add_module(struct image *image, const struct image_line *line, const char *folder, uint32_t mode, const char *module)
{
	char path[NEWC_NAME_MAX + 2], source[PATH_BYTES];
	struct image_entry *entry;

	if (snprintf(path, sizeof path, "%s/%s", folder, base_name(module)) >= (int)sizeof path)
		return image_complain(line, "the module's path is too long", module);
	if (path_join(source, line->sources->modules_dir, module) != 0)
		return -EINVAL;
	entry = image_add(image, line, path, mode | S_IFREG);
	return entry == NULL ? -EINVAL : file_read(source, 1, IMAGE_MAX, &entry->content);
}

int
image_add_modules(struct image *image, const struct image_line *line, const char *path, uint32_t mode)
{
	struct bytes order = { NULL, 0 };
	char module[1024];
	const char *at;
	int more, rc;

	rc = read_order(line, &order);
	if (rc != 0)
		return rc;
	at = (const char *)order.data;
	while (rc == 0 && (more = next_module(&at, module, sizeof module)) != 0) {
		if (more < 0 || module[0] == '/' || strstr(module, "..") != NULL)
			rc = refuse("%s: a line is no path inside of --modules-dir", line->sources->modules_order);
		else
			rc = add_module(image, line, path, mode, module);
	}
	bytes_free(&order);
	return rc;
}

int
image_modules_list(const struct image_line *line, const char *path, struct bytes *out)
{
	struct bytes order = { NULL, 0 }, text = { NULL, 0 };
	char module[1024];
	const char *at;
	size_t lines = 1;
	int rc;

	if (path[0] == '\0')
		return image_complain(line, "wants an entry of modules in the list", "{modules-list}");
	rc = read_order(line, &order);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < order.len; i++)
		lines += order.data[i] == '\n';
	text.data = malloc(order.len + lines * (strlen(path) + 2) + 1);
	if (text.data == NULL)
		rc = refuse_errno(ENOMEM, "%s", line->sources->modules_order);
	at = (const char *)order.data;
	/* a line too long has been refused, or will be, with the modules themselves */
	while (rc == 0 && next_module(&at, module, sizeof module) > 0)
		text.len += (size_t)sprintf((char *)text.data + text.len, "%s/%s\n", path, base_name(module));	/* measured above */
	bytes_free(&order);
	if (rc == 0)
		*out = text;
	return rc;
}
