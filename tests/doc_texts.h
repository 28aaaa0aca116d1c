#ifndef TESTS_DOC_TEXTS_H
#define TESTS_DOC_TEXTS_H
/* A good document of every kind: a kind of doc.def without one does not compile. */
#include "doc.h"

#define NODE16 "000102030405060708090a0b0c0d0eff"
#define HEX32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff"
#define ID_A "4c1f09be2a7d00000000000000000000000000000000000000000000000000aa"
#define ID_B "5d1f09be2a7d00000000000000000000000000000000000000000000000000bb"
#define KEY_A "RWQBAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJico"
#define KEY_B "RWSBAgMEBQYHCIkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJico"

/* The config of a machine without an organisation, from the line org on. */
#define CONFIG_NO_ORG "org\norg_ca\norg_pin\ninvite\nescrow_key\ntpm_owner keep\nhardware\ninterface first\nvlan 0\naddress dhcp\ngateway\n" \
	"dhcp_routes ignore\nlink_wait_s 15\nnet_wait_s 30\noffline_max 16\n"

static const char sample_config[] = "sallyport-config 1\nbuild_time 1760000000\nenrol local\nrelease local\ncache vda1\n"
    "tpm tpm0\nconsole ttyS0\nleast_version 0\nretry_wait_s 30\nthreshold 2\n"
    "release_key " KEY_A "\nrelease_key " KEY_B "\norg_key " KEY_A "\n"
    "org sally.example:8443\nmirror mirror-1.example\nmirror [2001:db8::9]:444/os\norg_ca 3003020105\norg_pin " HEX32 "\ninvite " HEX32 "\n"
    "escrow_key " HEX32 "\ntpm_owner take\nhardware Type 7, rev. B\ninterface 52:54:00:12:34:56\nvlan 4094\naddress 192.0.2.7/24\n"
    "gateway 192.0.2.1\ndns 192.0.2.53\ndns 2001:db8::53\ndhcp_routes take\nlink_wait_s 15\nnet_wait_s 600\noffline_max 1000000\n";
static const char sample_manifest[] = "sallyport-manifest 1\nversion 42\nissued 1760000000\nkernel_size 7000000\nkernel_blake2b " HEX32 "\n"
    "initramfs_size 1073741824\ninitramfs_blake2b " HEX32 "\nunpacked_size 17179869184\nwatchdog 0\ncmdline console=ttyS0 quiet\n";
static const char sample_challenge[] = "sallyport-challenge 1\nchallenge " HEX32 "\ntime 1760000000\nseconds 60\n";
static const char sample_request[] = "sallyport-request 1\nnode " NODE16 "\nchallenge " HEX32 "\nshare_key " HEX32 "\nfloor 41\ntime 1760000000\n"
    "offline 3\nlast_outcome 601\nhardware Type 7, rev. B\nhave " ID_A " 42 healthy\nhave " ID_B " 9007199254740991 new\n";
static const char sample_quote[] = "sallyport-quote 1\npcr0 " HEX32 "\npcr4 " HEX32 "\npcr7 " HEX32 "\npcr8 " HEX32 "\npcr11 " HEX32 "\npcr12 " HEX32
    "\npcr13 " HEX32 "\nattest ff54434780180022000b\nsignature 0018000b\n";
static const char sample_ticket[] = "sallyport-ticket 1\nnode " NODE16 "\nrequest " HEX32 "\ntime 1760000001\nverdict boot\nreason none\n"
    "generation " ID_A "\nfloor 41\noffline_max 16\nshare " HEX32 HEX32 "00112233445566778899aabbccddeeff\n";
static const char sample_enrol[] = "sallyport-enrol 1\nnode " NODE16 "\nchallenge " HEX32 "\ninvite " HEX32 "\nhardware\nek 0023000b\nek_cert\n"
    "ak 0023000b00050072\nescrow " HEX32 HEX32 HEX32 "00112233445566778899aabbccddeeff\n";
static const char sample_credential[] = "sallyport-credential 1\nnode " NODE16 "\nenrol " HEX32 "\ntime 1760000001\nblob 0020ff\nsecret 0044ff\n";
static const char sample_proof[] = "sallyport-proof 1\nnode " NODE16 "\nenrol " HEX32 "\nproof " HEX32 "\n";
static const char sample_membership[] = "sallyport-membership 1\nnode " NODE16 "\nenrol " HEX32 "\ntime 1760000002\nreason pending\n";
static const char sample_report[] = "sallyport-report 1\ngeneration " HEX32 "\nversion 9007199254740991\ncause fallback\nslot 7\n"
    "keys_good 3\nkeys_need 2\nnode " NODE16 "\nenrolled_now 0\nprevious_key 1\n"
    "pcr4 " HEX32 "\npcr7 " HEX32 "\npcr8 " HEX32
    "\nlast_failure 601\nms_start 1\nms_closed 2\nms_surveyed 3\nms_supplied 4\nms_verified 5\nms_loading 4294967295\n";

#define DOC(kind) [DOC_##kind] = sample_##kind,
static const char *const sample[DOC_COUNT] = {
#include "doc.def"
};
#endif
