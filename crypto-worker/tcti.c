/*
 * TCTI on an inherited descriptor: moves whole commands and whole answers, waits by a clock.  In crypto-worker.
 * Distrusts the other side: an answer is bounded before it is read, checked by tpm_wire.c before ESYS sees it, and none may come unasked.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "tcti.h"

static int64_t
now_ms(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) != 0)
		return INT64_MAX;	/* no clock: every wait is over */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int
wait_for(const struct tcti *t, short events, int64_t until_ms)
{
	struct pollfd p = { .fd = t->fd, .events = events };
	int64_t left;
	int n;

	do {
		left = until_ms - now_ms();
		n = poll(&p, 1, left > 0 ? (int)left : 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

/* The kernel's device takes a command in one write only; so does this. */
static int
put_command(const struct tcti *t, const uint8_t *command, size_t len_bytes)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };
	int64_t until_ms = now_ms() + t->timeout_ms;
	ssize_t n;

	/* Something to read before anything was asked: an answer that was made up beforehand. */
	if (poll(&p, 1, 0) > 0 && (p.revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) != 0)
		return p.revents == POLLIN ? -EBADMSG : -EPIPE;
	for (;;) {
		n = write(t->fd, command, len_bytes);
		if (n >= 0)
			return (size_t)n == len_bytes ? 0 : -EIO;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
		if (wait_for(t, POLLOUT, until_ms) != 0)
			return -ETIMEDOUT;
	}
}

/* The device gives the whole answer to one large read (and older kernels drop what was not taken); a socket may give it in parts. */
static int
get_answer(struct tcti *t)
{
	int64_t until_ms = now_ms() + t->timeout_ms;
	size_t have = 0, size;
	ssize_t n;
	int err;

	for (;;) {
		if ((err = wait_for(t, POLLIN, until_ms)) != 0)
			return err;
		n = read(t->fd, t->answer + have, sizeof t->answer - have);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return have == 0 ? -EPIPE : -EBADMSG;
		have += (size_t)n;
		if (have < 6)
			continue;
		if ((size = wire_get32(t->answer + 2)) > sizeof t->answer || size < WIRE_HEAD_BYTES || size < have)
			return -EBADMSG;
		if (size == have)
			break;
	}
	if ((err = wire_answer(&t->sent, t->answer, have)) == 0)
		t->answer_bytes = have;
	return err;
}

static TSS2_RC
code(struct tcti *t, int err)
{
	if (err == 0)
		return TSS2_RC_SUCCESS;
	t->error = err;
	/* Never TRY_AGAIN: ESYS would call again for ever. */
	return err == -EBADMSG || err == -ENOTSUP ? TSS2_TCTI_RC_MALFORMED_RESPONSE : TSS2_TCTI_RC_IO_ERROR;
}

static TSS2_RC
transmit(TSS2_TCTI_CONTEXT *context, size_t len_bytes, const uint8_t *command)
{
	struct tcti *t = (struct tcti *)(void *)context;
	int err;

	t->answer_bytes = 0;
	t->given = NULL;
	if ((err = wire_command(command, len_bytes, &t->sent)) != 0) {
		t->error = err;
		return TSS2_TCTI_RC_BAD_VALUE;
	}
	t->commands++;
	return code(t, put_command(t, command, len_bytes));
}

static TSS2_RC
receive(TSS2_TCTI_CONTEXT *context, size_t *len_bytes, uint8_t *out, int32_t timeout_ms)
{
	struct tcti *t = (struct tcti *)(void *)context;
	int err;

	(void)timeout_ms;	/* ESYS waits for ever; we do not */
	if (len_bytes == NULL)
		return TSS2_TCTI_RC_BAD_REFERENCE;
	if (t->answer_bytes == 0 && (err = get_answer(t)) != 0)
		return code(t, err);
	if (out == NULL) {
		*len_bytes = t->answer_bytes;
		return TSS2_RC_SUCCESS;
	}
	if (*len_bytes < t->answer_bytes)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	*len_bytes = t->answer_bytes;
	memcpy(out, t->answer, t->answer_bytes);
	t->given = out;
	t->given_bytes = t->answer_bytes;
	t->answer_bytes = 0;
	return TSS2_RC_SUCCESS;
}

static void
finalize(TSS2_TCTI_CONTEXT *context)
{
	(void)context;	/* the descriptor is its owner's to close */
}

static TSS2_RC
no_cancel(TSS2_TCTI_CONTEXT *context)
{
	(void)context;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC
no_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles, size_t *count)
{
	(void)context, (void)handles, (void)count;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC
no_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
	(void)context, (void)locality;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC
no_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky)
{
	(void)context, (void)handle, (void)sticky;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

void
tcti_init(struct tcti *tcti, int fd, int timeout_ms)
{
	memset(tcti, 0, sizeof *tcti);
	tcti->common.v1.magic = 0x73616c6c79706f72u;	/* "sallypor" */
	tcti->common.v1.version = 2;
	tcti->common.v1.transmit = transmit;
	tcti->common.v1.receive = receive;
	tcti->common.v1.finalize = finalize;
	tcti->common.v1.cancel = no_cancel;
	tcti->common.v1.getPollHandles = no_handles;
	tcti->common.v1.setLocality = no_locality;
	tcti->common.makeSticky = no_sticky;
	tcti->fd = fd;
	tcti->timeout_ms = timeout_ms;
}

void
tcti_wipe(struct tcti *tcti)
{
	if (tcti->given != NULL)
		sodium_memzero(tcti->given, tcti->given_bytes);
	tcti->given = NULL;
	sodium_memzero(tcti->answer, sizeof tcti->answer);
}
