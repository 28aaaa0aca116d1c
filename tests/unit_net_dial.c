/*
 * net-worker's dial.c, wait.c and resolve.c on the loopback: the first address that answers wins, a silent one costs half a second, and a
 * broker that leaves is noticed in every wait.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dial.h"

enum { LONG_MS = 20000, FILL = 64 };

/* One that listens; with accept_all 0 its queue is full: whoever comes next gets no answer at all. */
static struct address
listener(int *fd, int accept_all)
{
	struct address a = { .family = AF_INET, .bytes = sizeof a.at.v4 };
	socklen_t n = sizeof a.at.v4;

	a.at.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(*fd >= 0);
	assert_int_equal(bind(*fd, &a.at.sa, n), 0);
	assert_int_equal(getsockname(*fd, &a.at.sa, &n), 0);
	assert_int_equal(listen(*fd, accept_all ? 16 : 0), 0);
	for (int i = 0; !accept_all && i < FILL; i++) {
		int filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		(void)connect(filler, &a.at.sa, a.bytes);	/* kept open: they end with the test */
	}
	return a;
}

static struct address
nobody(void)
{
	int fd;
	struct address a = listener(&fd, 1);

	(void)close(fd);
	return a;
}

/* Which one of the listeners it is connected to. */
static void
is_at(int fd, const struct address *want)
{
	struct sockaddr_in peer;
	socklen_t n = sizeof peer;

	assert_int_equal(getpeername(fd, (struct sockaddr *)&peer, &n), 0);
	assert_int_equal(peer.sin_port, want->at.v4.sin_port);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	(void)close(fd);
}

static unsigned
open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
the_first_that_answers(void **state)
{
	struct patience p = { .channel = -1, .until_ms = clock_ms() + LONG_MS };
	int good_fd, silent_fd, fd = -1;
	struct address good = listener(&good_fd, 1), silent = listener(&silent_fd, 0), none = nobody();
	const struct address both[] = { none, good }, holes[] = { silent, silent, good }, all[] = { none, silent, none };
	uint64_t start = clock_ms();
	unsigned before = open_fds();

	(void)state;
	assert_int_equal(dial(&good, 1, &p, &fd), 0);
	is_at(fd, &good);
	assert_int_equal(dial(both, 2, &p, &fd), 0);
	is_at(fd, &good);
	assert_true(clock_ms() - start < DIAL_NEXT_MS);
	start = clock_ms();
	assert_int_equal(dial(holes, 3, &p, &fd), 0);
	is_at(fd, &good);
	assert_in_range(clock_ms() - start, 2 * DIAL_NEXT_MS - 1, 2 * DIAL_NEXT_MS + 2000);
	assert_int_equal(dial(&none, 1, &p, &fd), -ECONNREFUSED);
	p.until_ms = clock_ms() + 700;
	start = clock_ms();
	assert_int_equal(dial(all, 3, &p, &fd), -ETIMEDOUT);
	assert_in_range(clock_ms() - start, 699, 2700);
	assert_int_equal(dial(&good, 0, &p, &fd), -ENETUNREACH);
	assert_int_equal(open_fds(), before);	/* those that were not wanted are closed */
	(void)close(good_fd);
	(void)close(silent_fd);
}

static void
a_broker_that_leaves(void **state)
{
	int pair[2], silent_fd, fd = -1;
	struct address silent = listener(&silent_fd, 0);
	struct patience p = { .until_ms = clock_ms() + LONG_MS };
	uint64_t start = clock_ms();
	char byte = 1;

	(void)state;
	for (int i = 0; i < 2; i++) {
		pid_t pid;

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		p.channel = pair[0];
		/* what it says is no end: it waits until it is asked for */
		assert_int_equal(send(pair[1], &byte, 1, 0), 1);
		assert_int_equal(wait_pause(&p, 50), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {		/* the other end goes while the parent waits */
			(void)wait_pause(&(struct patience){ .channel = -1, .until_ms = clock_ms() + 200 }, 200);
			_exit(0);
		}
		(void)close(pair[1]);
		assert_int_equal(i == 0 ? wait_pause(&p, LONG_MS) : dial(&silent, 1, &p, &fd), -ECANCELED);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_int_equal(wait_pause(&p, 0), -ECANCELED);
		(void)close(pair[0]);
	}
	assert_true(clock_ms() - start < LONG_MS / 2);
	(void)close(silent_fd);
}

static void
pauses(void **state)
{
	struct patience p = { .channel = -1, .until_ms = clock_ms() + 150 };
	uint64_t start = clock_ms();

	(void)state;
	assert_int_equal(wait_pause(&p, 50), 0);
	assert_true(clock_ms() - start >= 50);
	assert_int_equal(wait_pause(&p, UINT64_MAX), -ETIMEDOUT);
	assert_true(clock_ms() - start >= 150);
	assert_int_equal(patience_left(&p), 0);
	for (int i = 0; i < 1000; i++)
		assert_in_range(random_jitter(1000), 500, 1499);
	assert_int_equal(random_jitter(0), 0);
}

static void
addresses(void **state)
{
	struct patience p = { .channel = -1, .until_ms = 0 };
	struct address found[ADDRESSES_MAX];
	unsigned count;
	struct url url;
	int error;

	(void)state;
	/* an address is no name: nobody is asked, whatever the time */
	assert_int_equal(url_parse("192.0.2.7:8443", &url), 0);
	assert_int_equal(resolve(&url, &p, found, &count, &error), 0);
	assert_true(count == 1 && found[0].family == AF_INET && found[0].at.v4.sin_port == htons(8443) &&
	    found[0].at.v4.sin_addr.s_addr == htonl(0xc0000207));
	assert_int_equal(url_parse("[2001:db8::9]", &url), 0);
	assert_int_equal(resolve(&url, &p, found, &count, &error), 0);
	assert_true(count == 1 && found[0].family == AF_INET6 && found[0].at.v6.sin6_port == htons(443) && found[0].at.v6.sin6_addr.s6_addr[15] == 9);
	/* a name is not asked for when the answer could come too late */
	assert_int_equal(url_parse("org.example", &url), 0);
	p.until_ms = clock_ms() + RESOLVE_MS - 1;
	assert_int_equal(resolve(&url, &p, found, &count, &error), -ETIMEDOUT);
	assert_int_equal(error, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_answers),
		cmocka_unit_test(a_broker_that_leaves),
		cmocka_unit_test(pauses),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
