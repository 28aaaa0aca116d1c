/*
 * Prints the tables of SECURITY.md out of msg.def, peer.def and events.def, as Markdown.  On the builder's side of the wall only.
 * mktables messages | programs | events | documents
 */
#include <stdio.h>
#include <string.h>

#include "doc.h"
#include "event.h"
#include "msg.h"

static const char *
fd_text(unsigned kind)
{
	static const char *const texts[] = { "-", "a channel", "a memfd to fill", "a memfd to send, one for the answer", "a memfd to keep",
		"kernel and initramfs" };

	return kind < sizeof texts / sizeof texts[0] ? texts[kind] : "?";
}

static void
messages(void)
{
	printf("| id | message | from | to | way | answers | most per attempt | carries | phases | begins |\n");
	printf("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
	for (unsigned id = 1; id < MSG_COUNT; id++) {
		const struct msg_row *r = &msg_table[id];
		const char *comma = "";

		printf("| %u | %s (%u bytes) | %s | %s | %s | %s | %u | %s | ", id, r->name, r->size, peer_name(r->from), peer_name(r->to),
		    r->way == WAY_lane ? "lane" : "broker", r->answers == MSG_none ? "-" : msg_table[r->answers].name, r->max,
		    fd_text(r->fd));
		for (unsigned p = 0; p < PHASE_COUNT; p++)
			if ((r->phases & 1u << p) != 0) {
				printf("%s%s", comma, phase_name(1u << p));
				comma = " ";
			}
		printf(" | %s |\n", r->next == 0 ? "-" : phase_name(r->next));
	}
}

/* The rest of a program's row. */
static void
row(enum peer peer)
{
	const char *comma = " ";

#define CAP(name, capability, why) if (PEER_##name == peer) { printf("%sCAP_" #capability, comma); comma = ", "; }
#include "../policy/peer.def"
	printf("%s |", *comma == ',' ? "" : " none");
	comma = " ";
#define GIVEN(name, number, what, why) \
	if (PEER_##name == peer && (number) > 2) { printf("%s%d %s (%s)", comma, number, #what, why); comma = "; "; }
#include "../policy/peer.def"
	printf("%s |\n", *comma == ';' ? "" : " none but /dev/null as 0, 1, 2");
}

static void
programs(void)
{
	printf("| program | uid | capabilities | descriptors at start |\n| --- | --- | --- | --- |\n");
#define PEER(name, uid, namespaces, root, oom) printf("| %s | %d |", peer_name(PEER_##name), uid); row(PEER_##name);
#include "../policy/peer.def"
}

static void
events(void)
{
	printf("| code | name | what it says | what to do |\n| --- | --- | --- | --- |\n");
#define EVENT(name, code, text, todo) printf("| SP%d | %s | %s | %s |\n", code, #name, text, todo);
#include "events.def"
}

static void
documents(void)
{
	printf("| document | line | value |\n| --- | --- | --- |\n");
#define LINE(kind, key) do { char allowed[160]; doc_allowed(DOC_##kind, #key, allowed, sizeof allowed); \
	printf("| %s | %s | %s |\n", #kind, #key, allowed); } while (0);
#define NUM(kind, key, least, most) LINE(kind, key)
#define HEX(kind, key, bytes) LINE(kind, key)
#define BLOB(kind, key, least, most) LINE(kind, key)
#define TEXT(kind, key, least, most) LINE(kind, key)
#define WORD(kind, key, enumeration) LINE(kind, key)
#define KEYS(kind, key, most) LINE(kind, key)
#define NAMES(kind, key, least, most, lines) LINE(kind, key)
#define HAVE(kind, key, most) LINE(kind, key)
#include "doc.def"
}

int
main(int argc, char **argv)
{
	static const struct { const char *name; void (*print)(void); } tables[] = { { "messages", messages }, { "programs", programs },
		{ "events", events }, { "documents", documents } };

	for (size_t i = 0; argc == 2 && i < sizeof tables / sizeof tables[0]; i++)
		if (strcmp(argv[1], tables[i].name) == 0) {
			tables[i].print();
			return 0;
		}
	fprintf(stderr, "usage: mktables messages | programs | events | documents\n");
	return 2;
}
