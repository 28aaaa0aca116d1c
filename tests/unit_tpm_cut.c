/*
 * Power failing at every command that writes floor, lease and time in the TPM: a software TPM is killed there and started again.
 * Outside the wall: tests only.
 */
#include <string.h>

#include "tpm_fixture.h"

static const struct tpm_state zero, one = { 7, 1700000000, 3, 16 };

static void
power_fails_at_every_command_of_a_write(void **state)
{
	unsigned seen_old = 0, seen_new = 0, seen_last = 0;
	struct tpm_state next = one, got, had;
	struct tpm *tpm;
	struct cut cut;
	struct swtpm s;
	int whole = 0;

	(void)state;
	swtpm_make(&s, "sha256");
	enrol_with_org(&s);
	had = zero;
	for (unsigned command = 0; !whole; command++)
		for (cut.after = 0; cut.after < 2 && !whole; cut.after++) {
			cut.at = UINT32_MAX;
			tap.hook = cut_power;
			tap.context = &cut;
			assert_event(open_tapped(&s, &tpm), EV_none);
			assert_event(tpm_close(tpm, 0), EV_none);
			next.offline++;
			cut.at = tap.commands + command;
			whole = tpm_state_write(tpm, &next) == EV_none;
			assert_true(whole || tpm->broken);
			swtpm_off(&s);
			finish_tapped(tpm);

			tpm = boot(&s);
			assert_event(tpm_state_read(tpm, &got), EV_none);
			if (memcmp(&got, &next, sizeof got) == 0)
				seen_new++;
			else {
				assert_memory_equal(&got, &had, sizeof got);
				seen_old++;
			}
			seen_last = command;
			had = got;
			tpm_finish(tpm);
		}
	assert_true(seen_last > 5 && seen_old > 5 && seen_new >= 3);
	swtpm_remove(&s);
}

static void
power_fails_at_every_command_of_the_first_record(void **state)
{
	unsigned seen_none = 0, seen_begun = 0;
	struct tpm_state got;
	struct tpm *tpm;
	struct cut cut;
	struct swtpm s;
	int whole = 0;

	(void)state;
	for (unsigned command = 0; !whole; command++)
		for (cut.after = 0; cut.after < 2 && !whole; cut.after++) {
			enum event event;

			swtpm_make(&s, "sha256");
			cut.at = UINT32_MAX;
			tap.hook = cut_power;
			tap.context = &cut;
			assert_event(open_tapped(&s, &tpm), EV_none);
			assert_event(tpm_enrol(tpm, &written), EV_none);
			assert_event(tpm_close(tpm, 0), EV_none);
			cut.at = tap.commands + command;
			whole = tpm_state_begin(tpm) == EV_none;
			swtpm_off(&s);
			finish_tapped(tpm);

			tpm = boot(&s);
			event = tpm_state_read(tpm, &got);
			seen_none += event == EV_tpm_state;
			seen_begun += event == EV_none;
			assert_true(event == EV_none ? memcmp(&got, &zero, sizeof got) == 0 : event == EV_tpm_state);
			assert_true(!whole || event == EV_none);
			tpm_finish(tpm);
			swtpm_remove(&s);
		}
	assert_true(seen_none > 3 && seen_begun >= 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_fails_at_every_command_of_a_write),
		cmocka_unit_test(power_fails_at_every_command_of_the_first_record),
	};

	return cmocka_run_group_tests(tests, fixture_setup, NULL);
}
