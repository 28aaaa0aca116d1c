/*
 * What the service does with a node, without network and TPM: for the shell's tests of the operator's commands.  Host-side test.
 *
 *	registry_play DIR enrol NUMBER INVITE [ESCROW-KEY]	registry_enrol() and registry_prove(); prints the reason
 *	registry_play DIR request NUMBER IMAGE BOOT [FAILED-ID HEALTHY-ID]	registry_request() and registry_ticket(); prints what was decided
 *	registry_play DIR share NUMBER				prints it
 *
 * Machines, EKs and images are made of numbers.  Exit 0, or 1 with what failed on stderr.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "service.h"

static void
bytes_of(const char *family, const char *number, void *out, size_t n)
{
	char text[64];

	(void)snprintf(text, sizeof text, "%s %s", family, number);
	(void)crypto_generichash(out, n, (const uint8_t *)text, strlen(text), NULL, 0);
}

static int
from_hex(const char *hex, uint8_t out[32])
{
	size_t got = 0;

	return sodium_hex2bin(out, 32, hex, strlen(hex), NULL, &got, NULL) == 0 && got == 32 ? 0 : refuse("\"%s\" is no id", hex);
}

static struct store_measured
measured_of(const char *image, const char *boot)
{
	struct store_measured m = { .reset_count = strtoull(boot, NULL, 10) };

	for (unsigned i = 0; i < PCRS; i++) {
		bytes_of("pcr", image, m.pcrs.pcr[i], 32);
		m.pcrs.pcr[i][0] = (uint8_t)i;
	}
	return m;
}

/* Both authorisations, to be told apart. */
static int
seal(const char *key, struct store_blob *out)
{
	uint8_t public[32], auths[64];

	if (from_hex(key, public) != 0)
		return -1;
	memset(auths, 0xaa, 32);
	memset(auths + 32, 0xbb, 32);
	out->bytes = sizeof auths + crypto_box_SEALBYTES;
	return crypto_box_seal(out->at, auths, sizeof auths, public);
}

static int
enrol(struct store *store, const char *number, const char *invite_hex, const char *escrow_key)
{
	struct store_enrolment e = { .until = (uint64_t)time(NULL) + 60, .measured = measured_of("1", "10"), .hardware = "thin client" };
	enum word_reason reason = REASON_unknown;
	struct doc_proof proof;
	uint8_t invite[32];
	int rc = from_hex(invite_hex, invite);

	bytes_of("enrol", number, e.enrol, sizeof e.enrol);
	bytes_of("proof", number, e.proof, sizeof e.proof);
	bytes_of("node", number, e.node, sizeof e.node);
	e.ek.bytes = e.ak.bytes = 64;
	bytes_of("ek", number, e.ek.at, 64);
	bytes_of("ak", number, e.ak.at, 64);
	if (rc == 0 && escrow_key != NULL)
		rc = seal(escrow_key, &e.escrow);
	if (rc == 0)
		rc = registry_enrol(store, &e, invite, (uint64_t)time(NULL), &reason);
	if (rc == 0 && reason == REASON_none) {
		memcpy(proof.node, e.node, sizeof proof.node);
		memcpy(proof.enrol, e.enrol, sizeof proof.enrol);
		memcpy(proof.proof, e.proof, sizeof proof.proof);
		rc = registry_prove(store, &proof, (uint64_t)time(NULL), "192.0.2.1", &reason);
	}
	if (rc == 0)
		printf("%s\n", registry_reason(reason));
	return rc;
}

static int
request(struct store *store, const char *number, const char *image, const char *boot, const char *failed, const char *healthy)
{
	const struct store_measured measured = measured_of(image, boot);
	struct registry_decision d;
	struct doc_request doc;
	struct doc_ticket ticket;
	char hex[ID_TEXT + 1];
	int rc = 0;

	memset(&doc, 0, sizeof doc);
	memset(&ticket, 0, sizeof ticket);
	bytes_of("node", number, doc.node, sizeof doc.node);
	(void)strcpy(doc.hardware, "thin client");
	if (failed != NULL) {
		rc = from_hex(failed, doc.have.row[0].id) != 0 || from_hex(healthy, doc.have.row[1].id) != 0 ? -1 : 0;
		doc.have.row[0].version = doc.have.row[1].version = 1;
		doc.have.row[0].state = STATE_failed;
		doc.have.row[1].state = STATE_healthy;
		doc.have.count = 2;
	}
	if (rc == 0)
		rc = registry_request(store, &doc, &measured, (uint64_t)time(NULL), &d);
	if (rc != 0)
		return rc;
	memcpy(ticket.node, doc.node, sizeof ticket.node);
	ticket.time = (uint64_t)time(NULL);
	ticket.verdict = d.reason == REASON_none ? VERDICT_boot : VERDICT_refuse;
	ticket.reason = (uint8_t)d.reason;
	memcpy(ticket.generation, d.generation, sizeof ticket.generation);
	ticket.floor = d.floor;
	rc = registry_ticket(store, &ticket, number, strlen(number), "192.0.2.1");
	if (d.reason == REASON_none)
		printf("boot %s v%" PRIu64 " floor %" PRIu64 "%s\n", hex_text(d.generation, ID_BYTES, hex), d.version, d.floor,
		    d.fallback ? " fallback" : "");
	else
		printf("refuse %s floor %" PRIu64 "\n", registry_reason(d.reason), d.floor);
	return rc;
}

static int
share(struct store *store, const char *number)
{
	uint8_t node[NODE_BYTES], bytes[32];
	char hex[ID_TEXT + 1];
	int rc;

	bytes_of("node", number, node, sizeof node);
	rc = registry_share(store, node, bytes);
	if (rc == 0)
		printf("%s\n", hex_text(bytes, sizeof bytes, hex));
	return rc;
}

int
main(int argc, char **argv)
{
	struct store *store;
	int rc = -1;

	if (argc < 4 || sodium_init() < 0 || service_store(argv[1], &store) != 0)
		return 1;
	if (store_begin(store) != 0)
		return 1;
	if (strcmp(argv[2], "enrol") == 0 && argc >= 5)
		rc = enrol(store, argv[3], argv[4], argc == 6 ? argv[5] : NULL);
	else if (strcmp(argv[2], "request") == 0 && (argc == 6 || argc == 8))
		rc = request(store, argv[3], argv[4], argv[5], argc == 8 ? argv[6] : NULL, argc == 8 ? argv[7] : NULL);
	else if (strcmp(argv[2], "share") == 0)
		rc = share(store, argv[3]);
	if (rc == 0)
		rc = store_commit(store);
	store_close(store);
	return rc == 0 ? 0 : 1;
}
