#ifndef IPC_BODIES_H
#define IPC_BODIES_H
/*
 * The bodies of all messages: fixed size, fixed-width integers, natural alignment, explicit zero fields.  Integers are in the
 * machine's own order: all programs are one image on one machine.  check_NAME() (check.c, check_cache.c) states every field's range.
 */
#include <stdint.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"	/* a hole in a body would carry bytes that nobody checks */

enum {
	ID_BYTES = 32,		/* BLAKE2b-256 of a manifest: a generation's id */
	SLOTS_MAX = 8,		/* slots of a cache partition, and candidates of one boot */
	CMDLINE_MAX = 2047,	/* bytes; the kernel's COMMAND_LINE_SIZE on x86 is 2048 with the NUL */
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
	uint32_t program;	/* PEER_crypto, PEER_store or PEER_kexec; an old store-worker is killed first */
	uint32_t zero;
};
struct msg_init_started {
	uint32_t program;
	uint32_t zero;
};
struct msg_broker_lost {
	uint32_t program;	/* PEER_store: whatever was asked of it will not be answered */
	uint32_t final;		/* 0: a fresh one runs, ask again; 1: there will be no other */
};

/* --- SURVEY --- */
struct msg_broker_survey {
	uint64_t zero;
};
enum { OFFER_healthy = 1, OFFER_fallback = 2, OFFER_previous = 4 };	/* flags: hints of an untrusted journal */
struct msg_store_offer {
	uint32_t slot;
	uint32_t flags;
	uint32_t attempts;	/* begun and not yet reported healthy */
	uint32_t outcome;	/* why a newer one is not offered: the enum event with which it failed, or 0 */
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
	uint32_t slot;
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

/* --- SUPPLY, VERIFY --- */
struct msg_broker_next {
	uint64_t zero;
};
enum { CHOSEN_newest = 1, CHOSEN_fallback = 2 };
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
enum { RECORD_begun = 1, RECORD_failed = 2, RECORD_stopped = 3 };
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
