/*
 * crypto-worker fetches the ticket's generation from the org: what comes is judged as what the cache has, and kept there if it may be.
 * The test plays net-worker, mirrors and store, honest and hostile.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <sodium.h>

#include "crypto_handover.h"
#include "crypto_org.h"
#include "exits.h"
#include "fake_tpm.h"

/* The cache has the older one; the ticket names the newest. */
static void
to_download(void)
{
	static struct generation *const cache[1] = { &older };
	struct doc_ticket t;

	org_open();
	org_to_ask(cache, 1, (const uint32_t[]){ OFFER_healthy | OFFER_previous });
	org_challenge();
	org_expect_request();
	t = org_ticket(&newest);
	org_give(&t);
	play_expect(MSG_crypto_ticket);
	play_say(MSG_broker_next);
}

static void
documents(void)
{
	org_serve_part(&newest);
	assert_int_equal(play.get.what, PART_manifest);
	assert_int_equal(play.get.time, NOW + 2);	/* the ticket's: a certificate that was over by then is over */
	org_serve_part(&newest);
	play_expect(MSG_crypto_chosen);
	assert_int_equal(play.cause, CHOSEN_ticket);
	assert_int_equal(play.about.slot, SLOT_NONE);
	assert_memory_equal(play.about.id, newest.id, ID_BYTES);
}

/* The older one from the cache, instead, as a boot without a ticket. */
static void
falls_back(uint32_t about, enum event event)
{
	play_expect(about);
	assert_int_equal(play.event, event);
	assert_int_equal(play.about.slot, SLOT_NONE);
	if (about == MSG_crypto_rejected)
		play_say(MSG_broker_next);
	assert_int_equal(play_serve((struct generation *const []){ &older }, 1), MSG_crypto_verified);
	assert_memory_equal(play.about.id, older.id, ID_BYTES);
	assert_int_equal(fake.state.offline, 1);	/* the ticket had set it to 0 */
	play_close();
}

static void
a_download_is_verified_kept_and_handed_over(void **state)
{
	(void)state;
	for (uint32_t full = 0; full < 2; full++) {
		to_download();
		documents();
		org_serve_part(&newest);
		org_serve_part(&newest);
		org_keep(EV_none, 3);
		org_keep(EV_none, 3);
		org_keep(full ? EV_cache_full : EV_none, 3);
		if (!full)
			org_keep(EV_none, 3);
		play_expect(MSG_crypto_supplied);
		play_expect(MSG_crypto_verified);
		assert_int_equal(play.about.slot, full ? SLOT_NONE : 3);	/* a full cache never stops a boot */
		play_say(MSG_broker_load);
		take_handover();
		check_archive(&newest, &older);
		check_cmdline(&newest);
		drop_handover();
		play_close();
	}
}

static void
what_does_not_come_falls_back(void **state)
{
	(void)state;
	for (unsigned got = 0; got < 4; got++) {
		to_download();
		for (unsigned i = 0; i < got && i < 2; i++)
			org_serve_part(&newest);
		if (got >= 2)
			play_expect(MSG_crypto_chosen);
		if (got == 3)
			org_serve_part(&newest);
		play_expect(MSG_crypto_get);
		org_got_event(EV_net_short);
		falls_back(got < 2 ? MSG_crypto_refused : MSG_crypto_rejected, EV_net_short);
	}
}

static void
other_documents_are_refused(void **state)
{
	struct generation bad = newest;

	(void)state;
	/* another generation, well signed */
	to_download();
	play_expect(MSG_crypto_get);
	org_fill(older.manifest, older.manifest_bytes);
	play_expect(MSG_crypto_get);
	org_fill(older.minisig, older.minisig_bytes);
	falls_back(MSG_crypto_refused, EV_net_http);
	/* one release key is too few */
	peer_sign(&bad, 1);
	to_download();
	play_expect(MSG_crypto_get);
	org_fill(bad.manifest, bad.manifest_bytes);
	play_expect(MSG_crypto_get);
	org_fill(bad.minisig, bad.minisig_bytes);
	falls_back(MSG_crypto_refused, EV_doc_signature);
	/* an altered manifest */
	bad.manifest[bad.manifest_bytes - 2] ^= 1;
	to_download();
	play_expect(MSG_crypto_get);
	org_fill(bad.manifest, bad.manifest_bytes);
	play_expect(MSG_crypto_get);
	org_fill(newest.minisig, newest.minisig_bytes);
	falls_back(MSG_crypto_refused, EV_doc_signature);
}

static void
other_images_are_rejected_and_never_kept(void **state)
{
	static uint8_t wrong[KERNEL_BYTES];

	(void)state;
	to_download();
	documents();
	play_expect(MSG_crypto_get);
	memcpy(wrong, newest.kernel, KERNEL_BYTES);
	wrong[KERNEL_BYTES - 1] ^= 1;
	org_fill(wrong, KERNEL_BYTES);
	falls_back(MSG_crypto_rejected, EV_image_kernel);

	to_download();
	documents();
	org_serve_part(&newest);
	play_expect(MSG_crypto_get);
	memcpy(wrong, newest.initramfs, INITRAMFS_BYTES);
	wrong[0] ^= 1;
	org_fill(wrong, INITRAMFS_BYTES);
	falls_back(MSG_crypto_rejected, EV_image_initramfs);
	/* shorter than the memfd: said to be, and rejected before it is looked at */
	to_download();
	documents();
	play_expect(MSG_crypto_get);
	org_fill(newest.kernel, KERNEL_BYTES - 1);
	falls_back(MSG_crypto_rejected, EV_net_size);
}

/*
 * What was right when it was looked at is spoilt while it is being kept, by a net-worker that held on to its descriptor or by the store: what
 * is booted is the copy that was looked at.  It cost the organisation's generation once, and then a second download.
 */
static void
what_changes_afterwards_is_not_used(void **state)
{
	enum { NOTHING, NET_WRITES, NET_SEALS, STORE_WRITES, STORE_SEALS, WAYS };
	int held;

	(void)state;
	for (int way = NOTHING; way < WAYS; way++) {
		to_download();
		documents();
		org_serve_part(&newest);
		play_expect(MSG_crypto_get);
		held = dup(play.get_fd);
		assert_true(held >= 0);
		org_fill(newest.initramfs, INITRAMFS_BYTES);
		for (uint32_t part = PART_manifest; part < PART_initramfs; part++)
			org_keep(EV_none, 0);
		play_expect(MSG_crypto_keep);
		if (way == NET_WRITES || way == STORE_WRITES)
			assert_int_equal(pwrite(way == NET_WRITES ? held : play.keep_fd, "EVIL", 4, 100), 4);
		if (way == NET_SEALS || way == STORE_SEALS)
			assert_int_equal(fcntl(way == NET_SEALS ? held : play.keep_fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
		(void)close(held);
		{
			struct msg_store_kept kept = { .part = play.keep.part, .number = play.keep.number };

			play_tell(MSG_store_kept, &kept);
		}
		play_expect(MSG_crypto_supplied);
		play_expect(MSG_crypto_verified);
		assert_memory_equal(play.about.id, newest.id, ID_BYTES);
		play_say(MSG_broker_load);
		take_handover();
		check_archive(&newest, &older);
		drop_handover();
		play_close();
	}
	/* The kernel is sealed as soon as it is there. */
	to_download();
	documents();
	play_expect(MSG_crypto_get);
	held = dup(play.get_fd);
	assert_true(held >= 0);
	org_fill(newest.kernel, KERNEL_BYTES);
	assert_int_equal(pwrite(held, "EVIL", 4, 100), -1);
	assert_int_equal(errno, EPERM);
	(void)close(held);
	play_close();
}

static void
lost(uint32_t program, uint32_t final)
{
	struct msg_broker_lost body = { .program = program, .final = final };

	admit_forget(&play.view, (enum peer)program);
	play_tell(MSG_broker_lost, &body);
}

static void
a_worker_that_dies_on_the_way(void **state)
{
	(void)state;
	for (unsigned got = 0; got < 4; got++) {
		to_download();
		for (unsigned i = 0; i < got && i < 2; i++)
			org_serve_part(&newest);
		if (got >= 2)
			play_expect(MSG_crypto_chosen);
		if (got == 3)
			org_serve_part(&newest);
		play_expect(MSG_crypto_get);
		lost(PEER_net, 0);		/* asked again, for the same */
		play_expect(MSG_crypto_get);
		lost(PEER_net, 1);
		falls_back(got < 2 ? MSG_crypto_refused : MSG_crypto_rejected, EV_program_spent);
	}
	/* The store, while it keeps: the boot goes on. */
	for (uint32_t final = 0; final < 2; final++) {
		to_download();
		documents();
		org_serve_part(&newest);
		org_serve_part(&newest);
		org_keep(EV_none, 1);
		play_expect(MSG_crypto_keep);
		lost(PEER_store, final);
		play_expect(MSG_crypto_supplied);
		play_expect(MSG_crypto_verified);
		assert_int_equal(play.about.slot, SLOT_NONE);
		play_close();
	}
}

static void
a_slot_that_is_damaged_is_fetched_anew(void **state)
{
	struct doc_ticket t;

	(void)state;
	org_open();
	org_to_ask(one, 1, NULL);
	org_challenge();
	org_expect_request();
	t = org_ticket(&newest);
	org_give(&t);
	play_expect(MSG_crypto_ticket);
	play_say(MSG_broker_next);
	play_expect(MSG_crypto_chosen);
	assert_int_equal(play.about.slot, 0);
	play_expect(MSG_crypto_want);
	{
		struct msg_store_filled filled = { .slot = 0, .part = PART_kernel, .number = play.want.number, .event = EV_cache_io };

		play_tell(MSG_store_filled, &filled);
	}
	play_expect(MSG_crypto_rejected);
	play_say(MSG_broker_next);
	documents();
	play_close();
}

/* A broker that lets pass what is about another part: which one was kept, and which comes next, is for crypto-worker to know. */
static void
an_answer_about_another_part_does_not_lead(void **state)
{
	(void)state;
	to_download();
	documents();
	org_serve_part(&newest);
	org_serve_part(&newest);
	for (uint32_t part = PART_manifest; part <= PART_LAST; part++) {
		struct msg_store_kept kept = { .slot = 5, .part = part == PART_manifest ? PART_LAST : PART_manifest };

		play_expect(MSG_crypto_keep);
		assert_int_equal(play.keep.part, part);
		kept.number = play.keep.number;
		play_tell(MSG_store_kept, &kept);
	}
	play_expect(MSG_crypto_supplied);
	play_expect(MSG_crypto_verified);
	assert_int_equal(play.about.slot, 5);
	play_close();
}

static void
nothing_left_and_no_boot_without_a_ticket(void **state)
{
	(void)state;
	to_download();
	fake.state.offline_max = crypto.nv.offline_max = 0;	/* the ticket allows none */
	play_expect(MSG_crypto_get);
	org_got_event(EV_net_status);
	play_expect(MSG_crypto_refused);
	play_expect(MSG_crypto_failed);
	assert_int_equal(play.event, EV_org_offline_spent);
	assert_null(crypto.secrets);
	play_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_download_is_verified_kept_and_handed_over),
		cmocka_unit_test(what_does_not_come_falls_back),
		cmocka_unit_test(other_documents_are_refused),
		cmocka_unit_test(other_images_are_rejected_and_never_kept),
		cmocka_unit_test(what_changes_afterwards_is_not_used),
		cmocka_unit_test(a_worker_that_dies_on_the_way),
		cmocka_unit_test(a_slot_that_is_damaged_is_fetched_anew),
		cmocka_unit_test(an_answer_about_another_part_does_not_lead),
		cmocka_unit_test(nothing_left_and_no_boot_without_a_ticket),
	};

	return cmocka_run_group_tests(tests, play_setup, play_teardown);
}
