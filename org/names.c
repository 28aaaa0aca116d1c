/*
 * Which file an entry's name means once the entries before it are unpacked: symbolic links in the way are followed as the kernel
 * would.  On the operator's side.  Distrusts names that look harmless and lead to the key.
 */
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "unpack.h"

/* Only folders and links are remembered; a link that is replaced has target NULL. */
struct node {
	char *target;
	int is_dir;
	char path[];
};

struct names {
	void *tree;
};

struct walk {
	char path[UNPACK_NAME_MAX];		/* from the root, without the first '/' */
	char rest[3 * UNPACK_NAME_MAX];		/* what is still to be walked */
	unsigned links;
};

static int
compare(const void *a, const void *b)
{
	return strcmp(((const struct node *)a)->path, ((const struct node *)b)->path);
}

static void
free_node(void *node)
{
	free(((struct node *)node)->target);
	free(node);
}

struct names *
names_new(void)
{
	return calloc(1, sizeof(struct names));
}

void
names_free(struct names *names)
{
	tdestroy(names->tree, free_node);
	free(names);
}

/* The node of a path, made if asked for. */
static struct node *
find(struct names *names, const char *path, int make)
{
	size_t n = strlen(path) + 1;
	struct node *key = malloc(sizeof *key + n);
	struct node **found;

	if (key == NULL)
		return NULL;
	memcpy(key->path, path, n);
	key->target = NULL;
	key->is_dir = 0;
	found = make ? tsearch(key, &names->tree, compare) : tfind(key, &names->tree, compare);
	if (found == NULL || *found != key) {
		free(key);
		return found == NULL ? NULL : *found;
	}
	return key;
}

static void
pop(char *path)
{
	char *slash = strrchr(path, '/');

	*(slash != NULL ? slash : path) = '\0';
}

/* The link at walk->path, which ends in a component of the way: its target takes its place before the rest. */
static const char *
follow(struct walk *walk, const char *target)
{
	char rest[sizeof walk->rest];
	int n;

	if (++walk->links > UNPACK_LINKS_MAX)
		return "more than 40 symbolic links in its way";
	n = snprintf(rest, sizeof rest, "%s/%s", target, walk->rest);
	if (n < 0 || (size_t)n >= sizeof rest)
		return "symbolic links make its name too long";
	memcpy(walk->rest, rest, (size_t)n + 1);
	if (target[0] == '/')
		walk->path[0] = '\0';
	else
		pop(walk->path);
	return NULL;
}

/* Takes the next component off walk->rest and puts it on walk->path.  *done: there is none. */
static const char *
step(struct walk *walk, int *done)
{
	char *rest = walk->rest;
	size_t skip = strspn(rest, "/"), n = strcspn(rest + skip, "/"), have = strlen(walk->path);
	const char *part = rest + skip;

	*done = n == 0;
	if (n == 2 && part[0] == '.' && part[1] == '.')
		pop(walk->path);
	else if (n > 0 && !(n == 1 && part[0] == '.')) {
		if (have + 1 + n + 1 > sizeof walk->path)
			return "symbolic links make its name too long";
		if (have > 0)
			walk->path[have++] = '/';
		memcpy(walk->path + have, part, n);
		walk->path[have + n] = '\0';
	}
	memmove(rest, part + n, strlen(part + n) + 1);
	return NULL;
}

/* 1: nothing but "/" and "." follows. */
static int
is_last(const char *rest)
{
	while (rest[0] == '/' || (rest[0] == '.' && (rest[1] == '/' || rest[1] == '\0')))
		rest++;
	return rest[0] == '\0';
}

/* Leaves in walk->path where the name leads to; a link as its last component is not followed: the kernel replaces it. */
static const char *
resolve(struct names *names, const char *name, struct walk *walk)
{
	const char *why = NULL;
	int done = 0;

	memset(walk, 0, sizeof *walk);
	memcpy(walk->rest, name, strlen(name) + 1);	/* at most UNPACK_NAME_MAX with the NUL */
	for (;;) {
		const struct node *node;

		why = step(walk, &done);
		if (why != NULL || done || is_last(walk->rest))
			return why;
		node = walk->path[0] != '\0' ? find(names, walk->path, 0) : NULL;	/* the root is no link, whatever an entry says */
		if (node != NULL && node->target != NULL)
			why = follow(walk, node->target);
		if (why != NULL)
			return why;
	}
}

static int
has_dotdot(const char *name)
{
	for (const char *p = name; (p = strstr(p, "..")) != NULL; p += 2)
		if ((p == name || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
			return 1;
	return 0;
}

/* path is ours, or lies beneath what is ours. */
static int
is_at(const char *path, const char *ours)
{
	size_t n = strlen(ours);

	return strncmp(path, ours, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static const char *
forbidden(const char *path, uint32_t mode)
{
	if (is_at(path, "luks.key") || is_at(path, "luks.key.prev"))
		return "leads to the place where sallyport puts the disk key";
	if (is_at(path, "sallyport/report"))
		return "leads to the place where sallyport puts its report";
	if (strcmp(path, "sallyport") == 0 && !S_ISDIR(mode))
		return "takes the place of sallyport's folder";
	return NULL;
}

const char *
names_add(struct names *names, const char *name, uint32_t mode, const char *target)
{
	const char *why;
	struct walk walk;
	struct node *node;

	if (has_dotdot(name))
		return "has \"..\" in its name";
	why = resolve(names, name, &walk);
	if (why == NULL)
		why = forbidden(walk.path, mode);
	if (why != NULL)
		return why;
	node = find(names, walk.path, S_ISDIR(mode) || S_ISLNK(mode));
	if (node == NULL)
		return S_ISDIR(mode) || S_ISLNK(mode) ? "not enough memory" : NULL;
	/* the kernel could not put the link there, and goes on without it */
	if (S_ISLNK(mode) && node->is_dir)
		return "a symbolic link in the place of a folder";
	free(node->target);
	node->target = NULL;
	node->is_dir = S_ISDIR(mode);
	if (S_ISLNK(mode) && (node->target = strdup(target)) == NULL)
		return "not enough memory";
	return NULL;
}
