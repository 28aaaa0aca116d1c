/*
 * The endorsement key, its certificate and the credential that only the right TPM opens, against a real software TPM and tpm2-tools.
 * Outside the wall: tests only.
 */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "tpm_fixture.h"
#include "tpm_tools.h"

static void
is_the_key_that_others_make(void **state)
{
	/* EK Credential Profile 2.5, template L-2, up to the point: the constants as they stand there */
	static const uint8_t template[] = { 0x00, 0x23, 0x00, 0x0b, 0x00, 0x03, 0x00, 0xb2, 0x00, 0x20, 0x83, 0x71, 0x97, 0x67, 0x44, 0x84,
	    0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda,
	    0x1b, 0x33, 0x14, 0x69, 0xaa, 0x00, 0x06, 0x00, 0x80, 0x00, 0x43, 0x00, 0x10, 0x00, 0x03, 0x00, 0x10 };
	uint8_t pub[TPM_PUBLIC_MAX], again[TPM_PUBLIC_MAX], theirs[TPM_PUBLIC_MAX], cert[TPM_CERT_MAX];
	uint32_t n = 0, m = 0, cert_bytes = 77;
	struct tools tools;
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	tools_make(&tools);
	tpm = power_on(&s);
	assert_event(tpm_ek_public(tpm, pub, &n, cert, &cert_bytes), EV_none);
	assert_int_equal(tpm_detail(tpm), 0);
	assert_int_equal(cert_bytes, 0);
	assert_int_equal(n, sizeof template + 2 * 34);
	assert_memory_equal(pub, template, sizeof template);
	assert_event(tpm_ek_public(tpm, again, &m, cert, &cert_bytes), EV_none);
	assert_int_equal(m, n);
	assert_memory_equal(again, pub, n);
	tpm_finish(tpm);
	assert_int_equal(raw_handles(&s), 0);
	assert_int_equal(tools_run(&tools, &s, "tpm2_createek -G ecc -c ek.ctx -u ek.pub"), 0);
	assert_int_equal(tools_get(&tools, "ek.pub", theirs, sizeof theirs), n + 2);
	assert_memory_equal(theirs + 2, pub, n);
	swtpm_on(&s, 1);
	swtpm_set_auth(&s, TPM2_RH_ENDORSEMENT, (const uint8_t *)"theirs", 6);
	assert_event(open_beside(&s, &tpm), EV_none);
	m = 77;
	assert_event(tpm_ek_public(tpm, again, &m, cert, &cert_bytes), EV_tpm_owned);
	assert_int_equal(m, 77);
	tpm_finish(tpm);
	assert_int_equal(raw_handles(&s), 0);
	tools_remove(&tools);
	swtpm_remove(&s);
}

/* --- the certificate's index --- */

#define FREE "ppwrite|platformcreate|no_da|authread"

static const struct {
	const char *attributes, *more;	/* of tpm2_nvdefine */
	unsigned size, der, tail;	/* index; length that the DER states, behind its head; head and length are overwritten if head != 0 */
	uint8_t head[4];
	int found;
} certs[] = {
	{ FREE, "", 700, 696, 0, { 0 }, 1 },
	{ FREE, "", 900, 696, 0xff, { 0 }, 1 },			/* padded */
	{ FREE, "", 900, 696, 0x00, { 0 }, 1 },
	{ FREE "|ownerread|policyread|ppread", "", 2048, 2044, 0, { 0 }, 1 },
	{ "ppwrite|platformcreate|ownerread", "", 700, 696, 0, { 0 }, 1 },
	{ "ppwrite|platformcreate|no_da|authread|ownerread", "-p hidden", 700, 696, 0, { 0 }, 1 },	/* the owner's way is left */
	{ FREE, "-p hidden", 700, 696, 0, { 0 }, 0 },
	{ "ppwrite|platformcreate|authread", "-p hidden", 700, 696, 0, { 0 }, 0 },	/* a guess would count towards lockout */
	{ "ppwrite|platformcreate|authread", "", 700, 696, 0, { 0 }, 0 },	/* nor is it made when it would have been right */
	{ "ppwrite|platformcreate|ppread", "", 700, 696, 0, { 0 }, 0 },
	{ FREE, "", 700, 697, 0, { 0 }, 0 },			/* longer than the index */
	{ FREE, "", 2048, 2045, 0, { 0 }, 0 },			/* longer than may be */
	{ FREE, "", 700, 0, 0xff, { 0xff, 0xff, 0xff, 0xff }, 0 },
	{ FREE, "", 700, 0, 0x00, { 0x1f, 0x8b, 0x08, 0x00 }, 0 },
	{ FREE, "", 700, 0, 0x00, { 0x30, 0x83, 0x00, 0x02 }, 0 },
	{ FREE, "", 3, 0, 0x30, { 0 }, 0 },
};

static void
the_certificate_is_read_without_a_secret(void **state)
{
	uint8_t content[TPM_CERT_MAX], cert[TPM_CERT_MAX], pub[TPM_PUBLIC_MAX];
	uint32_t n, cert_bytes;
	struct tools tools;
	struct tpm *tpm;
	struct swtpm s;

	(void)state;
	swtpm_make(&s, NULL);
	tools_make(&tools);
	for (size_t i = 0; i < sizeof certs / sizeof certs[0]; i++) {
		unsigned whole = certs[i].der + 4;
		char script[300];

		print_message("certificate %zu\n", i);
		randombytes_buf(content, sizeof content);
		memcpy(content, (const uint8_t[]){ 0x30, 0x82, (uint8_t)(certs[i].der >> 8), (uint8_t)certs[i].der }, 4);
		if (certs[i].head[0] != 0)
			memcpy(content, certs[i].head, 4);
		if (whole < certs[i].size)
			memset(content + whole, (int)certs[i].tail, certs[i].size - whole);
		tools_put(&tools, "content", content, certs[i].size);
		(void)snprintf(script, sizeof script, "tpm2_nvdefine 0x01c0000a -C p -s %u -a '%s' %s && tpm2_nvwrite 0x01c0000a -C p -i content",
		    certs[i].size, certs[i].attributes, certs[i].more);
		swtpm_on(&s, 1);
		assert_int_equal(tools_run(&tools, &s, script), 0);
		assert_event(open_beside(&s, &tpm), EV_none);
		cert_bytes = 77;
		assert_event(tpm_ek_public(tpm, pub, &n, cert, &cert_bytes), EV_none);
		assert_int_equal(cert_bytes, certs[i].found ? whole : 0);
		assert_memory_equal(cert, content, cert_bytes);
		/* a refusal leaves the session as it was: what must go out encrypted still does */
		if (certs[i].more[0] != '\0') {
			assert_event(tpm_take_owner(tpm, (const uint8_t *)"12345678901234567890123456789012",
			    (const uint8_t *)"23456789012345678901234567890123"), EV_none);
			swtpm_clear(&s);
		}
		tpm_finish(tpm);
		assert_int_equal(raw_handles(&s), 0);
		assert_int_equal(raw_lockout_counter(&s), 0);
		assert_int_equal(tools_run(&tools, &s, "tpm2_nvundefine 0x01c0000a -C p"), 0);
	}
	/* defined and never written */
	swtpm_on(&s, 1);
	assert_int_equal(tools_run(&tools, &s, "tpm2_nvdefine 0x01c0000a -C p -s 700 -a '" FREE "'"), 0);
	assert_event(open_beside(&s, &tpm), EV_none);
	assert_event(tpm_ek_public(tpm, pub, &n, cert, &cert_bytes), EV_none);
	assert_int_equal(cert_bytes, 0);
	tpm_finish(tpm);
	tools_remove(&tools);
	swtpm_remove(&s);
}

/* --- credentials --- */

struct credential {
	uint8_t value[32], blob[514], secret[514];
	uint32_t blob_bytes, secret_bytes;
};

static void
name_of(struct tpm *tpm, uint8_t name[34])
{
	uint8_t pub[TPM_PUBLIC_MAX];
	uint32_t n;

	assert_event(tpm_ak_public(tpm, pub, &n), EV_none);
	name[0] = 0;
	name[1] = 0x0b;
	assert_int_equal(crypto_hash_sha256(name + 2, pub, n), 0);
}

static void
make_for(const struct tools *tools, struct tpm *tpm, const uint8_t name[34], size_t value_bytes, struct credential *c)
{
	uint8_t ek[TPM_PUBLIC_MAX], cert[TPM_CERT_MAX];
	uint32_t n, unused;

	assert_event(tpm_ek_public(tpm, ek, &n, cert, &unused), EV_none);
	randombytes_buf(c->value, sizeof c->value);
	tools_credential(tools, ek, n, name, c->value, value_bytes, c->blob, &c->blob_bytes, c->secret, &c->secret_bytes);
}

static enum event
try(struct tpm *tpm, const struct credential *c)
{
	static const uint8_t untouched[32];
	uint8_t got[32] = { 0 };
	enum event event = tpm_activate(tpm, c->blob, c->blob_bytes, c->secret, c->secret_bytes, got);

	assert_memory_equal(got, event == EV_none ? c->value : untouched, 32);
	return event;
}

static void
a_credential_opens_for_that_ek_and_that_ak(void **state)
{
	uint8_t name[34], other_name[34];
	struct credential good, bad;
	struct swtpm s, other;
	struct tools tools;
	struct tpm *tpm;

	(void)state;
	tools_make(&tools);
	swtpm_make(&other, NULL);
	enrol_with_org(&other);
	tpm = boot(&other);
	name_of(tpm, other_name);
	tpm_finish(tpm);

	swtpm_make(&s, NULL);
	enrol_with_org(&s);
	tpm = boot(&s);
	name_of(tpm, name);
	make_for(&tools, tpm, name, 32, &good);
	assert_event(try(tpm, &good), EV_none);
	assert_int_equal(tpm_detail(tpm), 0);
	assert_event(try(tpm, &good), EV_none);		/* the node decides how often: the org's documents are single use */
	/* for another AK, for our AK with one bit wrong */
	make_for(&tools, tpm, other_name, 32, &bad);
	assert_event(try(tpm, &bad), EV_tpm_error);
	assert_int_equal(tpm_rc_base(tpm_detail(tpm)), TPM2_RC_INTEGRITY);
	name[33] ^= 1;
	make_for(&tools, tpm, name, 32, &bad);
	assert_event(try(tpm, &bad), EV_tpm_error);
	/* not 32 bytes */
	name[33] ^= 1;
	make_for(&tools, tpm, name, 16, &bad);
	assert_event(try(tpm, &bad), EV_tpm_answer);
	assert_event(try(tpm, &good), EV_none);
	tpm_finish(tpm);
	assert_int_equal(raw_handles(&s), 0);
	assert_int_equal(raw_lockout_counter(&s), 0);

	/* on another TPM */
	tpm = boot(&other);
	assert_event(try(tpm, &good), EV_tpm_error);
	tpm_finish(tpm);
	/* with another AK at the handle; with none */
	swtpm_on(&s, 1);
	assert_int_equal(tools_run(&tools, &s, "tpm2_evictcontrol -C o -c 0x81015350"), 0);
	assert_event(open_beside(&s, &tpm), EV_none);
	assert_event(try(tpm, &good), EV_tpm_ak);
	tpm_finish(tpm);
	swtpm_on(&s, 1);
	assert_int_equal(tools_run(&tools, &s, "tpm2_createprimary -C e -G ecc256:ecdsa-sha256:null -c ak.ctx "
	    "-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign' && tpm2_evictcontrol -C o -c ak.ctx 0x81015350 && "
	    "tpm2_flushcontext -t"), 0);
	assert_event(open_beside(&s, &tpm), EV_none);
	assert_event(try(tpm, &good), EV_tpm_error);
	assert_event(tpm_ak_make(tpm), EV_none);
	assert_event(try(tpm, &good), EV_none);
	tpm_finish(tpm);
	assert_int_equal(raw_handles(&s), 0);
	tools_remove(&tools);
	swtpm_remove(&other);
	swtpm_remove(&s);
}

static void
altered_bytes_open_nothing(void **state)
{
	struct credential good, bad;
	struct tools tools;
	struct tpm *tpm;
	struct swtpm s;
	uint8_t name[34];

	(void)state;
	tools_make(&tools);
	swtpm_make(&s, NULL);
	enrol_with_org(&s);
	tpm = boot(&s);
	name_of(tpm, name);
	make_for(&tools, tpm, name, 32, &good);
	for (uint32_t at = 0; at < good.blob_bytes; at++) {
		bad = good;
		bad.blob[at] ^= (uint8_t)(1 << at % 8);
		assert_event(try(tpm, &bad), EV_tpm_error);
		bad = good;
		bad.blob_bytes = at;
		assert_event(try(tpm, &bad), EV_tpm_error);
		assert_int_equal(tpm_detail(tpm), TPM2_RC_SIZE);
	}
	for (uint32_t at = 0; at < good.secret_bytes; at++) {
		bad = good;
		bad.secret[at] ^= (uint8_t)(1 << at % 8);
		assert_event(try(tpm, &bad), EV_tpm_error);
		bad = good;
		bad.secret_bytes = at;
		assert_event(try(tpm, &bad), EV_tpm_error);
	}
	bad = good;
	bad.blob_bytes++;
	assert_event(try(tpm, &bad), EV_tpm_error);
	bad = good;
	bad.secret_bytes = sizeof bad.secret;	/* larger than any there is */
	bad.secret[0] = 2;
	bad.secret[1] = 0;
	assert_event(try(tpm, &bad), EV_tpm_error);
	assert_event(try(tpm, &good), EV_none);
	tpm_finish(tpm);
	assert_int_equal(raw_handles(&s), 0);
	tools_remove(&tools);
	swtpm_remove(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_the_key_that_others_make),
		cmocka_unit_test(the_certificate_is_read_without_a_secret),
		cmocka_unit_test(a_credential_opens_for_that_ek_and_that_ak),
		cmocka_unit_test(altered_bytes_open_nothing),
	};

	return cmocka_run_group_tests(tests, fixture_setup, NULL);
}
