/*
 * eater: a net-worker or a store-worker that fills memory, in the place of the real one in images of test_memory.py.  Outside every wall.
 * Compiled with EATER, whose place it takes, and EARLY_MIB: so much it maps before it is confined, beyond its limits.
 * Then confined like the real one, filter and limits, it touches all of that; with none it maps and touches until it is refused.
 * As net-worker it then fills whatever it is given, tries one byte more, and answers that it could not connect: the detail is how many MiB
 * it got, or HELPED_ITSELF.  It does not end when its channel does: what it holds, it holds until somebody kills it or the jump.
 */
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confine.h"
#include "event.h"
#include "exits.h"
#include "recv.h"

enum { MIB = 1 << 20, PAGE = 4096, FD_CHANNEL = 3, HELPED_ITSELF = 99999 };

static struct admit_state state;
static struct frame frame;
static uint32_t eaten_mib;

static void
touch(volatile uint8_t *p)
{
	for (size_t i = 0; i < MIB; i += PAGE)
		p[i] = 1;
	eaten_mib++;
}

#if EARLY_MIB > 0
static uint8_t *early[EARLY_MIB];
static _Alignas(16) uint8_t heap[16 * PAGE];
static size_t heap_used;

/* Over its limit a program gets not even the few bytes that libcap wants in confine(): it would never come to eat. */
void *
malloc(size_t bytes)
{
	uint8_t *p = heap + heap_used;

	if (bytes > sizeof heap - heap_used - 16)
		_exit(EXIT_BUG);
	heap_used += (bytes + 15) / 16 * 16;
	return p;
}

void *
calloc(size_t n, size_t bytes)
{
	return malloc(n * bytes);	/* never used before: zero */
}

void
free(void *p)
{
	(void)p;
}

/* One by one: more than there is would be refused at once. */
static void
take_early(void)
{
	for (unsigned i = 0; i < EARLY_MIB; i++)
		if ((early[i] = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) == MAP_FAILED)
			_exit(EXIT_BUG);
}

static void
eat(void)
{
	for (unsigned i = 0; i < EARLY_MIB; i++)
		touch(early[i]);
}
#else
static void
take_early(void)
{
}

static void
eat(void)
{
	uint8_t *p;

	while ((p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED)
		touch(p);
}
#endif

/* All that it has room for; then one byte more. */
static void
fill(int fd)
{
	static uint8_t bytes[PAGE];
	struct stat st;

	if (fstat(fd, &st) != 0)
		_exit(EXIT_BUG);
	for (off_t at = 0; at < st.st_size; at += (off_t)sizeof bytes)
		(void)pwrite(fd, bytes, (size_t)(st.st_size - at) < sizeof bytes ? (size_t)(st.st_size - at) : sizeof bytes, at);
	if (pwrite(fd, bytes, 1, st.st_size) == 1)
		eaten_mib = HELPED_ITSELF;
}

int
main(void)
{
	struct msg_net_got got = { .event = EV_net_connect };
	const char *step;

	take_early();
	if (confine(EATER, &step) != 0)
		_exit(EXIT_CONFINE);
	eat();
	admit_init(&state, EATER);
	while (worker_recv(FD_CHANNEL, WAY_hub, &state, &frame, NULL) > 0) {
		if (frame.id == MSG_crypto_get) {
			fill(frame.fds[0]);
			got.number = ((const struct msg_crypto_get *)(const void *)frame.body)->number;
			got.detail = eaten_mib;
			(void)worker_send(FD_CHANNEL, &state, MSG_net_got, &got, NULL);	/* or it ends by silence */
		}
		frame_close(&frame);
	}
	for (;;)
		(void)poll(NULL, 0, -1);
}
