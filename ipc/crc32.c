/*
 * CRC-32 for the sectors of the cache partition.  Stands on every side of the wall; pure.
 * A checksum against torn writes, never against people: what it passes is still distrusted.
 */
#include "crc32.h"

uint32_t
crc32_ieee(const void *data, size_t len_bytes)
{
	/* By half bytes: a sector is half a kilobyte, a table of 1 KiB would not pay. */
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const uint8_t *p = data;
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len_bytes; i++) {
		crc ^= p[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}
