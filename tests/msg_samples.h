#ifndef TESTS_MSG_SAMPLES_H
#define TESTS_MSG_SAMPLES_H
/* A legal body of every message, as a boot might send it: sample_NAME().  The tests and the corpus change it from there. */
#include <string.h>

#include "event.h"
#include "msg.h"

#define SAMPLE_ID { 0x4c, 0x1f, 0x09, 0xbe, 0x2a, 0x7d, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, \
	24, 25, 26 }
#define SAMPLE_NODE { 0xa0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 }
#define SAMPLE_V4(a, b, c, d) { [10] = 0xff, [11] = 0xff, [12] = (a), [13] = (b), [14] = (c), [15] = (d) }
#define SAMPLE_GOOD { .id = SAMPLE_ID, .version = 42, .slot = 1, .keys_good = 2, .keys_need = 2, .keys_listed = 3 }
#define SAMPLE_OUT(why) { .id = SAMPLE_ID, .version = 42, .slot = 1, .event = (why), .keys_good = 2, .keys_need = 2, .keys_listed = 3 }
#define SAMPLE_CMDLINE "sysctl.kernel.kexec_load_disabled=1 init_on_free=1 sallyport.boot=4c1f09be2a7d console=ttyS0"

#define SAMPLE(name, ...) \
	static inline struct msg_##name sample_##name(void) \
	{ \
		struct msg_##name body; \
		\
		memset(&body, 0, sizeof body); \
		body = (struct msg_##name){ __VA_ARGS__ }; \
		return body; \
	}

SAMPLE(crypto_closed, .flags = CLOSED_enrolled_now, .banks = 2, .node = SAMPLE_NODE)
SAMPLE(crypto_failed, .event = EV_tpm_policy, .detail = 0x99d)
SAMPLE(broker_start, .program = PEER_store)
SAMPLE(init_started, .program = PEER_store)
SAMPLE(broker_lost, .program = PEER_store)
SAMPLE(broker_survey, .zero = 0)
SAMPLE(store_offer, .slot = 1, .flags = OFFER_healthy, .attempts = 1, .outcome = EV_load_kernel, .manifest_bytes = 400,
    .minisig_bytes = 600, .kernel_bytes = 7000000, .initramfs_bytes = 60000001)
SAMPLE(store_offered, .count = 2, .stops = 1)
SAMPLE(crypto_want, .slot = 1, .part = PART_kernel, .number = 3, .len_bytes = 7000000)
SAMPLE(store_filled, .slot = 1, .part = PART_kernel, .number = 3)
SAMPLE(store_progress, .slot = 1, .part = PART_initramfs, .done_bytes = 4096, .total_bytes = 8192)
SAMPLE(crypto_refused, .c = { .id = SAMPLE_ID, .slot = 1, .event = EV_doc_syntax, .keys_good = 1,
    .keys_need = 2, .keys_listed = 3, .line = 4 })
SAMPLE(crypto_node, .node = SAMPLE_NODE)
SAMPLE(crypto_surveyed, .usable = 2, .offered = 3)
SAMPLE(link_lease, .interface = "eth0", .mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 }, .index = 2, .prefix = 24,
    .address = SAMPLE_V4(10, 0, 2, 15), .gateway = SAMPLE_V4(10, 0, 2, 2), .server = SAMPLE_V4(10, 0, 2, 2),
    .dns = { SAMPLE_V4(10, 0, 2, 3) }, .mtu = 1500, .lease_s = 86400, .routes = 1,
    .route = { { .to = SAMPLE_V4(192, 168, 7, 0), .by = SAMPLE_V4(10, 0, 2, 9), .prefix = 24 } })
SAMPLE(link_failed, .event = EV_net_no_lease)
SAMPLE(init_linked, .zero = 0)
SAMPLE(init_unlinked, .error = 22)
SAMPLE(broker_ask, .zero = 0)
SAMPLE(broker_offline, .event = EV_net_no_link)
SAMPLE(crypto_get, .id = SAMPLE_ID, .time = 1760000000, .len_bytes = 7000000, .what = PART_kernel, .number = 3)
SAMPLE(net_got, .len_bytes = 7000000, .number = 3)
SAMPLE(crypto_post, .time = 1760000000, .what = POST_request, .number = 2, .body_bytes = 2900, .answer_bytes = 16384)
SAMPLE(net_posted, .len_bytes = 700, .number = 2)
SAMPLE(net_progress, .done_bytes = 4096, .total_bytes = 8192, .what = PART_initramfs)
SAMPLE(crypto_enrolled, .ek = SAMPLE_ID, .pending = 1)
SAMPLE(crypto_ticket, .id = SAMPLE_ID, .time = 1760000000, .floor = 41, .offline_max = 16)
SAMPLE(crypto_offline, .event = EV_net_connect, .boots = 3, .most = 16)
SAMPLE(broker_next, .zero = 0)
SAMPLE(crypto_chosen, .c = SAMPLE_GOOD, .cause = CHOSEN_newest, .total_bytes = 67000001)
SAMPLE(crypto_none, .event = EV_no_candidate)
SAMPLE(crypto_keep, .id = SAMPLE_ID, .part = PART_kernel, .number = 3, .bytes = { 400, 600, 7000000, 60000001 })
SAMPLE(store_kept, .slot = 1, .part = PART_kernel, .number = 3)
SAMPLE(crypto_supplied, .total_bytes = 67000001)
SAMPLE(crypto_rejected, .c = SAMPLE_OUT(EV_image_kernel))
SAMPLE(crypto_verified, .c = SAMPLE_GOOD, .watchdog_s = 60)
SAMPLE(broker_record, .id = SAMPLE_ID, .slot = 1, .what = RECORD_begun)
SAMPLE(store_recorded, .what = RECORD_begun)
SAMPLE(broker_load, .zero = 0)
SAMPLE(crypto_handover, .kernel_bytes = 7000000, .initramfs_bytes = 60002048, .cmdline_bytes = sizeof SAMPLE_CMDLINE - 1,
    .cmdline = SAMPLE_CMDLINE)
SAMPLE(kexec_loaded, .error = 8)
SAMPLE(crypto_wiped, .wiped_bytes = 60002048)
SAMPLE(crypto_unloaded, .event = EV_load_kernel, .detail = 8)
SAMPLE(broker_arm, .seconds = 60)
SAMPLE(init_armed, .seconds = 60)
SAMPLE(broker_go, .zero = 0)
SAMPLE(broker_reboot, .zero = 0)
SAMPLE(broker_stop, .wait_ms = 30000)
#undef SAMPLE
#endif
