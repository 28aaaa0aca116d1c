#ifndef TESTS_TPM_FIXTURE_H
#define TESTS_TPM_FIXTURE_H
/* What the tests of crypto-worker's TPM half share: a secret to write, a place to find it, and ways to open a TPM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "swtpm.h"
#include "tpm_impl.h"

extern struct tpm_secret written, found;
extern struct tap_line tap;

void must_be_event(enum event got, enum event wanted, const char *file, int line);
#define assert_event(got, wanted) must_be_event(got, wanted, __FILE__, __LINE__)

int fixture_setup(void **state);	/* for cmocka_run_group_tests() */

void clear_found(void);
int is_found(void);			/* found is what was written */
int is_untouched(void);			/* found is as clear_found() left it */

/* tpm_open() on a duplicate of the descriptor: the TPM stays reachable beside the module. *tpm is NULL unless EV_none. */
enum event open_beside(struct swtpm *s, struct tpm **tpm);
struct tpm *power_on(struct swtpm *s);
/* Power on and tpm_open() through the tap; after that always finish_tapped(). */
enum event open_tapped(struct swtpm *s, struct tpm **tpm);
void finish_tapped(struct tpm *tpm);
/* A whole first boot, with the latch closed and the TPM left. */
void enrol_and_close(struct swtpm *s);
/* The same with an organisation: attestation key made, floor and lease begun. */
void enrol_with_org(struct swtpm *s);
/* A later boot, as far as the closed latch. */
struct tpm *boot(struct swtpm *s);

/* A hook for the tap: power goes at a command, or after it when the TPM has done it and its answer is lost. */
struct cut {
	unsigned at;
	int after;
};
enum tap cut_power(void *context, unsigned n, const uint8_t *command, size_t command_bytes, uint8_t *answer, size_t *answer_bytes);
/* Places where any window of 8 bytes of what occurs in what the tap has recorded. */
unsigned overheard(const uint8_t *what, size_t len_bytes);

/* A PCR of a bank, asked of the TPM itself; its length, 0 when there is no such bank. */
/* Transient objects and sessions that are left in the TPM. */
unsigned raw_handles(struct swtpm *s);
/* What counts towards the TPM's lockout: none of ours may. */
uint32_t raw_lockout_counter(struct swtpm *s);
size_t raw_pcr(struct swtpm *s, uint16_t alg, unsigned pcr, uint8_t out[64]);
#endif
