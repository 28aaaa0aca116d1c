#ifndef IPC_BODIES_H
#define IPC_BODIES_H
/*
 * The bodies of all messages: fixed size, fixed-width integers, natural alignment, explicit zero fields.  Integers are in the
 * machine's own order: all programs are one image on one machine.  check_NAME() (check.c, check_cache.c, check_net.c) states every field's range.
 */
#include <stdint.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"	/* a hole in a body would carry bytes that nobody checks */

enum {
	ID_BYTES = 32,		/* BLAKE2b-256 of a manifest: a generation's id */
	SLOTS_MAX = 8,		/* slots of a cache partition, and candidates of one boot */
	CMDLINE_MAX = 2047,	/* bytes; the kernel's COMMAND_LINE_SIZE on x86 is 2048 with the NUL */
	SLOT_NONE = SLOTS_MAX,	/* no slot: it is the org's, and not kept */
	STOPS_MAX = 4,		/* stops in a row that are counted: each doubles the wait before the reboot */
};

/* Parts of a generation, as crypto-worker asks for them. */
enum part { PART_manifest = 1, PART_minisig = 2, PART_kernel = 3, PART_initramfs = 4, PART_LAST = PART_initramfs };

struct msg_head {
	uint32_t id;		/* enum msg_id */
	uint32_t zero;
};

/* --- CLOSE --- */
enum { CLOSED_enrolled_now = 1 };	/* flags */
struct msg_crypto_closed {
	uint32_t flags;
	uint32_t banks;		/* active PCR banks that were extended and read back, 1..8 */
	uint8_t node[16];	/* the node id */
};
struct msg_crypto_failed {
	uint32_t event;		/* enum event */
	uint32_t detail;	/* TPM response code, errno or 0: for the log only */
};

/* --- starting --- */
struct msg_broker_start {
	uint32_t program;	/* a worker; an old one that may be replaced is killed first */
	uint32_t zero;
};
struct msg_init_started {
	uint32_t program;
	uint32_t zero;
};
struct msg_broker_lost {
	uint32_t program;	/* PEER_store or PEER_net: whatever was asked of it will not be answered */
	uint32_t final;		/* 0: a fresh one runs, ask again; 1: there will be no other */
};

/* --- SURVEY --- */
struct msg_broker_survey {
	uint64_t zero;
};
enum { OFFER_healthy = 1, OFFER_fallback = 2, OFFER_previous = 4, OFFER_failed = 8 };	/* flags: hints of an untrusted journal; failed: not by
										itself, only by a ticket */
struct msg_store_offer {
	uint32_t slot;
	uint32_t flags;
	uint32_t attempts;	/* begun and not yet reported healthy */
	uint32_t outcome;	/* OFFER_failed: the enum event with which it failed; else why not a newer one: with which that failed, or 0 */
	uint32_t manifest_bytes;
	uint32_t minisig_bytes;
	uint64_t kernel_bytes;
	uint64_t initramfs_bytes;
};
struct msg_store_offered {
	uint32_t count;		/* offers made, 0..SLOTS_MAX */
	uint32_t event;		/* 0, or why the cache cannot be used */
	uint32_t stops;		/* 0..STOPS_MAX: boots that stopped, since the last one that did not; a hint of an untrusted journal */
	uint32_t zero;
};
struct msg_crypto_want {
	uint32_t slot;
	uint32_t part;		/* enum part */
	uint32_t number;	/* of this question, 1..: what was asked of a store-worker that is gone may be answered by a fresh one */
	uint32_t zero;
	uint64_t len_bytes;	/* the memfd's size */
};
struct msg_store_filled {
	uint32_t slot;
	uint32_t part;
	uint32_t event;		/* 0 or why not */
	uint32_t number;	/* of the question */
};
struct msg_store_progress {
	uint32_t slot;
	uint32_t part;
	uint64_t done_bytes;
	uint64_t total_bytes;
};
/* What is known of a candidate: used by every message that is about one. */
struct candidate {
	uint8_t id[ID_BYTES];
	uint64_t version;	/* 0 while unverified */
	uint32_t slot;		/* or SLOT_NONE */
	uint32_t event;		/* 0 or why it is out */
	uint32_t keys_good;	/* distinct listed release keys whose signature verified */
	uint32_t keys_need;	/* k */
	uint32_t keys_listed;	/* n */
	uint32_t line;		/* the manifest's line that is wrong, or 0 */
};
struct msg_crypto_refused {
	struct candidate c;
};
struct msg_crypto_node {
	uint8_t node[16];	/* to be kept in the cache header */
};
struct msg_crypto_surveyed {
	uint32_t usable;	/* 0..SLOTS_MAX */
	uint32_t offered;
};

/* --- LINK --- */
/* Addresses are IPv6, those of IPv4 mapped (::ffff:a.b.c.d, RFC 4291, 2.5.5.2); all zero: none. */
enum { ADDRESS_BYTES = 16, INTERFACE_BYTES = 16, DNS_MAX = 3, ROUTES_MAX = 4 };
struct msg_link_lease {
	char interface[INTERFACE_BYTES];	/* name, NUL behind it to the end */
	uint8_t mac[8];				/* 6 bytes, 2 zero */
	uint32_t index;				/* of the interface */
	uint32_t prefix;			/* of address: 1..32 or 1..128; 0 without one */
	uint8_t address[ADDRESS_BYTES];		/* none: the kernel has one by router advertisements */
	uint8_t gateway[ADDRESS_BYTES];
	uint8_t server[ADDRESS_BYTES];		/* the DHCP server, for the log */
	uint8_t dns[DNS_MAX][ADDRESS_BYTES];
	uint32_t mtu;				/* bytes, 576..9000; 0: as it is */
	uint32_t lease_s;			/* 0: for ever */
	uint32_t routes;			/* 0..ROUTES_MAX */
	uint32_t zero;
	struct {
		uint8_t to[ADDRESS_BYTES];
		uint8_t by[ADDRESS_BYTES];
		uint32_t prefix;
		uint32_t zero;
	} route[ROUTES_MAX];			/* options 121 and 249, if config takes them */
};
struct msg_link_failed {
	uint32_t event;
	uint32_t detail;	/* errno or 0 */
};
struct msg_init_linked {
	uint64_t zero;
};
struct msg_init_unlinked {
	uint32_t error;		/* errno */
	uint32_t zero;
};

/* --- ASK --- */
struct msg_broker_ask {
	uint64_t zero;
};
struct msg_broker_offline {
	uint32_t event;		/* why there is no network */
	uint32_t zero;
};
/* enum part is what can be got of a generation; and beside it: */
enum { GET_challenge = PART_LAST + 1, GET_LAST = GET_challenge };
struct msg_crypto_get {
	uint8_t id[ID_BYTES];	/* the generation's; GET_challenge: zero */
	uint64_t time;		/* it is not earlier than this, seconds since 1970: for certificates */
	uint64_t len_bytes;	/* the memfd's size: exactly that of an image, at most that of a document */
	uint32_t what;		/* enum part or GET_* */
	uint32_t number;	/* of this question, 1.. */
};
struct msg_net_got {
	uint64_t len_bytes;	/* so many are in the memfd; 0 with an event */
	uint32_t number;
	uint32_t event;		/* 0 or why not */
	uint32_t detail;	/* HTTP status, TLS alert, errno or 0: for the log only */
	uint32_t zero;
};
enum { POST_request = 1, POST_enrol = 2, POST_proof = 3, POST_LAST = POST_proof };
struct msg_crypto_post {
	uint64_t time;		/* as above */
	uint32_t what;		/* POST_* */
	uint32_t number;	/* of this question, 1.. */
	uint32_t body_bytes;	/* all of the first memfd */
	uint32_t answer_bytes;	/* the second memfd's size: at most so many */
};
struct msg_net_posted {
	uint32_t len_bytes;	/* so many are in the second memfd; 0 with an event */
	uint32_t number;
	uint32_t event;
	uint32_t detail;	/* as above; 409 of net_status: crypto-worker asks for another challenge, once */
};
struct msg_net_progress {
	uint64_t done_bytes;
	uint64_t total_bytes;
	uint32_t what;
	uint32_t zero;
};
struct msg_crypto_enrolled {
	uint8_t ek[32];		/* SHA-256 of the EK's public area (the digest in its Name): what the operator compares */
	uint32_t pending;	/* 1: until an operator approves */
	uint32_t zero;
};
struct msg_crypto_ticket {
	uint8_t id[ID_BYTES];	/* of the generation to be booted */
	uint64_t time;		/* seconds since 1970 */
	uint64_t floor;
	uint32_t offline_max;
	uint32_t zero;
};
struct msg_crypto_offline {
	uint32_t event;		/* why; 0: there is no org */
	uint32_t boots;		/* without a ticket, with this one; 0: not counted, there is no org */
	uint32_t most;
	uint32_t zero;
};

/* --- SUPPLY, VERIFY --- */
struct msg_broker_next {
	uint64_t zero;
};
enum { CHOSEN_newest = 1, CHOSEN_fallback = 2, CHOSEN_ticket = 3 };
struct msg_crypto_chosen {
	struct candidate c;
	uint32_t cause;		/* CHOSEN_* */
	uint32_t zero;
	uint64_t total_bytes;	/* kernel and initramfs */
};
struct msg_crypto_none {
	uint32_t event;
	uint32_t zero;
};
/* The parts in the order of enum part; behind the last one stands the slot's header. */
struct msg_crypto_keep {
	uint8_t id[ID_BYTES];
	uint32_t part;		/* enum part */
	uint32_t number;	/* of this question, 1.. */
	uint64_t bytes[PART_LAST];	/* of each part; the memfd's size is that of this part */
};
struct msg_store_kept {
	uint32_t slot;		/* where it is kept; with an event SLOT_NONE */
	uint32_t part;
	uint32_t number;
	uint32_t event;		/* 0 or why not: the boot goes on */
};
struct msg_crypto_supplied {
	uint64_t total_bytes;
};
struct msg_crypto_rejected {
	struct candidate c;
};
struct msg_crypto_verified {
	struct candidate c;
	uint32_t watchdog_s;
	uint32_t zero;
};

/* --- RECORD --- */
enum { RECORD_begun = 1, RECORD_failed = 2, RECORD_stopped = 3, RECORD_ticket = 4, RECORD_LAST = RECORD_ticket };	/* ticket: begun, and comes
									first from then on: the org's last word */
struct msg_broker_record {
	uint8_t id[ID_BYTES];	/* RECORD_stopped: zero, it is about no generation */
	uint32_t slot;
	uint32_t what;		/* RECORD_* */
	uint32_t event;		/* RECORD_failed: why */
	uint32_t stops;		/* RECORD_stopped: so many in a row with this one, 1..STOPS_MAX */
};
struct msg_store_recorded {
	uint32_t what;
	uint32_t event;		/* 0 or why it is not durable */
};

/* --- LOAD --- */
struct msg_broker_load {
	uint64_t zero;
};
struct msg_crypto_handover {
	uint64_t kernel_bytes;
	uint64_t initramfs_bytes;
	uint32_t cmdline_bytes;	/* without the NUL */
	uint32_t zero;
	char cmdline[CMDLINE_MAX + 1];
};
struct msg_kexec_loaded {
	uint32_t error;		/* 0 or the errno of kexec_file_load(2) */
	uint32_t zero;
};
struct msg_crypto_wiped {
	uint64_t wiped_bytes;
};
struct msg_crypto_unloaded {
	uint32_t event;
	uint32_t detail;
};

/* --- GO, STOP --- */
struct msg_broker_arm {
	uint32_t seconds;	/* until the watchdog resets the machine */
	uint32_t zero;
};
struct msg_init_armed {
	uint32_t seconds;	/* as the driver has it */
	uint32_t error;		/* 0 or errno: ENODEV: this machine has none */
};
struct msg_broker_go {
	uint64_t zero;
};
struct msg_broker_reboot {
	uint64_t zero;
};
struct msg_broker_stop {
	uint32_t wait_ms;	/* until the reboot */
	uint32_t zero;
};
#pragma GCC diagnostic pop
#endif
