#ifndef TESTS_CHECK_TRY_H
#define TESTS_CHECK_TRY_H
/* For the tests of check_NAME(): one change of a legal body, and the field that must then be wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "event.h"
#include "msg.h"
#include "msg_samples.h"

static unsigned cases, inside;

/* Copies to exactly the body's size, so that a sanitizer sees one byte too far, and asks both ways. */
static inline int
ask(uint32_t id, const void *body)
{
	void *exact = malloc(msg_table[id].size);
	int wrong;

	assert_non_null(exact);
	memcpy(exact, body, msg_table[id].size);
	wrong = msg_check(id, exact);
	assert_memory_equal(exact, body, msg_table[id].size);
	free(exact);
	cases++;
	return wrong;
}

/* The legal body with one change: wrong in this field, or (0) still legal. */
#define TRY(name, want, change) \
	do { \
		struct msg_##name b = sample_##name(); \
		change; \
		int got_ = ask(MSG_##name, &b); \
		inside += (want) == 0; \
		if (got_ != (want)) \
			fail_msg(#name ": " #change ": field %d, wanted %d", got_, want); \
	} while (0)
/* A number's range: both edges inside, one beyond outside; least 0 has nothing below it. */
#define RANGE(name, want, field, least, most) \
	do { \
		TRY(name, 0, b.field = (least)); \
		TRY(name, 0, b.field = (most)); \
		TRY(name, want, b.field = (most) + 1); \
		TRY(name, want, memset(&b.field, 0xff, sizeof b.field)); \
		if ((least) > 0) \
			TRY(name, want, b.field = (least) - 1); \
	} while (0)
#define ZERO(name, want, field) \
	do { \
		TRY(name, want, b.field = 1); \
		TRY(name, want, ((uint8_t *)&b.field)[sizeof b.field - 1] = 0x80); \
	} while (0)
/* An event that must be there, or may be, or must not. */
#define EVENT_DUE(name, want, field) \
	do { \
		TRY(name, want, b.field = 0); \
		TRY(name, 0, b.field = EV_tpm_absent); \
		TRY(name, 0, b.field = EV_program_spent); \
		TRY(name, want, b.field = 200); \
		TRY(name, want, b.field = 999); \
		TRY(name, want, b.field = UINT32_C(0x80000000) + EV_tpm_absent); \
	} while (0)
#define EVENT_MAY(name, want, field) \
	do { \
		TRY(name, 0, b.field = 0); \
		TRY(name, 0, b.field = EV_cache_io); \
		TRY(name, want, b.field = 1); \
		TRY(name, want, b.field = 705); \
		TRY(name, want, b.field = UINT32_MAX); \
	} while (0)

/* The codes of net-link and net-worker, any of them alone: of the network, and of memory; first is done before each. */
#define EVENT_NET(name, want, field, first) \
	do { \
		for (uint32_t code_ = EV_net_interface; code_ <= EV_net_size; code_++) \
			TRY(name, 0, (first, b.field = code_)); \
		TRY(name, 0, (first, b.field = EV_load_memory)); \
		TRY(name, want, (first, b.field = 800)); \
		TRY(name, want, (first, b.field = 815)); \
		TRY(name, want, (first, b.field = EV_load_kernel)); \
		TRY(name, want, (first, b.field = EV_cache_io)); \
		TRY(name, want, (first, b.field = EV_org_ticket)); \
		TRY(name, want, (first, b.field = EV_tpm_absent)); \
		TRY(name, want, (first, b.field = EV_program_died)); \
		TRY(name, want, (first, b.field = UINT32_C(0x80000000) + EV_net_short)); \
	} while (0)

/* A store-worker's codes: of caches, of sizes, of memory; any other would be somebody else's word. */
#define EVENT_STORE(name, want, field) \
	do { \
		EVENT_MAY(name, want, field); \
		TRY(name, 0, b.field = EV_cache_absent); \
		TRY(name, 0, b.field = EV_image_size); \
		TRY(name, 0, b.field = EV_load_memory); \
		TRY(name, want, b.field = EV_tpm_absent); \
		TRY(name, want, b.field = EV_image_kernel); \
		TRY(name, want, b.field = EV_load_kernel); \
		TRY(name, want, b.field = EV_program_died); \
	} while (0)

#define GIB UINT64_C(1073741824)

/* The last test of a program. */
static inline void
tried(void **state)
{
	(void)state;
	print_message("%u bodies judged, %u of them legal\n", cases, inside);
	assert_true(inside > 0 && inside < cases);
}
#endif
