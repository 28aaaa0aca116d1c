/*
 * Documents under random changes: whatever the parser accepts, the writer gives back byte for byte; every refusal has a reason.
 * Host-side test; deterministic: the same changes in every run.
 */
#include <stdio.h>

#include "doc_samples.h"

static uint64_t seed = 0x9e3779b97f4a7c15;

static size_t
any(size_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (size_t)(seed % below);
}

/* One random change of a text with room for 256 bytes more. */
static size_t
mutate(char *text, size_t n)
{
	static const char likely[] = "0123456789abcdefxyzAZ \n\t\r-+=/_.\x00\x7f\x80\xff";
	size_t at = any(n), from = any(n), len = 1 + any(64);

	switch (any(6)) {
	case 0:
		text[at] = likely[any(sizeof likely - 1)];
		return n;
	case 1:
		text[at] = (char)(text[at] ^ 1 << any(8));
		return n;
	case 2:	/* one in */
		memmove(text + at + 1, text + at, n - at);
		text[at] = likely[any(sizeof likely - 1)];
		return n + 1;
	case 3:	/* one out */
		memmove(text + at, text + at + 1, n - at - 1);
		return n - 1;
	case 4:	/* a stretch again, somewhere */
		if (len > n - from)
			len = n - from;
		memmove(text + at + len, text + at, n - at);
		if (from >= at)
			from += len;
		memmove(text + at, text + from, len);
		return n + len;
	default:	/* a stretch out */
		if (len > n - at)
			len = n - at;
		memmove(text + at, text + at + len, n - at - len);
		return n - len;
	}
}

static void
mutations(void **state)
{
	enum { ROUNDS = 300000 };
	static char text[DOC_MAX];
	struct doc_error error;
	unsigned good = 0, whys[DOC_inventory + 1] = { 0 };

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		enum doc_kind kind = (enum doc_kind)(i % DOC_COUNT);
		size_t n = strlen(sample[kind]);

		memcpy(text, sample[kind], n);
		for (size_t changes = 1 + any(3); changes > 0 && n > 1; changes--)
			n = mutate(text, n);
		if (parse_round(kind, text, n, &error) == 0)
			good++;
		else
			whys[error.why]++;
	}
	print_message("%u mutations, %u accepted, all of them round\n", ROUNDS, good);
	assert_in_range(good, ROUNDS / 100, ROUNDS / 2);
	for (unsigned why = DOC_no_end; why <= DOC_inventory; why++)	/* the mutations reach every reason but the two sizes */
		if (whys[why] == 0 && why != DOC_too_many)
			fail_msg("never: %s", doc_why_text((enum doc_why)why));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
