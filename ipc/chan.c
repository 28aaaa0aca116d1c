/*
 * SOCK_SEQPACKET channels.  Stands on every side of the wall.
 * Distrusts whatever comes in: sizes, flags, control messages, descriptors.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "chan.h"

void
frame_close(struct frame *frame)
{
	for (unsigned i = 0; i < MSG_FDS_MAX; i++) {
		if (frame->fds[i] >= 0)
			(void)close(frame->fds[i]);	/* nothing was written through it: no error to lose */
		frame->fds[i] = -1;
	}
	frame->nfds = 0;
}

int
frame_take_fd(struct frame *frame, unsigned i)
{
	int fd = frame->fds[i];

	frame->fds[i] = -1;
	return fd;
}

/*
 * Takes the descriptors of the one control message that there can be: the buffer has room for no second header behind MSG_FDS_MAX
 * descriptors, the kernel puts all of them into one SCM_RIGHTS, and nobody asks for credentials.
 */
static int
take_control(struct msghdr *hdr, struct frame *frame)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(hdr);
	size_t n;

	if (c == NULL)
		return 0;
	if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0))
		return -EBADMSG;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	for (size_t i = 0; i < n && i < MSG_FDS_MAX; i++) {
		memcpy(&frame->fds[i], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
		frame->nfds++;
	}
	return n <= MSG_FDS_MAX ? 0 : -EBADMSG;
}

int
chan_recv(int fd, struct frame *frame)
{
	struct msg_head head = { 0 };
	/* Room for what is ever legal: a kernel that had to cut says so by MSG_CTRUNC, and has closed what it cut. */
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)];
	} control;
	struct iovec iov[2] = { { &head, sizeof head }, { frame->body, sizeof frame->body } };
	struct msghdr hdr = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
	ssize_t n;

	memset(&control, 0, sizeof control);
	frame->nfds = 0;
	for (unsigned i = 0; i < MSG_FDS_MAX; i++)
		frame->fds[i] = -1;
	do
		n = recvmsg(fd, &hdr, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0 && hdr.msg_controllen == 0)
		return 0;
	if (take_control(&hdr, frame) != 0 || (hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || (size_t)n < sizeof head ||
	    head.zero != 0) {
		frame_close(frame);
		return -EBADMSG;
	}
	frame->id = head.id;
	frame->body_bytes = (uint32_t)((size_t)n - sizeof head);
	return 1;
}

int
chan_send(int fd, uint32_t id, const void *body, const int *fds)
{
	struct msg_head head = { .id = id };
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)];
	} control;
	struct iovec iov[2];
	struct msghdr hdr = { .msg_iov = iov, .msg_iovlen = 2 };
	unsigned nfds;
	ssize_t n;

	if (id == MSG_none || id >= MSG_COUNT)
		return -EINVAL;
	iov[0] = (struct iovec){ &head, sizeof head };
	iov[1] = (struct iovec){ (void *)(uintptr_t)body, msg_table[id].size };
	nfds = fd_kind_count(msg_table[id].fd);
	if (nfds > 0) {
		if (fds == NULL)
			return -EINVAL;
		memset(&control, 0, sizeof control);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = (socklen_t)CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * nfds);
		hdr.msg_control = control.bytes;
		hdr.msg_controllen = (socklen_t)CMSG_SPACE(sizeof(int) * nfds);
	}
	do
		n = sendmsg(fd, &hdr, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == sizeof head + msg_table[id].size ? 0 : -EIO;
}
