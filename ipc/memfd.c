/*
 * Rules for received memfds.  Used by whoever receives one; distrusts the sender and everyone on the way.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "memfd.h"

unsigned
memfd_seals(enum fd_kind kind, unsigned index)
{
	switch (kind) {
	case FD_none:
	case FD_channel:
		return 0;
	case FD_post:	/* what is sent, which nobody changes any more, and room for the answer */
		return F_SEAL_GROW | F_SEAL_SHRINK | (index == 0 ? F_SEAL_SEAL | F_SEAL_WRITE : 0);
	case FD_keep:	/* read by the store; crypto-worker verifies it again afterwards */
	case FD_fill:	/* written by the supplier: sized for good, not yet closed to writing */
		return F_SEAL_GROW | F_SEAL_SHRINK;
	case FD_handover:
		if (index == 0)	/* kernel: public, hashed in place */
			return F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL | F_SEAL_WRITE;
		/* initramfs: holds the key; its maker alone can still wipe it, through an older mapping */
		return F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL | F_SEAL_FUTURE_WRITE;
	}
	return 0;
}

int
memfd_check(int fd, enum fd_kind kind, unsigned index, uint32_t maker_uid, uint64_t len_bytes)
{
	unsigned need = memfd_seals(kind, index);
	struct stat st;
	int seals;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return -EBADF;
	if (st.st_uid != maker_uid)
		return -EPERM;
	if (st.st_size < 0 || (uint64_t)st.st_size != len_bytes)
		return -EMSGSIZE;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0)
		return -EBADF;
	/* Only a hand-over's initramfs has this seal: what holds the key is written to no disk, whoever lends it to the store. */
	if (kind == FD_keep && ((unsigned)seals & F_SEAL_FUTURE_WRITE) != 0)
		return -EACCES;
	/* never ==: MFD_NOEXEC_SEAL and newer kernels add bits of their own */
	return ((unsigned)seals & need) == need ? 0 : -EACCES;
}
