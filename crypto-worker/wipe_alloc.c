/*
 * Freed memory is wiped first: linked into crypto-worker with -Wl,--wrap=free,--wrap=realloc, so that it holds for the libraries too.
 * Innermost side of the wall.  Distrusts nobody, but ESYS and Mbed TLS free session keys and decrypted parameters as they are.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

/* names given by ld(1), --wrap */
void __real_free(void *p);
void __wrap_free(void *p);
void *__wrap_realloc(void *p, size_t len_bytes);

void
__wrap_free(void *p)
{
	if (p != NULL)
		sodium_memzero(p, malloc_usable_size(p));
	__real_free(p);
}

/* Always a new block: one that grew in place or was moved by the allocator would leave its old bytes behind. */
void *
__wrap_realloc(void *p, size_t len_bytes)
{
	size_t old_bytes = p == NULL ? 0 : malloc_usable_size(p);
	void *fresh = malloc(len_bytes == 0 ? 1 : len_bytes);

	if (fresh == NULL)
		return NULL;
	if (p != NULL)
		memcpy(fresh, p, old_bytes < len_bytes ? old_bytes : len_bytes);
	__wrap_free(p);
	return fresh;
}
