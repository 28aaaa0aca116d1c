/*
 * The escrow key: opens what nodes sealed of their TPM's authorisations.  On the organisation's side, the secret half best offline.
 * Distrusts the service's folder: whoever reads the database has boxes, and no key to them once it was moved away.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "service.h"

_Static_assert(ESCROW_KEY_BYTES == crypto_box_SECRETKEYBYTES && ESCROW_KEY_BYTES == crypto_box_PUBLICKEYBYTES, "X25519");

enum { LINE = ID_TEXT + 1 };	/* with its LF */

static int
write_line(const char *path, const uint8_t key[ESCROW_KEY_BYTES], unsigned mode)
{
	char sec_line[LINE + 1];
	int rc;

	(void)hex_text(key, ESCROW_KEY_BYTES, sec_line);
	sec_line[ID_TEXT] = '\n';
	rc = file_write(path, sec_line, LINE, mode, FILE_new);
	sodium_memzero(sec_line, sizeof sec_line);
	return rc;
}

int
escrow_make(const char *secret_path, const char *public_path, char public_hex[ID_TEXT + 1])
{
	uint8_t sec_key[ESCROW_KEY_BYTES], public[ESCROW_KEY_BYTES];
	int rc;

	(void)crypto_box_keypair(public, sec_key);	/* never fails */
	(void)hex_text(public, sizeof public, public_hex);
	rc = write_line(secret_path, sec_key, 0600);
	if (rc == 0)
		rc = write_line(public_path, public, 0644);
	sodium_memzero(sec_key, sizeof sec_key);
	return rc;
}

static int
read_secret(const char *path, uint8_t sec_key[ESCROW_KEY_BYTES])
{
	struct bytes text;
	size_t got = 0;
	int rc = file_read(path, LINE, LINE, &text);

	if (rc != 0)
		return rc;
	if (text.data[ID_TEXT] != '\n' ||
	    sodium_hex2bin(sec_key, ESCROW_KEY_BYTES, (const char *)text.data, ID_TEXT, NULL, &got, NULL) != 0 || got != ESCROW_KEY_BYTES)
		rc = refuse("%s: not an escrow key: a line of %d hexadecimal digits", path, ID_TEXT);
	bytes_free(&text);
	return rc;
}

int
escrow_open(const char *secret_path, const struct store_blob *box, uint8_t *sec_out, size_t bytes)
{
	uint8_t sec_key[ESCROW_KEY_BYTES], public[ESCROW_KEY_BYTES];
	int rc = read_secret(secret_path, sec_key);

	if (rc == 0 && box->bytes != bytes + crypto_box_SEALBYTES)
		rc = refuse("its escrow has %u bytes, not %zu", box->bytes, bytes + crypto_box_SEALBYTES);
	if (rc == 0 && (crypto_scalarmult_base(public, sec_key) != 0 || crypto_box_seal_open(sec_out, box->at, box->bytes, public, sec_key) != 0))
		rc = refuse("%s does not open it: it was sealed to another key, or altered", secret_path);
	sodium_memzero(sec_key, sizeof sec_key);
	return rc;
}
