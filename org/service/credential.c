/*
 * TPM2_MakeCredential in software, for endorsement keys of template L-2.  On the organisation's side; pure but for random bytes.
 * Distrusts the endorsement key: any other template could be a key whose owner opens what it likes, any other point gives secrets away.
 */
#include <errno.h>
#include <string.h>

#include <mbedtls/aes.h>
#include <mbedtls/ecdh.h>
#include <mbedtls/ecp.h>
#include <sodium.h>
#include <tss2/tss2_mu.h>

#include "credential.h"

enum { SEED_BYTES = 32, SYM_BYTES = 16, HMAC_BYTES = 32, SEALED_BYTES = 2 + CREDENTIAL_BYTES };

/* PolicySecret(TPM_RH_ENDORSEMENT): EK Credential Profile 2.5, B.6.2. */
static const uint8_t policy_a[32] = {
	0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
	0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
};

static int
is_template(const TPMT_PUBLIC *public)
{
	const TPMA_OBJECT attributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
	    TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
	const TPMS_ECC_PARMS *ecc = &public->parameters.eccDetail;

	return public->type == TPM2_ALG_ECC && public->nameAlg == TPM2_ALG_SHA256 && public->objectAttributes == attributes &&
	    public->authPolicy.size == sizeof policy_a && memcmp(public->authPolicy.buffer, policy_a, sizeof policy_a) == 0 &&
	    ecc->symmetric.algorithm == TPM2_ALG_AES && ecc->symmetric.keyBits.aes == 128 && ecc->symmetric.mode.aes == TPM2_ALG_CFB &&
	    ecc->scheme.scheme == TPM2_ALG_NULL && ecc->curveID == TPM2_ECC_NIST_P256 && ecc->kdf.scheme == TPM2_ALG_NULL &&
	    public->unique.ecc.x.size == ATTEST_POINT_BYTES && public->unique.ecc.y.size == ATTEST_POINT_BYTES;
}

/* 0, or -EBADMSG: no point of the curve. */
static int
read_point(const struct ek *ek, mbedtls_ecp_group *group, mbedtls_ecp_point *point)
{
	uint8_t raw[1 + 2 * ATTEST_POINT_BYTES] = { 4 };	/* uncompressed: SEC 1, 2.3.3 */

	memcpy(raw + 1, ek->x, sizeof ek->x);
	memcpy(raw + 1 + sizeof ek->x, ek->y, sizeof ek->y);
	return mbedtls_ecp_group_load(group, MBEDTLS_ECP_DP_SECP256R1) == 0 && mbedtls_ecp_point_read_binary(group, point, raw, sizeof raw) == 0 &&
	    mbedtls_ecp_check_pubkey(group, point) == 0 ? 0 : -EBADMSG;
}

int
ek_parse(const void *public, size_t len_bytes, struct ek *out)
{
	uint8_t again[sizeof(TPMT_PUBLIC)];
	mbedtls_ecp_group group;
	mbedtls_ecp_point point;
	TPMT_PUBLIC parsed;
	struct ek ek;
	size_t at = 0, n = 0;
	int rc;

	memset(&parsed, 0, sizeof parsed);
	if (Tss2_MU_TPMT_PUBLIC_Unmarshal(public, len_bytes, &at, &parsed) != TSS2_RC_SUCCESS || at != len_bytes || !is_template(&parsed) ||
	    Tss2_MU_TPMT_PUBLIC_Marshal(&parsed, again, sizeof again, &n) != TSS2_RC_SUCCESS || n != len_bytes || memcmp(again, public, n) != 0)
		return -EBADMSG;
	memcpy(ek.x, parsed.unique.ecc.x.buffer, sizeof ek.x);
	memcpy(ek.y, parsed.unique.ecc.y.buffer, sizeof ek.y);
	(void)crypto_hash_sha256(ek.digest, public, len_bytes);
	mbedtls_ecp_group_init(&group);
	mbedtls_ecp_point_init(&point);
	rc = read_point(&ek, &group, &point);
	mbedtls_ecp_point_free(&point);
	mbedtls_ecp_group_free(&group);
	if (rc == 0)
		*out = ek;
	return rc;
}

static int
random_bytes(void *arg, unsigned char *out, size_t n)
{
	(void)arg;
	randombytes_buf(out, n);
	return 0;
}

/* KDFe (part 1, 11.4.10.3), one round: SHA-256(counter || Z || label 00 || PartyUInfo || PartyVInfo). */
static void
kdf_e(const uint8_t sec_z[ATTEST_POINT_BYTES], const char *label, const uint8_t *party_u, const uint8_t *party_v, uint8_t sec_out[SEED_BYTES])
{
	const uint8_t counter[4] = { 0, 0, 0, 1 };
	crypto_hash_sha256_state state;

	(void)crypto_hash_sha256_init(&state);
	(void)crypto_hash_sha256_update(&state, counter, sizeof counter);
	(void)crypto_hash_sha256_update(&state, sec_z, ATTEST_POINT_BYTES);
	(void)crypto_hash_sha256_update(&state, (const unsigned char *)label, strlen(label) + 1);
	(void)crypto_hash_sha256_update(&state, party_u, ATTEST_POINT_BYTES);
	(void)crypto_hash_sha256_update(&state, party_v, ATTEST_POINT_BYTES);
	(void)crypto_hash_sha256_final(&state, sec_out);
	sodium_memzero(&state, sizeof state);
}

/* KDFa (part 1, 11.4.10.2), one round: HMAC-SHA256(key, counter || label 00 || ContextU || bits); the first out_bytes of it. */
static void
kdf_a(const uint8_t sec_key[SEED_BYTES], const char *label, const uint8_t *context, size_t context_bytes, uint8_t *sec_out, size_t out_bytes)
{
	const uint8_t counter[4] = { 0, 0, 0, 1 };
	const uint8_t bits[4] = { 0, 0, (uint8_t)(out_bytes * 8 >> 8), (uint8_t)(out_bytes * 8) };
	crypto_auth_hmacsha256_state state;
	uint8_t sec_whole[HMAC_BYTES];

	(void)crypto_auth_hmacsha256_init(&state, sec_key, SEED_BYTES);
	(void)crypto_auth_hmacsha256_update(&state, counter, sizeof counter);
	(void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)label, strlen(label) + 1);
	(void)crypto_auth_hmacsha256_update(&state, context, context_bytes);
	(void)crypto_auth_hmacsha256_update(&state, bits, sizeof bits);
	(void)crypto_auth_hmacsha256_final(&state, sec_whole);
	memcpy(sec_out, sec_whole, out_bytes);
	sodium_memzero(sec_whole, sizeof sec_whole);
	sodium_memzero(&state, sizeof state);
}

static uint8_t *
put16(uint8_t *out, size_t number)
{
	out[0] = (uint8_t)(number >> 8);
	out[1] = (uint8_t)number;
	return out + 2;
}

/* A seed that the endorsement key can find again, by ECDH with a key of this one time (part 1, C.6.1); the secret is its point. */
static int
make_seed(const struct ek *ek, uint8_t sec_seed[SEED_BYTES], struct doc_credential *out)
{
	uint8_t raw[1 + 2 * ATTEST_POINT_BYTES], sec_z[ATTEST_POINT_BYTES], *at;
	mbedtls_ecp_group group;
	mbedtls_ecp_point theirs, ours;
	mbedtls_mpi sec_d, sec_shared;
	size_t n = 0;
	int rc;

	mbedtls_ecp_group_init(&group);
	mbedtls_ecp_point_init(&theirs);
	mbedtls_ecp_point_init(&ours);
	mbedtls_mpi_init(&sec_d);
	mbedtls_mpi_init(&sec_shared);
	rc = read_point(ek, &group, &theirs);
	if (rc == 0 && (mbedtls_ecp_gen_keypair(&group, &sec_d, &ours, random_bytes, NULL) != 0 ||
	    mbedtls_ecdh_compute_shared(&group, &sec_shared, &theirs, &sec_d, random_bytes, NULL) != 0 ||
	    mbedtls_mpi_write_binary(&sec_shared, sec_z, sizeof sec_z) != 0 ||
	    mbedtls_ecp_point_write_binary(&group, &ours, MBEDTLS_ECP_PF_UNCOMPRESSED, &n, raw, sizeof raw) != 0 || n != sizeof raw))
		rc = -EIO;
	mbedtls_mpi_free(&sec_shared);		/* wipes, as the next one does */
	mbedtls_mpi_free(&sec_d);
	mbedtls_ecp_point_free(&ours);
	mbedtls_ecp_point_free(&theirs);
	mbedtls_ecp_group_free(&group);
	if (rc != 0)
		return rc;
	kdf_e(sec_z, "IDENTITY", raw + 1, ek->x, sec_seed);
	sodium_memzero(sec_z, sizeof sec_z);
	at = put16(out->secret.at, 2 * (2 + ATTEST_POINT_BYTES));	/* TPM2B_ENCRYPTED_SECRET of a TPMS_ECC_POINT */
	for (unsigned i = 0; i < 2; i++) {
		at = put16(at, ATTEST_POINT_BYTES);
		memcpy(at, raw + 1 + i * ATTEST_POINT_BYTES, ATTEST_POINT_BYTES);
		at += ATTEST_POINT_BYTES;
	}
	out->secret.bytes = (uint32_t)(at - out->secret.at);
	return 0;
}

/* Encrypt, then MAC (part 1, 24.4 and 24.5): the TPM opens it only for an object of this name. */
static int
seal(const uint8_t sec_seed[SEED_BYTES], const uint8_t name[ATTEST_NAME_BYTES], const uint8_t sec_credential[CREDENTIAL_BYTES],
    struct doc_credential *out)
{
	uint8_t sec_sym[SYM_BYTES], sec_mac[HMAC_BYTES], sec_plain[SEALED_BYTES], sealed[SEALED_BYTES], iv[SYM_BYTES] = { 0 };
	uint8_t *at = put16(out->blob.at, 2 + HMAC_BYTES + SEALED_BYTES);	/* TPM2B_ID_OBJECT */
	crypto_auth_hmacsha256_state state;
	mbedtls_aes_context aes;
	size_t offset = 0;
	int rc;

	kdf_a(sec_seed, "STORAGE", name, ATTEST_NAME_BYTES, sec_sym, sizeof sec_sym);
	kdf_a(sec_seed, "INTEGRITY", NULL, 0, sec_mac, sizeof sec_mac);
	memcpy(put16(sec_plain, CREDENTIAL_BYTES), sec_credential, CREDENTIAL_BYTES);
	mbedtls_aes_init(&aes);
	rc = mbedtls_aes_setkey_enc(&aes, sec_sym, 8 * SYM_BYTES) == 0 &&
	    mbedtls_aes_crypt_cfb128(&aes, MBEDTLS_AES_ENCRYPT, SEALED_BYTES, &offset, iv, sec_plain, sealed) == 0 ? 0 : -EIO;
	mbedtls_aes_free(&aes);
	at = put16(at, HMAC_BYTES);
	(void)crypto_auth_hmacsha256_init(&state, sec_mac, sizeof sec_mac);
	(void)crypto_auth_hmacsha256_update(&state, sealed, sizeof sealed);
	(void)crypto_auth_hmacsha256_update(&state, name, ATTEST_NAME_BYTES);
	(void)crypto_auth_hmacsha256_final(&state, at);
	at += HMAC_BYTES;
	memcpy(at, sealed, sizeof sealed);
	out->blob.bytes = (uint32_t)(at + sizeof sealed - out->blob.at);
	sodium_memzero(&state, sizeof state);
	sodium_memzero(sec_plain, sizeof sec_plain);
	sodium_memzero(sec_mac, sizeof sec_mac);
	sodium_memzero(sec_sym, sizeof sec_sym);
	return rc;
}

int
credential_make(const struct ek *ek, const uint8_t ak_name[ATTEST_NAME_BYTES], const uint8_t sec_credential[CREDENTIAL_BYTES],
    struct doc_credential *out)
{
	uint8_t sec_seed[SEED_BYTES];
	int rc = make_seed(ek, sec_seed, out);

	if (rc == 0)
		rc = seal(sec_seed, ak_name, sec_credential, out);
	sodium_memzero(sec_seed, sizeof sec_seed);
	return rc;
}
