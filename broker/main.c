/*
 * broker: routes messages between the programs (route.c), keeps the boot's phase (steps.c), prints progress (print.c).
 * The middle of the wall; holds no secret and no descriptor that leads to one.
 */
#include <errno.h>
#include <unistd.h>

#include "broker.h"
#include "confine.h"
#include "exits.h"

static struct broker broker;

/* init sees it and lets the kernel reboot. */
_Noreturn void
broker_exit(int status)
{
	_exit(status);
}

/* The config vouches for nothing here but waits, and whether there is an org; crypto-worker reads the rest by itself. */
static int
read_config(struct broker *b, const char *text, size_t len)
{
	static struct doc_config config;
	struct doc_error error;

	if (doc_parse(DOC_config, text, len, &config, sizeof config, &error) != 0)
		return -EBADMSG;
	b->retry_wait_s = config.retry_wait_s;
	b->link_wait_s = config.link_wait_s;
	b->net_wait_s = config.net_wait_s;
	b->org = config.org[0] != '\0';
	return 0;
}

int
main(void)
{
	static char text[DOC_MAX + 1];
	const char *step;
	ssize_t len = pread(FD_CONFIG, text, sizeof text, 0);	/* of our own image; parsed only once confined */

	if (confine(PEER_broker, &step) != 0)
		_exit(EXIT_CONFINE);
	broker_init(&broker);
	if (len < 0 || read_config(&broker, text, (size_t)len) != 0) {
		print_event(EV_config_invalid, "config", 0);
		broker_exit(EXIT_BUG);
	}
	step_start(&broker);
	for (;;)
		broker_run_once(&broker);
}
