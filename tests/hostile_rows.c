/*
 * The rows of hostile_attacks.h, as the test reads them.  Apart from it, for the many numbers and signals that they name.
 */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

#include "hostile_run.h"

#define D(nr) { OUT_dies, __NR_##nr }
#define S(signal) { OUT_signal, (signal) }
#define E(error) { OUT_errno, (error) }
#define MAY { OUT_may, 0 }
#define NOT_ITS { OUT_not_its, 0 }

const struct hostile_row hostile_rows[ATTACK_COUNT] = {
#define ATTACK(name, tool, prey, twin, nr, why) \
	[ATTACK_##name] = { #name, TOOL_##tool, PREY_##prey, TWIN_##twin, { D(nr), D(nr), D(nr), D(nr) }, why },
#define ATTACK4(name, tool, prey, twin, kexec, broker, store, crypto, why) \
	[ATTACK_##name] = { #name, TOOL_##tool, PREY_##prey, TWIN_##twin, { kexec, broker, store, crypto }, why },
#include "hostile_attacks.h"
};

const struct outcome *
hostile_expected(enum peer program, enum hostile_attack attack)
{
	static const unsigned column[PEER_COUNT] = { [PEER_kexec] = 0, [PEER_broker] = 1, [PEER_store] = 2, [PEER_crypto] = 3 };

	return &hostile_rows[attack].outcome[column[program]];
}

const char *
hostile_program(enum peer program)
{
	static const char *const names[PEER_COUNT] = { "init", "broker", "store", "crypto", "kexec", "link", "net" };

	return names[program];
}
