#ifndef IPC_MEMFD_H
#define IPC_MEMFD_H
/*
 * Rules for received memfds, see memfd_create(2), fcntl(2) F_ADD_SEALS.  A descriptor that came with a message is used only
 * after memfd_check(): a regular file, made by the uid that the row names, of exactly the announced size, with the seals of its kind.
 */
#include <stdint.h>

#include "msg.h"

/* The seals that every memfd of a kind must have; index 0 is the first descriptor of the message, 1 the second. */
unsigned memfd_seals(enum fd_kind kind, unsigned index);

/*
 * 0; -EBADF not a regular file or not a memfd; -EPERM another maker; -EMSGSIZE another size; -EACCES a seal is missing, or
 * it is a hand-over, which nobody keeps.
 */
int memfd_check(int fd, enum fd_kind kind, unsigned index, uint32_t maker_uid, uint64_t len_bytes);

/* Linux 5.1; musl 1.2.3's fcntl.h does not have it. */
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#endif
