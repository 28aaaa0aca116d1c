/*
 * init, PID 1: prepares, starts the programs, reaps them, and decides nothing.  Inside the wall.
 * Its only peer is the broker, whose three requests are: start this program, arm the watchdog, reboot; and one lease comes through it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "confine.h"
#include "exits.h"
#include "init.h"
#include "network.h"
#include "recv.h"
#include "wait.h"

/*
 * The whole of preboot beside the wait before a reboot: nothing hangs for ever, the broker neither.  With an org also what config grants the
 * network to come up, three net-links one after the other, and 20 minutes of the broker's (ask.c) for all that is fetched.
 */
enum { DEADLINE_EXTRA_S = 1800, NETWORK_EXTRA_S = 1200, LINKS = 4 };

static struct prepared prepared;
static struct admit_state state;
static struct frame frame;
static pid_t pids[PEER_COUNT];
static int broker_fd = -1, lane[2] = { -1, -1 }, watchdog_fd = -1;

/* The end of PID 1 is a panic, and kernel.panic makes that a reboot: it needs no capability. */
static _Noreturn void
give_up(const char *why, const char *about)
{
	init_say(&prepared, why, about);
	_exit(1);
}

/* A channel: ours to keep is [0].  The broker's end does not block, so that no worker can hold it up. */
static void
make_pair(int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		give_up("socketpair", strerror(errno));
}

static void
no_block(int fd)
{
	/* Not fcntl(3): musl adds O_LARGEFILE, and the filter wants exactly this. */
	if (syscall(SYS_fcntl, fd, F_SETFL, O_RDWR | O_NONBLOCK) != 0)
		give_up("fcntl", strerror(errno));
}

static void
start(enum peer program, const int *fds, unsigned n)
{
	pids[program] = spawn(program, prepared.null_fd, fds, n);
	if (pids[program] < 0)
		give_up("cannot start", peer_name(program));
}

static void
start_broker(void)
{
	int pair[2];

	make_pair(pair);
	no_block(pair[1]);
	start(PEER_broker, (int[]){ pair[1], prepared.config_fd, prepared.console_fd >= 0 ? prepared.console_fd : prepared.null_fd }, 3);
	(void)close(pair[1]);		/* the broker has it */
	broker_fd = pair[0];
}

/*
 * Kills what is left of a program that is to be replaced or has had its say.  It is reaped when it ends: one that hangs in a disk driver
 * must not hold init.
 */
static void
end(enum peer program)
{
	if (pids[program] > 0)
		(void)kill(pids[program], SIGKILL);	/* it may be gone already: then it is reaped all the same */
	pids[program] = 0;
}

/* Those that may have a second life: the TPM is closed behind crypto-worker, and CAP_SYS_BOOT went with kexec-worker. */
static int
may_return(enum peer program)
{
	return program == PEER_store || program == PEER_link || program == PEER_net;
}

static void
on_broker_start(const struct msg_broker_start *body)
{
	struct msg_init_started answer = { .program = body->program };
	int pair[2], tpm = prepared.tpm_fd >= 0 ? prepared.tpm_fd : prepared.null_fd;
	int cache = prepared.cache_fd >= 0 ? prepared.cache_fd : prepared.null_fd;
	enum peer program = (enum peer)body->program;

	if (!may_return(program) && pids[program] != 0)
		give_up("asked to start again", peer_name(program));
	end(program);
	make_pair(pair);
	no_block(pair[1]);
	if (program == PEER_crypto) {
		start(program, (int[]){ pair[0], prepared.config_fd, tpm, lane[0], prepared.header_fd }, 5);
		(void)close(lane[0]);	/* crypto-worker alone can send on the lane */
		(void)close(tpm);	/* and alone can speak to the TPM */
	} else if (program == PEER_store)
		start(program, (int[]){ pair[0], cache }, 2);
	else if (program == PEER_link && prepared.network.udp_fd >= 0) {
		network_up(&prepared);
		start(program, (int[]){ pair[0], prepared.config_fd, prepared.network.udp_fd, prepared.network.news_fd }, 4);
	} else if (program == PEER_net)
		start(program, (int[]){ pair[0], prepared.config_fd }, 2);
	else if (program == PEER_link)
		give_up("asked for a network that config does not want", "");
	else {
		start(program, (int[]){ pair[0], lane[1] }, 2);
		(void)close(lane[1]);	/* kexec-worker alone can receive on it */
		if (confine_drop_boot() != 0)
			give_up("cannot drop CAP_SYS_BOOT", "");
	}
	(void)close(pair[0]);		/* the worker has it */
	if (worker_send(broker_fd, &state, MSG_init_started, &answer, &pair[1]) != 0)
		give_up("the broker does not listen", "");
	(void)close(pair[1]);		/* the broker has it */
}

static void
end_network(void)
{
	network_end(&prepared);
	if (confine_drop_net() != 0)
		give_up("cannot drop CAP_NET_ADMIN", "");
}

/*
 * One lease per boot: then nothing can change the network any more.  net-link has had its say; one that was taken over would not end by
 * itself, and would keep its socket until the jump.
 */
static void
on_link_lease(const struct msg_link_lease *body)
{
	struct msg_init_linked linked = { 0 };
	struct msg_init_unlinked unlinked = { 0 };
	int rc;

	end(PEER_link);
	rc = network_apply(&prepared, body);
	if (rc == 0)
		end_network();
	unlinked.error = (uint32_t)-rc;
	if (worker_send(broker_fd, &state, rc == 0 ? MSG_init_linked : MSG_init_unlinked, rc == 0 ? (void *)&linked : (void *)&unlinked,
	    NULL) != 0)
		give_up("the broker does not listen", "");
}

/* There will be no jump: the wait before the reboot is not cut short, unless the driver knows no way back (nowayout). */
static void
disarm(void)
{
	int off = WDIOS_DISABLECARD;

	if (watchdog_fd >= 0 && syscall(SYS_ioctl, watchdog_fd, WDIOC_SETOPTIONS, &off) != 0)
		init_say(&prepared, "the watchdog runs on", strerror(errno));
}

/*
 * From here on the machine is reset unless the generation's own driver takes over: a generation that hangs is not the end.  To open it is
 * to start it, so that is not done before, and not at all for a manifest that wants none.
 */
static void
on_broker_arm(const struct msg_broker_arm *body)
{
	struct msg_init_armed answer = { 0 };
	int seconds = (int)body->seconds;

	if (pids[PEER_kexec] > 0)	/* else there will be no jump */
		watchdog_fd = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
	/* Not ioctl(3): musl extends the request's sign, and the filter wants exactly this. */
	if (watchdog_fd < 0)
		answer.error = pids[PEER_kexec] > 0 ? (uint32_t)errno : ESRCH;
	else if (syscall(SYS_ioctl, watchdog_fd, WDIOC_SETTIMEOUT, &seconds) != 0)
		answer.error = (uint32_t)errno;
	else
		answer.seconds = (uint32_t)seconds;	/* the driver has rounded it */
	if (answer.error != 0)
		disarm();
	if (worker_send(broker_fd, &state, MSG_init_armed, &answer, NULL) != 0)
		give_up("the broker does not listen", "");
}

static void
say_end(unsigned program, int status)
{
	char how[64];

	(void)snprintf(how, sizeof how, "%s, %s %d", peer_name(program), WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	init_say(&prepared, "ended", how);
}

/* Reaps whatever ended.  The broker learns of a worker's end by its channel; without the broker nobody could go on. */
static void
reap(int signal_fd)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	(void)!read(signal_fd, &info, sizeof info);	/* one wake-up may stand for many ends */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned p = 0; p < PEER_COUNT; p++) {
			if (pids[p] != pid)
				continue;
			pids[p] = may_return((enum peer)p) ? 0 : -1;
			if (p == PEER_kexec)
				disarm();	/* whatever its end: an orderly one is that of a program that the broker dropped */
			if (p != PEER_broker && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CLOSED)
				continue;
			say_end(p, status);
			if (p == PEER_broker)
				give_up("cannot go on without", peer_name(p));
		}
}

/* The broker has closed its channel: it is ending, and how is worth a line. */
static _Noreturn void
broker_gone(void)
{
	int status = 0;

	(void)kill(pids[PEER_broker], SIGKILL);		/* it may have ended already */
	if (waitpid(pids[PEER_broker], &status, 0) == pids[PEER_broker])
		say_end(PEER_broker, status);
	give_up("cannot go on without", peer_name(PEER_broker));
}

static void
receive(void)
{
	enum admit_why why;
	int rc = worker_recv(broker_fd, WAY_hub, &state, &frame, &why);

	if (rc == 0)
		broker_gone();
	if (rc < 0)
		give_up("the broker misbehaves", admit_text(why));
	if (frame.id == MSG_broker_start)
		on_broker_start((const struct msg_broker_start *)(const void *)frame.body);
	else if (frame.id == MSG_link_lease)
		on_link_lease((const struct msg_link_lease *)(const void *)frame.body);
	else if (frame.id == MSG_broker_arm)
		on_broker_arm((const struct msg_broker_arm *)(const void *)frame.body);
	else if (frame.id == MSG_broker_stop)
		init_reboot(&prepared, "", ((const struct msg_broker_stop *)(const void *)frame.body)->wait_ms);
	else
		give_up("the broker misbehaves", msg_table[frame.id].name);
}

int
main(void)
{
	struct pollfd set[3];
	struct timespec limit = { 0 };
	const char *step = "pid";
	sigset_t mask;

	if (getpid() != 1)
		return EXIT_BUG;	/* never on a machine that is already up */
	prepare(&prepared);
	(void)sigemptyset(&mask);	/* cannot fail */
	(void)sigaddset(&mask, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) != 0)
		give_up("sigprocmask", strerror(errno));
	set[0] = (struct pollfd){ .fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK), .events = POLLIN };
	if (set[0].fd < 0)
		give_up("signalfd", strerror(errno));
	make_pair(lane);
	if (shutdown(lane[1], SHUT_WR) != 0)	/* one way: kexec-worker cannot speak to crypto-worker behind the broker's back */
		give_up("shutdown", strerror(errno));
	if (confine(PEER_init, &step) != 0)
		give_up("cannot confine itself", step);
	if (prepared.config.org[0] == '\0')
		end_network();
	admit_init(&state, PEER_init);
	start_broker();
	limit.tv_sec = (time_t)(wait_ms(prepared.config.retry_wait_s, STOPS_MAX) / 1000) + DEADLINE_EXTRA_S;
	if (prepared.config.org[0] != '\0')
		limit.tv_sec += NETWORK_EXTRA_S + LINKS * (time_t)(prepared.config.link_wait_s + prepared.config.net_wait_s);
	for (;;) {
		set[1] = (struct pollfd){ .fd = broker_fd, .events = POLLIN };
		set[2] = (struct pollfd){ .fd = prepared.network.up ? prepared.network.own_fd : -1, .events = POLLIN };
		int n = ppoll(set, 3, &limit, NULL);

		if (n == 0)
			give_up("no progress at all", "");
		if (n < 0 && errno != EINTR)
			give_up("ppoll", strerror(errno));
		if (n > 0 && set[1].revents != 0)
			receive();
		if (n > 0 && set[0].revents != 0)
			reap(set[0].fd);
		if (n > 0 && set[2].revents != 0 && prepared.network.own_fd == set[2].fd)
			network_news(&prepared);
	}
}
