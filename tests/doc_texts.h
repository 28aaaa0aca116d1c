#ifndef TESTS_DOC_TEXTS_H
#define TESTS_DOC_TEXTS_H
/* A good document of every kind. */
#include "doc.h"

#define HEX32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff"
#define KEY_A "RWQBAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJico"
#define KEY_B "RWSBAgMEBQYHCIkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJico"

static const char sample_config[] = "sallyport-config 1\nbuild_time 1760000000\nenrol local\nrelease local\ncache vda1\n"
    "tpm tpm0\nconsole ttyS0\nleast_version 0\nretry_wait_s 30\nthreshold 2\n"
    "release_key " KEY_A "\nrelease_key " KEY_B "\norg_key " KEY_A "\n";
static const char sample_manifest[] = "sallyport-manifest 1\nversion 42\nissued 1760000000\nkernel_size 7000000\nkernel_blake2b " HEX32 "\n"
    "initramfs_size 1073741824\ninitramfs_blake2b " HEX32 "\nunpacked_size 17179869184\nwatchdog 0\ncmdline console=ttyS0 quiet\n";
static const char sample_report[] = "sallyport-report 1\ngeneration " HEX32 "\nversion 9007199254740991\ncause fallback\nslot 7\n"
    "keys_good 3\nkeys_need 2\nnode 000102030405060708090a0b0c0d0eff\nenrolled_now 0\nprevious_key 1\n"
    "pcr4 " HEX32 "\npcr7 " HEX32 "\npcr8 " HEX32
    "\nlast_failure 601\nms_start 1\nms_closed 2\nms_surveyed 3\nms_supplied 4\nms_verified 5\nms_loading 4294967295\n";

static const char sample_challenge[] = "sallyport-challenge 1\nchallenge " HEX32 "\ntime 1760000000\nseconds 60\n";

static const char *const sample[DOC_COUNT] = { [DOC_config] = sample_config, [DOC_manifest] = sample_manifest,
	[DOC_challenge] = sample_challenge, [DOC_report] = sample_report };
#endif
