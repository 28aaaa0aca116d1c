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

/* A PCR of a bank, asked of the TPM itself; its length, 0 when there is no such bank. */
size_t raw_pcr(struct swtpm *s, uint16_t alg, unsigned pcr, uint8_t out[64]);
#endif
