/*
 * HTTP by libmicrohttpd, in one thread: connections, their time, the log line of each request, the end.  On the organisation's side;
 * everything that comes in here is hostile.  A head is bounded by CONN_MEMORY, a body by BODY_MAX; a connection that is not done in
 * its time is cut, however many bytes it sends meanwhile.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "serve.h"

/* TLS 1.3 and nothing else; no tickets: a node comes once a boot. */
static const char tls_rules[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:%NO_TICKETS";

uint64_t
server_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);	/* always there */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t
server_steady_s(const struct server *server)
{
	return server->began_s + (server_now_ms() - server->began_ms) / 1000;
}

static struct conn *
conn_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

/* The one line per request; of a connection that never made one, too. */
static void
say(struct conn *conn)
{
	static uint64_t lost;
	const char *method = conn->method[0] != '\0' ? conn->method : "-", *target = conn->target[0] != '\0' ? conn->target : "-";
	uint64_t ms = conn->since_ms != 0 ? server_now_ms() - conn->since_ms : 0;

	if (conn->said)
		return;
	conn->said = 1;
	if (lost > 0 && fprintf(stderr, "%" PRIu64 " lines were lost: nobody read them\n", lost) > 0)
		lost = 0;
	if (fprintf(stderr, "%s %s %u %" PRIu64 " %" PRIu64 " %s\n", method, target, conn->status, conn->bytes, ms, conn->address) < 0)
		lost++;		/* loosen_stderr() */
}

static enum MHD_Result
on_accept(void *arg, const struct sockaddr *addr, socklen_t len)
{
	const struct server *server = arg;
	struct origin origin;

	(void)len;
	origin_of(addr, &origin);
	if (server->conns.used >= server->conns.rows)
		return MHD_NO;
	return origin.kind == 0 || conns_of(&server->conns, &origin) < server->per_origin ? MHD_YES : MHD_NO;
}

static void
on_connection(void *arg, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code)
{
	struct server *server = arg;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		const union MHD_ConnectionInfo *addr = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

		*context = fd != NULL && addr != NULL ? conns_begin(&server->conns, fd->connect_fd, addr->client_addr,
		    server_now_ms() + server->patience_ms) : NULL;
	} else if (*context != NULL) {
		say(*context);
		conns_end(&server->conns, *context);
		*context = NULL;
	}
}

/* The request line is there: the target as it came, before anything decodes it. */
static void *
on_target(void *arg, const char *target, struct MHD_Connection *connection)
{
	struct conn *conn = conn_of(connection);

	(void)arg;
	if (conn == NULL)
		return NULL;
	conn->since_ms = server_now_ms();
	conn->said = 0;
	conn->status = 0;
	conn->bytes = 0;
	conn->headed = 0;
	conn->method[0] = '\0';
	conns_text(conn->target, sizeof conn->target, target);
	target_parse(target, &conn->wanted);	/* now: libmicrohttpd ends it at a '?' afterwards */
	return conn;	/* due_ms stays: the rest of the head, and the body, have no more time than its beginning */
}

/*
 * Called with the head, again with what there is of a body, and at the end.  An answer that is queued at the first call closes the
 * connection, unread body and all: for requests that have one.  The others keep it open for the next.
 */
static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *data,
    size_t *data_bytes, void **context)
{
	struct conn *conn = *context;

	unsigned status;

	(void)url;
	(void)version;
	if (conn == NULL)
		return MHD_NO;
	if (!conn->headed) {
		conn->headed = 1;
		conns_text(conn->method, sizeof conn->method, method);
		status = head_judge(connection, &conn->wanted, method, &conn->body_want);
		return status == 0 ? MHD_YES : answer(arg, conn, connection, method, status);
	}
	if (*data_bytes > 0) {
		if (conns_take(conn, data, *data_bytes) != 0)
			return MHD_NO;
		*data_bytes = 0;
		return MHD_YES;
	}
	return conn->body_bytes == conn->body_want ? answer(arg, conn, connection, method, 0) : MHD_NO;
}

static void
on_completed(void *arg, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code)
{
	const struct server *server = arg;
	struct conn *conn = conn_of(connection);

	(void)code;
	*context = NULL;
	if (conn == NULL)
		return;
	say(conn);
	conns_wipe(conn);
	conn->answering = 0;
	conn->since_ms = 0;
	conn->method[0] = conn->target[0] = '\0';
	if (conn->due_ms != UINT64_MAX)		/* it is being cut */
		conn->due_ms = server_now_ms() + server->patience_ms;
}

/* Nothing is decoded: no target of ours has a '%'. */
static size_t
no_unescape(void *arg, struct MHD_Connection *connection, char *text)
{
	(void)arg;
	(void)connection;
	return strlen(text);
}

static struct MHD_Daemon *
start(struct server *server, int listener, const struct bytes *cert, const struct bytes *key)
{
	const struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, cert != NULL ? cert->data : NULL },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, key != NULL ? key->data : NULL },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)tls_rules },
		{ MHD_OPTION_END, 0, NULL },
	};
	const struct MHD_OptionItem plain[] = { { MHD_OPTION_END, 0, NULL } };

	return MHD_start_daemon(MHD_USE_EPOLL | (cert != NULL ? MHD_USE_TLS : 0), 0, on_accept, server, on_request, server,
	    MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT, server->conns.rows,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONN_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, server->patience_ms / 1000,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
	    server, MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL, MHD_OPTION_ARRAY,
	    cert != NULL ? tls : plain, MHD_OPTION_END);
}

static int
wait_ms(struct MHD_Daemon *daemon, const struct server *server)
{
	MHD_UNSIGNED_LONG_LONG theirs;
	int ours = conns_wait(&server->conns, server_now_ms());

	if (MHD_get_timeout(daemon, &theirs) != MHD_YES)
		return ours;
	return ours < 0 || theirs < (MHD_UNSIGNED_LONG_LONG)ours ? (int)theirs : ours;
}

/* Until a signal; then what is under way may end in its time, what is idle is cut. */
static int
loop(struct server *server, struct MHD_Daemon *daemon, int signals)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd polled[2] = { { .events = POLLIN }, { .fd = signals, .events = POLLIN } };
	struct signalfd_siginfo got;
	uint64_t stop_ms = 0;
	unsigned used;

	if (info == NULL)
		return refuse("no descriptor to wait on");
	polled[0].fd = info->epoll_fd;
	for (;;) {
		int n = poll(polled, 2, wait_ms(daemon, server));
		uint64_t now_ms;

		if (n < 0 && errno != EINTR)
			return refuse_errno(errno, "poll");
		now_ms = server_now_ms();
		if (n > 0 && (polled[1].revents & POLLIN) != 0 && read(signals, &got, sizeof got) == (ssize_t)sizeof got) {
			MHD_socket listener = stop_ms == 0 ? MHD_quiesce_daemon(daemon) : -1;

			if (listener >= 0)
				(void)close(listener);
			if (stop_ms != 0)
				return 0;	/* the second signal */
			stop_ms = now_ms + server->patience_ms;
			fprintf(stderr, "stopping\n");
		}
		/*
		 * Again after a connection has ended: at its limit libmicrohttpd does not listen, and begins to only in the next call,
		 * which nothing may ever wake when the last one is gone.
		 */
		do {
			used = server->conns.used;
			if (MHD_run(daemon) != MHD_YES)
				return refuse("libmicrohttpd cannot go on");
		} while (server->conns.used < used);
		(void)conns_cut(&server->conns, now_ms, stop_ms != 0);
		if (stop_ms != 0 && (server->conns.used == 0 || now_ms >= stop_ms))
			return 0;
	}
}

int
http_serve(struct server *server, int listener, const struct bytes *cert, const struct bytes *key)
{
	struct MHD_Daemon *daemon;
	sigset_t stop;
	int signals, rc;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&stop);	/* none of these three fails for these signals */
	(void)sigaddset(&stop, SIGTERM);
	(void)sigaddset(&stop, SIGINT);
	if (sigprocmask(SIG_BLOCK, &stop, NULL) != 0 || (signals = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK)) < 0) {
		(void)close(listener);
		return refuse_errno(errno, "signals");
	}
	daemon = start(server, listener, cert, key);
	if (daemon == NULL) {
		(void)close(listener);
		(void)close(signals);
		return refuse("the service does not start: libmicrohttpd takes neither socket nor certificate");
	}
	fprintf(stderr, "serving\n");
	rc = loop(server, daemon, signals);
	MHD_stop_daemon(daemon);	/* cuts what is left; closes the listener unless that was taken from it */
	(void)close(signals);
	return rc;
}
