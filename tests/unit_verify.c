/*
 * crypto-worker/verify.c: whose signatures count.  Host side; the keys are made from fixed seeds.
 * Every refusal has a twin, one step away, that is accepted.
 */
#include "verify_fixture.h"

static void
test_threshold(void **state)
{
	struct verified v;

	(void)state;
	for (uint32_t signers = 0; signers <= NKEYS; signers++) {
		sign_begin();
		sign_by(NKEYS, good);	/* a stranger, so that the file is never empty */
		for (uint32_t i = 0; i < signers; i++)
			sign_by(i, good);
		for (uint32_t k = 0; k <= NKEYS + 2; k++) {
			struct verify_rules rules = rules_of(&all, k);
			enum event want = k >= 1 && k <= NKEYS && signers >= k ? EV_none : EV_doc_signature;

			assert_int_equal(judge(&rules, good, &v), want);
			assert_int_equal(v.keys_good, signers);
			for (uint32_t i = 0; i < DOC_KEYS_MAX; i++)
				assert_int_equal(v.key_is_good[i], i < signers);
			assert_int_equal(v.manifest.version, want == EV_none ? 42 : 0);	/* unparsed before enough have signed */
		}
	}
}

static void
test_threshold_of_empty_list(void **state)
{
	static const struct doc_keys none;
	struct verify_rules rules = rules_of(&none, 0);
	struct verified v;

	(void)state;
	sign_begin();
	sign_by(0, good);
	assert_int_equal(judge(&rules, good, &v), EV_doc_signature);
	rules.threshold = 1;
	assert_int_equal(judge(&rules, good, &v), EV_doc_signature);
	rules.release_keys = &all;
	assert_int_equal(judge(&rules, good, &v), EV_none);
}

static void
test_keys_are_counted_not_signatures(void **state)
{
	struct verify_rules rules = rules_of(&all, 2);
	struct minisig_block block;
	struct verified v;

	(void)state;
	/* the same block again and again */
	sign_begin();
	make_block(0, good, strlen(good), &block);
	for (int i = 0; i < 4; i++)
		append(&block);
	assert_int_equal(judge(&rules, good, &v), EV_doc_signature);
	assert_int_equal(v.keys_good, 1);
	/* the same key, another comment: another block, and both are valid */
	block.comment[0] = 'B';
	{
		uint8_t global[64 + MINISIG_COMMENT_MAX];

		memcpy(global, block.sig, 64);
		memcpy(global + 64, block.comment, block.comment_bytes);
		crypto_sign_detached(block.global_sig, NULL, global, 64 + block.comment_bytes, sec_key[0]);
	}
	append(&block);
	assert_int_equal(judge(&rules, good, &v), EV_doc_signature);
	assert_int_equal(v.keys_good, 1);
	sign_by(1, good);
	assert_int_equal(judge(&rules, good, &v), EV_none);
	assert_int_equal(v.keys_good, 2);
}

static void
test_key_listed_twice_counts_once(void **state)
{
	struct doc_keys twice = all;
	struct verify_rules rules = rules_of(&twice, 2);
	struct minisig_block block;
	struct verified v;

	(void)state;
	/* the same 32 bytes under two numbers: the config's parser refuses it, this code must not rely on that */
	twice.count = 2;
	twice.key[1] = twice.key[0];
	memset(twice.key[1].keynum, 0x77, sizeof twice.key[1].keynum);
	sign_begin();
	make_block(0, good, strlen(good), &block);
	append(&block);
	memset(block.keynum, 0x77, sizeof block.keynum);
	append(&block);
	assert_int_equal(judge(&rules, good, &v), EV_doc_signature);
	assert_int_equal(v.keys_good, 1);
	rules.release_keys = &all;
	sign_by(1, good);
	assert_int_equal(judge(&rules, good, &v), EV_none);
}

static void
test_same_number_two_keys(void **state)
{
	struct doc_keys keys = all;
	struct verify_rules rules = rules_of(&keys, 2);
	struct minisig_block block;
	struct verified v;

	(void)state;
	/* key numbers are hints: two listed keys may share one, each of their blocks counts for its own key */
	keys.count = 2;
	memcpy(keys.key[1].keynum, keys.key[0].keynum, sizeof keys.key[1].keynum);
	sign_begin();
	sign_by(0, good);
	assert_int_equal(judge(&rules, good, &v), EV_doc_signature);
	make_block(1, good, strlen(good), &block);
	memcpy(block.keynum, keys.key[0].keynum, sizeof block.keynum);
	append(&block);
	assert_int_equal(judge(&rules, good, &v), EV_none);
}

static void
test_unlisted_key(void **state)
{
	struct verify_rules rules = rules_of(&all, 1);
	struct minisig_block block;
	struct verified v;

	(void)state;
	sign_begin();
	sign_by(NKEYS, good);
	assert_int_equal(judge(&rules, good, &v), EV_doc_signature);
	/* with a listed key's number */
	make_block(NKEYS, good, strlen(good), &block);
	memcpy(block.keynum, all.key[0].keynum, sizeof block.keynum);
	append(&block);
	assert_int_equal(judge(&rules, good, &v), EV_doc_signature);
	assert_int_equal(v.keys_good, 0);
	sign_by(0, good);
	assert_int_equal(judge(&rules, good, &v), EV_none);
}

static void
test_bad_blocks_neither_help_nor_harm(void **state)
{
	struct verify_rules rules = rules_of(&all, 2);
	struct minisig_block block;
	struct verified v;

	(void)state;
	/* a bad block first, of a key that then signs well: it must not use the key up */
	sign_begin();
	make_block(0, good, strlen(good), &block);
	block.sig[3] ^= 1;
	append(&block);
	assert_int_equal(judge(&rules, good, &v), EV_doc_signature);
	assert_int_equal(v.keys_good, 0);
	sign_by(0, good);
	/* the signature is right, the comment's is not */
	make_block(1, good, strlen(good), &block);
	block.comment[0] ^= 1;
	append(&block);
	assert_int_equal(judge(&rules, good, &v), EV_doc_signature);
	assert_int_equal(v.keys_good, 1);
	for (uint32_t i = 2; i < NKEYS; i++) {
		make_block(i, good, strlen(good), &block);
		block.global_sig[0] ^= 1;
		append(&block);
	}
	sign_by(NKEYS, good);
	sign_by(1, "sallyport-manifest 1\nof something else\n");
	assert_int_equal(judge(&rules, good, &v), EV_doc_signature);
	sign_by(1, good);
	assert_int_equal(judge(&rules, good, &v), EV_none);
	assert_int_equal(v.keys_good, 2);
}

static void
test_every_bit_of_the_manifest_is_signed(void **state)
{
	struct verify_rules rules = rules_of(&all, 1);
	char text[sizeof good];
	struct verified v;

	(void)state;
	sign_begin();
	sign_by(0, good);
	for (size_t i = 0; i < sizeof good - 1; i++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(text, good, sizeof good);
			text[i] = (char)(text[i] ^ 1 << bit);
			assert_int_equal(verify_manifest(&rules, text, sizeof good - 1, minisig, minisig_bytes, &v), EV_doc_signature);
		}
	assert_int_equal(verify_manifest(&rules, good, sizeof good - 2, minisig, minisig_bytes, &v), EV_doc_signature);
	assert_int_equal(verify_manifest(&rules, good, sizeof good - 1, minisig, minisig_bytes, &v), EV_none);
}

static void
test_every_byte_of_the_signature_counts(void **state)
{
	struct verify_rules rules = rules_of(&all, 1);
	struct verified v;
	size_t from, to;

	(void)state;
	sign_begin();
	sign_by(0, good);
	/* but for the untrusted comment, which says so in its name */
	from = (size_t)(strchr(minisig, '\n') + 1 - minisig);
	to = minisig_bytes;
	for (size_t i = from; i < to; i++) {
		char was = minisig[i];

		minisig[i] = was == 'A' ? 'B' : 'A';
		assert_int_not_equal(judge(&rules, good, &v), EV_none);
		minisig[i] = was;
	}
	for (size_t n = 0; n < to; n++)
		assert_int_equal(verify_manifest(&rules, good, sizeof good - 1, minisig, n, &v), EV_doc_minisig);
	assert_int_equal(judge(&rules, good, &v), EV_none);
}

static void
test_too_many_blocks(void **state)
{
	struct verify_rules rules = rules_of(&all, 1);
	struct verified v;

	(void)state;
	sign_begin();
	for (unsigned i = 0; i < MINISIG_MAX_BLOCKS; i++)
		sign_by(0, good);
	assert_int_equal(judge(&rules, good, &v), EV_none);
	sign_by(0, good);
	assert_int_equal(judge(&rules, good, &v), EV_doc_minisig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threshold),
		cmocka_unit_test(test_threshold_of_empty_list),
		cmocka_unit_test(test_keys_are_counted_not_signatures),
		cmocka_unit_test(test_key_listed_twice_counts_once),
		cmocka_unit_test(test_same_number_two_keys),
		cmocka_unit_test(test_unlisted_key),
		cmocka_unit_test(test_bad_blocks_neither_help_nor_harm),
		cmocka_unit_test(test_every_bit_of_the_manifest_is_signed),
		cmocka_unit_test(test_every_byte_of_the_signature_counts),
		cmocka_unit_test(test_too_many_blocks),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
