/*
 * What crypto-worker does at the TPM for an organisation, when the TPM's answers are broken: never a crash, never a wrong result that
 * passes for a good one, and nothing in the TPM that was not asked for.  Outside the wall: tests only.
 */
#include <string.h>

#include <sodium.h>

#include "tpm_fixture.h"
#include "tpm_harm.h"
#include "tpm_tools.h"

static const uint8_t qualifying[32] = "the request's BLAKE2b-256 -----", none[32];
static const struct tpm_state old_state = { 5, 1600000000, 2, 16 }, new_state = { 6, 1700000000, 0, 8 };

/* What is true, found out with good answers. */
static struct {
	uint8_t ak[TPM_PUBLIC_MAX], ek[TPM_PUBLIC_MAX], cert[TPM_CERT_MAX], value[32], blob[514], secret[514];
	uint32_t ak_bytes, ek_bytes, cert_bytes, blob_bytes, secret_bytes;
} truth;
static uint8_t sec_owner[TPM_AUTH_BYTES], sec_lockout[TPM_AUTH_BYTES];
static struct tools tools;

/* --- one function each: runs it, and judges what it gave --- */

static enum event
run_state_read(struct tpm *tpm)
{
	struct tpm_state got = new_state;
	enum event event = tpm_state_read(tpm, &got);

	assert_memory_equal(&got, event == EV_none ? &old_state : &new_state, sizeof got);
	return event;
}

static enum event
run_state_write(struct tpm *tpm)
{
	return tpm_state_write(tpm, &new_state);
}

static enum event
run_ak_public(struct tpm *tpm)
{
	uint8_t got[TPM_PUBLIC_MAX] = { 0 };
	uint32_t n = 0;
	enum event event = tpm_ak_public(tpm, got, &n);

	assert_int_equal(n, event == EV_none ? truth.ak_bytes : 0);
	assert_memory_equal(got, event == EV_none ? truth.ak : none, n);
	return event;
}

static enum event
run_quote(struct tpm *tpm)
{
	struct tpm_quote quote = { .attest_bytes = 7 };
	enum event event = tpm_quote(tpm, qualifying, &quote);

	if (event == EV_none)
		assert_int_equal(tools_checkquote(&tools, &quote, quote.pcr, qualifying), 0);
	else
		assert_int_equal(quote.attest_bytes, 7);
	return event;
}

static enum event
run_ek_public(struct tpm *tpm)
{
	uint8_t got[TPM_PUBLIC_MAX] = { 0 }, cert[TPM_CERT_MAX] = { 0 };
	uint32_t n = 0, m = 0;
	enum event event = tpm_ek_public(tpm, got, &n, cert, &m);

	assert_int_equal(n, event == EV_none ? truth.ek_bytes : 0);
	assert_memory_equal(got, event == EV_none ? truth.ek : none, n);
	assert_true(m == 0 || (event == EV_none && m == truth.cert_bytes));	/* a refusal can be made up: then there is none */
	assert_memory_equal(cert, m == 0 ? none : truth.cert, m);
	return event;
}

static enum event
run_activate(struct tpm *tpm)
{
	uint8_t got[32] = { 0 };
	enum event event = tpm_activate(tpm, truth.blob, truth.blob_bytes, truth.secret, truth.secret_bytes, got);

	assert_memory_equal(got, event == EV_none ? truth.value : none, 32);
	return event;
}

static enum event
run_take_owner(struct tpm *tpm)
{
	return tpm_take_owner(tpm, sec_owner, sec_lockout);
}

/* --- and what is in the TPM afterwards, asked with good answers; puts it back --- */

static void
after_nothing(struct swtpm *s, struct tpm *tpm, enum event event)
{
	struct tpm_state got;

	(void)s, (void)event;
	assert_event(tpm_state_read(tpm, &got), EV_none);
	assert_memory_equal(&got, &old_state, sizeof got);
}

static void
after_state_write(struct swtpm *s, struct tpm *tpm, enum event event)
{
	struct tpm_state got;

	(void)s;
	assert_event(tpm_state_read(tpm, &got), EV_none);
	assert_memory_equal(&got, event == EV_none || got.floor == new_state.floor ? &new_state : &old_state, sizeof got);
	assert_event(tpm_state_write(tpm, &old_state), EV_none);
}

/* The key is there, or may be made again. */
static void
after_ak_make(struct swtpm *s, struct tpm *tpm, enum event event)
{
	uint8_t got[TPM_PUBLIC_MAX];
	uint32_t n;

	if (event != EV_none)
		assert_event(tpm_ak_make(tpm), EV_none);
	assert_event(tpm_ak_public(tpm, got, &n), EV_none);
	assert_int_equal(n, truth.ak_bytes);
	assert_memory_equal(got, truth.ak, n);
	swtpm_clear(s);
}

static void
after_take_owner(struct swtpm *s, struct tpm *tpm, enum event event)
{
	(void)event;
	assert_event(tpm_take_owner(tpm, sec_owner, sec_lockout), EV_none);	/* goes on from wherever it was */
	assert_int_equal(swtpm_try_auth(s, TPM2_RH_LOCKOUT, sec_lockout, sizeof sec_lockout), 0);	/* and it was never tried wrongly */
	assert_int_equal(raw_lockout_counter(s), 0);
	swtpm_clear(s);
}

static const struct operation {
	const char *name;
	enum event (*run)(struct tpm *tpm);
	void (*after)(struct swtpm *s, struct tpm *tpm, enum event event);
} operations[] = {
	{ "state_read", run_state_read, after_nothing },
	{ "state_write", run_state_write, after_state_write },
	{ "ak_public", run_ak_public, after_nothing },
	{ "quote", run_quote, after_nothing },
	{ "ek_public", run_ek_public, after_nothing },
	{ "activate", run_activate, after_nothing },
	/* these undo what the others need: last */
	{ "ak_make", tpm_ak_make, after_ak_make },
	{ "take_owner", run_take_owner, after_take_owner },
};

/* One run with one answer harmed; how many answers there were. */
static unsigned
try(struct swtpm *s, const struct operation *op, struct harm *harm, unsigned at, enum event *event)
{
	unsigned before;
	struct tpm *tpm;

	harm->at = UINT32_MAX;
	harm->had_bytes = 0;
	tap.hook = do_harm;
	tap.context = harm;
	assert_event(open_tapped(s, &tpm), EV_none);
	assert_event(tpm_close(tpm, 1), EV_none);
	before = tap.commands;
	if (at != UINT32_MAX)
		harm->at = before + at;
	*event = op->run(tpm);
	before = tap.commands - before;
	harm->at = UINT32_MAX;
	finish_tapped(tpm);
	swtpm_on(s, 1);
	assert_event(open_beside(s, &tpm), EV_none);
	assert_event(tpm_close(tpm, 1), EV_none);
	op->after(s, tpm, *event);
	tpm_finish(tpm);
	return before;
}

static void
find_truth(struct swtpm *s)
{
	uint8_t name[34] = { 0, 0x0b };
	struct tpm *tpm;

	randombytes_buf(truth.cert, sizeof truth.cert);
	memcpy(truth.cert, "\x30\x82\x02\xbc", 4);
	tools_put(&tools, "content", truth.cert, 0x2bc + 4);
	enrol_with_org(s);
	swtpm_on(s, 1);
	assert_int_equal(tools_run(&tools, s, "tpm2_nvdefine 0x01c0000a -C p -s 704 -a 'ppwrite|platformcreate|no_da|authread' && "
	    "tpm2_nvwrite 0x01c0000a -C p -i content"), 0);
	tpm = boot(s);
	assert_event(tpm_state_write(tpm, &old_state), EV_none);
	assert_event(tpm_ak_public(tpm, truth.ak, &truth.ak_bytes), EV_none);
	assert_event(tpm_ek_public(tpm, truth.ek, &truth.ek_bytes, truth.cert, &truth.cert_bytes), EV_none);
	assert_int_equal(truth.cert_bytes, 704);
	tpm_finish(tpm);
	randombytes_buf(truth.value, sizeof truth.value);
	randombytes_buf(sec_owner, sizeof sec_owner);
	randombytes_buf(sec_lockout, sizeof sec_lockout);
	assert_int_equal(crypto_hash_sha256(name + 2, truth.ak, truth.ak_bytes), 0);
	tools_credential(&tools, truth.ek, truth.ek_bytes, name, truth.value, 32, truth.blob, &truth.blob_bytes, truth.secret,
	    &truth.secret_bytes);
	tools_put_public(&tools, "ak.pub", truth.ak, truth.ak_bytes);
}

static void
broken_answers_never_give_a_wrong_result(void **state)
{
	unsigned rounds = hostile_rounds() / 2;
	uint32_t seed = 3;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, "sha256");
	tools_make(&tools);
	find_truth(&s);
	for (const struct operation *op = operations; op < operations + sizeof operations / sizeof operations[0]; op++) {
		unsigned runs = 0, good = 0, missed = 0, total;
		struct harm harm = { 0 };
		enum event event;

		/* a key that is not there yet, no owner yet */
		if (op->run == tpm_ak_make)
			swtpm_clear(&s);
		total = try(&s, op, &harm, UINT32_MAX, &event);
		assert_event(event, EV_none);
		for (unsigned at = 0; at < total; at++)
			for (unsigned round = 0; round < rounds; round++, runs++) {
				harm.kind = round % 3 != 0 ? HARM_bit - round % 2 : round / 3 % HARM_KINDS;
				harm.seed = next_seed(&seed);
				(void)try(&s, op, &harm, at, &event);
				good += event == EV_none;
				missed += harm.had_bytes == 0;
			}
		print_message("%s: %u runs over %u answers, %u good; %u not reached\n", op->name, runs, total, good, missed);
		assert_true(total > 3 && good < runs && missed < runs / 10 + 1);
	}
	tools_remove(&tools);
	swtpm_remove(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broken_answers_never_give_a_wrong_result),
	};

	return cmocka_run_group_tests(tests, fixture_setup, NULL);
}
