/*
 * crypto-worker: TPM, signatures, keys.  The innermost side of the wall: the only program that ever sees a secret.
 * Distrusts the cache, the store-worker, the TPM's answers, and the broker too: it may stop a boot, nothing else.
 */
#include <sodium.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "confine.h"
#include "crypto.h"
#include "exits.h"

static struct crypto crypto;

/* Milliseconds since the kernel's start. */
uint64_t
clock_ms(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		return 0;	/* only told to people */
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

_Noreturn void
crypto_exit(struct crypto *c, int status)
{
	crypto_wipe(c);
	_exit(status);
}

/* 0, or an event, which waits until the latch is closed. */
static enum event
read_config(struct crypto *c)
{
	static char text[DOC_MAX + 1];
	struct doc_error error;
	const char *key, *why;
	ssize_t n = pread(FD_CONFIG, text, sizeof text, 0);

	/* init has read this very file before; the image vouches for it */
	if (n < 0 || doc_parse(DOC_config, text, (size_t)n, &c->config, sizeof c->config, &error) != 0)
		return EV_config_invalid;
	return config_check(&c->config, &key, &why) == 0 ? EV_none : EV_config_invalid;
}

int
main(void)
{
	struct crypto *c = &crypto;
	struct sysinfo info;
	const char *step;
	uint64_t start = clock_ms();

	if (confine(PEER_crypto, &step) != 0)
		_exit(EXIT_CONFINE);
	admit_init(&c->state, PEER_crypto);
	c->ms_start = start;
	c->want_fd = c->get_fd = c->post_fd = c->manifest_fd = c->kernel_fd = c->initramfs_fd = c->handover_fd = -1;
	if (sodium_init() < 0 || (c->secrets = sodium_malloc(sizeof *c->secrets)) == NULL)
		_exit(EXIT_KERNEL);
	sodium_memzero(c->secrets, sizeof *c->secrets);
	if (sysinfo(&info) == 0)
		c->memory_bytes = (uint64_t)info.totalram * info.mem_unit;
	close_latch(c, read_config(c));
	for (;;)
		crypto_receive(c);
}
