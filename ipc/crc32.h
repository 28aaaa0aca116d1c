#ifndef IPC_CRC32_H
#define IPC_CRC32_H
/* CRC-32 of IEEE 802.3 (reflected polynomial 0xedb88320).  Finds torn writes; says nothing about who wrote. */
#include <stddef.h>
#include <stdint.h>

uint32_t crc32_ieee(const void *data, size_t len_bytes);
#endif
