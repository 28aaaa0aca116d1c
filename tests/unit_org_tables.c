/*
 * The service's tables: who holds how many connections, bodies, rations; and its challenges, which need none.  Host-side test.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "challenge.h"
#include "conns.h"
#include "rate.h"

union any {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

static union any
address(const char *text)
{
	union any a;

	memset(&a, 0, sizeof a);
	if (text[0] == '\0')
		a.un.sun_family = AF_UNIX;
	else if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1)
		a.v4.sin_family = AF_INET;
	else {
		assert_int_equal(inet_pton(AF_INET6, text, &a.v6.sin6_addr), 1);
		a.v6.sin6_family = AF_INET6;
	}
	return a;
}

static struct origin
origin(const char *text)
{
	union any a = address(text);
	struct origin o;

	origin_of(&a.sa, &o);
	return o;
}

static int
same(const char *a, const char *b)
{
	struct origin x = origin(a), y = origin(b);

	return origin_same(&x, &y);
}

static void
origins(void **state)
{
	(void)state;
	assert_true(same("192.0.2.1", "192.0.2.1"));
	assert_false(same("192.0.2.1", "192.0.2.2"));
	assert_true(same("192.0.2.1", "::ffff:192.0.2.1"));
	assert_true(same("2001:db8::1", "2001:db8::ffff:1"));	/* one /64 */
	assert_false(same("2001:db8::1", "2001:db8:0:1::1"));
	assert_true(same("", ""));
	assert_false(same("", "0.0.0.0"));
	assert_false(same("c000:201::", "192.0.2.1"));		/* the same first bytes */
}

static void
connections(void **state)
{
	union any a = address("192.0.2.1"), b = address("2001:db8::7"), mapped = address("::ffff:192.0.2.1");
	struct origin oa = origin("192.0.2.1");
	struct conns conns;
	struct conn *first, *second, *third;
	int pair[2];
	char byte;

	(void)state;
	assert_int_equal(conns_init(&conns, 3), 0);
	assert_int_equal(conns_wait(&conns, 5), -1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	first = conns_begin(&conns, pair[0], &a.sa, 1000);
	second = conns_begin(&conns, 1001, &a.sa, 3000);
	third = conns_begin(&conns, 1002, &b.sa, 2000);
	assert_true(first != NULL && second != NULL && third != NULL);
	assert_null(conns_begin(&conns, 1003, &a.sa, 1));
	assert_int_equal(conns_of(&conns, &oa), 2);
	assert_string_equal(first->address, "192.0.2.1");
	assert_string_equal(third->address, "2001:db8::7");
	assert_int_equal(conns_wait(&conns, 400), 600);
	assert_int_equal(conns_wait(&conns, 1000), 0);
	assert_int_equal(conns_cut(&conns, 999, 0), 0);
	assert_int_equal(conns_cut(&conns, 1000, 0), 1);
	assert_int_equal(read(pair[1], &byte, 1), 0);		/* the other side sees it */
	assert_int_equal(conns_cut(&conns, 1000, 0), 0);		/* once */
	conns_end(&conns, first);
	assert_int_equal(conns_of(&conns, &oa), 1);
	assert_int_equal(conns.used, 2);
	second->answering = 1;
	assert_int_equal(conns_cut(&conns, 1500, 1), 1);		/* the end: an answer under way may go on */
	assert_int_equal(conns_wait(&conns, 1500), 1500);
	assert_ptr_equal(conns_begin(&conns, 1004, &b.sa, 1), first);	/* a row is used again */
	conns_end(&conns, first);
	first = conns_begin(&conns, 1005, &mapped.sa, 1);
	assert_string_equal(first->address, "192.0.2.1");
	conns_free(&conns);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void
bodies(void **state)
{
	union any a = address("192.0.2.1");
	struct conn *first, *second;
	struct conns conns;
	uint8_t zeros[5] = { 0 }, *body;

	(void)state;
	assert_int_equal(conns_init(&conns, 2), 0);
	first = conns_begin(&conns, 1001, &a.sa, 1);
	second = conns_begin(&conns, 1002, &a.sa, 1);
	assert_true(first != NULL && second != NULL);
	assert_int_equal(second->body - first->body, BODY_MAX);
	assert_int_equal(conns_take(first, "a", 1), -EMSGSIZE);	/* no body was announced */
	first->body_want = 5;
	assert_int_equal(conns_take(first, "abc", 3), 0);
	assert_int_equal(conns_take(first, "def", 3), -EMSGSIZE);
	assert_int_equal(conns_take(first, "de", 2), 0);
	assert_int_equal(conns_take(first, "f", 1), -EMSGSIZE);
	assert_memory_equal(first->body, "abcde", 5);
	conns_wipe(first);
	assert_memory_equal(first->body, zeros, 5);
	assert_int_equal(first->body_bytes, 0);
	first->body_want = 3;
	assert_int_equal(conns_take(first, "abc", 3), 0);
	body = first->body;
	conns_end(&conns, first);		/* cut in the middle: the next one of this row sees nothing of it */
	assert_memory_equal(body, zeros, 3);
	assert_ptr_equal(conns_begin(&conns, 1003, &a.sa, 1), first);
	assert_ptr_equal(first->body, body);
	assert_int_equal(first->body_want, 0);
	conns_free(&conns);
}

static void
rates(void **state)
{
	struct rate rate;

	(void)state;
	rate_init(&rate, 1000, 3, 500);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(rate_take(&rate, 1000), 1);
	assert_int_equal(rate_take(&rate, 1000), 0);
	assert_int_equal(rate_take(&rate, 1499), 0);
	assert_int_equal(rate_take(&rate, 1500), 1);
	assert_int_equal(rate_take(&rate, 1500), 0);
	assert_int_equal(rate_take(&rate, 2400), 1);	/* what is due since then: one at 2000, the next at 2500 */
	assert_int_equal(rate_take(&rate, 2499), 0);
	assert_int_equal(rate_take(&rate, 2500), 1);
	for (unsigned i = 0; i < 3; i++)		/* however long nobody came: the burst, and no more */
		assert_int_equal(rate_take(&rate, 1000000), 1);
	assert_int_equal(rate_take(&rate, 1000000), 0);
}

static void
rates_of_many(void **state)
{
	static struct rates rates;
	const uint64_t one = 1;
	unsigned fresh = 0;

	(void)state;
	rates_init(&rates, 3, 500);
	for (uint64_t i = 0; i < 100; i++) {
		unsigned taken = 0;

		while (rates_take(&rates, &i, sizeof i, 1000))
			assert_in_range(++taken, 1, 3);
		fresh += taken == 3;		/* the others share a place with one that took it all */
		assert_int_equal(rates_take(&rates, &i, sizeof i, 1499), 0);
	}
	assert_in_range(fresh, 80, 100);
	assert_int_equal(rates_take(&rates, &one, sizeof one, 1500), 1);
	assert_int_equal(rates_take(&rates, &one, sizeof one, 1500), 0);
}

static void
log_texts(void **state)
{
	char out[8];

	(void)state;
	conns_text(out, sizeof out, "/a\n\x1b[1");
	assert_string_equal(out, "/a??[1");
	conns_text(out, sizeof out, "123456789");
	assert_string_equal(out, "1234567");
	conns_text(out, sizeof out, "");
	assert_string_equal(out, "");
}

static void
challenges(void **state)
{
	uint8_t first[CHALLENGE_BYTES], second[CHALLENGE_BYTES], altered[CHALLENGE_BYTES];
	struct challenges c, former;
	uint64_t left_ms;

	(void)state;
	challenges_init(&c, 5000, 60);
	challenges_issue(&c, 7000, first);
	challenges_issue(&c, 7000, second);
	assert_memory_not_equal(first, second, sizeof first);
	assert_int_equal(challenges_judge(&c, first, 7000, &left_ms), 0);
	assert_int_equal(left_ms, 60000);
	assert_int_equal(challenges_judge(&c, first, 7000 + 59999, &left_ms), 0);
	assert_int_equal(left_ms, 1);
	left_ms = 0;
	assert_int_equal(challenges_judge(&c, first, 7000 + 60000, &left_ms), -ETIME);
	assert_int_equal(challenges_judge(&c, first, UINT64_MAX, &left_ms), -ETIME);
	assert_int_equal(challenges_judge(&c, first, 6999, &left_ms), -ETIME);	/* from the future: no clock of ours says that */
	for (unsigned bit = 0; bit < 8 * CHALLENGE_BYTES; bit++) {
		memcpy(altered, first, sizeof altered);
		altered[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(challenges_judge(&c, altered, 7000, &left_ms), -EBADMSG);
	}
	assert_int_equal(left_ms, 0);
	former = c;
	challenges_init(&c, 5000, 60);		/* a restart at the same instant */
	assert_int_equal(challenges_judge(&c, first, 7000, &left_ms), -EBADMSG);
	assert_int_equal(challenges_judge(&former, first, 7000, &left_ms), 0);
	challenges_end(&former);
	assert_int_equal(challenges_judge(&former, first, 7000, &left_ms), -EBADMSG);
	challenges_issue(&c, UINT64_C(5000) + (UINT64_C(1) << 47), first);	/* 4500 years */
	assert_int_equal(challenges_judge(&c, first, UINT64_C(5001) + (UINT64_C(1) << 47), &left_ms), 0);
	assert_int_equal(left_ms, 59999);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(origins),
		cmocka_unit_test(connections),
		cmocka_unit_test(bodies),
		cmocka_unit_test(rates), cmocka_unit_test(rates_of_many),
		cmocka_unit_test(log_texts),
		cmocka_unit_test(challenges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
