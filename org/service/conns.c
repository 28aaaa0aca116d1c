/*
 * The table of connections: who holds how many, and until when.  On the organisation's side, before anything is authenticated.
 * Distrusts clients that are slow on purpose: a byte now and then prolongs nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "conns.h"

void
origin_of(const struct sockaddr *addr, struct origin *out)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memset(out, 0, sizeof *out);
	if (addr->sa_family == AF_INET) {
		memcpy(&v4, addr, sizeof v4);
		memcpy(out->bytes, &v4.sin_addr, 4);
		out->kind = 4;
	} else if (addr->sa_family == AF_INET6) {
		memcpy(&v6, addr, sizeof v6);
		out->kind = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) ? 4 : 6;
		memcpy(out->bytes, v6.sin6_addr.s6_addr + (out->kind == 4 ? 12 : 0), out->kind == 4 ? 4 : 8);
	}
}

int
origin_same(const struct origin *a, const struct origin *b)
{
	return a->kind == b->kind && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

int
conns_init(struct conns *conns, unsigned rows)
{
	struct conn *conn = calloc(rows, sizeof *conn);
	uint8_t *bodies = calloc(rows, BODY_MAX);	/* the kernel gives pages when they are used */

	if (conn == NULL || bodies == NULL) {
		free(conn);
		free(bodies);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < rows; i++)
		conn[i].fd = -1;
	*conns = (struct conns){ .conn = conn, .bodies = bodies, .rows = rows };
	return 0;
}

void
conns_free(struct conns *conns)
{
	free(conns->conn);
	free(conns->bodies);
	*conns = (struct conns){ .conn = NULL };
}

static void
address_text(const struct sockaddr *addr, char out[INET6_ADDRSTRLEN])
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	const char *text = NULL;

	if (addr->sa_family == AF_INET) {
		memcpy(&v4, addr, sizeof v4);
		text = inet_ntop(AF_INET, &v4.sin_addr, out, INET6_ADDRSTRLEN);
	} else if (addr->sa_family == AF_INET6) {
		memcpy(&v6, addr, sizeof v6);
		text = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) ? inet_ntop(AF_INET, v6.sin6_addr.s6_addr + 12, out, INET6_ADDRSTRLEN) :
		    inet_ntop(AF_INET6, &v6.sin6_addr, out, INET6_ADDRSTRLEN);
	}
	if (text == NULL)
		memcpy(out, "proxy", sizeof "proxy");
}

struct conn *
conns_begin(struct conns *conns, int fd, const struct sockaddr *addr, uint64_t due_ms)
{
	for (unsigned i = 0; i < conns->rows; i++) {
		struct conn *conn = &conns->conn[i];

		if (conn->fd >= 0)
			continue;
		memset(conn, 0, sizeof *conn);
		conn->fd = fd;
		conn->body = conns->bodies + (size_t)i * BODY_MAX;
		conn->due_ms = due_ms;
		origin_of(addr, &conn->origin);
		address_text(addr, conn->address);
		conns->used++;
		return conn;
	}
	return NULL;
}

void
conns_end(struct conns *conns, struct conn *conn)
{
	conns_wipe(conn);
	conn->fd = -1;
	conns->used--;
}

int
conns_take(struct conn *conn, const void *data, size_t len_bytes)
{
	if (len_bytes > conn->body_want - conn->body_bytes)
		return -EMSGSIZE;
	memcpy(conn->body + conn->body_bytes, data, len_bytes);
	conn->body_bytes += len_bytes;
	return 0;
}

void
conns_wipe(struct conn *conn)
{
	sodium_memzero(conn->body, conn->body_bytes);
	conn->body_bytes = conn->body_want = 0;
}

unsigned
conns_of(const struct conns *conns, const struct origin *origin)
{
	unsigned n = 0;

	for (unsigned i = 0; i < conns->rows; i++)
		n += conns->conn[i].fd >= 0 && origin_same(&conns->conn[i].origin, origin);
	return n;
}

int
conns_wait(const struct conns *conns, uint64_t now_ms)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < conns->rows; i++)
		if (conns->conn[i].fd >= 0 && conns->conn[i].due_ms < least)
			least = conns->conn[i].due_ms;
	if (least == UINT64_MAX)
		return -1;
	if (least <= now_ms)
		return 0;
	return least - now_ms > INT_MAX ? INT_MAX : (int)(least - now_ms);
}

unsigned
conns_cut(struct conns *conns, uint64_t now_ms, int idle_too)
{
	unsigned n = 0;

	for (unsigned i = 0; i < conns->rows; i++) {
		struct conn *conn = &conns->conn[i];

		if (conn->fd < 0 || (conn->due_ms > now_ms && !(idle_too && !conn->answering)))
			continue;
		(void)shutdown(conn->fd, SHUT_RDWR);	/* gone already: just as well */
		conn->due_ms = UINT64_MAX;		/* once; the owner ends it as soon as it sees that */
		n++;
	}
	return n;
}

void
conns_text(char *out, size_t cap_bytes, const char *text)
{
	size_t n = 0;

	for (; text[n] != '\0' && n + 1 < cap_bytes; n++)
		out[n] = (char)(text[n] > ' ' && text[n] <= '~' ? text[n] : '?');
	out[n] = '\0';
}
