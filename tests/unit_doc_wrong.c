/*
 * Documents: every refusal by its own reason, line and key.  Host-side test; plays whoever writes a document.
 */
#include <stdio.h>

#include "doc_samples.h"

#define CONFIG(old, put, why, line, key) { DOC_config, old, put, why, line, key }
#define REQUEST(old, put, why, line, key) { DOC_request, old, put, why, line, key }
#define FIRST_HAVE "have " ID_A " 42 healthy"
#define SECOND_HAVE "have " ID_B " 9007199254740991 new"

static const struct wrong {
	enum doc_kind kind;
	const char *old, *put;
	enum doc_why why;
	unsigned line;
	const char *key;
} wrongs[] = {
	{ DOC_manifest, "sallyport-manifest 1", "sallyport-manifest 2", DOC_first_line, 1, "" },
	{ DOC_manifest, "sallyport-manifest 1", "sallyport-manifest 1 ", DOC_first_line, 1, "" },
	{ DOC_manifest, "sallyport-manifest 1", "sallyport-config 1", DOC_first_line, 1, "" },
	{ DOC_manifest, "sallyport-manifest 1\n", "", DOC_first_line, 1, "" },
	{ DOC_manifest, "sallyport", "\nsallyport", DOC_first_line, 1, "" },
	{ DOC_manifest, "quiet\n", "quiet", DOC_no_end, 10, "" },
	{ DOC_manifest, "quiet\n", "quiet\r\n", DOC_byte, 10, "" },
	{ DOC_manifest, "issued", "issu\x80" "ed", DOC_byte, 3, "" },
	{ DOC_manifest, "issued ", "issued\t", DOC_byte, 3, "" },
	{ DOC_manifest, "quiet", "qui\x7f" "et", DOC_byte, 10, "" },
	{ DOC_manifest, "issued", "issue", DOC_unknown_key, 3, "issue" },
	{ DOC_manifest, "issued", "issuedd", DOC_unknown_key, 3, "issuedd" },
	{ DOC_manifest, "issued", "Issued", DOC_unknown_key, 3, "Issued" },
	{ DOC_manifest, "issued", " issued", DOC_unknown_key, 3, "" },
	{ DOC_manifest, "issued", "\nissued", DOC_unknown_key, 3, "" },
	{ DOC_manifest, "issued", "# a comment\nissued", DOC_unknown_key, 3, "#" },
	{ DOC_manifest, "issued", "abcdefghijklmnopqrstuvwxyz0123456789", DOC_unknown_key, 3, "abcdefghijklmnopqrstuvwxyz01234" },
	{ DOC_manifest, "quiet\n", "quiet\nextra 1\n", DOC_unknown_key, 11, "extra" },
	{ DOC_manifest, "quiet\n", "quiet\n\n", DOC_unknown_key, 11, "" },
	{ DOC_manifest, "issued", "version 42\nissued", DOC_repeated_key, 3, "version" },
	{ DOC_manifest, "quiet\n", "quiet\nversion 43\n", DOC_repeated_key, 11, "version" },
	{ DOC_manifest, "quiet\n", "quiet\ncmdline debug\n", DOC_repeated_key, 11, "cmdline" },
	{ DOC_manifest, "version 42\nissued 1760000000\n", "issued 1760000000\nversion 42\n", DOC_wrong_order, 2, "issued" },
	{ DOC_manifest, "issued", "watchdog 0\nissued", DOC_wrong_order, 3, "watchdog" },
	{ DOC_manifest, "version 42\n", "", DOC_missing_key, 2, "version" },
	{ DOC_manifest, "watchdog 0\n", "", DOC_missing_key, 9, "watchdog" },
	{ DOC_manifest, "cmdline console=ttyS0 quiet\n", "", DOC_missing_key, 10, "cmdline" },
	{ DOC_manifest, "version 42\nissued 1760000000\n", "kernel_size 1\n", DOC_missing_key, 2, "version" },
	{ DOC_manifest, "version 42", "version 042", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version +42", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version -1", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version 0x2a", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version 4 2", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version  42", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version 42 ", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version ", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version 00", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version 99999999999999999999a", DOC_number, 2, "version" },
	{ DOC_manifest, "version 42", "version 0", DOC_range, 2, "version" },
	{ DOC_manifest, "version 42", "version 9007199254740992", DOC_range, 2, "version" },
	{ DOC_manifest, "version 42", "version 18446744073709551615", DOC_range, 2, "version" },
	{ DOC_manifest, "version 42", "version 18446744073709551616", DOC_range, 2, "version" },
	{ DOC_manifest, "version 42", "version 18446744073709551658", DOC_range, 2, "version" },	/* 42 mod 2^64 */
	{ DOC_manifest, "version 42", "version 340282366920938463463374607431768211498", DOC_range, 2, "version" },	/* and mod 2^128 */
	{ DOC_manifest, "kernel_size 7000000", "kernel_size 2147483647", DOC_range, 4, "kernel_size" },
	{ DOC_manifest, "kernel_size 7000000", "kernel_size 2147483648", DOC_range, 4, "kernel_size" },
	{ DOC_manifest, "kernel_size 7000000", "kernel_size 4294967296", DOC_range, 4, "kernel_size" },
	{ DOC_manifest, "kernel_size 7000000", "kernel_size 9223372036854775808", DOC_range, 4, "kernel_size" },
	{ DOC_manifest, "initramfs_size 1073741824", "initramfs_size 1073741825", DOC_range, 6, "initramfs_size" },
	{ DOC_manifest, "watchdog 0", "watchdog 3601", DOC_range, 9, "watchdog" },
	{ DOC_manifest, "1eff\ninit", "1efF\ninit", DOC_hex, 5, "kernel_blake2b" },
	{ DOC_manifest, "1eff\ninit", "1ef\ninit", DOC_hex, 5, "kernel_blake2b" },
	{ DOC_manifest, "1eff\ninit", "1eff0\ninit", DOC_hex, 5, "kernel_blake2b" },
	{ DOC_manifest, "1eff\ninit", "1eff00\ninit", DOC_hex, 5, "kernel_blake2b" },
	{ DOC_manifest, "1eff\ninit", "1efg\ninit", DOC_hex, 5, "kernel_blake2b" },
	{ DOC_manifest, "1eff\ninit", "1eff \ninit", DOC_hex, 5, "kernel_blake2b" },
	{ DOC_manifest, "kernel_blake2b " HEX32, "kernel_blake2b", DOC_hex, 5, "kernel_blake2b" },
	{ DOC_manifest, "cmdline console=ttyS0 quiet", "cmdline ", DOC_text, 10, "cmdline" },
	{ DOC_manifest, "quiet\n", "quiet \n", DOC_text, 10, "cmdline" },
	{ DOC_manifest, "cmdline ", "cmdline  ", DOC_text, 10, "cmdline" },
	{ DOC_config, "cache vda1", "cache", DOC_text, 5, "cache" },
	{ DOC_config, "cache vda1", "cache abcdefghijklmnopqrstuvwxyz012345", DOC_text, 5, "cache" },
	{ DOC_config, "enrol local", "enrol Local", DOC_word, 3, "enrol" },
	{ DOC_config, "enrol local", "enrol loca", DOC_word, 3, "enrol" },
	{ DOC_config, "enrol local", "enrol locals", DOC_word, 3, "enrol" },
	{ DOC_config, "enrol local", "enrol", DOC_word, 3, "enrol" },
	{ DOC_config, "enrol local", "enrol newest", DOC_word, 3, "enrol" },
	{ DOC_config, "enrol local", "enrol org,local", DOC_word, 3, "enrol" },
	{ DOC_config, "release local", "release none", DOC_word, 4, "release" },
	{ DOC_config, "release_key " KEY_A "\nrelease_key " KEY_B "\n", "", DOC_missing_key, 11, "release_key" },
	{ DOC_config, "org_key " KEY_A "\n", "", DOC_missing_key, 13, "org_key" },
	{ DOC_config, "org_key " KEY_A "\n", "org_key " KEY_A "\norg_key " KEY_B "\n", DOC_repeated_key, 14, "org_key" },
	{ DOC_config, "org_key " KEY_A "\n", "org_key " KEY_A "\nrelease_key " KEY_A "\n", DOC_wrong_order, 14, "release_key" },
	{ DOC_config, "release_key " KEY_B, "release_key " KEY_A, DOC_pubkey, 12, "release_key" },
	{ DOC_config, "release_key RWSB", "release_key RWQB", DOC_pubkey, 12, "release_key" },	/* same number */
	{ DOC_config, "BUWFxgZGhscHR4fICEiIyQlJico\nrel", "BUWFxgZGhscHR4fICEiIyQlJic\nrel", DOC_pubkey, 11, "release_key" },
	{ DOC_config, "BUWFxgZGhscHR4fICEiIyQlJico\nrel", "BUWFxgZGhscHR4fICEiIyQlJi==\nrel", DOC_pubkey, 11, "release_key" },
	{ DOC_config, "release_key RWQB", "release_key RUQB", DOC_pubkey, 11, "release_key" },	/* algorithm "ED" */
	{ DOC_challenge, "sallyport-challenge 1", "sallyport-challenge 2", DOC_first_line, 1, "" },
	{ DOC_challenge, "1eff\n", "1ef\n", DOC_hex, 2, "challenge" },
	{ DOC_challenge, "1eff\n", "1eff00\n", DOC_hex, 2, "challenge" },
	{ DOC_challenge, "time 1760000000", "time 0", DOC_range, 3, "time" },
	{ DOC_challenge, "seconds 60", "seconds 0", DOC_range, 4, "seconds" },
	{ DOC_challenge, "seconds 60", "seconds 3601", DOC_range, 4, "seconds" },
	{ DOC_challenge, "seconds 60\n", "", DOC_missing_key, 4, "seconds" },
	{ DOC_challenge, "seconds 60\n", "seconds 60\nuntrusted comment: x\n", DOC_unknown_key, 5, "untrusted" },	/* its signature */
	{ DOC_report, "slot 7", "slot 9", DOC_range, 5, "slot" },
	{ DOC_report, "0eff\n", "0eff00\n", DOC_hex, 8, "node" },
	{ DOC_report, "ms_loading 4294967295", "ms_loading 4294967296", DOC_range, 20, "ms_loading" },
	/* a blob: so many pairs of digits; nothing is the key alone */
	CONFIG("org_ca 3003020105", "org_ca 300302010", DOC_hex, 17, "org_ca"),
	CONFIG("org_ca 3003020105", "org_ca 3", DOC_hex, 17, "org_ca"),
	CONFIG("org_ca 3003020105", "org_ca 30030201aF", DOC_hex, 17, "org_ca"),
	CONFIG("org_ca 3003020105", "org_ca 30030201ag", DOC_hex, 17, "org_ca"),
	CONFIG("org_ca 3003020105", "org_ca ", DOC_hex, 17, "org_ca"),
	CONFIG("org_ca 3003020105", "org_ca  ", DOC_hex, 17, "org_ca"),
	CONFIG("org_ca 3003020105", "org_ca 3003020105 ", DOC_hex, 17, "org_ca"),
	CONFIG("org_ca 3003020105", "org_ca 3003020105  ", DOC_hex, 17, "org_ca"),
	CONFIG("org_ca 3003020105", "org_ca  3003020105", DOC_hex, 17, "org_ca"),
	CONFIG("org_ca 3003020105", "org_ca  003020105", DOC_hex, 17, "org_ca"),
	CONFIG("org_ca 3003020105", "org_ca 30030 20105", DOC_hex, 17, "org_ca"),
	CONFIG("org_ca 3003020105", "org_ca 0x30", DOC_hex, 17, "org_ca"),
	CONFIG("org_ca 3003020105", "org_ca3003020105", DOC_unknown_key, 17, "org_ca3003020105"),
	CONFIG("org_pin " HEX32, "org_pin " HEX32 "00", DOC_hex, 18, "org_pin"),
	CONFIG("invite " HEX32, "invite " HEX32 "0", DOC_hex, 19, "invite"),
	CONFIG("escrow_key " HEX32, "escrow_key " HEX32 HEX32, DOC_hex, 20, "escrow_key"),
	CONFIG("escrow_key " HEX32, "escrow_key ", DOC_hex, 20, "escrow_key"),
	{ DOC_quote, "attest ff54434780180022000b", "attest", DOC_hex, 9, "attest" },
	{ DOC_quote, "attest ff54434780180022000b", "attest ", DOC_hex, 9, "attest" },
	{ DOC_quote, "signature 0018000b", "signature", DOC_hex, 10, "signature" },
	{ DOC_ticket, "ddeeff\n", "ddeeff00\n", DOC_hex, 10, "share" },
	{ DOC_enrol, "ek 0023000b", "ek", DOC_hex, 6, "ek" },
	{ DOC_enrol, "ek_cert\n", "ek_cert \n", DOC_hex, 7, "ek_cert" },
	{ DOC_enrol, "ak 0023000b00050072", "ak 0023000b0005007", DOC_hex, 8, "ak" },
	{ DOC_enrol, "ddeeff\n", "ddeeff00\n", DOC_hex, 9, "escrow" },
	{ DOC_credential, "blob 0020ff", "blob", DOC_hex, 5, "blob" },
	{ DOC_credential, "secret 0044ff", "secret 0044FF", DOC_hex, 6, "secret" },
	/* names: none to so many lines, none of them empty */
	CONFIG("mirror mirror-1.example", "mirror", DOC_text, 15, "mirror"),
	CONFIG("mirror mirror-1.example", "mirror ", DOC_text, 15, "mirror"),
	CONFIG("mirror mirror-1.example", "mirror  mirror-1.example", DOC_text, 15, "mirror"),
	CONFIG("mirror mirror-1.example", "mirror mirror-1.example ", DOC_text, 15, "mirror"),
	CONFIG("mirror mirror-1.example", "mirror\tmirror-1.example", DOC_byte, 15, ""),
	CONFIG("mirror mirror-1.example", "mirror a\nmirror b\nmirror c\nmirror d", DOC_too_many, 19, "mirror"),
	CONFIG("mirror mirror-1.example", "mirror a\nmirror b\nmirror c\nmirror d\nmirror", DOC_too_many, 19, "mirror"),
	CONFIG("dns 192.0.2.53", "dns a\ndns b\ndns c", DOC_too_many, 30, "dns"),
	CONFIG("dns 192.0.2.53", "dns 0123456789012345678901234567890123456789012345", DOC_text, 27, "dns"),
	/* optional lines have their place too */
	CONFIG("org sally", "mirror early\norg sally", DOC_wrong_order, 14, "mirror"),
	CONFIG("org_pin", "mirror late\norg_pin", DOC_wrong_order, 18, "mirror"),
	CONFIG("offline_max 1000000\n", "offline_max 1000000\nmirror late\n", DOC_wrong_order, 33, "mirror"),
	CONFIG("gateway 192.0.2.1\ndns 192.0.2.53\n", "dns 192.0.2.53\ngateway 192.0.2.1\n", DOC_wrong_order, 26, "dns"),
	CONFIG("dns 2001:db8::53\ndhcp_routes take\n", "dhcp_routes take\ndns 2001:db8::53\n", DOC_wrong_order, 29, "dns"),
	CONFIG("mirror mirror-1.example\n", "mirror a\norg_ca 30\nmirror b\n", DOC_wrong_order, 17, "mirror"),
	/* what must stand, before and behind what may */
	CONFIG("org sally.example:8443\n", "", DOC_missing_key, 14, "org"),
	CONFIG("org_ca 3003020105\n", "", DOC_missing_key, 17, "org_ca"),
	CONFIG("mirror mirror-1.example\nmirror [2001:db8::9]:444/os\norg_ca 3003020105\n", "", DOC_missing_key, 15, "org_ca"),
	CONFIG("gateway 192.0.2.1\n", "", DOC_missing_key, 26, "gateway"),
	CONFIG("dhcp_routes take\n", "", DOC_missing_key, 29, "dhcp_routes"),
	CONFIG("offline_max 1000000\n", "", DOC_missing_key, 32, "offline_max"),
	CONFIG("org_ca 3003020105\n", "org_ca 3003020105\norg_ca 3003020105\n", DOC_repeated_key, 18, "org_ca"),
	CONFIG("org_ca", "org other.example\norg_ca", DOC_repeated_key, 17, "org"),
	REQUEST("hardware Type 7, rev. B\n", "", DOC_missing_key, 9, "hardware"),
	REQUEST("hardware Type 7, rev. B\n" FIRST_HAVE "\n" SECOND_HAVE "\n", "", DOC_missing_key, 9, "hardware"),
	REQUEST("hardware Type 7, rev. B\n" FIRST_HAVE, FIRST_HAVE "\nhardware Type 7, rev. B", DOC_wrong_order, 9, "have"),
	REQUEST(SECOND_HAVE "\n", SECOND_HAVE "\nhardware Type 8\n", DOC_repeated_key, 12, "hardware"),
	REQUEST(FIRST_HAVE, "floor 42\n" FIRST_HAVE, DOC_repeated_key, 10, "floor"),
	REQUEST(SECOND_HAVE "\n", SECOND_HAVE "\nextra\n", DOC_unknown_key, 12, "extra"),
	REQUEST(SECOND_HAVE "\n", SECOND_HAVE "\nsallyport-quote 1\n", DOC_unknown_key, 12, "sallyport-quote"),	/* what follows it */
	/* a line of the inventory: id, version, state, one blank between them */
	REQUEST(FIRST_HAVE, "have", DOC_inventory, 10, "have"),
	REQUEST(FIRST_HAVE, "have ", DOC_inventory, 10, "have"),
	REQUEST(FIRST_HAVE, "have " ID_A, DOC_inventory, 10, "have"),
	REQUEST(FIRST_HAVE, "have " ID_A " 42", DOC_inventory, 10, "have"),
	REQUEST(FIRST_HAVE, "have " ID_A " 42 ", DOC_inventory, 10, "have"),
	REQUEST(FIRST_HAVE, "have " ID_A " healthy", DOC_inventory, 10, "have"),
	REQUEST(FIRST_HAVE, "have " ID_A " healthy 42", DOC_inventory, 10, "have"),
	REQUEST(FIRST_HAVE, "have 42 " ID_A " healthy", DOC_inventory, 10, "have"),
	REQUEST(FIRST_HAVE, "have " ID_A "0 42 healthy", DOC_inventory, 10, "have"),
	REQUEST(FIRST_HAVE, "have " ID_A "00 42 healthy", DOC_inventory, 10, "have"),
	REQUEST(" " ID_A, " 4c" ID_A, DOC_inventory, 10, "have"),
	REQUEST(" 4c1f09be", " 1f09be", DOC_inventory, 10, "have"),
	REQUEST(" 4c1f09be", " c1f09be", DOC_inventory, 10, "have"),
	REQUEST(" 4c1f09be", " 4C1f09be", DOC_inventory, 10, "have"),
	REQUEST(" 4c1f09be", " 4x1f09be", DOC_inventory, 10, "have"),
	REQUEST(" 42 healthy", " 0 healthy", DOC_inventory, 10, "have"),
	REQUEST(" 42 healthy", " 9007199254740992 healthy", DOC_inventory, 10, "have"),
	REQUEST(" 42 healthy", " 18446744073709551658 healthy", DOC_inventory, 10, "have"),	/* 42 mod 2^64 */
	REQUEST(" 42 healthy", " 042 healthy", DOC_inventory, 10, "have"),
	REQUEST(" 42 healthy", " +42 healthy", DOC_inventory, 10, "have"),
	REQUEST(" 42 healthy", " 42 Healthy", DOC_inventory, 10, "have"),
	REQUEST(" 42 healthy", " 42 sick", DOC_inventory, 10, "have"),
	REQUEST(" 42 healthy", " 42 2", DOC_inventory, 10, "have"),
	REQUEST(" 42 healthy", " 42 healthy ", DOC_inventory, 10, "have"),
	REQUEST(" 42 healthy", " 42 healthy new", DOC_inventory, 10, "have"),
	REQUEST(" 42 healthy", " 42  healthy", DOC_inventory, 10, "have"),
	REQUEST(" 42 healthy", "  42 healthy", DOC_inventory, 10, "have"),
	REQUEST("have " ID_A, "have  " ID_A, DOC_inventory, 10, "have"),
	REQUEST("have " ID_B, "have " ID_A, DOC_inventory, 11, "have"),
	REQUEST(SECOND_HAVE, FIRST_HAVE, DOC_inventory, 11, "have"),
	REQUEST(SECOND_HAVE, SECOND_HAVE "\nhave " ID_A " 42 failed", DOC_inventory, 12, "have"),
	/* words and numbers of the new kinds */
	CONFIG("tpm_owner take", "tpm_owner steal", DOC_word, 21, "tpm_owner"),
	CONFIG("dhcp_routes take", "dhcp_routes keep", DOC_word, 29, "dhcp_routes"),
	CONFIG("interface 52:54:00:12:34:56", "interface", DOC_text, 23, "interface"),
	CONFIG("vlan 4094", "vlan 4095", DOC_range, 24, "vlan"),
	CONFIG("link_wait_s 15", "link_wait_s 0", DOC_range, 30, "link_wait_s"),
	CONFIG("link_wait_s 15", "link_wait_s 601", DOC_range, 30, "link_wait_s"),
	CONFIG("net_wait_s 600", "net_wait_s 0", DOC_range, 31, "net_wait_s"),
	CONFIG("net_wait_s 600", "net_wait_s 601", DOC_range, 31, "net_wait_s"),
	CONFIG("offline_max 1000000", "offline_max 1000001", DOC_range, 32, "offline_max"),
	REQUEST("floor 41", "floor 9007199254740992", DOC_range, 5, "floor"),
	REQUEST("offline 3", "offline 1000001", DOC_range, 7, "offline"),
	REQUEST("last_outcome 601", "last_outcome 1000", DOC_range, 8, "last_outcome"),
	REQUEST("share_key " HEX32, "share_key " HEX32 HEX32, DOC_hex, 4, "share_key"),
	{ DOC_ticket, "verdict boot", "verdict Boot", DOC_word, 5, "verdict" },
	{ DOC_ticket, "verdict boot", "verdict", DOC_word, 5, "verdict" },
	{ DOC_ticket, "reason none", "reason healthy", DOC_word, 6, "reason" },
	{ DOC_ticket, "time 1760000001", "time 0", DOC_range, 4, "time" },
	{ DOC_ticket, "offline_max 16", "offline_max 1000001", DOC_range, 9, "offline_max" },
	{ DOC_ticket, "node " NODE16, "node " HEX32, DOC_hex, 2, "node" },
	{ DOC_membership, "reason pending", "reason boot", DOC_word, 5, "reason" },
	{ DOC_membership, "time 1760000002", "time 253402300800", DOC_range, 4, "time" },
	{ DOC_proof, "proof " HEX32, "proof " NODE16, DOC_hex, 4, "proof" },
};

static void
wrong_documents(void **state)
{
	static char text[DOC_MAX];
	struct doc_error error;

	(void)state;
	for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
		const struct wrong *w = &wrongs[i];
		size_t n = replaced(w->kind, w->old, w->put, text);

		if (parse_round(w->kind, text, n, &error) == 0 || error.why != w->why || error.line != w->line || strcmp(error.key, w->key) != 0)
			fail_msg("\"%s\" -> \"%s\": line %u: %s: '%s'", w->old, w->put, error.line, doc_why_text(error.why), error.key);
	}
	print_message("%zu refusals, each with its reason, line and key\n", sizeof wrongs / sizeof wrongs[0]);
}

/* Too long by one, where a table would only show digits. */
static void
too_long(void **state)
{
	static const struct { enum doc_kind kind; const char *old, *key; size_t most; int pairs; enum doc_why why; unsigned line; } tries[] = {
		{ DOC_config, "org_ca 3003020105", "org_ca", 4096, 1, DOC_hex, 17 },
		{ DOC_quote, "attest ff54434780180022000b", "attest", 512, 1, DOC_hex, 9 },
		{ DOC_quote, "signature 0018000b", "signature", 256, 1, DOC_hex, 10 },
		{ DOC_enrol, "ek_cert", "ek_cert", 2048, 1, DOC_hex, 7 },
		{ DOC_credential, "secret 0044ff", "secret", 512, 1, DOC_hex, 6 },
		{ DOC_config, "org sally.example:8443", "org", 255, 0, DOC_text, 14 },
		{ DOC_config, "mirror mirror-1.example", "mirror", 255, 0, DOC_text, 15 },
		{ DOC_config, "hardware Type 7, rev. B", "hardware", 63, 0, DOC_text, 22 },
		{ DOC_config, "gateway 192.0.2.1", "gateway", 45, 0, DOC_text, 26 },
	};
	static char text[DOC_MAX], line[DOC_MAX];
	struct doc_error error;

	(void)state;
	for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++)
		for (size_t over = 0; over <= 1; over++) {
			size_t n = (tries[i].most + over) * (tries[i].pairs ? 2 : 1), at = strlen(tries[i].key) + 1;

			memset(line, 'a', sizeof line);
			memcpy(line, tries[i].key, at - 1);
			line[at - 1] = ' ';
			line[at + n] = '\0';
			assert_int_equal(parse_round(tries[i].kind, text, replaced(tries[i].kind, tries[i].old, line, text), &error),
			    over == 0 ? 0 : -EBADMSG);
			if (over != 0 && (error.why != tries[i].why || error.line != tries[i].line || strcmp(error.key, tries[i].key) != 0))
				fail_msg("%s: line %u: %s: '%s'", tries[i].key, error.line, doc_why_text(error.why), error.key);
		}
}

/* Lines that repeat: as many as there may be, and one more. */
static void
too_many(void **state)
{
	static char text[DOC_MAX];
	struct doc_error error;

	(void)state;
	for (unsigned n = 15; n <= 17; n++) {	/* release keys, threshold and all */
		char lines[17 * 80] = "release_key " KEY_A;
		size_t at = strlen(lines);

		for (unsigned i = 1; i < n; i++) {
			struct minisig_pubkey key = { .keynum = { 0, (uint8_t)i }, .key = { (uint8_t)i } };
			char b64[MINISIG_PUBKEY_TEXT + 1];

			minisig_write_pubkey(&key, b64);
			at += (size_t)snprintf(lines + at, sizeof lines - at, "\nrelease_key %s", b64);
		}
		assert_int_equal(parse_round(DOC_config, text, replaced(DOC_config, "release_key " KEY_A "\nrelease_key " KEY_B, lines, text),
		    &error), n <= 16 ? 0 : -EBADMSG);
	}
	assert_int_equal(error.why, DOC_too_many);
	assert_int_equal(error.line, 27);
	for (unsigned n = 7; n <= 9; n++) {	/* the inventory: as many as a cache has slots */
		char lines[9 * 100];
		size_t at = 0;

		for (unsigned i = 0; i < n; i++)
			at += (size_t)snprintf(lines + at, sizeof lines - at, "%shave %02x%.62s %u new", i == 0 ? "" : "\n", i, &ID_A[2], i + 1);
		assert_int_equal(parse_round(DOC_request, text, replaced(DOC_request, FIRST_HAVE "\n" SECOND_HAVE, lines, text), &error),
		    n <= 8 ? 0 : -EBADMSG);
	}
	assert_int_equal(error.why, DOC_too_many);
	assert_int_equal(error.line, 18);
	assert_string_equal(error.key, "have");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_documents),
		cmocka_unit_test(too_long),
		cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
