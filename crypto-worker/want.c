/*
 * memfds that crypto-worker makes and sizes and that a supplier fills, one at a time.  Innermost side of the wall.
 * The supplier can write into it, neither grow nor shrink it; what it has written is hostile until it has verified.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto.h"
#include "exits.h"
#include "memfd.h"

int
want_make(uint64_t len_bytes)
{
	int fd = memfd_create("part", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	/* Mode 0777 by default is of no use to anyone: no other program can open it anew, for none has a /proc. */
	if (ftruncate(fd, (off_t)len_bytes) == 0 && fcntl(fd, F_ADD_SEALS, (int)memfd_seals(FD_fill, 0)) == 0)
		return fd;
	(void)close(fd);	/* never used */
	return -1;
}

void
want_part(struct crypto *c, uint32_t slot, enum part part, uint64_t len_bytes)
{
	want_drop(c);
	c->want = (struct msg_crypto_want){ .slot = slot, .part = part, .number = c->want.number, .len_bytes = len_bytes };
	c->want_fd = want_make(len_bytes);
	if (c->want_fd < 0)
		crypto_fail(c, EV_load_memory, 0);
	want_again(c);
}

/* Asks, or asks a fresh store-worker for the same. */
void
want_again(struct crypto *c)
{
	if (c->want_fd < 0)
		return;
	c->want.number++;
	if (worker_send(FD_CHANNEL, &c->state, MSG_crypto_want, &c->want, &c->want_fd) != 0)
		crypto_exit(c, EXIT_PEER);
}

int
want_take(struct crypto *c)
{
	int fd = c->want_fd;

	c->want_fd = -1;
	return fd;
}

void
want_drop(struct crypto *c)
{
	if (c->want_fd >= 0)
		(void)close(c->want_fd);	/* its content is given up */
	c->want_fd = -1;
}
