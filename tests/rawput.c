/*
 * rawput IMAGE SLOT MANIFEST MINISIG KERNEL INITRAMFS: puts files into a slot as they are, however wrong, and first in the journal.
 * A hostile hand for the end-to-end tests: sallyport-org cache put would refuse what they need.  Test tree only.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "rawput: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint8_t *
slurp(const char *path, size_t *len)
{
	struct stat st;
	uint8_t *data;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st) != 0 || (data = malloc((size_t)st.st_size + 1)) == NULL ||
	    read(fd, data, (size_t)st.st_size) != st.st_size)
		die(path);
	(void)close(fd);	/* read only */
	*len = (size_t)st.st_size;
	return data;
}

int
main(int argc, char **argv)
{
	struct cache_header header;
	struct cache_journal journal;
	struct cache_slot slot = { 0 };
	size_t len[PART_LAST + 1];
	uint8_t *data[PART_LAST + 1];
	uint32_t n;
	int fd, rc;

	if (argc != 7) {
		fprintf(stderr, "usage: rawput IMAGE SLOT MANIFEST MINISIG KERNEL INITRAMFS\n");
		return 2;
	}
	fd = open(argv[1], O_RDWR);
	n = (uint32_t)strtoul(argv[2], NULL, 10);
	if (fd < 0 || cache_read_header(fd, &header) != 0 || n >= header.slots)
		die(argv[1]);
	for (unsigned p = PART_manifest; p <= PART_LAST; p++)
		data[p] = slurp(argv[2 + p], &len[p]);
	slot.manifest_bytes = (uint32_t)len[PART_manifest];
	slot.minisig_bytes = (uint32_t)len[PART_minisig];
	slot.kernel_bytes = len[PART_kernel];
	slot.initramfs_bytes = len[PART_initramfs];
	(void)crypto_generichash(slot.id, sizeof slot.id, data[PART_manifest], len[PART_manifest], NULL, 0);	/* cannot fail */
	for (unsigned p = PART_manifest; p <= PART_LAST; p++)
		if (pwrite(fd, data[p], len[p], (off_t)cache_part_at(&header, n, &slot, (enum part)p)) != (ssize_t)len[p])
			die("pwrite");
	errno = -cache_write_slot(fd, &header, n, &slot);
	if (errno != 0)
		die("slot header");
	rc = cache_read_journal(fd, &journal);
	if (rc != 0 && rc != -ENODATA)
		die("journal");
	cache_journal_put(&journal, slot.id);
	errno = -cache_write_journal(fd, &journal);
	if (errno != 0)
		die("journal");
	for (unsigned p = PART_manifest; p <= PART_LAST; p++)
		free(data[p]);
	return close(fd) == 0 ? 0 : 1;
}
