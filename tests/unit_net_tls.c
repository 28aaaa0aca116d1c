/*
 * net-worker's TLS when memory runs out: one allocation of a handshake after the other fails, against a real server.  It ends with a reason;
 * it never ends with a connection that was not verified; and what was allocated is given back (the sanitized build looks for leaks).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tls.h"

enum { PATIENCE_MS = 20000, EACH = 800, STEP = 29 };

static char folder[] = "/tmp/sallyport-tls-XXXXXX";
static pid_t server;
static int server_stdin = -1;
static uint16_t port;
static uint8_t ca[4096];
static size_t ca_bytes;
static struct url good, other;

/* --- allocations --- */

static long countdown = -1;	/* so many succeed, then one fails; negative: all succeed */
static int injected;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *
__wrap_calloc(size_t n, size_t size)
{
	if (countdown >= 0 && countdown-- == 0) {
		injected = 1;
		return NULL;
	}
	return __real_calloc(n, size);
}

/* --- the server: openssl s_server with a certificate that is its own CA --- */

static char key_path[64], crt_path[64], der_path[64];

static void
openssl(char *const argv[])
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(1);
		(void)execvp("openssl", argv);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
make_certificate(void)
{
	char *const make[] = { "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key_path, "-out",
		crt_path, "-subj", "/CN=x", "-days", "100", "-addext", "subjectAltName=DNS:org.test", NULL };
	char *const to_der[] = { "openssl", "x509", "-in", crt_path, "-outform", "DER", "-out", der_path, NULL };

	assert_non_null(mkdtemp(folder));
	(void)snprintf(key_path, sizeof key_path, "%s/key", folder);
	(void)snprintf(crt_path, sizeof crt_path, "%s/crt", folder);
	(void)snprintf(der_path, sizeof der_path, "%s/der", folder);
	openssl(make);
	openssl(to_der);
}

static void
start_server(void)
{
	int in[2], out[2];
	char line[256];
	FILE *says;

	assert_int_equal(pipe(in) | pipe(out), 0);
	server = fork();
	assert_true(server >= 0);
	if (server == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (dup2(in[0], 0) != 0 || dup2(out[1], 1) != 1 || dup2(out[1], 2) != 2)
			_exit(1);
		(void)execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-key", key_path, "-cert", crt_path, "-tls1_3", "-no_ign_eof", NULL);
		_exit(1);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	server_stdin = in[1];	/* open: its end would be the server's */
	says = fdopen(out[0], "r");
	assert_non_null(says);
	while (port == 0 && fgets(line, sizeof line, says) != NULL)
		(void)sscanf(line, "ACCEPT 127.0.0.1:%hu", &port);
	assert_int_not_equal(port, 0);
	/* says stays open, and unread: what it prints of a few hundred handshakes is discarded by a reader of its own */
	if (fork() == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (fgets(line, sizeof line, says) != NULL)
			;
		_exit(0);
	}
	(void)fclose(says);	/* the reader has it */
}

static int
setup(void **state)
{
	FILE *f;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	make_certificate();
	f = fopen(der_path, "rb");
	assert_non_null(f);
	ca_bytes = fread(ca, 1, sizeof ca, f);
	assert_true(ca_bytes > 100 && fclose(f) == 0);
	assert_int_equal(url_parse("org.test", &good) | url_parse("other.test", &other), 0);
	start_server();
	tls_set_time((uint64_t)time(NULL));
	assert_int_equal(tls_init(ca, ca_bytes), 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
	(void)close(server_stdin);
	while (wait(NULL) > 0)
		;
	return unlink(key_path) | unlink(crt_path) | unlink(der_path) | rmdir(folder);
}

static int
handshake(const struct url *host, struct failure *why)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct patience p = { .channel = -1, .until_ms = clock_ms() + PATIENCE_MS };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return tls_open(fd, host, NULL, &p, why);
}

/*
 * Fails the first allocation, then the second, and so on, until a handshake needs no more.  Most of the thousands are the same few of the
 * arithmetic with curves, again and again: behind the first EACH only every STEPth is failed.  How many were.
 */
static unsigned
fail_each(const struct url *host, int end)
{
	struct failure why;
	unsigned failed = 0;

	for (long at = 0;; at += at < EACH ? 1 : STEP, failed++) {
		int rc;

		countdown = at;
		injected = 0;
		memset(&why, 0, sizeof why);
		rc = handshake(host, &why);
		countdown = -1;
		if (!injected) {
			assert_int_equal(rc, end);
			tls_close();
			return failed;
		}
		/* The one that failed may not have been needed; if it was, that is told, and there is no connection. */
		if (rc == 0) {
			assert_int_equal(end, 0);
			tls_close();
		} else {
			assert_int_equal(rc, -EIO);
			assert_true(why.event == EV_load_memory || why.event == EV_net_tls || why.event == EV_net_certificate);
			assert_int_equal(tls_usable(), 0);
		}
		assert_true(failed < 5000);
	}
}

static void
memory_that_runs_out(void **state)
{
	struct failure why;
	unsigned failed;

	(void)state;
	assert_int_equal(handshake(&good, &why), 0);
	assert_int_equal(tls_usable(), 1);
	tls_close();
	failed = fail_each(&good, 0);
	print_message("%u allocations of a handshake failed, one at a time\n", failed);
	assert_true(failed > 50);
	assert_int_equal(handshake(&good, &why), 0);	/* and nothing of it stays */
	tls_close();
}

static void
no_failure_opens_the_door(void **state)
{
	struct failure why;

	(void)state;
	assert_int_equal(handshake(&other, &why), -EIO);
	assert_true(why.event == EV_net_certificate && why.lasting);
	assert_true(fail_each(&other, -EIO) > 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_that_runs_out),
		cmocka_unit_test(no_failure_opens_the_door),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
