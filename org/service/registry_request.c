/*
 * A node's request, judged; and what is recorded of what was signed for it.  On the organisation's side.
 * Distrusts the node as it stands: what was true when its quote was checked may have changed, an old measurement may be shown again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "org.h"
#include "registry.h"

#define WORDS(enumeration) static const char *const names_##enumeration[] __attribute__((unused)) = {
#define IS(prefix, word) [prefix##_##word] = #word,
#define ENDWORDS(enumeration) };
#include "doc.def"

const char *
registry_reason(enum word_reason reason)
{
	return (size_t)reason < sizeof names_reason / sizeof names_reason[0] ? names_reason[reason] : "damaged";
}

int
registry_measured(const struct store_measured *accepted, const struct store_measured *now)
{
	return memcmp(&accepted->pcrs, &now->pcrs, sizeof now->pcrs) == 0 && now->reset_count >= accepted->reset_count;
}

/* What the request said, whatever the answer will be: the quote was good. */
static void
remember(struct store_node *node, const struct doc_request *request, uint64_t now)
{
	const struct doc_have *have = &request->have;
	uint64_t version = 0;

	node->seen = now;
	node->floor = request->floor;
	node->offline = request->offline;
	node->last_outcome = request->last_outcome;
	memcpy(node->hardware, request->hardware, sizeof node->hardware);
	node->healthy = 0;
	for (uint32_t i = 0; i < have->count && i < DOC_HAVE_MAX; i++)
		if (have->row[i].state == STATE_healthy && have->row[i].version > version) {
			version = have->row[i].version;
			node->healthy = 1;
			memcpy(node->healthy_id, have->row[i].id, ID_BYTES);
		}
}
_Static_assert(sizeof((struct doc_request *)0)->hardware == CLASS_MAX_BYTES + 1, "a hardware class fits");

static enum word_reason
judge(struct store_node *node, const struct store_measured *measured)
{
	if (node->state != NODE_member)
		return node->state == NODE_pending ? REASON_pending : REASON_revoked;
	if (!registry_measured(&node->accepted, measured)) {
		node->refused = 1;
		node->refused_as = *measured;
		return REASON_measured;
	}
	node->accepted.reset_count = measured->reset_count;
	node->refused = 0;	/* what an operator finds there is the last boot's, never one that was tried long ago */
	return REASON_none;
}

int
registry_request(struct store *store, const struct doc_request *request, const struct store_measured *measured, uint64_t now,
    struct registry_decision *out)
{
	struct store_node node;
	int rc = store_node_find(store, request->node, &node);

	memset(out, 0, sizeof *out);
	out->reason = REASON_unknown;
	if (rc == -ENOENT || (rc == 0 && measured == NULL))	/* it became known a moment ago: let it ask again */
		return store_floor(store, "", &out->floor);
	if (rc != 0)
		return rc;
	remember(&node, request, now);
	out->reason = judge(&node, measured);
	if (out->reason == REASON_none)
		rc = registry_decide(store, &node, &request->have, request->floor, out);
	else
		rc = registry_floor_of(store, &node, &out->floor);
	return rc != 0 ? rc : store_node_update(store, &node);
}

int
registry_share(struct store *store, const uint8_t node[NODE_BYTES], uint8_t out[32])
{
	return store_node_share(store, node, out);
}

static void
digest(const void *text, size_t len_bytes, uint8_t out[32], char hex[ID_TEXT + 1])
{
	(void)crypto_generichash(out, 32, text, len_bytes, NULL, 0);	/* fails for wrong lengths of hash or key only */
	(void)hex_text(out, 32, hex);
}

int
registry_ticket(struct store *store, const struct doc_ticket *ticket, const void *text, size_t len_bytes, const char *who)
{
	char what[320], ticket_hex[ID_TEXT + 1], request_hex[ID_TEXT + 1], id[ID_TEXT + 1];
	uint8_t ticket_digest[32];
	struct store_node node;
	int boot = ticket->verdict == VERDICT_boot, rc = store_node_find(store, ticket->node, &node);

	digest(text, len_bytes, ticket_digest, ticket_hex);
	(void)snprintf(what, sizeof what, "%s %s floor %" PRIu64 " request %s ticket %s", boot ? "boot" : "refuse",
	    boot ? hex_text(ticket->generation, ID_BYTES, id) : registry_reason((enum word_reason)ticket->reason), ticket->floor,
	    hex_text(ticket->request, sizeof ticket->request, request_hex), ticket_hex);	/* fits */
	if (rc == 0) {
		node.ticket_time = ticket->time;
		node.ticket_reason = (enum word_reason)ticket->reason;
		memcpy(node.ticket_generation, ticket->generation, ID_BYTES);
		memcpy(node.ticket_digest, ticket_digest, sizeof node.ticket_digest);
		rc = store_node_update(store, &node);
	} else if (rc == -ENOENT)
		rc = 0;		/* an unknown node was told so */
	return rc != 0 ? rc : store_log_node(store, "ticket", who, ticket->node, what);
}

int
registry_signed(struct store *store, const char *kind, const uint8_t node[NODE_BYTES], const void *text, size_t len_bytes, const char *words,
    const char *who)
{
	char what[320], hex[ID_TEXT + 1];
	uint8_t bytes[32];
	int n;

	digest(text, len_bytes, bytes, hex);
	n = snprintf(what, sizeof what, "%s%s%s", hex, words[0] != '\0' ? " " : "", words);
	if (n < 0 || (size_t)n >= sizeof what)
		return refuse("%s: too many words for the log", kind);
	return store_log_node(store, kind, who, node, what);
}
