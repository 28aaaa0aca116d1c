#ifndef TESTS_BROKER_RIG_H
#define TESTS_BROKER_RIG_H
/* A real broker's surroundings: the test plays init and the workers; time passes when it says so, by silence(). */
#include "broker.h"
#include "peers.h"

enum { RUNS = -1, PRINTED_MAX = 1 << 18 };

extern struct rig {
	int end[PEER_COUNT];		/* the test's; -1: none */
	int console, ended;		/* ended: RUNS or the broker's exit status */
	int init_is_slow;		/* 1: broker_start, broker_arm and link_lease are counted, not answered */
	uint32_t arm_error;		/* what init answers to broker_arm */
	uint32_t apply_error;		/* what init answers to a lease; 0: applied */
	unsigned starts[PEER_COUNT], stops, arms, leases;
	jmp_buf ended_here;
	size_t printed_bytes;
	char printed[PRINTED_MAX];
} rig;
extern struct broker broker;
extern struct frame got;		/* what take() took last */
extern union peer_body said;		/* what say() said last */

extern int online;			/* 1: the config names an org, and the good path leads by LINK and ASK; survives close_rig() */

/* A new broker, on the good path up to the beginning of a phase, all programs up that run there; STOP: crypto-worker failed in SURVEY or, online,
   in ASK. */
void drive(unsigned phase_no);
int on_the_way(unsigned phase_no);	/* is it? ASK is not, without an org */
void to_supply(void);			/* from where the cache is surveyed: by LINK and ASK, or without */
void offline(uint32_t event);		/* crypto-worker says so, and is asked for a candidate */
void open_rig(void);			/* a new broker that has asked for crypto-worker; drive() does it */
void close_rig(void);
void settle(void);			/* the broker handles what lies there, and init answers, until nothing lies there */
void silence(void);			/* time passes up to the deadline, and nobody has said anything */
void say(enum peer from, uint32_t id);	/* a sample; settles */
void take(enum peer to, uint32_t id);	/* the next message there is this one */
void say_and_take(enum peer from, uint32_t id);
void fill(void);			/* crypto-worker wants, store-worker fills */
int is_closed(enum peer peer);		/* what lies there is thrown away */
int heard_nothing(enum peer peer);
int printed(const char *text);		/* fails at any byte that is not printable, and at any that a worker chose */
void drop_end(enum peer peer);		/* the program dies */
void dismissed(enum peer peer);		/* the broker has closed its channel, and it ends */
void start_answered(uint32_t program);	/* init says: started */
void lease_answered(void);		/* init says: applied, or not */
void stop_recorded(void);		/* the stop is written down, by a store-worker that lives */
void lost(enum peer peer, uint32_t final);	/* crypto-worker is told so, next */
void ends_in_one_jump(void);		/* from SUPPLY, with a generation of the cache */
void loads_and_jumps(void);		/* from LOAD */
void ends_in_one_reboot(void);		/* after STOP: one wait, one reboot, one end */
#endif
