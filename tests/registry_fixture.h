#ifndef TESTS_REGISTRY_FIXTURE_H
#define TESTS_REGISTRY_FIXTURE_H
/*
 * A real store in a folder of its own, and nodes, EKs, invites made of small numbers.  Included by one file of each test program.
 * Between begin and commit as the service does it: what a call did is seen only once it is committed.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "registry.h"
#include "store_sqlite.h"

enum { NOW = 1700000000, LATER = 60 };

static struct store *store;
static char folder[] = "/tmp/sallyport-registry-XXXXXX", path[64];

/* A new and empty one, whatever was there. */
static int
open_store(void **state)
{
	int fd;

	(void)state;
	if (sodium_init() < 0 || mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(path, sizeof path, "%s/service.db", folder);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || close(fd) != 0 || store_create(path) != 0)
		return -1;
	return store_open(path, 0, &store);
}

static int
close_store(void **state)
{
	(void)state;
	store_close(store);
	if (unlink(path) != 0 || rmdir(folder) != 0)	/* the last close takes -wal and -shm away */
		return -1;
	(void)strcpy(folder + strlen(folder) - 6, "XXXXXX");
	return 0;
}

/* n bytes that stand for number in one of several families. */
static void
bytes_of(const char *family, uint64_t number, void *out, size_t n)
{
	char text[64];

	(void)snprintf(text, sizeof text, "%s %llu", family, (unsigned long long)number);
	assert_int_equal(crypto_generichash(out, n, (const uint8_t *)text, strlen(text), NULL, 0), 0);
}

/* --- generations ----------------------------------------------------------------------------------------------------------------- */

/* Its id goes by its version. */
static const uint8_t *
generation_id_of(uint64_t version, uint8_t out[ID_BYTES])
{
	bytes_of("generation", version, out, ID_BYTES);
	return out;
}

static inline void
put_generation(uint64_t version)
{
	struct store_generation g = { .version = version, .issued = NOW, .added = NOW };

	(void)generation_id_of(version, g.id);
	for (unsigned part = 1; part <= PART_LAST; part++)
		g.part[part].bytes = part;
	assert_int_equal(store_put(store, &g), 0);
}

static inline void
assign(uint64_t version, enum scope scope, const char *target, unsigned percent)
{
	const struct registry_scope to = { scope, target };
	uint8_t id[ID_BYTES];

	assert_int_equal(registry_assign(store, generation_id_of(version, id), &to, percent), 0);
}

/* --- nodes ----------------------------------------------------------------------------------------------------------------------- */

static inline void
blob_of(const char *family, uint64_t number, struct store_blob *out)
{
	out->bytes = 64;
	bytes_of(family, number, out->at, 64);
}

/* What a quote says of an image, in the boot-th boot. */
static inline struct store_measured
measured_of(uint64_t image, uint64_t boot)
{
	struct store_measured m = { .reset_count = boot };

	for (unsigned i = 0; i < PCRS; i++)
		bytes_of("pcr", image * PCRS + i, m.pcrs.pcr[i], 32);
	return m;
}

/* The number-th machine, with the image-th image. */
static inline struct store_enrolment
enrolment_of(uint64_t number, uint64_t ek, uint64_t image, uint64_t boot)
{
	struct store_enrolment e = { .until = NOW + LATER, .measured = measured_of(image, boot) };

	bytes_of("enrol", number * 1000 + ek, e.enrol, sizeof e.enrol);
	bytes_of("proof", number * 1000 + ek, e.proof, sizeof e.proof);
	bytes_of("node", number, e.node, sizeof e.node);
	blob_of("ek", ek, &e.ek);
	blob_of("ak", number, &e.ak);
	(void)strcpy(e.hardware, "thin client");
	return e;
}

static inline void
invite_of(uint64_t number, uint8_t out[32])
{
	bytes_of("invite", number, out, 32);
}

/* Good until NOW + LATER; its record's number is returned. */
static inline uint64_t
make_invite(uint64_t number, int approve)
{
	struct store_invite record = { .made = NOW, .until = NOW + LATER, .approve = approve };
	uint8_t invite[32];

	invite_of(number, invite);
	assert_int_equal(crypto_generichash(record.digest, 32, invite, 32, NULL, 0), 0);
	assert_int_equal(registry_invite(store, &record), 0);
	return record.number;
}

static inline enum word_reason
enrol(struct store_enrolment *e, uint64_t invite, uint64_t now)
{
	enum word_reason reason = REASON_taken;
	uint8_t bytes[32];
	int rc;

	invite_of(invite, bytes);
	assert_int_equal(store_begin(store), 0);
	rc = registry_enrol(store, e, bytes, now, &reason);
	assert_int_equal(rc, 0);
	assert_int_equal(store_commit(store), 0);
	return reason;
}

static inline enum word_reason
prove(const struct store_enrolment *e, uint64_t now)
{
	enum word_reason reason = REASON_taken;
	struct doc_proof proof;

	memcpy(proof.node, e->node, sizeof proof.node);
	memcpy(proof.enrol, e->enrol, sizeof proof.enrol);
	memcpy(proof.proof, e->proof, sizeof proof.proof);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(registry_prove(store, &proof, now, "192.0.2.1", &reason), 0);
	assert_int_equal(store_commit(store), 0);
	return reason;
}

/* The number-th machine is a member. */
static inline void
make_member(uint64_t number)
{
	struct store_enrolment e = enrolment_of(number, number, 1, 10);

	(void)make_invite(1000000 + number, 1);
	assert_int_equal(enrol(&e, 1000000 + number, NOW), REASON_none);
	assert_int_equal(prove(&e, NOW), REASON_none);
}

static inline void
node_of(uint64_t number, struct store_node *out)
{
	uint8_t node[NODE_BYTES];

	bytes_of("node", number, node, sizeof node);
	assert_int_equal(store_node_find(store, node, out), 0);
}

/* Its request, as the service judges it. */
static inline struct registry_decision
request(uint64_t number, const struct store_measured *measured, const struct doc_have *have)
{
	struct registry_decision decision;
	struct doc_request doc;

	memset(&doc, 0, sizeof doc);
	bytes_of("node", number, doc.node, sizeof doc.node);
	(void)strcpy(doc.hardware, "thin client");
	if (have != NULL)
		doc.have = *have;
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(registry_request(store, &doc, measured, NOW, &decision), 0);
	assert_int_equal(store_commit(store), 0);
	return decision;
}

/* --- used challenges ------------------------------------------------------------------------------------------------------------- */

static inline int
redeem(uint64_t number, uint64_t until, uint64_t now)
{
	uint8_t challenge[32];

	bytes_of("challenge", number, challenge, sizeof challenge);
	return store_redeem(store, challenge, until, now);
}

/* --- who is assigned what --------------------------------------------------------------------------------------------------------- */

/* A node of the lab, which the store need not know. */
static inline struct store_node
plain_node(uint64_t number)
{
	struct store_node node;

	memset(&node, 0, sizeof node);
	bytes_of("node", number, node.node, sizeof node.node);
	(void)strcpy(node.group, "lab");
	(void)strcpy(node.hardware, "thin client");
	node.state = NODE_member;
	return node;
}

/* The version that is assigned; 0: none is. */
static inline uint64_t
assigned(const struct store_node *node)
{
	struct store_generation g;
	uint8_t id[ID_BYTES];
	int rc = registry_assigned(store, node, id);

	if (rc == -ENOENT)
		return 0;
	assert_int_equal(rc, 0);
	assert_int_equal(store_find(store, id, &g), 0);
	return g.version;
}

/* How many of a thousand are assigned which version. */
static inline void
count_them(uint64_t out[4])
{
	memset(out, 0, 4 * sizeof out[0]);
	for (unsigned i = 0; i < 1000; i++) {
		struct store_node node = plain_node(i);

		out[assigned(&node)]++;
	}
}
#endif
