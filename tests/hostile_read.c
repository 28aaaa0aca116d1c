/*
 * Attacks: out of the memfd that kexec-worker is handed.  Runs in the hostile program.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hostile_child.h"

static struct iovec
whole(struct hostile *h)
{
	return (struct iovec){ h->report.got, sizeof h->report.got };
}

int
attack_read(struct hostile *h)
{
	return hostile_read_all(h, h->prey);
}

int
attack_pread64(struct hostile *h)
{
	return hostile_got(h, syscall(SYS_pread64, h->prey, h->report.got, sizeof h->report.got, 0L));
}

int
attack_readv(struct hostile *h)
{
	struct iovec iov = whole(h);

	return hostile_got(h, syscall(SYS_readv, h->prey, &iov, 1L));
}

int
attack_preadv(struct hostile *h)
{
	struct iovec iov = whole(h);

	return hostile_got(h, syscall(SYS_preadv, h->prey, &iov, 1L, 0L, 0L));
}

int
attack_preadv2(struct hostile *h)
{
	struct iovec iov = whole(h);

	return hostile_got(h, syscall(SYS_preadv2, h->prey, &iov, 1L, 0L, 0L, 0L));
}

static int
by_mapping(struct hostile *h, long prot, long flags)
{
	long rc = syscall(SYS_mmap, 0L, (long)HOSTILE_BYTES, prot, flags, (long)h->prey, 0L);

	if (rc == -1)
		return errno;
	memcpy(h->report.got, (const void *)rc, HOSTILE_BYTES);
	return hostile_got(h, HOSTILE_BYTES);
}

int
attack_mmap_shared(struct hostile *h)
{
	return by_mapping(h, PROT_READ, MAP_SHARED);
}

int
attack_mmap_private(struct hostile *h)
{
	return by_mapping(h, PROT_READ | PROT_WRITE, MAP_PRIVATE);
}

int
attack_mmap_exec(struct hostile *h)
{
	return by_mapping(h, PROT_READ | PROT_EXEC, MAP_PRIVATE);
}

int
attack_mremap(struct hostile *h)
{
	static _Alignas(4096) uint8_t page[4096];

	(void)h;	/* a page of its own will do */
	page[0] = 1;
	return syscall(SYS_mremap, page, 4096L, 8192L, (long)MREMAP_MAYMOVE, 0L) == -1 ? errno : 0;
}

int
attack_splice(struct hostile *h)
{
	return hostile_end(syscall(SYS_splice, h->prey, NULL, h->tool, NULL, (long)HOSTILE_BYTES, 0L));
}

int
attack_tee(struct hostile *h)
{
	return hostile_end(syscall(SYS_tee, h->tool, h->prey, (long)HOSTILE_BYTES, 0L));
}

int
attack_vmsplice(struct hostile *h)
{
	struct iovec iov = whole(h);

	return hostile_got(h, syscall(SYS_vmsplice, h->tool, &iov, 1L, 0L));
}

int
attack_pipe2(struct hostile *h)
{
	int pair[2];

	(void)h;	/* needs nothing */
	return hostile_end(syscall(SYS_pipe2, pair, (long)O_CLOEXEC));
}

int
attack_sendfile_chan(struct hostile *h)
{
	return hostile_end(syscall(SYS_sendfile, h->channel, h->prey, NULL, (long)HOSTILE_BYTES));
}

int
attack_sendfile_file(struct hostile *h)
{
	return hostile_end(syscall(SYS_sendfile, h->tool, h->prey, NULL, (long)HOSTILE_BYTES));
}

int
attack_copy_file_range(struct hostile *h)
{
	return hostile_end(syscall(SYS_copy_file_range, h->prey, NULL, h->tool, NULL, (long)HOSTILE_BYTES, 0L));
}

/* One read by the two rings. */
int
attack_io_uring(struct hostile *h)
{
	struct io_uring_params p;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	uint8_t *sq, *cq;
	int ring;

	memset(&p, 0, sizeof p);
	ring = (int)syscall(SYS_io_uring_setup, 1L, &p);
	if (ring < 0)
		return errno;
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof *cqe, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
	sqe = mmap(NULL, sizeof *sqe, PROT_READ | PROT_WRITE, MAP_SHARED, ring, (off_t)IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || sqe == MAP_FAILED)
		return errno;
	memset(sqe, 0, sizeof *sqe);
	sqe->opcode = IORING_OP_READ;
	sqe->fd = h->prey;
	sqe->addr = (uint64_t)(uintptr_t)h->report.got;
	sqe->len = sizeof h->report.got;
	memset(sq + p.sq_off.array, 0, 4);
	__atomic_store_n((uint32_t *)(void *)(sq + p.sq_off.tail), 1U, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1L, 1L, (long)IORING_ENTER_GETEVENTS, NULL, 0L) < 0)
		return errno;
	cqe = (struct io_uring_cqe *)(void *)(cq + p.cq_off.cqes);
	return cqe->res < 0 ? -cqe->res : hostile_got(h, cqe->res);
}

int
attack_aio(struct hostile *h)
{
	struct iocb cb, *list[1] = { &cb };
	struct io_event event;
	aio_context_t context = 0;

	if (syscall(SYS_io_setup, 1L, &context) < 0)
		return errno;
	memset(&cb, 0, sizeof cb);
	cb.aio_lio_opcode = IOCB_CMD_PREAD;
	cb.aio_fildes = (uint32_t)h->prey;
	cb.aio_buf = (uint64_t)(uintptr_t)h->report.got;
	cb.aio_nbytes = sizeof h->report.got;
	if (syscall(SYS_io_submit, context, 1L, list) < 0 || syscall(SYS_io_getevents, context, 1L, 1L, &event, NULL) < 0)
		return errno;
	return event.res < 0 ? (int)-event.res : hostile_got(h, (long)event.res);
}

int
attack_lseek_data(struct hostile *h)
{
	return hostile_end(syscall(SYS_lseek, h->prey, 0L, 3L /* SEEK_DATA */));
}

int
attack_ioctl(struct hostile *h)
{
	return hostile_end(syscall(SYS_ioctl, h->prey, (unsigned long)FIOCLEX, 0L));
}
