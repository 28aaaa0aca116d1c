/*
 * A line to the console.  Inside the wall; output only: nothing here or elsewhere reads it.
 * Distrusts the line: flow control may be held, nobody may be there.  Nothing printed is worth more than a moment of a boot.
 */
#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "console.h"

enum { PAUSE_MS = 5, PATIENCE_MS = 1000 };	/* of one program in one boot */

void
console_put(int fd, const char *line, size_t len)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	static unsigned waited_ms;

	while (len > 0) {
		ssize_t n = write(fd, line, len);

		if (n > 0) {
			line += n;
			len -= (size_t)n;
			continue;
		}
		/* A terminal has one writer at a time; one whose descriptor does not block is told EAGAIN meanwhile, and a code would be lost. */
		if (n == 0 || errno != EAGAIN || waited_ms >= PATIENCE_MS)
			return;
		waited_ms += PAUSE_MS;
		(void)ppoll(NULL, 0, &pause, NULL);
	}
}
