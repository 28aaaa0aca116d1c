/*
 * The organisation and the net-worker, as crypto_org.h says.  Outside the wall.
 */
#include <errno.h>
#include <unistd.h>

#include <sodium.h>

#include "crypto_org.h"
#include "fake_tpm.h"
#include "memfd.h"

struct asked asked;
uint8_t org_share[32];
int org_stranger;
void (*org_spoil)(char *text, size_t *len_bytes);

void
org_open(void)
{
	play_open();
	org_stranger = 0;
	org_spoil = NULL;
	for (unsigned i = 0; i < sizeof org_share; i++)
		org_share[i] = (uint8_t)(200 + i);
	memcpy(crypto.config.org, "org.example:8443", 17);
	crypto.config.enrol = ENROL_org;
	crypto.config.offline_max = 5;
	memcpy(crypto.config.hardware, "rack", 5);
	crypto.config.invite.bytes = 32;
	memset(crypto.config.invite.at, 'i', 32);
	fake.state = (struct tpm_state){ .floor = 7, .time = NOW, .offline = 1, .offline_max = 3 };
}

void
org_to_ask(struct generation *const slots[], unsigned n, const uint32_t flags[])
{
	assert_int_equal(play_survey(slots, n, flags), MSG_crypto_surveyed);
	assert_int_equal(play_hear(), MSG_none);	/* with an org it waits for the network */
	play_say(MSG_broker_ask);
}

void
org_fill(const void *bytes, size_t len_bytes)
{
	struct msg_net_got got = { .len_bytes = len_bytes, .number = play.get.number };

	assert_int_equal(memfd_check(play.get_fd, FD_fill, 0, getuid(), play.get.len_bytes), 0);
	assert_int_equal(pwrite(play.get_fd, bytes, len_bytes, 0), (ssize_t)len_bytes);
	play_tell(MSG_net_got, &got);
}

void
org_got_event(enum event event)
{
	struct msg_net_got got = { .number = play.get.number, .event = event };

	play_tell(MSG_net_got, &got);
}

void
org_posted_event(enum event event)
{
	struct msg_net_posted posted = { .number = play.post.number, .event = event };

	play_tell(MSG_net_posted, &posted);
}

/* Signs text in place, as a service does: the signature stands behind it. */
static size_t
sign(char *text, size_t len_bytes, size_t cap_bytes)
{
	struct minisig_block block = { .keynum = { 0 }, .comment_bytes = 20 };
	uint8_t prehash[64], pk[32], sk[64], global[84], seed[32] = { (uint8_t)(org_stranger ? 99 : 4), 's' };
	long n;

	memcpy(block.comment, "timestamp:1800000000", 20);
	assert_int_equal(crypto_sign_seed_keypair(pk, sk, seed), 0);
	assert_int_equal(memcmp(pk, crypto.config.org_key.key[0].key, 32) != 0, org_stranger);
	assert_int_equal(crypto_generichash(prehash, sizeof prehash, (const uint8_t *)text, len_bytes, NULL, 0), 0);
	assert_int_equal(crypto_sign_detached(block.sig, NULL, prehash, sizeof prehash, sk), 0);
	memcpy(global, block.sig, 64);
	memcpy(global + 64, block.comment, 20);
	assert_int_equal(crypto_sign_detached(block.global_sig, NULL, global, sizeof global, sk), 0);
	n = minisig_write(&block, "by a test", text + len_bytes, cap_bytes - len_bytes);
	assert_true(n > 0);
	return len_bytes + (size_t)n;
}

void
org_answer(enum doc_kind kind, const void *doc)
{
	static char text[DOC_MAX];
	long n = doc_write(kind, doc, text, sizeof text);
	size_t len;

	assert_true(n > 0);
	len = sign(text, (size_t)n, sizeof text);
	if (org_spoil != NULL)
		org_spoil(text, &len);
	if (kind == DOC_challenge)
		org_fill(text, len);
	else {
		struct msg_net_posted posted = { .len_bytes = (uint32_t)len, .number = play.post.number };

		assert_int_equal(memfd_check(play.get_fd, FD_post, 1, getuid(), play.post.answer_bytes), 0);
		assert_int_equal(pwrite(play.get_fd, text, len, 0), (ssize_t)len);
		play_tell(MSG_net_posted, &posted);
	}
}

void
org_challenge(void)
{
	struct doc_challenge challenge = { .time = NOW + 1, .seconds = 60 };

	play_expect(MSG_crypto_get);
	assert_int_equal(play.get.what, GET_challenge);
	assert_int_equal(play.get.time, fake.state.time > crypto.config.build_time ? fake.state.time : crypto.config.build_time);
	memset(challenge.challenge, 'c', sizeof challenge.challenge);
	org_answer(DOC_challenge, &challenge);
}

/* What was posted: cannot change any more, and is a document, or one with its quote behind it. */
static void
take_post(uint32_t what, enum doc_kind kind, void *doc, size_t doc_bytes, int quoted)
{
	static char text[2 * DOC_MAX];
	size_t n;

	play_expect(MSG_crypto_post);
	assert_int_equal(play.post.what, what);
	assert_int_equal(memfd_check(play.post_fd, FD_post, 0, getuid(), play.post.body_bytes), 0);
	assert_int_equal(pwrite(play.post_fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(pread(play.post_fd, text, sizeof text, 0), (ssize_t)play.post.body_bytes);
	n = doc_find(DOC_quote, text, play.post.body_bytes);
	assert_int_equal(n < play.post.body_bytes, quoted);
	assert_int_equal(doc_parse(kind, text, n, doc, doc_bytes, NULL), 0);
	memcpy(asked.document, text, n);
	asked.document_bytes = n;
	assert_int_equal(crypto_generichash(asked.hash, sizeof asked.hash, (const uint8_t *)text, n, NULL, 0), 0);
	if (!quoted)
		return;
	assert_int_equal(doc_parse(DOC_quote, text + n, play.post.body_bytes - n, &asked.quote, sizeof asked.quote, NULL), 0);
	assert_memory_equal(asked.quote.signature.at, asked.hash, sizeof asked.hash);	/* the fake TPM's: what was quoted */
}

void
org_expect_request(void)
{
	take_post(POST_request, DOC_request, &asked.request, sizeof asked.request, 1);
}

void
org_expect_enrol(void)
{
	take_post(POST_enrol, DOC_enrol, &asked.enrol, sizeof asked.enrol, 1);
}

struct doc_ticket
org_ticket(const struct generation *g)
{
	struct doc_ticket t = { .time = NOW + 2, .floor = 7, .offline_max = 4 };

	memcpy(t.node, fake.node, sizeof t.node);
	memcpy(t.request, asked.hash, sizeof t.request);
	t.verdict = g != NULL ? VERDICT_boot : VERDICT_refuse;
	t.reason = g != NULL ? REASON_none : REASON_revoked;
	if (g != NULL) {
		memcpy(t.generation, g->id, sizeof t.generation);
		t.share.bytes = sizeof t.share.at;
		assert_int_equal(crypto_box_seal(t.share.at, org_share, sizeof org_share, asked.request.share_key), 0);
	}
	return t;
}

void
org_give(const struct doc_ticket *ticket)
{
	org_answer(DOC_ticket, ticket);
}

void
org_serve_part(const struct generation *g)
{
	uint64_t len;
	const void *bytes;

	play_expect(MSG_crypto_get);
	assert_memory_equal(play.get.id, g->id, sizeof g->id);
	bytes = peer_part(g, play.get.what, &len);
	org_fill(bytes, (size_t)len);
}

void
org_keep(uint32_t event, uint32_t slot)
{
	static uint8_t seen[1 << 16];
	struct msg_store_kept kept = { .slot = SLOT_NONE, .event = event };
	uint64_t len;
	const void *bytes;

	play_expect(MSG_crypto_keep);
	kept.part = play.keep.part;
	kept.number = play.keep.number;
	if (event == EV_none)
		kept.slot = slot;
	bytes = peer_part(&newest, play.keep.part, &len);
	assert_int_equal(play.keep.bytes[play.keep.part - 1], len);
	assert_int_equal(memfd_check(play.keep_fd, FD_keep, 0, getuid(), len), 0);
	assert_int_equal(pread(play.keep_fd, seen, sizeof seen, 0), (ssize_t)len);
	assert_memory_equal(seen, bytes, len);
	play_tell(MSG_store_kept, &kept);
}

struct doc_ticket
org_asked_for(const struct generation *g)
{
	org_open();
	org_to_ask(one, 1, NULL);
	org_challenge();
	org_expect_request();
	return org_ticket(g);
}
