/*
 * What net-worker is asked for: memfds that we make and size and that it fills, one question at a time.  Innermost side of the wall.
 * Distrusts net-worker and all behind it: what it has written is hostile until it has verified, and read once into our own memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto.h"
#include "exits.h"
#include "memfd.h"

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);	/* a memfd: nothing is lost that is still wanted */
	*fd = -1;
}

void
get_drop(struct crypto *c)
{
	close_fd(&c->get_fd);
	close_fd(&c->post_fd);
}

/* A memfd that holds just these bytes, with the seals of a kind; -1: there is no memory. */
int
fill_with(const void *bytes, size_t len_bytes, enum fd_kind kind)
{
	int fd = memfd_create("bytes", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *p = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, (off_t)len_bytes) == 0)
		p = mmap(NULL, len_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED) {
		memcpy(p, bytes, len_bytes);
		/* Unmapped first: F_SEAL_WRITE wants nobody who could still write. */
		if (munmap(p, len_bytes) == 0 && fcntl(fd, F_ADD_SEALS, (int)memfd_seals(kind, 0)) == 0)
			return fd;
	}
	close_fd(&fd);
	return -1;
}

/* Asks, or asks a fresh net-worker for the same. */
void
get_again(struct crypto *c)
{
	int fds[2] = { c->post_fd, c->get_fd }, rc = 0;

	if (c->get_fd < 0)
		return;
	c->get_number++;
	if (c->post_fd < 0) {
		c->get.number = c->get_number;
		rc = worker_send(FD_CHANNEL, &c->state, MSG_crypto_get, &c->get, &c->get_fd);
	} else {
		c->post.number = c->get_number;
		rc = worker_send(FD_CHANNEL, &c->state, MSG_crypto_post, &c->post, fds);
	}
	if (rc != 0)
		crypto_exit(c, EXIT_PEER);
}

void
get_part(struct crypto *c, uint32_t what, const uint8_t id[ID_BYTES], uint64_t len_bytes)
{
	get_drop(c);
	c->get = (struct msg_crypto_get){ .what = what, .len_bytes = len_bytes, .time = c->now };
	if (id != NULL)
		memcpy(c->get.id, id, sizeof c->get.id);
	c->get_fd = want_make(len_bytes);
	if (c->get_fd < 0)
		crypto_fail(c, EV_load_memory, 0);
	get_again(c);
}

void
get_post(struct crypto *c, uint32_t what, const void *body, size_t body_bytes)
{
	get_drop(c);
	c->post = (struct msg_crypto_post){ .what = what, .body_bytes = (uint32_t)body_bytes, .answer_bytes = DOC_MAX, .time = c->now };
	c->post_fd = fill_with(body, body_bytes, FD_post);
	c->get_fd = want_make(DOC_MAX);
	if (c->post_fd < 0 || c->get_fd < 0)
		crypto_fail(c, EV_load_memory, 0);
	get_again(c);
}

int
get_take(struct crypto *c)
{
	int fd = c->get_fd;

	c->get_fd = -1;
	get_drop(c);
	return fd;
}

/* The document that was got, read once.  Its length, or 0. */
size_t
get_text(struct crypto *c, uint64_t len_bytes, uint8_t text[DOC_MAX])
{
	int fd = get_take(c);
	ssize_t n = len_bytes <= DOC_MAX ? pread(fd, text, (size_t)len_bytes, 0) : -1;

	(void)close(fd);	/* read to its end */
	return n == (ssize_t)len_bytes ? (size_t)n : 0;
}
