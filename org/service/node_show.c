/*
 * sallyport-org node show: all that is known of a node, a line each.  On the organisation's side.
 * Distrusts nothing: what is printed was looked at before it was kept.  Never prints its share.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service.h"

static void
print_time(const char *key, uint64_t seconds)
{
	char when[40];

	printf("%-12s%s\n", key, seconds != 0 ? time_text(seconds, when, sizeof when) : "never");
}

/* What was refused stands below what was accepted, as far as it differs. */
static void
print_measured(const struct store_node *node)
{
	char key[16], hex[ID_TEXT + 1];
	uint8_t digest[32];

	for (unsigned i = 0; i < PCRS; i++) {
		const uint8_t *now = node->refused_as.pcrs.pcr[i], *accepted = node->accepted.pcrs.pcr[i];

		(void)snprintf(key, sizeof key, "pcr%u", store_pcr_numbers[i]);	/* fits */
		printf("%-12s%s\n", key, hex_text(accepted, 32, hex));
		if (node->refused && memcmp(accepted, now, 32) != 0)
			printf("%-12s%s refused\n", key, hex_text(now, 32, hex));
	}
	if (node->refused) {
		registry_pcrs(&node->refused_as.pcrs, digest);
		printf("%-12s%s\n", "refused", hex_text(digest, sizeof digest, hex));	/* for learn --pcrs */
	}
	printf("%-12s%" PRIu64 "\n", "resetcount", node->accepted.reset_count);
	if (node->refused && node->refused_as.reset_count < node->accepted.reset_count)
		printf("%-12s%" PRIu64 " refused\n", "resetcount", node->refused_as.reset_count);
}

static void
print_last(const struct store_node *node)
{
	char hex[ID_TEXT + 1];

	print_time("seen", node->seen);
	if (node->seen != 0) {
		printf("%-12s%" PRIu64 "\n", "floor", node->floor);
		printf("%-12s%" PRIu64 "\n", "offline", node->offline);
		printf("%-12s%" PRIu64 "\n", "outcome", node->last_outcome);
		printf("%-12s%s\n", "healthy", node->healthy ? hex_text(node->healthy_id, ID_BYTES, hex) : "none");
	}
	print_time("ticket", node->ticket_time);
	if (node->ticket_time == 0)
		return;
	if (node->ticket_reason == REASON_none)
		printf("%-12sboot %s\n", "told", hex_text(node->ticket_generation, ID_BYTES, hex));
	else
		printf("%-12srefuse %s\n", "told", registry_reason(node->ticket_reason));
	printf("%-12s%s\n", "digest", hex_text(node->ticket_digest, sizeof node->ticket_digest, hex));
}

static void
print_node(const struct store_node *node)
{
	char hex[ID_TEXT + 1];

	printf("%-12s%s\n", "node", hex_text(node->node, sizeof node->node, hex));
	printf("%-12s%s\n", "state", node_state_text(node->state));
	printf("%-12s%s\n", "name", node->name[0] != '\0' ? node->name : "-");
	printf("%-12s%s\n", "group", node->group);
	printf("%-12s%s\n", "class", store_node_class(node)[0] != '\0' ? store_node_class(node) : "-");
	if (node->class_set[0] != '\0')
		printf("%-12s%s\n", "says class", node->hardware[0] != '\0' ? node->hardware : "-");
	printf("%-12s%s\n", "ek", hex_text(node->ek_digest, sizeof node->ek_digest, hex));
	printf("%-12s%s\n", "certificate", node->ek_cert.bytes == 0 ? "none" : node->ek_verified ? "verified" : "unverified");
	printf("%-12s%s\n", "share", node->has_share ? "made" : "none");
	printf("%-12s%s\n", "escrow", node->escrow.bytes != 0 ? "kept" : "none");
	print_time("enrolled", node->enrolled);
}

static int
print_assigned(struct store *store, const struct store_node *node)
{
	struct store_generation g;
	uint8_t id[ID_BYTES];
	char hex[ID_TEXT + 1];
	int rc = registry_assigned(store, node, id);

	if (rc == 0)
		rc = store_find(store, id, &g);
	if (rc == 0)
		printf("%-12s%s v%" PRIu64 "\n", "assigned", hex_text(id, ID_BYTES, hex), g.version);
	else if (rc == -ENOENT)
		printf("%-12snothing\n", "assigned");
	return rc == -ENOENT ? 0 : rc;
}

int
node_show(int argc, char **argv)
{
	static const struct option options[] = { { NULL, 0, NULL, 0 } };
	struct store_node node;
	struct store *store;
	int rc;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return ORG_usage;
	if (argc - optind != 2)
		return usage_error("wants the service's folder and a node");
	if (service_store(argv[optind], &store) != 0)
		return ORG_refused;
	rc = service_node(store, argv[optind + 1], &node);
	if (rc == 0) {
		print_node(&node);
		print_measured(&node);
		rc = print_assigned(store, &node);
		print_last(&node);
	}
	store_close(store);
	return rc == 0 ? ORG_ok : ORG_refused;
}
