/*
 * init's part for the shipped net-link, in the network namespace that this is started in: sockets, interfaces, the root that confine() wants,
 * one start, one lease, applied.  Tests only; wants root.  What it does to interfaces is broker/network.c and broker/lease.c themselves.
 *
 *     link_rig NET-LINK CONFIG [again]      again: a second net-link on the same sockets, as after the loss of the first
 *
 * Says a line for each event: "started", "failed CODE DETAIL", "lease ...", "lies N", "applied ERRNO", "resolv LINE", "ended STATUS SIGNAL".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chan.h"
#include "network.h"

enum { FIRST = 3, HIGH = 64 };

static struct prepared prepared;

static _Noreturn void
broken(const char *what)
{
	perror(what);
	exit(2);
}

void
init_say(const struct prepared *p, const char *what, const char *about)
{
	(void)p;	/* its console is ours */
	(void)printf("init %s: %s\n", what, about);
}

_Noreturn void
init_reboot(const struct prepared *p, const char *why, uint64_t wait_ms)
{
	(void)p;
	(void)wait_ms;	/* nothing here reboots */
	errno = EIO;
	broken(why);
}

/* A root as the image has it: /empty, /resolv, /proc. */
static void
make_root(void)
{
	static char root[] = "/tmp/link_rig.XXXXXX";

	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || mkdtemp(root) == NULL ||
	    mount("root", root, "tmpfs", 0, "mode=0755") != 0)
		broken("root");
	if (chdir(root) != 0 || mkdir("empty", 0555) != 0 || mkdir("resolv", 0555) != 0 || mkdir("proc", 0555) != 0 ||
	    mount("proc", "proc", "proc", 0, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
		broken("chroot");
}

static pid_t
start(int binary, int channel, int null)
{
	const int fds[] = { channel, prepared.config_fd, prepared.network.udp_fd, prepared.network.news_fd };
	char name[] = "net-link", *argv[] = { name, NULL }, *envp[] = { NULL };
	int high[4];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	binary = fcntl(binary, F_DUPFD_CLOEXEC, HIGH);
	for (int i = 0; i < 4; i++)
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH);
	for (int i = 0; i < FIRST; i++)
		if (dup2(null, i) < 0)
			_exit(99);
	for (int i = 0; i < 4; i++)
		if (dup2(high[i], FIRST + i) < 0)
			_exit(99);
	(void)syscall(SYS_execveat, binary, "", argv, envp, AT_EMPTY_PATH);
	_exit(99);
}

static const char *
text_of(const uint8_t a[ADDRESS_BYTES])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }, none[ADDRESS_BYTES];
	static char out[8][INET6_ADDRSTRLEN];
	static unsigned next;
	char *text = out[next++ % 8];

	if (memcmp(a, none, sizeof none) == 0)
		return "-";
	return memcmp(a, mapped, sizeof mapped) == 0 ? inet_ntop(AF_INET, a + 12, text, INET6_ADDRSTRLEN) :
	    inet_ntop(AF_INET6, a, text, INET6_ADDRSTRLEN);
}

static void
print_lease(const struct msg_link_lease *l)
{
	(void)printf("lease interface=%s mac=%02x:%02x:%02x:%02x:%02x:%02x index=%u address=%s/%u gateway=%s server=%s dns=%s,%s,%s mtu=%u lease=%u",
	    l->interface, l->mac[0], l->mac[1], l->mac[2], l->mac[3], l->mac[4], l->mac[5], l->index, text_of(l->address), l->prefix,
	    text_of(l->gateway), text_of(l->server), text_of(l->dns[0]), text_of(l->dns[1]), text_of(l->dns[2]), l->mtu, l->lease_s);
	for (uint32_t i = 0; i < l->routes; i++)
		(void)printf(" route=%s/%u,%s", text_of(l->route[i].to), l->route[i].prefix, text_of(l->route[i].by));
	(void)printf("\n");
}

/* Leases for another interface than config's: none may be applied. */
static unsigned
lies(const struct msg_link_lease *l)
{
	struct msg_link_lease other[4];
	unsigned refused = 0;

	for (int i = 0; i < 4; i++)
		other[i] = *l;
	other[0].index = 1;		/* lo */
	other[1].index = 250;
	other[2].mac[5] ^= 1;
	(void)snprintf(other[3].interface, sizeof other[3].interface, "lo");
	for (int i = 0; i < 4; i++)
		refused += network_apply(&prepared, &other[i]) == -ENODEV;
	return refused;
}

static void
print_resolv(void)
{
	struct statvfs v;
	char line[200];
	FILE *f = fopen("/resolv/etc/resolv.conf", "r");

	if (f == NULL || statvfs("/resolv", &v) != 0)
		broken("resolv.conf");
	(void)printf("resolv %s\n", (v.f_flag & ST_RDONLY) != 0 ? "read-only" : "writable");
	while (fgets(line, sizeof line, f) != NULL)
		(void)printf("resolv %s", line);
	(void)fclose(f);	/* only read */
}

/* One net-link, until it has said its one thing and ended.  1: a lease. */
static int
one(int binary, int null, struct msg_link_lease *lease)
{
	static struct frame frame;
	int pair[2], status, got;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		broken("socketpair");
	pid = start(binary, pair[1], null);
	(void)close(pair[1]);
	(void)printf("started\n");
	for (;;) {
		struct pollfd set[] = { { .fd = pair[0], .events = POLLIN }, { .fd = prepared.network.own_fd, .events = POLLIN } };

		if (poll(set, 2, -1) < 0)
			broken("poll");
		if (set[1].revents != 0)
			network_news(&prepared);
		if (set[0].revents != 0)
			break;
	}
	got = chan_recv(pair[0], &frame);
	if (waitpid(pid, &status, 0) != pid)
		broken("waitpid");
	(void)printf("ended %d %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	if (got != 1 || frame.body_bytes != msg_table[frame.id].size || msg_check(frame.id, frame.body) != 0 || frame.nfds != 0) {
		(void)printf("no message\n");
		return 0;
	}
	if (chan_recv(pair[0], &frame) == 1)	/* it overwrites: a second message is misbehaviour */
		(void)printf("a second message\n");
	(void)close(pair[0]);
	if (frame.id == MSG_link_failed) {
		struct msg_link_failed body;

		memcpy(&body, frame.body, sizeof body);
		(void)printf("failed %u %u\n", body.event, body.detail);
		return 0;
	}
	if (frame.id != MSG_link_lease)
		return 0;
	memcpy(lease, frame.body, sizeof *lease);
	print_lease(lease);
	return 1;
}

int
main(int argc, char **argv)
{
	static char text[DOC_MAX + 1];
	struct msg_link_lease lease;
	struct doc_error error;
	int binary, null, rc;
	ssize_t n;

	if (argc < 3)
		return 2;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	binary = open(argv[1], O_RDONLY | O_CLOEXEC);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	prepared.config_fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	n = pread(prepared.config_fd, text, sizeof text, 0);
	if (binary < 0 || null < 0 || n < 0)
		broken(argv[1]);
	if (doc_parse(DOC_config, text, (size_t)n, &prepared.config, sizeof prepared.config, &error) != 0) {
		(void)fprintf(stderr, "config: line %u, %s: %s\n", error.line, error.key, doc_why_text(error.why));
		return 2;
	}
	make_root();
	network_prepare(&prepared);
	network_up(&prepared);
	rc = one(binary, null, &lease);
	if (rc == 1 && argc > 3 && strcmp(argv[3], "again") == 0)
		rc = one(binary, null, &lease);
	if (rc != 1)
		return 0;
	(void)printf("lies %u\n", lies(&lease));
	rc = network_apply(&prepared, &lease);
	(void)printf("applied %d\n", -rc);
	if (rc == 0)
		print_resolv();
	(void)printf("twice %d\n", -network_apply(&prepared, &lease));
	network_end(&prepared);
	return 0;
}
