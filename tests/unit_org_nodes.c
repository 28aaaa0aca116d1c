/*
 * Requests, shares, tickets, used challenges, names, and ten thousand nodes; through a real store.  Host-side test.
 */
#include "registry_fixture.h"

static struct store_node node;

/* --- requests -------------------------------------------------------------------------------------------------------------------- */

static enum word_reason
answer(uint64_t number, uint64_t image, uint64_t boot)
{
	const struct store_measured measured = measured_of(image, boot);

	return request(number, &measured, NULL).reason;
}

static void
put_and_assign(void)
{
	put_generation(1);
	assign(1, SCOPE_all, "", 100);
}

static void
who_may_boot(void **state)
{
	struct store_enrolment e = enrolment_of(2, 2, 1, 10);

	(void)state;
	put_and_assign();
	assert_int_equal(answer(1, 1, 10), REASON_unknown);
	assert_int_equal(request(1, NULL, NULL).reason, REASON_unknown);
	make_member(1);
	assert_int_equal(request(1, NULL, NULL).reason, REASON_unknown);	/* no quote was checked */
	assert_int_equal(answer(1, 1, 10), REASON_none);
	(void)make_invite(2, 0);
	assert_int_equal(enrol(&e, 2, NOW), REASON_none);
	assert_int_equal(answer(2, 1, 10), REASON_unknown);
	assert_int_equal(prove(&e, NOW), REASON_pending);
	assert_int_equal(answer(2, 1, 10), REASON_pending);
	assert_int_equal(registry_approve(store, e.node, NULL), 0);
	assert_int_equal(answer(2, 1, 10), REASON_none);
	assert_int_equal(registry_revoke(store, e.node), 0);
	assert_int_equal(answer(2, 1, 10), REASON_revoked);
	assert_int_equal(answer(1, 1, 10), REASON_none);
}

static void
what_was_measured_counts(void **state)
{
	struct store_measured measured;

	(void)state;
	put_and_assign();
	make_member(1);
	for (unsigned i = 0; i < PCRS; i++)
		for (unsigned byte = 0; byte < 32; byte += 31) {
			measured = measured_of(1, 10);
			measured.pcrs.pcr[i][byte] ^= 0x80;
			assert_int_equal(request(1, &measured, NULL).reason, REASON_measured);
		}
	assert_int_equal(answer(1, 1, 10), REASON_none);
	assert_int_equal(answer(1, 1, 12), REASON_none);
	assert_int_equal(answer(1, 1, 12), REASON_none);	/* asked twice in one boot */
	assert_int_equal(answer(1, 1, 11), REASON_measured);	/* an old state of the TPM */
	assert_int_equal(answer(1, 1, 4294967295), REASON_none);
	assert_int_equal(answer(1, 1, 12), REASON_measured);
}

static void
learning_accepts_what_was_refused_last(void **state)
{
	(void)state;
	put_and_assign();
	make_member(1);
	node_of(1, &node);
	assert_int_equal(registry_learn(store, node.node), -EINVAL);	/* nothing was */
	assert_int_equal(answer(1, 2, 11), REASON_measured);
	assert_int_equal(answer(1, 3, 12), REASON_measured);
	assert_int_equal(registry_learn(store, node.node), 0);
	assert_int_equal(answer(1, 2, 13), REASON_measured);
	assert_int_equal(answer(1, 3, 13), REASON_none);
	/* once it came as it should, what was tried before is no more to be learned by mistake */
	assert_int_equal(registry_learn(store, node.node), -EINVAL);
	assert_int_equal(answer(1, 3, 12), REASON_measured);
	assert_int_equal(registry_learn(store, node.node), 0);
	assert_int_equal(answer(1, 3, 12), REASON_none);
}

static void
a_pending_ones_measurements_are_not_learned(void **state)
{
	struct store_enrolment e = enrolment_of(1, 1, 1, 10);

	(void)state;
	(void)make_invite(1, 0);
	assert_int_equal(enrol(&e, 1, NOW), REASON_none);
	assert_int_equal(prove(&e, NOW), REASON_pending);
	assert_int_equal(answer(1, 2, 11), REASON_pending);
	assert_int_equal(registry_learn(store, e.node), -EINVAL);
	assert_int_equal(registry_approve(store, e.node, NULL), 0);
	assert_int_equal(answer(1, 2, 11), REASON_measured);
}

static void
what_a_request_said_is_kept(void **state)
{
	const struct store_measured measured = measured_of(1, 10);
	struct registry_decision d;
	struct doc_request doc;

	(void)state;
	put_and_assign();
	make_member(1);
	memset(&doc, 0, sizeof doc);
	bytes_of("node", 1, doc.node, sizeof doc.node);
	doc.floor = 1;
	doc.offline = 3;
	doc.last_outcome = 501;
	(void)strcpy(doc.hardware, "server");
	doc.have.count = 3;
	for (uint32_t i = 0; i < 3; i++) {
		(void)generation_id_of(i + 1, doc.have.row[i].id);
		doc.have.row[i].version = i + 1;
		doc.have.row[i].state = i == 2 ? STATE_failed : STATE_healthy;
	}
	assert_int_equal(registry_request(store, &doc, &measured, NOW + 5, &d), 0);
	node_of(1, &node);
	assert_int_equal(node.seen, NOW + 5);
	assert_int_equal(node.floor, 1);
	assert_int_equal(node.offline, 3);
	assert_int_equal(node.last_outcome, 501);
	assert_string_equal(node.hardware, "server");
	assert_true(node.healthy);
	assert_memory_equal(node.healthy_id, doc.have.row[1].id, ID_BYTES);
}

static int
keep_entry(void *arg, const struct store_entry *entry)
{
	char *out = arg;

	(void)snprintf(out, 512, "%s|%s|%s", entry->kind, entry->who, entry->what);
	return 0;
}

static void
a_ticket_is_recorded(void **state)
{
	static const char text[] = "sallyport-ticket 1\n";
	struct store_entries which = { NULL, 0 };
	struct doc_ticket ticket;
	char last[512] = "";

	(void)state;
	put_and_assign();
	make_member(1);
	memset(&ticket, 0, sizeof ticket);
	bytes_of("node", 1, ticket.node, sizeof ticket.node);
	ticket.time = NOW;
	ticket.verdict = VERDICT_refuse;
	ticket.reason = REASON_measured;
	ticket.floor = 7;
	assert_int_equal(registry_ticket(store, &ticket, text, strlen(text), "192.0.2.1"), 0);
	node_of(1, &node);
	assert_int_equal(node.ticket_time, NOW);
	assert_int_equal(node.ticket_reason, REASON_measured);
	which.node = ticket.node;
	assert_int_equal(store_entries(store, &which, keep_entry, last), 0);
	assert_string_equal(last, "ticket|192.0.2.1|refuse measured floor 7 request "
	    "0000000000000000000000000000000000000000000000000000000000000000 ticket "
	    "e67b8e7c6aa7b83544093498746f02e92a1323a9910d7311e83f6140a7c71432");
	/* an unknown node was told so: that is recorded as well */
	ticket.node[0] ^= 1;
	ticket.reason = REASON_unknown;
	assert_int_equal(registry_ticket(store, &ticket, text, strlen(text), "192.0.2.1"), 0);
	assert_int_equal(store_entries(store, &which, keep_entry, last), 0);
	assert_memory_equal(last, "ticket|192.0.2.1|refuse unknown floor 7 ", 40);
}

/* --- shares ---------------------------------------------------------------------------------------------------------------------- */

static void
a_share_is_made_once(void **state)
{
	uint8_t one[32], again[32], two[32], none[NODE_BYTES] = { 0 };

	(void)state;
	make_member(1);
	make_member(2);
	node_of(1, &node);
	assert_false(node.has_share);
	assert_int_equal(registry_share(store, node.node, one), 0);
	store_close(store);
	assert_int_equal(store_open(path, 0, &store), 0);
	assert_int_equal(registry_share(store, node.node, again), 0);
	assert_memory_equal(one, again, sizeof one);
	assert_int_equal(answer(1, 1, 11), REASON_unassigned);	/* an update of the rest leaves it */
	assert_int_equal(registry_share(store, node.node, again), 0);
	assert_memory_equal(one, again, sizeof one);
	node_of(1, &node);
	assert_true(node.has_share);
	node_of(2, &node);
	assert_int_equal(registry_share(store, node.node, two), 0);
	assert_memory_not_equal(one, two, sizeof one);
	assert_int_equal(registry_share(store, none, two), -ENOENT);
	assert_int_equal(registry_revoke(store, node.node), 0);
	assert_int_equal(registry_share(store, node.node, two), -ENOENT);
	assert_int_equal(sql_execute(store, "UPDATE node SET share = zeroblob(32)"), -EIO);
	assert_int_equal(sql_execute(store, "UPDATE node SET share = NULL"), -EIO);
	assert_int_equal(sql_execute(store, "UPDATE node SET seen = 1"), 0);
}

/* Is it in the database's file, or in its write-ahead log? */
static int
is_in_files(const uint8_t bytes[32])
{
	static const char *const endings[] = { "", "-wal" };
	char name[sizeof path + 4];
	uint8_t *text;
	int found = 0;

	for (unsigned i = 0; i < 2; i++) {
		FILE *file;
		size_t n;

		(void)snprintf(name, sizeof name, "%s%s", path, endings[i]);
		file = fopen(name, "r");
		assert_non_null(file);
		text = malloc(1 << 20);
		assert_non_null(text);
		n = fread(text, 1, 1 << 20, file);
		assert_in_range(n, 0, (1 << 20) - 1);		/* all of it */
		for (size_t at = 0; at + 32 <= n; at++)
			found += memcmp(text + at, bytes, 32) == 0;
		free(text);
		(void)fclose(file);
	}
	return found;
}

/* What is forgotten is gone: a machine that was put away, and a copy of the database made later, do not open its disk together. */
static void
a_forgotten_share_is_in_no_file(void **state)
{
	uint8_t share[32], other[32];

	(void)state;
	make_member(1);
	make_member(2);
	node_of(2, &node);
	assert_int_equal(registry_share(store, node.node, other), 0);
	node_of(1, &node);
	assert_int_equal(registry_share(store, node.node, share), 0);
	assert_true(is_in_files(share));
	assert_int_equal(registry_revoke(store, node.node), 0);
	assert_true(is_in_files(share));
	assert_int_equal(registry_forget(store, node.node), 0);
	assert_false(is_in_files(share));
	assert_true(is_in_files(other));
}

/* --- used challenges ------------------------------------------------------------------------------------------------------------- */

static int
redeem(uint64_t number, uint64_t until, uint64_t now)
{
	uint8_t challenge[32];

	bytes_of("challenge", number, challenge, sizeof challenge);
	return store_redeem(store, challenge, until, now);
}

static void
a_challenge_is_used_once(void **state)
{
	(void)state;
	assert_int_equal(redeem(1, NOW + 10, NOW), 0);
	assert_int_equal(redeem(1, NOW + 10, NOW), -EEXIST);
	assert_int_equal(redeem(2, NOW + 20, NOW + 9), 0);
	assert_int_equal(redeem(1, NOW + 10, NOW + 9), -EEXIST);
	assert_int_equal(redeem(3, NOW + 20, NOW + 10), 0);	/* 1 is over, and forgotten: its own time refuses it */
	assert_int_equal(redeem(1, NOW + 30, NOW + 10), 0);
	store_close(store);
	assert_int_equal(store_open(path, 0, &store), 0);
	assert_int_equal(redeem(2, NOW + 20, NOW + 19), -EEXIST);	/* a restart makes none good again */
}

static void
used_challenges_are_bounded(void **state)
{
	(void)state;
	assert_int_equal(store_begin(store), 0);
	for (uint64_t i = 0; i < REDEEMED_MAX; i++)
		assert_int_equal(redeem(i, NOW + 10, NOW), 0);
	assert_int_equal(redeem(REDEEMED_MAX, NOW + 10, NOW), -EAGAIN);
	assert_int_equal(redeem(REDEEMED_MAX, NOW + 20, NOW + 10), 0);
	assert_int_equal(redeem(0, NOW + 20, NOW + 10), 0);
	assert_int_equal(store_commit(store), 0);
}

/* The machine had a clock that was years ahead, once: what was used then is over now, or the service would be full some day, for good. */
static void
challenges_of_a_clock_that_was_ahead_do_not_stay(void **state)
{
	const uint64_t ahead = NOW + 10 * UINT64_C(31557600);

	(void)state;
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(redeem(0, ahead + 3600, ahead), 0);
	for (uint64_t i = 1; i <= REDEEMED_MAX; i++)
		assert_int_equal(redeem(i, NOW + 3602 + i, NOW + i), 0);	/* the longest that one may be good: none of these is lost */
	assert_int_equal(redeem(REDEEMED_MAX, NOW + 3602 + REDEEMED_MAX, NOW + REDEEMED_MAX), -EEXIST);
	assert_int_equal(store_commit(store), 0);
}

/* --- names ----------------------------------------------------------------------------------------------------------------------- */

static void
put_node(uint64_t number, const uint8_t *id)
{
	struct store_node n;

	memset(&n, 0, sizeof n);
	bytes_of("node", number, n.node, sizeof n.node);
	if (id != NULL)
		memcpy(n.node, id, sizeof n.node);
	blob_of("ek", number, &n.ek);
	bytes_of("ek digest", number, n.ek_digest, sizeof n.ek_digest);
	blob_of("ak", number, &n.ak);
	n.ek_cert.bytes = 1000;
	n.state = NODE_member;
	n.enrolled = NOW;
	n.accepted = measured_of(1, 10);
	(void)strcpy(n.group, number % 2 == 0 ? "even" : "odd");
	(void)snprintf(n.name, sizeof n.name, "node-%llu", (unsigned long long)number);
	assert_int_equal(store_node_put(store, &n), 0);
}

static void
a_node_is_found_by_the_begin_of_its_id(void **state)
{
	static const uint8_t one[NODE_BYTES] = { 0xab, 0xcd, 0xef, 0x01, 0x23 }, two[NODE_BYTES] = { 0xab, 0xcd, 0xef, 0x01, 0x24 },
	    last[NODE_BYTES] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	(void)state;
	put_node(1, one);
	put_node(2, two);
	put_node(3, last);
	assert_int_equal(store_node_by_prefix(store, "abcdef01", &node), -EEXIST);
	assert_int_equal(store_node_by_prefix(store, "abcdef012", &node), -EEXIST);
	assert_int_equal(store_node_by_prefix(store, "abcdef0123", &node), 0);
	assert_memory_equal(node.node, one, sizeof one);
	assert_int_equal(store_node_by_prefix(store, "abcdef01240", &node), 0);
	assert_memory_equal(node.node, two, sizeof two);
	assert_int_equal(store_node_by_prefix(store, "abcdef0125", &node), -ENOENT);
	assert_int_equal(store_node_by_prefix(store, "ffffffff", &node), 0);
	assert_int_equal(store_node_by_prefix(store, "abcdef01230000000000000000000000", &node), 0);
	assert_int_equal(store_node_by_prefix(store, "abcdef012300000000000000000000000", &node), -ENOENT);
	assert_int_equal(store_node_by_prefix(store, "", &node), -ENOENT);
	assert_int_equal(store_node_by_prefix(store, "nothex00", &node), -ENOENT);
}

/* --- ten thousand of them ---------------------------------------------------------------------------------------------------------- */

static unsigned statements, scans;

/* After each statement: how often it stepped through a whole table, sorted, or made itself an index. */
static int
look(unsigned kind, void *arg, void *statement, void *time_ns)
{
	(void)kind;
	(void)arg;
	(void)time_ns;
	statements++;
	if (sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1) != 0 ||
	    sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_SORT, 1) != 0 ||
	    sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_AUTOINDEX, 1) != 0) {
		scans++;
		fprintf(stderr, "searches a whole table: %s\n", sqlite3_sql(statement));
	}
	return 0;
}

static int
count_node(void *arg, const struct store_node *n)
{
	(void)n;
	++*(unsigned *)arg;
	return 0;
}

static void
work(uint64_t first, uint64_t count, uint64_t nodes, uint64_t boot)
{
	const struct store_measured measured = measured_of(1, boot);
	struct doc_request doc;
	struct registry_decision d;
	uint8_t share[32];

	memset(&doc, 0, sizeof doc);
	doc.have.count = 1;
	(void)generation_id_of(1, doc.have.row[0].id);
	doc.have.row[0].version = 1;
	doc.have.row[0].state = STATE_failed;
	for (uint64_t i = first; i < first + count; i++) {
		bytes_of("node", i * 7919 % nodes, doc.node, sizeof doc.node);
		assert_int_equal(redeem(i, NOW + 5 + i, NOW + i), 0);
		assert_int_equal(registry_request(store, &doc, &measured, NOW, &d), 0);
		assert_int_equal(d.reason, REASON_unassigned);
		assert_int_equal(registry_share(store, doc.node, share), 0);
	}
}

static void
ten_thousand_nodes(void **state)
{
	enum { NODES = 10000, ROUND = 2000 };
	unsigned count = 0;
	int64_t used;

	(void)state;
	put_and_assign();
	assert_int_equal(store_begin(store), 0);
	for (uint64_t i = 0; i < NODES; i++)
		put_node(i, NULL);
	assert_int_equal(store_commit(store), 0);
	/* a search of a whole table is noticed */
	assert_int_equal(sqlite3_trace_v2(store->db, SQLITE_TRACE_PROFILE, look, NULL), SQLITE_OK);
	assert_int_equal(sql_execute(store, "UPDATE node SET seen = 0 WHERE said_floor = 9"), 0);
	assert_int_equal(scans, 1);
	scans = statements = 0;
	assert_int_equal(store_begin(store), 0);
	work(0, ROUND, NODES, 10);
	used = sqlite3_memory_used();
	work(ROUND, ROUND, NODES, 11);
	assert_in_range(sqlite3_memory_used(), 0, used + 65536);
	assert_int_equal(store_commit(store), 0);
	assert_int_equal(store_nodes(store, NULL, 0, count_node, &count), 0);
	assert_int_equal(count, NODES);
	assert_int_equal(store_nodes(store, "odd", 0, count_node, &count), 0);
	assert_int_equal(count, NODES + NODES / 2);
	assert_int_equal(store_node_by_name(store, "node-77", &node), 0);
	assert_true(statements > 2 * ROUND * 5 + NODES);
	assert_int_equal(scans, 0);
}

#define ON_STORE(f) cmocka_unit_test_setup_teardown(f, open_store, close_store)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STORE(who_may_boot), ON_STORE(what_was_measured_counts), ON_STORE(learning_accepts_what_was_refused_last),
		ON_STORE(a_pending_ones_measurements_are_not_learned), ON_STORE(what_a_request_said_is_kept), ON_STORE(a_ticket_is_recorded),
		ON_STORE(a_share_is_made_once), ON_STORE(a_forgotten_share_is_in_no_file),
		ON_STORE(a_challenge_is_used_once), ON_STORE(used_challenges_are_bounded),
		ON_STORE(challenges_of_a_clock_that_was_ahead_do_not_stay),
		ON_STORE(a_node_is_found_by_the_begin_of_its_id), ON_STORE(ten_thousand_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
