/*
 * Attacks: onward, by sockets or with the kernel as a keeper; and on images that may still be written.  Runs in the hostile program.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/falloc.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hostile_child.h"

static int
send_prey(struct hostile *h, int socket)
{
	char text[] = "take it";
	struct iovec iov = { text, sizeof text };
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };

	memset(&control, 0, sizeof control);
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = (socklen_t)CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &h->prey, sizeof(int));
	return hostile_end(syscall(SYS_sendmsg, socket, &msg, (long)MSG_NOSIGNAL));
}

int
attack_send_on(struct hostile *h)
{
	return send_prey(h, h->channel);
}

int
attack_send_by_lane(struct hostile *h)
{
	return send_prey(h, h->lane);
}

/* Reads the prey by the call that most programs have; 0 or an errno. */
static int
read_prey(struct hostile *h)
{
	return hostile_end(syscall(SYS_pread64, h->prey, h->report.got, sizeof h->report.got, 0L));
}

int
attack_send_lent(struct hostile *h)
{
	struct iovec iov = { h->report.got, sizeof h->report.got };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int rc = read_prey(h);

	return rc != 0 ? rc : hostile_end(syscall(SYS_sendmsg, h->tool, &msg, 0L));
}

int
attack_pwrite_lent(struct hostile *h)
{
	int rc = read_prey(h);

	return rc != 0 ? rc : hostile_end(syscall(SYS_pwrite64, h->tool, h->report.got, sizeof h->report.got, 0L));
}

int
attack_write_lent(struct hostile *h)
{
	int rc = read_prey(h);

	return rc != 0 ? rc : hostile_end(syscall(SYS_write, h->tool, h->report.got, sizeof h->report.got));
}

int
attack_sendto(struct hostile *h)
{
	return hostile_end(syscall(SYS_sendto, h->channel, "x", 1L, 0L, NULL, 0L));
}

int
attack_sendmmsg(struct hostile *h)
{
	char text[] = "x";
	struct iovec iov = { text, 1 };
	struct mmsghdr msg;

	memset(&msg, 0, sizeof msg);
	msg.msg_hdr.msg_iov = &iov;
	msg.msg_hdr.msg_iovlen = 1;
	return hostile_end(syscall(SYS_sendmmsg, h->channel, &msg, 1L, 0L));
}

int
attack_socket_inet(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return hostile_end(syscall(SYS_socket, (long)AF_INET, (long)SOCK_DGRAM, 0L));
}

int
attack_socket_unix(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return hostile_end(syscall(SYS_socket, (long)AF_UNIX, (long)SOCK_DGRAM, 0L));
}

int
attack_socketpair(struct hostile *h)
{
	int pair[2];

	(void)h;	/* needs nothing */
	return hostile_end(syscall(SYS_socketpair, (long)AF_UNIX, (long)SOCK_SEQPACKET, 0L, pair));
}

int
attack_connect(struct hostile *h)
{
	struct sockaddr nobody;

	memset(&nobody, 0, sizeof nobody);
	nobody.sa_family = AF_UNSPEC;	/* no network is needed to disconnect */
	return hostile_end(syscall(SYS_connect, h->tool, &nobody, sizeof nobody));
}

int
attack_bind(struct hostile *h)
{
	struct sockaddr_in any;

	memset(&any, 0, sizeof any);
	any.sin_family = AF_INET;
	return hostile_end(syscall(SYS_bind, h->tool, &any, sizeof any));
}

int
attack_setsockopt(struct hostile *h)
{
	int one = 1;

	return hostile_end(syscall(SYS_setsockopt, h->channel, (long)SOL_SOCKET, (long)SO_PASSCRED, &one, sizeof one));
}

int
attack_shutdown(struct hostile *h)
{
	return hostile_end(syscall(SYS_shutdown, h->channel, (long)SHUT_RD));
}

int
attack_memfd_create(struct hostile *h)
{
	(void)h;	/* needs nothing */
	return hostile_end(syscall(SYS_memfd_create, "mine", 0L));
}

int
attack_shmget(struct hostile *h)
{
	long id = syscall(SYS_shmget, (long)IPC_PRIVATE, 4096L, 0600L);

	(void)h;	/* needs nothing */
	if (id < 0)
		return errno;
	return hostile_end(syscall(SYS_shmctl, id, (long)IPC_RMID, NULL));
}

int
attack_add_key(struct hostile *h)
{
	return hostile_end(syscall(SYS_add_key, "user", "sallyport-test", h->report.got, 32L, -2L /* the process's own keyring */));
}

int
attack_bpf(struct hostile *h)
{
	union bpf_attr attr;

	(void)h;	/* needs nothing */
	memset(&attr, 0, sizeof attr);
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = 32;
	attr.max_entries = 1;
	return hostile_end(syscall(SYS_bpf, (long)BPF_MAP_CREATE, &attr, sizeof attr));
}

/* --- images that may still be written --- */

int
attack_write_fill(struct hostile *h)
{
	return hostile_end(syscall(SYS_write, h->prey, "evil", 4L));
}

int
attack_pwrite_fill(struct hostile *h)
{
	return hostile_end(syscall(SYS_pwrite64, h->prey, "evil", 4L, 100L));
}

int
attack_writev_fill(struct hostile *h)
{
	char text[] = "evil";
	struct iovec iov = { text, 4 };

	return hostile_end(syscall(SYS_writev, h->prey, &iov, 1L));
}

int
attack_pwritev2_fill(struct hostile *h)
{
	char text[] = "evil";
	struct iovec iov = { text, 4 };

	return hostile_end(syscall(SYS_pwritev2, h->prey, &iov, 1L, 0L, 0L, 0L));
}

int
attack_keep_mapped(struct hostile *h)
{
	long rc = syscall(SYS_mmap, 0L, (long)HOSTILE_BYTES, (long)(PROT_READ | PROT_WRITE), (long)MAP_SHARED, (long)h->prey, 0L);

	if (rc == -1)
		return errno;
	memset((void *)rc, 0, HOSTILE_BYTES);
	return 0;
}

int
attack_punch(struct hostile *h)
{
	return hostile_end(syscall(SYS_fallocate, h->prey, (long)(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE), 0L, 4096L));
}

int
attack_truncate_file(struct hostile *h)
{
	return hostile_end(syscall(SYS_ftruncate, h->tool, 0L));
}

int
attack_add_seals(struct hostile *h)
{
	return hostile_end(syscall(SYS_fcntl, h->prey, (long)F_ADD_SEALS, (long)F_SEAL_SEAL));
}
