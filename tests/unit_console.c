/*
 * console_put() before a terminal that is busy, slow, gone or held: write(2) and ppoll(2) are played here.
 * A line with a code was lost when init wrote at the same moment: a terminal has one writer, and a second one is told EAGAIN.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "console.h"

enum { LINE = 100, ANY_FD = 77 };

static struct {
	char taken[2 * LINE];
	size_t bytes, most;	/* most: of one write */
	unsigned refusals;	/* so many EAGAIN before the next one that takes something */
	unsigned writes, pauses;
	long paused_ms;
	int error;		/* instead, for ever */
} console;

ssize_t
write(int fd, const void *buf, size_t n)
{
	assert_int_equal(fd, ANY_FD);
	console.writes++;
	errno = console.error != 0 ? console.error : EAGAIN;
	if (console.error != 0 || console.refusals > 0) {
		console.refusals -= console.refusals > 0;
		return -1;
	}
	n = n < console.most ? n : console.most;
	assert_true(console.bytes + n <= sizeof console.taken);
	memcpy(console.taken + console.bytes, buf, n);
	console.bytes += n;
	return (ssize_t)n;
}

int
ppoll(struct pollfd *fds, nfds_t nfds, const struct timespec *timeout, const sigset_t *mask)
{
	assert_true(fds == NULL && nfds == 0 && mask == NULL && timeout != NULL);
	assert_int_equal(timeout->tv_sec, 0);
	console.pauses++;
	console.paused_ms += timeout->tv_nsec / 1000000;
	return 0;
}

static char line[LINE];

static void
put(unsigned refusals, size_t most, int error)
{
	memset(&console, 0, sizeof console);
	console.refusals = refusals;
	console.most = most;
	console.error = error;
	for (unsigned i = 0; i < LINE; i++)
		line[i] = (char)('a' + i % 26);
	console_put(ANY_FD, line, LINE);
}

static void
assert_whole(void)
{
	assert_int_equal(console.bytes, LINE);
	assert_memory_equal(console.taken, line, LINE);
}

static void
a_line_that_found_another_writer_is_not_lost(void **state)
{
	(void)state;
	put(0, LINE, 0);
	assert_whole();
	assert_int_equal(console.pauses, 0);
	put(3, LINE, 0);
	assert_whole();
	assert_int_equal(console.pauses, 3);
	put(1, 7, 0);
	assert_whole();
}

static void
nobody_there_is_no_reason_to_wait(void **state)
{
	static const int errors[] = { EIO, EBADF, ENOSPC, ENXIO };

	(void)state;
	for (unsigned i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		put(0, LINE, errors[i]);
		assert_int_equal(console.writes, 1);
		assert_int_equal(console.pauses, 0);
	}
}

/* Last: patience is of the whole program. */
static void
a_held_line_costs_a_second_in_all(void **state)
{
	long waited_ms = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		put(UINT32_MAX, LINE, 0);
		assert_int_equal(console.bytes, 0);
		waited_ms += console.paused_ms;
	}
	assert_true(waited_ms > 500 && waited_ms <= 1000);
	put(0, LINE, 0);	/* let go: what comes now is shown */
	assert_whole();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_that_found_another_writer_is_not_lost),
		cmocka_unit_test(nobody_there_is_no_reason_to_wait),
		cmocka_unit_test(a_held_line_costs_a_second_in_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
