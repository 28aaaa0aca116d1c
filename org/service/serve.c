/*
 * sallyport-org serve: the organisation's service.  On the organisation's side, facing the network.
 * Distrusts whoever connects: what needs privileges is done before, and everything that a client can make it use is bounded.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "serve.h"

static const char help[] =
    "usage: sallyport-org serve DIR (--listen ADDR:PORT | --plain SOCKET [--plain-group NAME]) [--user NAME]\n"
    "           [--connections N] [--per-address N] [--patience SECONDS] [--challenge-seconds N]\n"
    "           [--offline-max N] [--ek-roots FILE [--require-ek-cert]]\n"
    "\n"
    "Serves the folder DIR, made by sallyport-org init, until SIGTERM or SIGINT; a line per request on stderr:\n"
    "method, path, status, bytes, milliseconds, address.\n"
    "\n"
    "  --listen ADDR:PORT     TLS 1.3 by itself; addresses are numbers: 192.0.2.1:8443, [::]:8443\n"
    "  --plain SOCKET         HTTP without TLS on a unix socket, behind a proxy that has TLS and the limits per address\n"
    "  --plain-group NAME     whose that socket is, so that the proxy can connect\n"
    "  --user NAME            who serves; wanted when started by root\n"
    "  --connections N        at a time, default 256\n"
    "  --per-address N        of them from one address or IPv6 /64, default 16\n"
    "  --patience SECONDS     for a request's head and body, and without progress of an answer, default 10\n"
    "  --challenge-seconds N  how long a challenge is good, default 60\n"
    "  --offline-max N        boots that a ticket allows until there is another one, default 16\n"
    "  --ek-roots FILE        PEM certificates of those who may certify endorsement keys\n"
    "  --require-ek-cert      no enrolment without such a certificate\n";

enum {
	REFUSALS = 64,		/* signed for who has proved nothing, at once: a rack that is switched on before it is enrolled */
	REFUSAL_MS = 1000,	/* and then one each so often: some 20 MB of log a day, at most; to each node as well, and for each invite */
};

struct options {
	const char *dir, *listen, *plain, *plain_group, *user, *ek_roots;
	uint64_t connections, per_address, patience_s, challenge_s, offline_max;
	int require_ek_cert;
};

/* 0, an exit code, or -1 for help. */
static int
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = { { "listen", required_argument, NULL, 'l' }, { "plain", required_argument, NULL, 'p' },
		{ "user", required_argument, NULL, 'u' }, { "connections", required_argument, NULL, 'c' },
		{ "per-address", required_argument, NULL, 'a' }, { "patience", required_argument, NULL, 't' },
		{ "challenge-seconds", required_argument, NULL, 's' }, { "plain-group", required_argument, NULL, 'g' },
		{ "offline-max", required_argument, NULL, 'o' }, { "ek-roots", required_argument, NULL, 'r' },
		{ "require-ek-cert", no_argument, NULL, 'R' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	int c, rc = 0;

	*o = (struct options){ .connections = 256, .per_address = 16, .patience_s = 10, .challenge_s = 60, .offline_max = 16 };
	while (rc == 0 && (c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'l': o->listen = optarg; break;
		case 'p': o->plain = optarg; break;
		case 'u': o->user = optarg; break;
		case 'c': rc = parse_number("--connections", optarg, 1, 10000, &o->connections); break;
		case 'a': rc = parse_number("--per-address", optarg, 1, 10000, &o->per_address); break;
		case 't': rc = parse_number("--patience", optarg, 1, 600, &o->patience_s); break;
		case 's': rc = parse_number("--challenge-seconds", optarg, 1, 3600, &o->challenge_s); break;
		case 'o': rc = parse_number("--offline-max", optarg, 0, 1000000, &o->offline_max); break;
		case 'g': o->plain_group = optarg; break;
		case 'r': o->ek_roots = optarg; break;
		case 'R': o->require_ek_cert = 1; break;
		case 'h': return -1;
		default: return ORG_usage;
		}
	}
	if (rc != 0)
		return ORG_usage;
	if (argc - optind != 1)
		return usage_error("wants the service's folder");
	if ((o->listen == NULL) == (o->plain == NULL))
		return usage_error("wants either --listen or --plain");
	if (o->plain_group != NULL && o->plain == NULL)
		return usage_error("--plain-group is for --plain");
	if (o->require_ek_cert && o->ek_roots == NULL)
		return usage_error("--require-ek-cert wants --ek-roots");
	o->dir = argv[optind];
	return 0;
}

static int
read_pem(const char *dir, const char *name, struct bytes *out)
{
	char path[PATH_BYTES];
	int rc = path_join(path, dir, name);

	return rc != 0 ? rc : file_read(path, 1, LIST_FILE_MAX, out);
}

static int
open_generations(const char *dir, int *out)
{
	char path[PATH_BYTES];
	int rc = path_join(path, dir, SERVICE_generations);

	if (rc != 0)
		return rc;
	*out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *out < 0 ? refuse_errno(errno, "%s", path) : 0;
}

/* A connection has a socket and perhaps a file: an accept(2) that fails for want of descriptors would be a client's doing. */
static int
enough_files(uint64_t connections)
{
	const rlim_t wanted = (rlim_t)(2 * connections + 64);
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return refuse_errno(errno, "open files");
	if (files.rlim_cur >= wanted)
		return 0;
	if (files.rlim_max != RLIM_INFINITY && files.rlim_max < wanted)
		return refuse("--connections %" PRIu64 " wants %llu open files; allowed here: %llu (see ulimit -n)", connections,
		    (unsigned long long)wanted, (unsigned long long)files.rlim_max);
	files.rlim_cur = wanted;
	return setrlimit(RLIMIT_NOFILE, &files) == 0 ? 0 : refuse_errno(errno, "open files");
}

/* Socket and keys first, for they may be root's; folder and store as who serves. */
static int
prepare(const struct options *o, struct server *server, int *listener, struct bytes *cert, struct bytes *key)
{
	char path[PATH_BYTES];
	int rc;

	rc = enough_files(o->connections);
	if (rc == 0)
		rc = path_join(path, o->dir, SERVICE_org_key);
	if (rc == 0)
		rc = key_read_secret(path, &server->org_key);
	if (rc == 0 && o->listen != NULL)
		rc = read_pem(o->dir, SERVICE_cert, cert);
	if (rc == 0 && o->listen != NULL)
		rc = read_pem(o->dir, SERVICE_key, key);
	if (rc == 0 && o->ek_roots != NULL)
		rc = ek_roots_read(o->ek_roots, &server->ek_roots);
	if (rc == 0) {
		*listener = o->listen != NULL ? listen_tcp(o->listen) : listen_unix(o->plain, o->plain_group);
		rc = *listener < 0 ? *listener : 0;
	}
	if (rc == 0) {
		loosen_stderr();
		rc = drop_privileges(o->user);
	}
	if (rc == 0)
		rc = open_generations(o->dir, &server->generations);
	if (rc == 0)
		rc = path_join(path, o->dir, SERVICE_store);
	if (rc == 0)
		rc = store_open(path, 1000, &server->store);	/* no client waits longer for an operator's command */
	if (rc == 0 && conns_init(&server->conns, (unsigned)o->connections) != 0)
		rc = refuse_errno(ENOMEM, "connections");
	if (rc == 0) {
		server->began_ms = server_now_ms();
		server->began_s = (uint64_t)time(NULL);
		challenges_init(&server->challenges, server->began_ms, (unsigned)o->challenge_s);
		rate_init(&server->refusals, server->began_ms, REFUSALS, REFUSAL_MS);
		rates_init(&server->answers, REFUSALS, REFUSAL_MS);
	}
	return rc;
}

static int
serve(const struct options *o)
{
	struct server server = { .generations = -1, .per_origin = (unsigned)o->per_address, .patience_ms = (unsigned)o->patience_s * 1000,
		.challenge_s = (unsigned)o->challenge_s, .offline_max = o->offline_max, .require_ek_cert = o->require_ek_cert };
	struct bytes cert = { NULL, 0 }, key = { NULL, 0 };
	int listener = -1, rc;

	rc = prepare(o, &server, &listener, &cert, &key);
	if (rc == 0)
		rc = http_serve(&server, listener, o->listen != NULL ? &cert : NULL, o->listen != NULL ? &key : NULL);
	else if (listener >= 0)
		(void)close(listener);
	if (o->plain != NULL && listener >= 0)
		(void)unlink(o->plain);	/* its folder may not be ours: the next start takes the place of a dead socket */
	conns_free(&server.conns);
	ek_roots_free(server.ek_roots);
	challenges_end(&server.challenges);
	store_close(server.store);
	if (server.generations >= 0)
		(void)close(server.generations);
	key_wipe(&server.org_key);
	bytes_free(&key);
	bytes_free(&cert);
	return rc;
}

int
cmd_serve(int argc, char **argv)
{
	struct options options;
	int rc = parse_options(argc, argv, &options);

	if (rc < 0)
		return print_help(help);
	if (rc != 0)
		return rc;
	return serve(&options) == 0 ? ORG_ok : ORG_refused;
}
