/*
 * Listening sockets, and the end of root.  On the organisation's side.
 * Distrusts itself: what can be given away is given away before the first client is heard.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve.h"

enum { BACKLOG = 128, HOST_TEXT = 64, PORT_TEXT = 8 };

/* "127.0.0.1:8443", "[::]:8443": a number each; names would be asked of the network. */
static int
split(const char *text, char host[HOST_TEXT], char port[PORT_TEXT])
{
	const char *colon = strrchr(text, ':'), *begin = text, *end = colon;

	if (colon != NULL && text[0] == '[' && colon > text + 1 && colon[-1] == ']') {
		begin = text + 1;
		end = colon - 1;
	}
	if (colon == NULL || end - begin >= HOST_TEXT || end == begin || strlen(colon + 1) >= PORT_TEXT || colon[1] == '\0')
		return refuse("--listen: \"%s\"; allowed: 127.0.0.1:8443, [::]:8443", text);
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = '\0';
	memcpy(port, colon + 1, strlen(colon + 1) + 1);
	return 0;
}

/* With port 0 the kernel has chosen one: whoever starts the service wants to know which. */
static int
say_where(int fd)
{
	char host[HOST_TEXT], port[PORT_TEXT];
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;

	if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0 || getnameinfo((struct sockaddr *)&addr, len, host, sizeof host, port,
	    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return refuse("the socket has no address");
	fprintf(stderr, addr.ss_family == AF_INET6 ? "listening on [%s]:%s\n" : "listening on %s:%s\n", host, port);
	return 0;
}

int
listen_tcp(const char *text)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
	char host[HOST_TEXT], port[PORT_TEXT];
	struct addrinfo *info;
	const int yes = 1;
	int fd, rc = split(text, host, port);

	if (rc != 0)
		return rc;
	rc = getaddrinfo(host, port, &hints, &info);
	if (rc != 0)
		return refuse("--listen: %s: %s", text, gai_strerror(rc));
	fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 || bind(fd, info->ai_addr, info->ai_addrlen) != 0 ||
	    listen(fd, BACKLOG) != 0)
		rc = refuse_errno(errno, "--listen: %s", text);
	else
		rc = say_where(fd);
	freeaddrinfo(info);
	if (rc != 0 && fd >= 0)
		(void)close(fd);
	return rc != 0 ? rc : fd;
}

/* A socket that nobody listens on any more: a killed service's. */
static int
is_dead(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), dead;

	if (fd < 0)
		return 0;
	dead = connect(fd, (const struct sockaddr *)addr, sizeof *addr) != 0 && errno == ECONNREFUSED;
	(void)close(fd);
	return dead;
}

/* Whose the socket is to be; -1: as it is made. */
static int
find_group(const char *name, gid_t *out)
{
	const struct group *found;

	*out = (gid_t)-1;
	if (name == NULL)
		return 0;
	errno = 0;
	found = getgrnam(name);
	if (found == NULL)
		return errno != 0 ? refuse_errno(errno, "--plain-group: %s", name) : refuse("--plain-group: there is no group \"%s\"", name);
	*out = found->gr_gid;
	return 0;
}

int
listen_unix(const char *path, const char *group)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	gid_t gid;
	int fd, rc = find_group(group, &gid);

	if (rc != 0)
		return rc;

	if (strlen(path) >= sizeof addr.sun_path)
		return refuse("--plain: %s: the path is too long; allowed: %zu bytes", path, sizeof addr.sun_path - 1);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && is_dead(&addr))
		(void)unlink(path);	/* bind(2) tells when it is still there */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* whoever connects before listen(2) is refused: until then mode and group are not what they are to be */
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof addr) != 0 || chown(path, (uid_t)-1, gid) != 0 ||
	    chmod(path, 0660) != 0 || listen(fd, BACKLOG) != 0)
		rc = refuse_errno(errno, "--plain: %s", path);
	else
		fprintf(stderr, "listening on %s\n", path);
	if (rc != 0 && fd >= 0)
		(void)close(fd);
	return rc != 0 ? rc : fd;
}

/*
 * A pipe or terminal of our own, so to say: the flag is of the open file, which others share.  A socket cannot be opened again; the journal
 * gives each service one of its own.  Before privileges are dropped: the pipe may be root's.
 */
void
loosen_stderr(void)
{
	struct stat st;
	int fd;

	if (fstat(STDERR_FILENO, &st) != 0 || S_ISREG(st.st_mode))
		return;
	if (S_ISSOCK(st.st_mode)) {
		(void)fcntl(STDERR_FILENO, F_SETFL, fcntl(STDERR_FILENO, F_GETFL) | O_NONBLOCK);	/* or it stays as it is */
		return;
	}
	fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)dup2(fd, STDERR_FILENO);
	(void)close(fd);
}

int
drop_privileges(const char *user)
{
	const struct rlimit no_core = { 0, 0 };
	const struct passwd *pw;

	if (user == NULL && geteuid() == 0)
		return refuse("will not serve as root: --user names who is to");
	if (user != NULL) {
		errno = 0;
		pw = getpwnam(user);
		if (pw == NULL)
			return errno != 0 ? refuse_errno(errno, "--user: %s", user) : refuse("--user: there is no user \"%s\"", user);
		if (pw->pw_uid == 0)
			return refuse("--user: %s is root", user);
		if (setgroups(0, NULL) != 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
		    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
			return refuse_errno(errno, "--user: %s", user);
		if (setuid(0) == 0 || geteuid() != pw->pw_uid || getegid() != pw->pw_gid)
			return refuse("--user: %s: root's privileges cannot be given up", user);
	}
	/* keys are in this process: no core file, no debugger of the same user, no program that gains what was given up */
	if (setrlimit(RLIMIT_CORE, &no_core) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return refuse_errno(errno, "confinement");
	return 0;
}
