/*
 * Taking the TPM's owner and lockout authorisations against a real software TPM: idempotent, never by guessing, cut at every command.
 * Outside the wall: tests only.
 */
#include <string.h>

#include <sodium.h>

#include "tpm_fixture.h"

static uint8_t sec_owner[TPM_AUTH_BYTES], sec_lockout[TPM_AUTH_BYTES], strange[TPM_AUTH_BYTES];

static void
new_values(void)
{
	randombytes_buf(sec_owner, sizeof sec_owner);
	randombytes_buf(sec_lockout, sizeof sec_lockout);
	randombytes_buf(strange, sizeof strange);
}

/* TPM_PT_PERMANENT */
static uint32_t
raw_permanent(struct swtpm *s)
{
	const uint8_t c[] = { 0x80, 0x01, 0, 0, 0, 22, 0, 0, 0x01, 0x7a, 0, 0, 0, 6, 0, 0, 0x02, 0x00, 0, 0, 0, 1 };
	uint8_t a[SWTPM_BYTES_MAX];
	size_t n;

	assert_int_equal(swtpm_command(s, c, sizeof c, a, &n), 0);
	assert_int_equal(n, 27);
	assert_int_equal(wire_get32(a + 19), TPM2_PT_PERMANENT);
	return wire_get32(a + 23);
}

static int
owner_set(struct swtpm *s)
{
	return (raw_permanent(s) & TPMA_PERMANENT_OWNERAUTHSET) != 0;
}

static int
lockout_set(struct swtpm *s)
{
	return (raw_permanent(s) & TPMA_PERMANENT_LOCKOUTAUTHSET) != 0;
}

static void
takes_both_and_knows_them_again(void **state)
{
	struct tpm_state found_state;
	struct tpm_quote quote;
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	for (int ends_in_zero = 0; ends_in_zero < 2; ends_in_zero++) {
		new_values();
		/* a TPM drops zeros at the end of an authorisation: one random value in 256 has one */
		if (ends_in_zero)
			sec_owner[31] = sec_lockout[31] = sec_lockout[30] = 0;
		else
			sec_owner[31] = sec_lockout[31] = 1;
		enrol_with_org(&s);
		tpm = boot(&s);
		assert_false(owner_set(&s) || lockout_set(&s));
		assert_event(tpm_take_owner(tpm, sec_owner, sec_lockout), EV_none);
		assert_int_equal(tpm_detail(tpm), 0);
		assert_true(owner_set(&s) && lockout_set(&s));
		assert_int_equal(raw_handles(&s), 0);
		assert_event(tpm_take_owner(tpm, sec_owner, sec_lockout), EV_none);
		/* what comes after in that boot */
		assert_event(tpm_quote(tpm, strange, &quote), EV_none);
		assert_event(tpm_state_write(tpm, &(struct tpm_state){ .floor = 3 }), EV_none);
		tpm_finish(tpm);
		assert_int_equal(raw_handles(&s), 0);
		tpm = boot(&s);
		assert_event(tpm_state_read(tpm, &found_state), EV_none);
		assert_int_equal(found_state.floor, 3);
		assert_event(tpm_take_owner(tpm, sec_owner, sec_lockout), EV_none);
		tpm_finish(tpm);
		/* whoever has them from the escrow can use them */
		assert_int_equal(swtpm_try_auth(&s, TPM2_RH_OWNER, sec_owner, sizeof sec_owner), 0);
		assert_int_equal(swtpm_try_auth(&s, TPM2_RH_LOCKOUT, sec_lockout, sizeof sec_lockout), 0);
		assert_int_equal(swtpm_try_auth(&s, TPM2_RH_OWNER, strange, sizeof strange), 0x9a2);
		assert_int_equal(raw_lockout_counter(&s), 0);
		swtpm_clear(&s);
	}
	swtpm_remove(&s);
}

static void
leaves_what_somebody_else_has_set(void **state)
{
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, "sha256");
	new_values();
	for (unsigned which = 1; which < 4; which++) {
		enrol_with_org(&s);
		tpm = boot(&s);
		if ((which & 1) != 0)
			swtpm_set_auth(&s, TPM2_RH_OWNER, strange, sizeof strange);
		if ((which & 2) != 0)
			swtpm_set_auth(&s, TPM2_RH_LOCKOUT, strange, sizeof strange);
		for (int i = 0; i < 4; i++)
			assert_event(tpm_take_owner(tpm, sec_owner, sec_lockout), EV_org_escrow);
		assert_int_equal(owner_set(&s), (which & 1) != 0);
		assert_int_equal(lockout_set(&s), (which & 2) != 0);
		assert_event(tpm_state_write(tpm, &(struct tpm_state){ .floor = 3 }), EV_none);	/* the boot goes on */
		tpm_finish(tpm);
		assert_int_equal(raw_handles(&s), 0);
		assert_int_equal(raw_lockout_counter(&s), 0);
		if ((which & 1) != 0)
			assert_int_equal(swtpm_try_auth(&s, TPM2_RH_OWNER, strange, sizeof strange), 0);
		if ((which & 2) != 0)
			assert_int_equal(swtpm_try_auth(&s, TPM2_RH_LOCKOUT, strange, sizeof strange), 0);
		swtpm_clear(&s);
	}
	/* ours, but the other values: not taken for ours */
	enrol_with_org(&s);
	tpm = boot(&s);
	assert_event(tpm_take_owner(tpm, sec_owner, sec_lockout), EV_none);
	assert_event(tpm_take_owner(tpm, strange, sec_lockout), EV_org_escrow);
	assert_event(tpm_take_owner(tpm, sec_owner, sec_lockout), EV_none);
	tpm_finish(tpm);
	swtpm_remove(&s);
}

/* A lockoutAuth that was tried wrongly, once, is shut: the twin of the test above, for it would not see anything otherwise. */
static void
one_wrong_lockout_authorisation_would_show(void **state)
{
	struct swtpm s;

	(void)state;
	swtpm_make(&s, "sha256");
	new_values();
	swtpm_on(&s, 1);
	swtpm_set_auth(&s, TPM2_RH_LOCKOUT, strange, sizeof strange);
	assert_int_equal(swtpm_try_auth(&s, TPM2_RH_LOCKOUT, strange, sizeof strange), 0);
	assert_int_not_equal(swtpm_try_auth(&s, TPM2_RH_LOCKOUT, sec_lockout, sizeof sec_lockout), 0);
	assert_int_equal(swtpm_try_auth(&s, TPM2_RH_LOCKOUT, strange, sizeof strange), TPM2_RC_LOCKOUT);
	swtpm_remove(&s);
}

static void
power_fails_at_every_command(void **state)
{
	unsigned seen_nothing = 0, seen_half = 0, seen_both = 0;
	struct tpm *tpm;
	struct cut cut;
	struct swtpm s;
	int whole = 0;

	(void)state;
	swtpm_make(&s, "sha256");
	for (unsigned command = 0; !whole; command++)
		for (cut.after = 0; cut.after < 2 && !whole; cut.after++) {
			enum event event;

			new_values();
			cut.at = UINT32_MAX;
			tap.hook = cut_power;
			tap.context = &cut;
			assert_event(open_tapped(&s, &tpm), EV_none);
			cut.at = tap.commands + command;
			event = tpm_take_owner(tpm, sec_owner, sec_lockout);
			swtpm_off(&s);
			finish_tapped(tpm);
			/* Behind the last of them there are only flushes: they decide nothing. */
			whole = event == EV_none && tap.commands <= cut.at;

			tpm = power_on(&s);
			if (!owner_set(&s)) {
				assert_false(lockout_set(&s));	/* the owner's first */
				seen_nothing++;
			} else if (!lockout_set(&s))
				seen_half++;
			else
				seen_both++;
			assert_true(event != EV_none || (owner_set(&s) && lockout_set(&s)));
			/* whatever is there: the next boot goes on from it */
			assert_event(tpm_take_owner(tpm, sec_owner, sec_lockout), EV_none);
			assert_true(owner_set(&s) && lockout_set(&s));
			tpm_finish(tpm);
			assert_int_equal(swtpm_try_auth(&s, TPM2_RH_OWNER, sec_owner, sizeof sec_owner), 0);
			assert_int_equal(raw_lockout_counter(&s), 0);
			assert_int_equal(swtpm_try_auth(&s, TPM2_RH_LOCKOUT, sec_lockout, sizeof sec_lockout), 0);
			swtpm_clear(&s);
		}
	assert_true(seen_nothing > 5 && seen_half == 2 && seen_both >= 3);
	swtpm_remove(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_both_and_knows_them_again),
		cmocka_unit_test(leaves_what_somebody_else_has_set),
		cmocka_unit_test(one_wrong_lockout_authorisation_would_show),
		cmocka_unit_test(power_fails_at_every_command),
	};

	return cmocka_run_group_tests(tests, fixture_setup, NULL);
}
