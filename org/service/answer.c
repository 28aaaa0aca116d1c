/*
 * What the service answers: challenges, files of generations, and short refusals; ticket.c and enrol.c answer nodes.  On the organisation's side.
 * Distrusts the request; names of files come from the store's own tables, and a file that is not as the store knows it is not served.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* A refusal: one line. */
static enum MHD_Result
refuse_request(const struct server *server, struct conn *conn, struct MHD_Connection *connection, unsigned status, const char *line)
{
	struct reply reply;

	reply_line(&reply, status, line);
	return reply_send(server, conn, connection, &reply);
}

/* And one header field. */
static enum MHD_Result
refuse_with(const struct server *server, struct conn *conn, struct MHD_Connection *connection, unsigned status, const char *line,
    const char *name, const char *value)
{
	struct MHD_Response *response = reply_text(line, strlen(line));

	if (response != NULL && MHD_add_response_header(response, name, value) != MHD_YES) {
		MHD_destroy_response(response);
		return MHD_NO;
	}
	conn->bytes = strlen(line);
	return reply_queue(server, conn, connection, status, strlen(line), response);
}

/* --- /v1/challenge --------------------------------------------------------------------------------------------------------------- */

/* Not recorded: whoever asks could make the log grow.  The request that brings it back is. */
static enum MHD_Result
give_challenge(const struct server *server, struct conn *conn, struct MHD_Connection *connection)
{
	struct doc_challenge doc = { .time = (uint64_t)time(NULL), .seconds = server->challenge_s };
	struct reply reply;

	challenges_issue(&server->challenges, server_now_ms(), doc.challenge);
	if (reply_signed(server, &reply, DOC_challenge, "challenge", &doc, doc.time) != 0)
		reply_later(&reply, MHD_HTTP_SERVICE_UNAVAILABLE, "no challenge could be made\n");
	return reply_send(server, conn, connection, &reply);
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
/* A 304 has no content: nobody asks for it. */
static ssize_t
read_nothing(void *arg, uint64_t at, char *buf, size_t max)
{
	(void)arg;
	(void)at;
	(void)buf;
	(void)max;
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

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
		response = MHD_create_response_from_callback(size, BLOCK, read_nothing, NULL, NULL);	/* with the length that a 200 has */
		if (response != NULL && !add_headers(response, part, etag, NULL)) {
			MHD_destroy_response(response);
			response = NULL;
		}
		return reply_queue(server, conn, connection, MHD_HTTP_NOT_MODIFIED, 0, response);
	}
	if (!head && (if_range == NULL || etag_is(if_range, etag)))
		kind = range_parse(field(connection, "Range"), size, &range);
	if (kind == RANGE_none) {
		(void)snprintf(content_range, sizeof content_range, "bytes */%" PRIu64, size);
		return refuse_with(server, conn, connection, MHD_HTTP_RANGE_NOT_SATISFIABLE, "the file is shorter than that\n", "Content-Range",
		    content_range);
	}
	fd = open_part(server, g, part);
	if (fd < 0) {
		fprintf(stderr, "generations: %s: %s is not the file that was added\n", conn->target, gen_names[part]);
		return refuse_request(server, conn, connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "the file is damaged here\n");
	}
	(void)snprintf(content_range, sizeof content_range, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range.first, range.first + range.bytes - 1,
	    size);
	response = file_response(conn, fd, &range);
	if (response != NULL && !add_headers(response, part, etag, kind == RANGE_part ? content_range : NULL)) {
		MHD_destroy_response(response);
		response = NULL;
	}
	return reply_queue(server, conn, connection, kind == RANGE_part ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, range.bytes, response);
}

/* --- every request --------------------------------------------------------------------------------------------------------------- */

static enum MHD_Result
give_file(const struct server *server, struct conn *conn, struct MHD_Connection *connection, int head)
{
	struct store_generation g;
	struct reply reply;
	int rc = store_find(server->store, conn->wanted.id, &g);

	if (rc == -ENOENT || (rc == 0 && g.withdrawn != 0))
		return refuse_request(server, conn, connection, MHD_HTTP_NOT_FOUND, "no such generation is served\n");
	if (rc == 0)
		return give_part(server, conn, connection, &g, conn->wanted.part, head);
	reply_later(&reply, MHD_HTTP_SERVICE_UNAVAILABLE, "the store does not answer\n");
	return reply_send(server, conn, connection, &reply);
}

static enum MHD_Result
take_post(struct server *server, struct conn *conn, struct MHD_Connection *connection)
{
	struct reply reply;

	if (conn->wanted.kind == TARGET_request)
		answer_request(server, conn, &reply);
	else if (conn->wanted.kind == TARGET_enrol)
		answer_enrol(server, conn, &reply);
	else
		answer_proof(server, conn, &reply);
	if (reply.document_bytes == 0)		/* the node prints a status at most: who reads this one can do something about it */
		fprintf(stderr, "%s from %s: %.*s", conn->target, conn->address, (int)reply.bytes, reply.text);
	return reply_send(server, conn, connection, &reply);
}

enum MHD_Result
answer(struct server *server, struct conn *conn, struct MHD_Connection *connection, const char *method, unsigned status)
{
	const int get = strcmp(method, "GET") == 0, head = strcmp(method, "HEAD") == 0, post = target_posted(&conn->wanted);
	const int part = conn->wanted.kind == TARGET_part;

	if (status != 0)
		return refuse_request(server, conn, connection, status, head_text(status));
	if (conn->wanted.kind == TARGET_none)
		return refuse_request(server, conn, connection, MHD_HTTP_NOT_FOUND, "there is nothing here\n");
	if (post ? strcmp(method, "POST") != 0 : !get && !(head && part))
		return refuse_with(server, conn, connection, MHD_HTTP_METHOD_NOT_ALLOWED, "this method is not for this path\n", "Allow",
		    post ? "POST" : part ? "GET, HEAD" : "GET");
	if (post)
		return take_post(server, conn, connection);
	return part ? give_file(server, conn, connection, head) : give_challenge(server, conn, connection);
}
