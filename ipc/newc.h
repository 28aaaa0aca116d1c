#ifndef IPC_NEWC_H
#define IPC_NEWC_H
/*
 * Writing and reading cpio archives of format "newc" (070701), as the kernel unpacks them: Documentation/driver-api/early-userspace/
 * buffer-format.rst.  Entries begin at multiples of 4; an archive ends with TRAILER!!!.
 */
#include <stddef.h>
#include <stdint.h>

enum { NEWC_HEADER = 110, NEWC_NAME_MAX = 255, NEWC_ALIGN = 512 };

struct newc_entry {
	uint32_t ino, mode, uid, gid, nlink, mtime;
	uint32_t size_bytes;
	uint32_t rdev_major, rdev_minor;
	char name[NEWC_NAME_MAX + 1];
};

/* Bytes that an entry with a name of name_bytes (without its NUL) takes: header, name, padding, content, padding.  SIZE_MAX: too many. */
size_t newc_entry_bytes(size_t name_bytes, size_t size_bytes);

/*
 * Writes header, name and padding up to where the content begins, and zeroes the padding behind the content.  The offset of the
 * content from out, or -ENOSPC, -EINVAL (name empty or too long).  newc_trailer() writes the last entry; its length.
 */
long newc_begin(const struct newc_entry *entry, uint8_t *out, size_t cap_bytes);
long newc_trailer(uint8_t *out, size_t cap_bytes);

/* Reads the entry at in, the trailer too; content_at and next_at are offsets from in.  0, -EBADMSG with nothing written. */
int newc_read(const uint8_t *in, size_t len_bytes, struct newc_entry *out, size_t *content_at, size_t *next_at);
#endif
