/*
 * Invites, as an operator makes and revokes them.  On the organisation's side.
 * Distrusts a second command at the same time: every rule is judged inside of the transaction that it permits.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "service.h"

enum { WHAT_TEXT = 400 };

struct wanted {
	const struct store_invite *invite;
	int rc;
};

/* Another invite that still can be used gives the same name. */
static int
gives_name(void *arg, const struct store_invite *other)
{
	struct wanted *wanted = arg;

	if (other->revoked == 0 && other->used == 0 && other->until > wanted->invite->made && strcmp(other->name, wanted->invite->name) == 0)
		wanted->rc = refuse("invite %" PRIu64 " gives the name %s already", other->number, other->name);
	return wanted->rc;
}

static int
name_is_free(struct store *store, const struct store_invite *invite)
{
	struct wanted wanted = { invite, 0 };
	char hex[NODE_TEXT + 1];
	struct store_node node;
	int rc;

	if (invite->name[0] == '\0')
		return 0;
	rc = store_node_by_name(store, invite->name, &node);
	if (rc == 0)
		return refuse("node %s has the name %s", hex_text(node.node, sizeof node.node, hex), node.name);
	if (rc != -ENOENT)
		return rc;
	rc = store_invites(store, gives_name, &wanted);
	return rc != 0 ? rc : wanted.rc;
}

/* An EK that is known needs no invite, or an operator's word first. */
static int
ek_is_free(struct store *store, const struct store_invite *invite)
{
	char hex[NODE_TEXT + 1];
	struct store_node node;
	int rc = invite->for_ek ? store_node_by_ek(store, invite->ek_digest, &node) : -ENOENT;

	if (rc == 0 && node.state == NODE_revoked)
		return refuse("node %s has this EK and was revoked: sallyport-org node forget first", hex_text(node.node, sizeof node.node, hex));
	return rc == -ENOENT ? 0 : rc;
}

int
registry_invite(struct store *store, struct store_invite *invite)
{
	char what[WHAT_TEXT] = "", when[40], hex[ID_TEXT + 1];
	int rc = store_begin(store);

	if (rc != 0)
		return rc;
	rc = name_is_free(store, invite);
	if (rc == 0)
		rc = ek_is_free(store, invite);
	if (rc == 0)
		rc = store_invite_put(store, invite);
	if (rc == 0)
		(void)snprintf(what, sizeof what, "%" PRIu64 " until %s%s%s%s%s%s%s%s%s%s", invite->number, time_text(invite->until, when, sizeof when),
		    invite->approve ? ", approves" : "", invite->for_ek ? ", for EK " : "",
		    invite->for_ek ? hex_text(invite->ek_digest, sizeof invite->ek_digest, hex) : "", invite->name[0] != '\0' ? ", name " : "",
		    invite->name, invite->group[0] != '\0' ? ", group " : "", invite->group, invite->class_set[0] != '\0' ? ", class " : "",
		    invite->class_set);	/* fits */
	return registry_finish(store, rc, "invite", NULL, what);
}

int
registry_invite_revoke(struct store *store, uint64_t number)
{
	struct store_invite invite;
	char what[WHAT_TEXT];
	int rc = store_begin(store);

	if (rc != 0)
		return rc;
	rc = store_invite_number(store, number, &invite);
	if (rc == -ENOENT)
		rc = refuse("there is no invite %" PRIu64, number);
	if (rc == 0 && invite.revoked != 0)
		rc = refuse("it is revoked already");
	if (rc == 0)
		rc = store_invite_revoke(store, number, (uint64_t)time(NULL));
	(void)snprintf(what, sizeof what, "%" PRIu64 "%s", number, rc == 0 && invite.used != 0 ? ", was used: its node stays" : "");	/* fits */
	return registry_finish(store, rc, "uninvite", NULL, what);
}
