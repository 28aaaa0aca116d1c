/*
 * Requests, tickets, names, and ten thousand nodes; through a real store.  Host-side test.
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
		ON_STORE(who_may_boot), ON_STORE(what_was_measured_counts), ON_STORE(what_a_request_said_is_kept), ON_STORE(a_ticket_is_recorded),
		ON_STORE(a_node_is_found_by_the_begin_of_its_id), ON_STORE(ten_thousand_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
