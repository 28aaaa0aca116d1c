/*
 * A request's head: is there a body, and how long is it?  On the organisation's side, before anything is authenticated.
 * Distrusts every field: where two lengths are sent, or one that can be read in two ways, a proxy before us may believe the other, and
 * what is a body to us is the next client's request to it.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "serve.h"

struct found {
	unsigned lengths, others;	/* others: what no request of ours has */
	size_t bytes;
	int large;
};

/* tchar of RFC 9110, 5.6.2.  A proxy may take "Content-Length :" for the field, and we for another one. */
static int
is_token(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && (name[i] == '\0' || strchr("!#$%&'*+-.^_`|~", name[i]) == NULL))
			return 0;
	return len > 0;
}

static int
is_text(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)value[i] == 0x7f || ((unsigned char)value[i] < ' ' && value[i] != '\t'))
			return 0;
	return 1;
}

/* 1*DIGIT and nothing else: no sign, no list. */
static void
take_length(struct found *found, const char *value)
{
	size_t bytes = 0;

	found->lengths++;
	if (value == NULL || value[0] == '\0' || value[strspn(value, "0123456789")] != '\0') {
		found->others++;
		return;
	}
	for (; *value != '\0' && bytes <= BODY_MAX; value++)
		bytes = bytes * 10 + (size_t)(*value - '0');
	found->bytes = bytes;
	found->large = bytes > BODY_MAX;
}

static enum MHD_Result
look(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_bytes, const char *value, size_t value_bytes)
{
	struct found *found = arg;

	(void)kind;
	if (!is_token(name, name_bytes) || (value != NULL && !is_text(value, value_bytes)) || strcasecmp(name, "Transfer-Encoding") == 0)
		found->others++;
	if (strcasecmp(name, "Content-Length") == 0)
		take_length(found, value);
	return MHD_YES;
}

unsigned
head_judge(struct MHD_Connection *connection, const struct target *target, const char *method, size_t *body_bytes)
{
	const int post = target_posted(target) && strcmp(method, "POST") == 0;
	struct found found = { .lengths = 0 };

	if (target->kind == TARGET_malformed)
		return MHD_HTTP_BAD_REQUEST;
	if (target->kind == TARGET_long)
		return MHD_HTTP_URI_TOO_LONG;
	(void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, look, &found);	/* their number */
	if (found.others > 0 || found.lengths > 1 || (!post && (found.bytes > 0 || found.large)))
		return MHD_HTTP_BAD_REQUEST;
	if (post && found.lengths == 0)
		return MHD_HTTP_LENGTH_REQUIRED;
	if (found.large)
		return MHD_HTTP_CONTENT_TOO_LARGE;
	*body_bytes = found.bytes;
	return 0;
}

const char *
head_text(unsigned status)
{
	switch (status) {
	case MHD_HTTP_URI_TOO_LONG: return "the path is too long\n";
	case MHD_HTTP_LENGTH_REQUIRED: return "this wants a body, of a stated length\n";
	case MHD_HTTP_CONTENT_TOO_LARGE: return "the body is too long\n";
	default: return "not a path, or a body where none belongs, or one of no certain length\n";
	}
}
