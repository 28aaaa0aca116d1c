/*
 * Writes the corpus: for every message a good and a bad body, for documents and signature files a good and a bad text.
 * Run by hand when a message changes; the files are kept, so that what was once found stays found.
 *
 *     mkcorpus FOLDER
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "doc.h"
#include "doc_texts.h"
#include "minisig.h"
#include "msg_samples.h"

static int
write_file(const char *top, const char *name, const char *file, const void *bytes, size_t n)
{
	char path[512];
	FILE *f;
	int bad;

	if (snprintf(path, sizeof path, "%s/%s", top, name) >= (int)sizeof path)
		return -ENAMETOOLONG;
	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		return -errno;
	if (snprintf(path, sizeof path, "%s/%s/%s", top, name, file) >= (int)sizeof path)
		return -ENAMETOOLONG;
	f = fopen(path, "wb");
	if (f == NULL)
		return -errno;
	bad = fwrite(bytes, 1, n, f) != n;
	bad |= fclose(f) != 0;
	return bad ? -EIO : 0;
}

/* What is wrong in the bad one: the field that would do the most harm. */
#define BAD_crypto_closed b.banks = 0
#define BAD_crypto_failed b.event = 1
#define BAD_broker_start b.program = PEER_init
#define BAD_init_started b.program = PEER_COUNT
#define BAD_broker_lost b.program = PEER_crypto
#define BAD_broker_survey b.zero = 1
#define BAD_store_offer b.kernel_bytes = UINT64_C(1) << 63
#define BAD_store_offered b.count = SLOTS_MAX + 1
#define BAD_crypto_want b.len_bytes = UINT64_C(1) << 32
#define BAD_store_filled b.slot = SLOTS_MAX
#define BAD_store_progress b.done_bytes = b.total_bytes + 1
#define BAD_crypto_refused b.c.event = 0
#define BAD_crypto_node memset(b.node, 0, sizeof b.node)
#define BAD_crypto_surveyed b.usable = b.offered + 1
#define BAD_link_lease b.routes = ROUTES_MAX + 1
#define BAD_link_failed b.event = EV_tpm_policy	/* another's word */
#define BAD_init_linked b.zero = 1
#define BAD_init_unlinked b.error = 0
#define BAD_broker_ask b.zero = 1
#define BAD_broker_offline b.event = 0
#define BAD_crypto_get b.len_bytes = UINT64_C(1) << 32
#define BAD_net_got b.event = EV_net_short	/* and a length */
#define BAD_crypto_post b.answer_bytes = UINT32_MAX
#define BAD_net_posted b.len_bytes = 16385
#define BAD_net_progress b.total_bytes = 0
#define BAD_crypto_enrolled memset(b.ek, 0, sizeof b.ek)
#define BAD_crypto_ticket memset(b.id, 0, sizeof b.id)
#define BAD_crypto_offline b.boots = b.most + 1
#define BAD_crypto_keep b.bytes[PART_initramfs - 1] = 0
#define BAD_store_kept b.slot = SLOT_NONE	/* and kept */
#define BAD_broker_next b.zero = UINT64_C(1) << 63
#define BAD_crypto_chosen b.c.slot = SLOT_NONE + 1
#define BAD_crypto_none b.event = 0
#define BAD_crypto_supplied b.total_bytes = 0
#define BAD_crypto_rejected b.c.event = 0
#define BAD_crypto_verified b.c.keys_good = b.c.keys_need - 1
#define BAD_broker_record b.what = RECORD_stopped	/* with an id */
#define BAD_store_recorded b.event = 12345
#define BAD_broker_load b.zero = 1
#define BAD_crypto_handover b.cmdline_bytes = sizeof b.cmdline
#define BAD_kexec_loaded b.error = 4096
#define BAD_crypto_wiped b.wiped_bytes = 0
#define BAD_crypto_unloaded b.event = 0
#define BAD_broker_arm b.seconds = 3601
#define BAD_init_armed b.error = ENODEV	/* and armed */
#define BAD_broker_go b.zero = 1
#define BAD_broker_reboot b.zero = 1
#define BAD_broker_stop b.wait_ms = UINT32_MAX

static int
write_messages(const char *top)
{
	int bad = 0;

#define MSG(name, id, from, to, way, answers, under, max, fd, phases, next) \
	{ \
		struct msg_##name b = sample_##name(); \
		bad |= write_file(top, #name, "good", &b, sizeof b); \
		BAD_##name; \
		bad |= write_file(top, #name, "bad", &b, sizeof b); \
	}
#include "msg.def"
	return bad;
}

static int
write_texts(const char *top)
{
#define DOC(kind) "doc_" #kind,
	static const char *const names[DOC_COUNT] = {
#include "doc.def"
	};
	static char text[DOC_MAX];
	struct minisig_block block;
	size_t head = (size_t)(strstr(sample_config, "\norg ") + 1 - sample_config);
	long n;
	int bad = 0;

	for (unsigned k = 0; k < DOC_COUNT; k++) {
		bad |= write_file(top, names[k], "good", sample[k], strlen(sample[k]));
		bad |= write_file(top, names[k], "bad", sample[k], strlen(sample[k]) - 1);	/* no LF at the end */
	}
	/* What the network brings one behind the other, and lines that may be absent. */
	(void)snprintf(text, sizeof text, "%s%s", sample_request, sample_quote);
	bad |= write_file(top, "doc_request", "bad_quote_follows", text, strlen(text));
	bad |= write_file(top, "doc_request", "good_empty", sample_request, (size_t)(strstr(sample_request, "have") - sample_request));
	(void)snprintf(text, sizeof text, "%.*s%s", (int)head, sample_config, CONFIG_NO_ORG);
	bad |= write_file(top, "doc_config", "good_no_org", text, strlen(text));
	memset(&block, 7, sizeof block);
	block.comment_bytes = 20;
	memcpy(block.comment, "timestamp:1760000000", block.comment_bytes);
	n = minisig_write(&block, "signature from minisign secret key", text, MINISIG_MAX);
	if (n < 0)
		return (int)n;
	memcpy(text + n, text, (size_t)n);	/* two blocks */
	bad |= write_file(top, "minisig", "good", text, 2 * (size_t)n);
	bad |= write_file(top, "minisig", "bad", text, 2 * (size_t)n - 1);
	return bad;
}

int
main(int argc, char **argv)
{
	if (argc != 2) {
		(void)fprintf(stderr, "usage: mkcorpus FOLDER\n");
		return 2;
	}
	if (write_messages(argv[1]) != 0 || write_texts(argv[1]) != 0) {
		(void)fprintf(stderr, "mkcorpus: %s: cannot be written\n", argv[1]);
		return 1;
	}
	return 0;
}
