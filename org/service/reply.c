/*
 * The bytes of an answer: a line, or a document and its signature by the org key.  On the organisation's side.
 * Distrusts nothing: what is in it was judged before.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "serve.h"

enum MHD_Result
reply_queue(const struct server *server, struct conn *conn, struct MHD_Connection *connection, unsigned status, uint64_t bytes,
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

struct MHD_Response *
reply_text(const char *text, size_t len_bytes)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(len_bytes, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);

	if (response != NULL && (MHD_add_response_header(response, "Content-Type", "text/plain; charset=us-ascii") != MHD_YES ||
	    MHD_add_response_header(response, "Cache-Control", "no-store") != MHD_YES)) {
		MHD_destroy_response(response);
		return NULL;
	}
	return response;
}

void
reply_line(struct reply *reply, unsigned status, const char *line)
{
	size_t n = strnlen(line, sizeof reply->text);

	reply->status = status;
	reply->later = 0;
	reply->bytes = n;
	reply->document_bytes = 0;
	memcpy(reply->text, line, n);
}

void
reply_later(struct reply *reply, unsigned status, const char *line)
{
	reply_line(reply, status, line);
	reply->later = 1;
}

int
reply_signed(const struct server *server, struct reply *reply, enum doc_kind kind, const char *name, const void *doc, uint64_t time)
{
	char comment[MINISIG_COMMENT_MAX];
	long n, m;

	n = doc_write(kind, doc, reply->text, sizeof reply->text);
	if (n < 0)
		return (int)n;
	(void)snprintf(comment, sizeof comment, "timestamp:%" PRIu64 " file:%s", time, name);	/* fits */
	m = key_sign(&server->org_key, reply->text, (size_t)n, comment, reply->text + n, sizeof reply->text - (size_t)n);
	if (m < 0)
		return (int)m;
	reply->status = MHD_HTTP_OK;
	reply->later = 0;
	reply->document_bytes = (size_t)n;
	reply->bytes = (size_t)(n + m);
	return 0;
}

enum MHD_Result
reply_send(const struct server *server, struct conn *conn, struct MHD_Connection *connection, const struct reply *reply)
{
	struct MHD_Response *response = reply_text(reply->text, reply->bytes);
	char seconds[8];

	(void)snprintf(seconds, sizeof seconds, "%d", RETRY_S);
	if (response != NULL && reply->later && MHD_add_response_header(response, "Retry-After", seconds) != MHD_YES) {
		MHD_destroy_response(response);
		return MHD_NO;
	}
	conn->bytes = reply->bytes;
	return reply_queue(server, conn, connection, reply->status, reply->bytes, response);
}
