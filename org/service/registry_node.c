/*
 * What an operator says of nodes: approved, revoked, forgotten, its name, its group.  On the organisation's side.
 * Distrusts a second command and the node itself at the same time: every rule is judged inside of the transaction that it permits.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "service.h"

enum { WHAT_TEXT = REGISTRY_WHAT_TEXT };

int
registry_begin(struct store *store, const uint8_t node[NODE_BYTES], struct store_node *out)
{
	char hex[NODE_TEXT + 1];
	int rc = store_begin(store);

	if (rc != 0)
		return rc;
	rc = store_node_find(store, node, out);
	if (rc == -ENOENT)
		rc = refuse("there is no node %s", hex_text(node, NODE_BYTES, hex));
	if (rc != 0)
		store_abort(store);
	return rc;
}

int
registry_approve(struct store *store, const uint8_t node[NODE_BYTES], const uint8_t *ek)
{
	char what[WHAT_TEXT], hex[ID_TEXT + 1], other[ID_TEXT + 1];
	struct store_node n;
	int rc = registry_begin(store, node, &n);

	if (rc != 0)
		return rc;
	(void)hex_text(n.ek_digest, sizeof n.ek_digest, hex);
	if (ek != NULL && memcmp(ek, n.ek_digest, sizeof n.ek_digest) != 0)
		rc = refuse("its EK is %s, not %s: this is another machine", hex, hex_text(ek, sizeof n.ek_digest, other));
	else if (n.state == NODE_revoked)
		rc = refuse("it was revoked, which is for good: sallyport-org node forget, and let it enrol anew");
	else if (n.state == NODE_member)
		rc = refuse("it is a member already");
	n.state = NODE_member;
	if (rc == 0)
		rc = store_node_update(store, &n);
	(void)snprintf(what, sizeof what, "EK %s%s", hex, ek != NULL ? ", compared" : "");	/* fits */
	return registry_finish(store, rc, "approve", node, what);
}

int
registry_revoke(struct store *store, const uint8_t node[NODE_BYTES])
{
	struct store_node n;
	int rc = registry_begin(store, node, &n);

	if (rc != 0)
		return rc;
	if (n.state == NODE_revoked)
		rc = refuse("it is revoked already");
	if (rc == 0)
		rc = store_enrolment_drop(store, n.ek_digest);
	n.state = NODE_revoked;
	if (rc == 0)
		rc = store_node_update(store, &n);
	return registry_finish(store, rc, "revoke", node, n.name);
}

int
registry_forget(struct store *store, const uint8_t node[NODE_BYTES])
{
	char what[WHAT_TEXT], hex[ID_TEXT + 1];
	struct store_node n;
	int rc = registry_begin(store, node, &n);

	if (rc != 0)
		return rc;
	if (n.state == NODE_member)
		rc = refuse("it is a member: what is forgotten with it (its share of the disk key, its escrow) does not come back; revoke it first");
	if (rc == 0)
		rc = store_enrolment_drop(store, n.ek_digest);
	if (rc == 0)		/* it lies in an image yet, and would let the same one in again */
		rc = store_invite_revoke_used(store, n.ek_digest, (uint64_t)time(NULL));
	if (rc == 0)
		rc = store_node_forget(store, node);
	(void)snprintf(what, sizeof what, "EK %s%s", hex_text(n.ek_digest, sizeof n.ek_digest, hex), n.has_share ? ", its share is gone" : "");
	rc = registry_finish(store, rc, "forget", node, what);
	return rc != 0 ? rc : store_tidy(store);
}

int
registry_name(struct store *store, const uint8_t node[NODE_BYTES], const char *name)
{
	char what[WHAT_TEXT], hex[NODE_TEXT + 1];
	struct store_node n, other;
	int rc = registry_begin(store, node, &n);

	if (rc != 0)
		return rc;
	(void)snprintf(what, sizeof what, "%s -> %s", n.name[0] != '\0' ? n.name : "-", name[0] != '\0' ? name : "-");	/* fits */
	rc = name[0] != '\0' ? store_node_by_name(store, name, &other) : -ENOENT;
	if (rc == 0 && memcmp(other.node, node, NODE_BYTES) != 0)
		rc = refuse("node %s has this name", hex_text(other.node, NODE_BYTES, hex));
	else if (rc == 0 || rc == -ENOENT) {
		(void)snprintf(n.name, sizeof n.name, "%s", name);	/* fits: whoever read it has looked */
		rc = store_node_update(store, &n);
	}
	return registry_finish(store, rc, "name", node, what);
}

int
registry_group(struct store *store, const uint8_t node[NODE_BYTES], const char *group)
{
	char what[WHAT_TEXT];
	struct store_node n;
	int rc = registry_begin(store, node, &n);

	if (rc != 0)
		return rc;
	(void)snprintf(what, sizeof what, "%s -> %s", n.group, group);	/* fits */
	(void)snprintf(n.group, sizeof n.group, "%s", group);
	rc = store_node_update(store, &n);
	return registry_finish(store, rc, "group", node, what);
}
