/*
 * cpio archives, format "newc".  crypto-worker writes the hand-over's archive with it; the operator's tools read a generation's
 * initramfs to find what must not be in it.  Distrusts what it reads: a name that ends early or a size that reaches out refuses.
 */
#include <errno.h>
#include <string.h>

#include "newc.h"

enum { FIELDS = 13, FIELD_AT = 6, FIELD_DIGITS = 8 };
/* The header's fields, in its order. */
enum { F_INO, F_MODE, F_UID, F_GID, F_NLINK, F_MTIME, F_SIZE, F_DEV_MAJOR, F_DEV_MINOR, F_RDEV_MAJOR, F_RDEV_MINOR, F_NAMESIZE, F_CHECK };

static const char magic[] = "070701";

static size_t
up4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

size_t
newc_entry_bytes(size_t name_bytes, size_t size_bytes)
{
	if (name_bytes > SIZE_MAX / 4 || size_bytes > SIZE_MAX / 4)
		return SIZE_MAX;
	return up4(NEWC_HEADER + name_bytes + 1) + up4(size_bytes);
}

static void
put_field(uint8_t *out, unsigned field, uint32_t value)
{
	static const char digits[] = "0123456789ABCDEF";

	for (unsigned i = 0; i < FIELD_DIGITS; i++)
		out[FIELD_AT + field * FIELD_DIGITS + i] = (uint8_t)digits[value >> (28 - 4 * i) & 15];
}

long
newc_begin(const struct newc_entry *entry, uint8_t *out, size_t cap_bytes)
{
	size_t name_bytes = strnlen(entry->name, sizeof entry->name), content_at, all_bytes;

	if (name_bytes == 0 || name_bytes > NEWC_NAME_MAX)
		return -EINVAL;
	content_at = up4(NEWC_HEADER + name_bytes + 1);
	all_bytes = newc_entry_bytes(name_bytes, entry->size_bytes);
	if (all_bytes > cap_bytes)
		return -ENOSPC;
	memcpy(out, magic, FIELD_AT);
	put_field(out, F_INO, entry->ino);
	put_field(out, F_MODE, entry->mode);
	put_field(out, F_UID, entry->uid);
	put_field(out, F_GID, entry->gid);
	put_field(out, F_NLINK, entry->nlink);
	put_field(out, F_MTIME, entry->mtime);
	put_field(out, F_SIZE, entry->size_bytes);
	put_field(out, F_DEV_MAJOR, 0);
	put_field(out, F_DEV_MINOR, 0);
	put_field(out, F_RDEV_MAJOR, entry->rdev_major);
	put_field(out, F_RDEV_MINOR, entry->rdev_minor);
	put_field(out, F_NAMESIZE, (uint32_t)name_bytes + 1);
	put_field(out, F_CHECK, 0);
	memset(out + NEWC_HEADER, 0, content_at - NEWC_HEADER);
	memcpy(out + NEWC_HEADER, entry->name, name_bytes);
	memset(out + content_at + entry->size_bytes, 0, all_bytes - content_at - entry->size_bytes);
	return (long)content_at;
}

long
newc_trailer(uint8_t *out, size_t cap_bytes)
{
	static const struct newc_entry trailer = { .nlink = 1, .name = "TRAILER!!!" };

	return newc_begin(&trailer, out, cap_bytes);
}

static int
take_field(const uint8_t *in, unsigned field, uint32_t *out)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < FIELD_DIGITS; i++) {
		uint8_t c = in[FIELD_AT + field * FIELD_DIGITS + i];
		uint32_t digit;

		if (c >= '0' && c <= '9')
			digit = (uint32_t)c - '0';
		else if (c >= 'A' && c <= 'F')
			digit = (uint32_t)c - 'A' + 10;
		else if (c >= 'a' && c <= 'f')	/* some archivers write these, and the kernel reads them */
			digit = (uint32_t)c - 'a' + 10;
		else
			return -EBADMSG;
		value = value << 4 | digit;
	}
	*out = value;
	return 0;
}

int
newc_read(const uint8_t *in, size_t len_bytes, struct newc_entry *out, size_t *content_at, size_t *next_at)
{
	uint32_t field[FIELDS], name_bytes;
	struct newc_entry entry;
	size_t all_bytes;

	if (len_bytes < NEWC_HEADER || memcmp(in, magic, FIELD_AT) != 0)
		return -EBADMSG;
	for (unsigned i = 0; i < FIELDS; i++)
		if (take_field(in, i, &field[i]) != 0)
			return -EBADMSG;
	if (field[F_NAMESIZE] < 2 || field[F_NAMESIZE] > NEWC_NAME_MAX + 1)
		return -EBADMSG;
	name_bytes = field[F_NAMESIZE] - 1;
	all_bytes = newc_entry_bytes(name_bytes, field[F_SIZE]);
	if (all_bytes > len_bytes)
		return -EBADMSG;
	/* The kernel takes the name up to its first NUL: one inside would show it another name than it shows us. */
	if (memchr(in + NEWC_HEADER, '\0', field[F_NAMESIZE]) != in + NEWC_HEADER + name_bytes)
		return -EBADMSG;
	memset(&entry, 0, sizeof entry);
	entry.ino = field[F_INO];
	entry.mode = field[F_MODE];
	entry.uid = field[F_UID];
	entry.gid = field[F_GID];
	entry.nlink = field[F_NLINK];
	entry.mtime = field[F_MTIME];
	entry.size_bytes = field[F_SIZE];
	entry.rdev_major = field[F_RDEV_MAJOR];
	entry.rdev_minor = field[F_RDEV_MINOR];
	memcpy(entry.name, in + NEWC_HEADER, name_bytes);
	*out = entry;
	*content_at = up4(NEWC_HEADER + name_bytes + 1);
	*next_at = all_bytes;
	return 0;
}
