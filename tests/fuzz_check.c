/*
 * Fuzz target of one message's check_NAME(): built once per row of msg.def, with -DFUZZ_MSG=NAME.
 * The body has exactly the message's size, as chan_recv() and admit() see to it; shorter input is filled up with zeros.
 */
#include <string.h>

#include "fuzz.h"
#include "msg.h"

#ifndef FUZZ_MSG
#error "FUZZ_MSG must name a row of msg.def"
#endif
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define STRUCT_OF struct JOIN(msg_, FUZZ_MSG)
#define CHECK_OF JOIN(check_, FUZZ_MSG)
#define ID_OF JOIN(MSG_, FUZZ_MSG)

/* What a handler relies on once the check has passed. */
static void
relied_on(uint32_t id, const void *body)
{
	struct msg_crypto_handover handover;
	struct msg_link_lease lease;

	if (id == MSG_crypto_handover) {
		memcpy(&handover, body, sizeof handover);
		MUST(strnlen(handover.cmdline, sizeof handover.cmdline) == handover.cmdline_bytes);
		MUST(handover.cmdline_bytes <= CMDLINE_MAX);
	} else if (id == MSG_link_lease) {
		memcpy(&lease, body, sizeof lease);
		MUST(strnlen(lease.interface, sizeof lease.interface) < sizeof lease.interface);
		MUST(lease.routes <= ROUTES_MAX && lease.prefix <= 128);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	STRUCT_OF *body = malloc(sizeof *body), before;
	int wrong;

	MUST(body != NULL);
	memset(body, 0, sizeof *body);
	memcpy(body, data, size < sizeof *body ? size : sizeof *body);
	memcpy(&before, body, sizeof before);
	wrong = CHECK_OF(body);
	MUST(wrong >= 0 && wrong <= 16);	/* no message has more fields */
	MUST(msg_check(ID_OF, body) == wrong);
	MUST(memcmp(body, &before, sizeof before) == 0);
	if (wrong == 0)
		relied_on(ID_OF, body);
	free(body);
	return 0;
}
