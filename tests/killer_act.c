/*
 * killer's hands: ends or holds one program at one message, as it was told.  On the test's side.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "killer.h"

/* Kills and waits for the end, so that what comes after it comes after it. */
static void
kill_task(struct task *victim)
{
	int status;

	if (kill(victim->pid, SIGKILL) != 0)
		say("KILLER broken: kill: %s", strerror(errno));
	do
		if (waitpid(victim->pid, &status, __WALL) != victim->pid)
			return;
	while (WIFSTOPPED(status));
	victim->pid = 0;
}

/* All but the held one wait anew: with shorter time-outs, see shorten(). */
static void
interrupt_others(const struct task *held)
{
	order.shorten = 1;
	for (unsigned i = 0; i < TASKS; i++)
		if (tasks[i].pid != 0 && &tasks[i] != held)
			(void)ptrace(PTRACE_INTERRUPT, tasks[i].pid, NULL, NULL);
}

/* Does what was ordered at this message.  1: t may go on. */
static int
act(struct task *t, const char *name)
{
	struct task *victim = running(order.program);

	if (victim == NULL) {
		say("KILLER broken: no %s at %s", programs[order.program], name);
		return 1;
	}
	order.done++;
	if (order.how == HOW_look)
		return 1;
	if (order.how == HOW_hang) {
		if (victim != t)
			say("KILLER broken: only who stands at the message can be held");
		victim->held = 1;
		say("KILLER held %s at %s %s", programs[order.program], name, whens[order.when]);
		interrupt_others(victim);
		return victim != t;
	}
	if (order.how == HOW_exit) {
		say("KILLER killed %s at %s %s", programs[order.program], name, whens[order.when]);
		victim->exits = 1;
		if (victim == t)
			return 1;
		(void)ptrace(PTRACE_INTERRUPT, victim->pid, NULL, NULL);
		return 0;	/* whoever stands here stays: the machine ends now */
	}
	if (order.program == PEER_init) {
		/* kill(2) says 0 and the kernel drops it: PID 1 takes no fatal signal from its own namespace, pid_namespaces(7). */
		say("KILLER sent SIGKILL to init at %s: %d", name, kill(victim->pid, SIGKILL));
		return 1;
	}
	kill_task(victim);
	say("KILLER killed %s at %s %s", programs[order.program], name, whens[order.when]);
	return victim != t;
}

int
at(struct task *t, const char *name, enum when when)
{
	if (t->program == NOBODY || (int)when != order.when || order.done >= order.times ||
	    (strcmp(order.message, name) != 0 && strcmp(order.message, "any") != 0))
		return 1;
	return ++order.seen < order.count ? 1 : act(t, name);
}
