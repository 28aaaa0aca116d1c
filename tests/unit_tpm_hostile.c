/*
 * crypto-worker's TPM half when the TPM's answers lie or are broken.  Outside the wall: tests only.
 */
#include <string.h>

#include <sodium.h>

#include "tpm_fixture.h"
#include "tpm_harm.h"

/* --- answers that say something else --- */

struct lie {
	uint32_t code;		/* of the command */
	unsigned skip, times;	/* leave that many alone; lie that often */
	uint32_t rc;		/* answer this code; 0: see fill */
	size_t at;		/* overwrite from here with the byte fill */
	size_t len_bytes;
	uint8_t fill;
	uint16_t tag;		/* 0: leave */
};

static enum tap
tell_lie(void *context, unsigned n, const uint8_t *command, size_t command_bytes, uint8_t *answer, size_t *answer_bytes)
{
	struct lie *l = context;

	(void)n, (void)command_bytes;
	if (answer == NULL || wire_get32(command + 6) != l->code || l->times == 0)
		return TAP_pass;
	if (l->skip > 0) {
		l->skip--;
		return TAP_pass;
	}
	l->times--;
	if (l->rc != 0) {
		const uint8_t a[] = { 0x80, 0x01, 0, 0, 0, 10, (uint8_t)(l->rc >> 24), (uint8_t)(l->rc >> 16), (uint8_t)(l->rc >> 8),
		    (uint8_t)l->rc };

		memcpy(answer, a, sizeof a);
		*answer_bytes = sizeof a;
	} else if (l->at + l->len_bytes <= *answer_bytes)
		memset(answer + l->at, l->fill, l->len_bytes);
	if (l->tag != 0) {
		answer[0] = (uint8_t)(l->tag >> 8);
		answer[1] = (uint8_t)l->tag;
	}
	return TAP_pass;
}

static void
lies_have_their_codes(void **state)
{
	static const struct { struct lie lie; enum event open, read, close; } lies[] = {
		{ { .code = TPM2_CC_GetCapability, .times = 1, .rc = 0x1e, .tag = 0xc4 }, EV_tpm_absent, 0, 0 },
		{ { .code = TPM2_CC_GetCapability, .times = 1, .rc = 0x100 }, EV_tpm_error, 0, 0 },
		{ { .code = TPM2_CC_GetCapability, .times = 1, .at = 25, .len_bytes = 1, .fill = 0x31 }, EV_tpm_absent, 0, 0 },
		/* list of banks: SHA-1 becomes one that is not known */
		{ { .code = TPM2_CC_GetCapability, .skip = 1, .times = 1, .at = 20, .len_bytes = 1, .fill = 0x12 }, EV_tpm_bank, 0, 0 },
		/* all ones in PCR 0 */
		{ { .code = TPM2_CC_PCR_Read, .times = 1, .at = 30, .len_bytes = 32, .fill = 0xff }, EV_tpm_pcr_unused, 0, 0 },
		/* no P-256, no AES-CFB, too slow to decide, a shared point that always has a leading zero: no weaker way is tried */
		{ { .code = TPM2_CC_CreatePrimary, .times = 99, .rc = 0x2e6 }, EV_tpm_session, 0, 0 },
		{ { .code = TPM2_CC_StartAuthSession, .times = 99, .rc = 0x2d6 }, EV_tpm_session, 0, 0 },
		{ { .code = TPM2_CC_StartAuthSession, .times = 99, .rc = 0x903 }, EV_tpm_error, 0, 0 },
		{ { .code = TPM2_CC_Hash, .times = 99, .rc = 0x9a2 }, EV_tpm_session, 0, 0 },
		{ { .code = TPM2_CC_Hash, .times = 3, .rc = 0x9a2 }, EV_none, EV_none, EV_none },
		{ { .code = TPM2_CC_Hash, .times = 1, .at = 20, .len_bytes = 8, .fill = 7 }, EV_tpm_session, 0, 0 },
		{ { .code = TPM2_CC_NV_ReadPublic, .times = 1, .rc = 0x921 }, EV_none, EV_tpm_locked_out, EV_none },
		/* the TPM did read, so its session has moved on: the lock fails, PCR 8 closes */
		{ { .code = TPM2_CC_NV_Read, .times = 1, .rc = 0x921 }, EV_none, EV_tpm_locked_out, EV_tpm_latch },
		{ { .code = TPM2_CC_NV_Read, .times = 1, .at = 20, .len_bytes = 8, .fill = 7 }, EV_none, EV_tpm_session, EV_none },
		{ { .code = TPM2_CC_NV_Read, .times = 1, .rc = 0x000a0009 }, EV_none, EV_tpm_answer, EV_none },
		/* the latch: a lock that was none, the wrong refusal, an extend that was none */
		{ { .code = TPM2_CC_NV_ReadLock, .times = 1, .rc = 0x12f }, EV_none, EV_none, EV_tpm_latch },
		{ { .code = TPM2_CC_NV_Read, .skip = 1, .times = 1, .rc = 0x149 }, EV_none, EV_none, EV_tpm_latch },
		{ { .code = TPM2_CC_PCR_Extend, .times = 1, .rc = 0x921 }, EV_none, EV_none, EV_tpm_latch },
		{ { .code = TPM2_CC_PCR_Read, .skip = 4, .times = 1, .at = 40, .len_bytes = 4, .fill = 7 }, EV_none, EV_none, EV_tpm_latch },
		{ { .code = TPM2_CC_NV_Read, .skip = 2, .times = 1, .rc = 0x148 }, EV_none, EV_none, EV_tpm_latch },
	};
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	enrol_and_close(&s);
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		struct lie lie = lies[i].lie;
		unsigned times = lie.times;

		tap.hook = tell_lie;
		tap.context = &lie;
		print_message("lie %zu\n", i);
		assert_event(open_tapped(&s, &tpm), lies[i].open);
		if (lies[i].open == EV_none) {
			assert_event(tpm_read(tpm, &found), lies[i].read);
			assert_true(lies[i].read != EV_none || is_found());
			assert_event(tpm_close(tpm, 0), lies[i].close);
		}
		finish_tapped(tpm);
		assert_true(lie.times < times);	/* it was told */
	}
	swtpm_remove(&s);
}

/* --- answers that are broken in every way --- */

/* Does PCR 8 of the SHA-256 bank hold anything but zeros?  Asked of the TPM itself. */
static int
raw_latched(struct swtpm *s)
{
	uint8_t pcr[64];

	return raw_pcr(s, TPM2_ALG_SHA256, TPM_PCR_LATCH, pcr) == TPM_SHA256_BYTES && !sodium_is_zero(pcr, TPM_SHA256_BYTES);
}

static void
broken_answers_never_yield_a_wrong_secret(void **state)
{
	unsigned total, reads = 0, closes = 0, runs = 0, missed = 0;
	struct harm harm = { 0 };
	uint32_t seed = 1;
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	enrol_and_close(&s);
	/* how many answers there are when all are right */
	tap.hook = NULL;
	assert_event(open_tapped(&s, &tpm), EV_none);
	assert_event(tpm_read(tpm, &found), EV_none);
	assert_event(tpm_close(tpm, 0), EV_none);
	finish_tapped(tpm);
	total = tap.commands;
	for (harm.at = 0; harm.at < total; harm.at++)
		for (unsigned round = 0; round < hostile_rounds(); round++, runs++) {
			harm.kind = round % 3 != 0 ? HARM_bit - round % 2 : round / 3 % HARM_KINDS;
			harm.seed = next_seed(&seed);
			harm.had_bytes = 0;
			tap.hook = do_harm;
			tap.context = &harm;
			clear_found();
			if (open_tapped(&s, &tpm) == EV_none) {
				if (tpm_read(tpm, &found) == EV_none) {
					reads++;
					assert_true(is_found());
				} else
					assert_true(is_untouched());
				if (tpm_close(tpm, 0) == EV_none) {
					closes++;
					assert_true(raw_latched(&s));
				}
			}
			missed += harm.had_bytes == 0;
			finish_tapped(tpm);
		}
	print_message("%u runs over %u answers: %u read, %u closed, all else refused; %u not reached\n", runs, total, reads, closes,
	    missed);
	assert_true(total > 20 && closes < runs && missed < runs / 10);
	swtpm_remove(&s);
}

static void
broken_answers_to_enrolment_leave_a_known_state(void **state)
{
	unsigned total = 1, runs = 0, good = 0;
	struct harm harm = { 0 };
	enum event event, after;
	uint32_t seed = 2;
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	for (harm.at = 0; harm.at < total; harm.at++)
		for (unsigned round = 0; round < hostile_rounds() / 4; round++, runs++) {
			harm.kind = round % HARM_KINDS;
			harm.seed = next_seed(&seed);
			tap.hook = do_harm;
			tap.context = &harm;
			swtpm_make(&s, NULL);
			if ((event = open_tapped(&s, &tpm)) == EV_none)
				event = tpm_enrol(tpm, &written);
			good += event == EV_none;
			if (tap.commands > total)
				total = tap.commands;
			finish_tapped(tpm);
			tap.hook = NULL;
			assert_event(open_tapped(&s, &tpm), EV_none);
			after = tpm_index_state(tpm);
			if (after == EV_none) {
				assert_event(tpm_read(tpm, &found), EV_none);
				assert_true(is_found());
			} else
				assert_true(event != EV_none && (after == EV_tpm_not_enrolled || after == EV_tpm_unfinished ||
				    after == EV_tpm_policy));
			finish_tapped(tpm);
			swtpm_remove(&s);
		}
	print_message("%u runs over %u answers, %u enrolled\n", runs, total, good);
	assert_true(total > 15 && good < runs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies_have_their_codes),
		cmocka_unit_test(broken_answers_never_yield_a_wrong_secret),
		cmocka_unit_test(broken_answers_to_enrolment_leave_a_known_state),
	};

	return cmocka_run_group_tests(tests, fixture_setup, NULL);
}
