#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H
/*
 * The frame of a fuzz target.  Built with -fsanitize=fuzzer and -DLIBFUZZER, libFuzzer brings main(); without them main() here
 * replays the files that it is given, so that what was once found is looked at in every run of the tests.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): it must hold in every build. */
#define MUST(what) \
	do { \
		if (!(what)) { \
			(void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
			abort(); \
		} \
	} while (0)

#ifndef LIBFUZZER
int
main(int argc, char **argv)
{
	static uint8_t bytes[1 << 20];

	if (argc < 2) {
		(void)fprintf(stderr, "usage: %s FILE...\n", argv[0]);
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		uint8_t *exact;
		size_t n;

		if (f == NULL) {
			perror(argv[i]);
			return 1;
		}
		n = fread(bytes, 1, sizeof bytes, f);
		MUST(!ferror(f) && feof(f));
		(void)fclose(f);	/* only read */
		exact = malloc(n > 0 ? n : 1);	/* a sanitizer sees one byte too far */
		MUST(exact != NULL);
		for (size_t k = 0; k < n; k++)
			exact[k] = bytes[k];
		(void)LLVMFuzzerTestOneInput(exact, n);
		free(exact);
	}
	(void)printf("%s: %d files replayed\n", argv[0], argc - 1);
	return 0;
}
#endif
#endif
