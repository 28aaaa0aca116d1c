/*
 * sallyport-cache: the operator's cache commands, for the generation's own use (put a new generation, report health).
 * On the OS side; all the code is org's, and so is what it distrusts.
 */
#include <stdio.h>

#include <sodium.h>

#include "org.h"

int
main(int argc, char **argv)
{
	int rc;

	org_program = "sallyport-cache";
	if (sodium_init() < 0) {
		(void)refuse("libsodium does not start");
		return ORG_refused;
	}
	rc = cmd_cache(argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout) != 0) {
		(void)refuse("standard output cannot be written");
		return rc == ORG_ok ? ORG_refused : rc;
	}
	return rc;
}
