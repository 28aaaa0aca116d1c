/*
 * What the service answers: challenges, files of generations, and short refusals.  On the organisation's side.
 * Distrusts the request; names of files come from the store's own tables, and a file that is not as the store knows it is not served.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "request.h"
#include "serve.h"

struct file {
	struct conn *conn;
	uint64_t first;
	int fd;
};

static enum MHD_Result
finish(const struct server *server, struct conn *conn, struct MHD_Connection *connection, unsigned status, uint64_t bytes,
    struct MHD_Response *response)
{
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO;
	conn->status = status;
	conn->answering = 1;
	if (conn->due_ms != UINT64_MAX)
		conn->due_ms = server_now_ms() + server->patience_ms + bytes / RATE;
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static struct MHD_Response *
text_response(const char *text, size_t len)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(len, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);

	if (response != NULL && (MHD_add_response_header(response, "Content-Type", "text/plain; charset=us-ascii") != MHD_YES ||
	    MHD_add_response_header(response, "Cache-Control", "no-store") != MHD_YES)) {
		MHD_destroy_response(response);
		return NULL;
	}
	return response;
}

/* A refusal: one line, and one header field where name is not NULL. */
static enum MHD_Result
refuse_request(const struct server *server, struct conn *conn, struct MHD_Connection *connection, unsigned status, const char *line,
    const char *name, const char *value)
{
	struct MHD_Response *response = text_response(line, strlen(line));

	if (response != NULL && name != NULL && MHD_add_response_header(response, name, value) != MHD_YES) {
		MHD_destroy_response(response);
		return MHD_NO;
	}
	conn->bytes = strlen(line);
	return finish(server, conn, connection, status, strlen(line), response);
}

static enum MHD_Result
try_later(const struct server *server, struct conn *conn, struct MHD_Connection *connection, unsigned status, const char *line)
{
	char seconds[8];

	(void)snprintf(seconds, sizeof seconds, "%d", RETRY_S);
	return refuse_request(server, conn, connection, status, line, "Retry-After", seconds);
}

/* --- /v1/challenge --------------------------------------------------------------------------------------------------------------- */

/* Document and signature, one behind the other.  Its length, or a negative errno. */
static long
write_challenge(const struct server *server, char *out, size_t cap_bytes)
{
	struct doc_challenge doc = { .time = (uint64_t)time(NULL), .seconds = server->challenge_s };
	char comment[MINISIG_COMMENT_MAX];
	long n, m;

	challenges_issue(&server->challenges, server_now_ms(), doc.challenge);
	n = doc_write(DOC_challenge, &doc, out, cap_bytes);
	if (n < 0)
		return n;
	(void)snprintf(comment, sizeof comment, "timestamp:%" PRIu64 " file:challenge", doc.time);	/* fits */
	m = key_sign(&server->org_key, out, (size_t)n, comment, out + n, cap_bytes - (size_t)n);
	return m < 0 ? m : n + m;
}

/* Not recorded: whoever asks could make the log grow.  The request that brings it back is. */
static enum MHD_Result
give_challenge(const struct server *server, struct conn *conn, struct MHD_Connection *connection)
{
	char text[2048];
	long n = write_challenge(server, text, sizeof text);

	if (n < 0)
		return try_later(server, conn, connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no challenge could be made\n");
	conn->bytes = (uint64_t)n;
	return finish(server, conn, connection, MHD_HTTP_OK, (uint64_t)n, text_response(text, (size_t)n));
}

/* --- /v1/generation/ID/PART ------------------------------------------------------------------------------------------------------ */

/* Beneath the folder, by names of ours, through no link; as large as the store says. */
static int
open_part(const struct server *server, const struct store_generation *g, enum part part)
{
	char hex[ID_TEXT + 1];
	struct stat st;
	int dir, fd;

	dir = openat(server->generations, hex_text(g->id, sizeof g->id, hex), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return -1;
	fd = openat(dir, gen_names[part], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	(void)close(dir);
	if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != g->part[part].bytes)) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static ssize_t
read_file(void *arg, uint64_t at, char *out, size_t cap_bytes)
{
	const struct file *file = arg;
	ssize_t n = pread(file->fd, out, cap_bytes, (off_t)(file->first + at));

	if (n <= 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;	/* shorter than announced: the connection is cut */
	file->conn->bytes = at + (uint64_t)n;
	return n;
}

static void
close_file(void *arg)
{
	struct file *file = arg;

	(void)close(file->fd);
	free(file);
}

/* takes fd */
static struct MHD_Response *
file_response(struct conn *conn, int fd, const struct range *range)
{
	struct MHD_Response *response = NULL;
	struct file *file = malloc(sizeof *file);

	if (file != NULL) {
		*file = (struct file){ conn, range->first, fd };
		response = MHD_create_response_from_callback(range->bytes, BLOCK, read_file, file, close_file);
	}
	if (response == NULL) {
		free(file);
		(void)close(fd);
	}
	return response;
}

static int
add_headers(struct MHD_Response *response, enum part part, const char *etag, const char *content_range)
{
	const char *type = part == PART_kernel || part == PART_initramfs ? "application/octet-stream" : "text/plain; charset=us-ascii";

	/* no-cache: a cache asks again before each use, so that what was withdrawn is gone there too */
	return MHD_add_response_header(response, "Content-Type", type) == MHD_YES &&
	    MHD_add_response_header(response, "ETag", etag) == MHD_YES &&
	    MHD_add_response_header(response, "Accept-Ranges", "bytes") == MHD_YES &&
	    MHD_add_response_header(response, "Cache-Control", "no-cache") == MHD_YES &&
	    (content_range == NULL || MHD_add_response_header(response, "Content-Range", content_range) == MHD_YES);
}

static const char *
field(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static enum MHD_Result
give_part(const struct server *server, struct conn *conn, struct MHD_Connection *connection, const struct store_generation *g,
    enum part part, int head)
{
	char etag[ETAG_TEXT + 1], content_range[80];
	const uint64_t size = g->part[part].bytes;
	const char *if_range = field(connection, "If-Range");
	struct range range = { 0, size };
	enum range_kind kind = RANGE_whole;
	struct MHD_Response *response;
	int fd;

	etag_write(g->part[part].blake2b, etag);
	if (etag_listed(field(connection, "If-None-Match"), etag)) {
		response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
		if (response != NULL && !add_headers(response, part, etag, NULL)) {
			MHD_destroy_response(response);
			response = NULL;
		}
		return finish(server, conn, connection, MHD_HTTP_NOT_MODIFIED, 0, response);
	}
	if (!head && (if_range == NULL || etag_is(if_range, etag)))
		kind = range_parse(field(connection, "Range"), size, &range);
	if (kind == RANGE_none) {
		(void)snprintf(content_range, sizeof content_range, "bytes */%" PRIu64, size);
		return refuse_request(server, conn, connection, MHD_HTTP_RANGE_NOT_SATISFIABLE, "the file is shorter than that\n",
		    "Content-Range", content_range);
	}
	fd = open_part(server, g, part);
	if (fd < 0) {
		fprintf(stderr, "generations: %s: %s is not the file that was added\n", conn->target, gen_names[part]);
		return refuse_request(server, conn, connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "the file is damaged here\n", NULL, NULL);
	}
	(void)snprintf(content_range, sizeof content_range, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range.first, range.first + range.bytes - 1,
	    size);
	response = file_response(conn, fd, &range);
	if (response != NULL && !add_headers(response, part, etag, kind == RANGE_part ? content_range : NULL)) {
		MHD_destroy_response(response);
		response = NULL;
	}
	return finish(server, conn, connection, kind == RANGE_part ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, range.bytes, response);
}

/* --- every request --------------------------------------------------------------------------------------------------------------- */

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

/* Every field is looked at: where two lengths are sent, or one that can be read in two ways, a proxy before us may believe the other. */
static enum MHD_Result
look_for_body(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_bytes, const char *value, size_t value_bytes)
{
	int *found = arg;

	(void)kind;
	if (!is_token(name, name_bytes) || (value != NULL && !is_text(value, value_bytes)) || strcasecmp(name, "Transfer-Encoding") == 0 ||
	    (strcasecmp(name, "Content-Length") == 0 && (value == NULL || strcmp(value, "0") != 0)))
		*found = 1;
	return MHD_YES;
}

static int
has_body(struct MHD_Connection *connection)
{
	int found = 0;

	(void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, look_for_body, &found);	/* their number */
	return found;
}

int
answer_at_once(const struct conn *conn, struct MHD_Connection *connection)
{
	return conn->wanted.kind == TARGET_malformed || conn->wanted.kind == TARGET_long || has_body(connection);
}

enum MHD_Result
answer(struct server *server, struct conn *conn, struct MHD_Connection *connection, const char *method)
{
	int get = strcmp(method, "GET") == 0, head = strcmp(method, "HEAD") == 0, rc;
	const struct target *target = &conn->wanted;
	struct store_generation g;

	if (target->kind == TARGET_malformed)
		return refuse_request(server, conn, connection, MHD_HTTP_BAD_REQUEST, "not a path\n", NULL, NULL);
	if (target->kind == TARGET_long)
		return refuse_request(server, conn, connection, MHD_HTTP_URI_TOO_LONG, "the path is too long\n", NULL, NULL);
	if (has_body(connection))
		return refuse_request(server, conn, connection, MHD_HTTP_BAD_REQUEST, "no request here has a body\n", NULL, NULL);
	if (target->kind == TARGET_none)
		return refuse_request(server, conn, connection, MHD_HTTP_NOT_FOUND, "there is nothing here\n", NULL, NULL);
	if (!get && !(head && target->kind == TARGET_part))
		return refuse_request(server, conn, connection, MHD_HTTP_METHOD_NOT_ALLOWED, "this method is not for this path\n", "Allow",
		    target->kind == TARGET_part ? "GET, HEAD" : "GET");
	if (target->kind == TARGET_challenge)
		return give_challenge(server, conn, connection);
	rc = store_find(server->store, target->id, &g);
	if (rc == -ENOENT || (rc == 0 && g.withdrawn != 0))
		return refuse_request(server, conn, connection, MHD_HTTP_NOT_FOUND, "no such generation is served\n", NULL, NULL);
	if (rc != 0)
		return try_later(server, conn, connection, MHD_HTTP_SERVICE_UNAVAILABLE, "the store does not answer\n");
	return give_part(server, conn, connection, &g, target->part, head);
}
