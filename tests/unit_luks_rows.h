/*
 * What the holder of a disk may write into LUKS2 metadata, and what persist-mount must say: a row per forgery.  Included by
 * unit_luks.c.  ROW(name, code of luks_check(), exit status of the program, word of its text, edits...)
 * The two differ where libcryptsetup itself refuses the header first (22): both walls are held to.
 */
#define UP "{\"mandatory\":[\"online-reencrypt-v2\"]}"
#define B64 "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\""
#define SLOT1(type, more) "{\"type\":\"" type "\",\"key_size\":64,\"af\":{\"type\":\"luks1\",\"stripes\":4000,\"hash\":\"sha256\"}," \
	"\"area\":{\"type\":\"raw\",\"offset\":\"290816\",\"size\":\"258048\",\"encryption\":\"aes-xts-plain64\",\"key_size\":64}," \
	"\"kdf\":{\"type\":\"pbkdf2\",\"hash\":\"sha256\",\"iterations\":1000,\"salt\":" B64 "}" more "}"
#define SEGMENT1 "{\"type\":\"crypt\",\"offset\":\"33554432\",\"size\":\"dynamic\",\"iv_tweak\":\"32768\"," \
	"\"encryption\":\"aes-xts-plain64\",\"sector_size\":512}"
#define ID "\"abababababababababababababababababababababababababababababababab\""

/* Positive twins first: rewritten and checksummed by the same hand, these open. */
ROW(unchanged,             ok, 0, "opened with keyslot 0", { NULL, NULL })
ROW(sector_4096,           ok, 0, "opened", { "/segments/0/sector_size", "4096" })
ROW(flag_discards,         ok, 0, "opened", { "/config/flags", "[\"allow-discards\"]" })
ROW(priority,              ok, 0, "opened", { "/keyslots/0/priority", "2" })
ROW(requirements_empty,    ok, 0, "opened", { "/config/requirements", "{\"mandatory\":[]}" })
ROW(foreign_token,         ok, 0, "no token", { "/tokens/0", "{\"type\":\"systemd-tpm2\",\"keyslots\":[\"0\"]}" })
ROW(second_keyslot,        ok, 0, "opened with keyslot 0", { "/keyslots/1", SLOT1("luks2", "") },
    { "/digests/0/keyslots", "[\"0\",\"1\"]" })
ROW(argon_beside,          ok, 0, "opened with keyslot 0", { "/keyslots/1", SLOT1("luks2", "") },
    { "/digests/0/keyslots", "[\"0\",\"1\"]" },
    { "/keyslots/1/kdf", "{\"type\":\"argon2id\",\"time\":4,\"memory\":1048576,\"cpus\":4,\"salt\":" B64 "}" })

/* Null ciphers. */
ROW(keyslot_null,          keyslot, 28, "cipher_null-ecb", { "/keyslots/0/area/encryption", "\"cipher_null-ecb\"" })
ROW(keyslot_null_plain,    keyslot, 28, "cipher_null", { "/keyslots/0/area/encryption", "\"cipher_null\"" })
ROW(keyslot_null_second,   keyslot, 28, "keyslot 1", { "/keyslots/1", SLOT1("luks2", "") }, { "/digests/0/keyslots", "[\"0\",\"1\"]" },
    { "/keyslots/1/area/encryption", "\"cipher_null-ecb\"" })
ROW(keyslot_null_unbound,  keyslot, 22, "LUKS2", { "/keyslots/1", SLOT1("luks2", "") }, { "/keyslots/1/area/encryption", "\"null\"" })
ROW(segment_null,          cipher, 26, "cipher_null-ecb", { "/segments/0/encryption", "\"cipher_null-ecb\"" })
ROW(segment_null_plain,    cipher, 26, "null", { "/segments/0/encryption", "\"null\"" })
ROW(segment_cbc,           cipher, 26, "aes-cbc-essiv:sha256", { "/segments/0/encryption", "\"aes-cbc-essiv:sha256\"" })
ROW(segment_serpent,       cipher, 26, "serpent-xts-plain64", { "/segments/0/encryption", "\"serpent-xts-plain64\"" })
ROW(segment_plain_iv,      cipher, 26, "aes-xts-plain", { "/segments/0/encryption", "\"aes-xts-plain\"" })
ROW(segment_escape,        cipher, 26, "a?[2J", { "/segments/0/encryption", "\"a\\u001b[2J\"" })
ROW(keyslot_other_cipher,  keyslot, 28, "aes-cbc-plain", { "/keyslots/0/area/encryption", "\"aes-cbc-plain\"" })
ROW(keyslot_area_key,      keyslot, 28, "32 bytes", { "/keyslots/0/area/key_size", "32" })

/* Segments. */
ROW(segment_extra,         segment, 22, "LUKS2", { "/segments/1", SEGMENT1 })
ROW(segment_extra_split,   segment, 25, "2 segments", { "/segments/1", SEGMENT1 }, { "/segments/0/size", "\"16777216\"" },
    { "/digests/0/segments", "[\"0\",\"1\"]" })
ROW(segment_extra_backup,  segment, 22, "LUKS2", { "/segments/1", "{\"type\":\"crypt\",\"offset\":\"16777216\",\"size\":\"dynamic\","
    "\"iv_tweak\":\"0\",\"encryption\":\"aes-xts-plain64\",\"sector_size\":512,\"flags\":[\"backup-final\"]}" })
ROW(segment_other_number,  segment, 22, "LUKS2", { "/segments/0", NULL }, { "/segments/1", SEGMENT1 }, { "/digests/0/segments", "[\"1\"]" })
ROW(segment_linear,        segment, 25, "linear", { "/segments/0/type", "\"linear\"" })
ROW(segment_size,          segment, 25, "33554432", { "/segments/0/size", "\"33554432\"" })
ROW(segment_iv_tweak,      segment, 25, "iv_tweak 8", { "/segments/0/iv_tweak", "\"8\"" })
ROW(segment_sector_1024,   segment, 25, "1024", { "/segments/0/sector_size", "1024" })
ROW(segment_sector_513,    segment, 22, "LUKS2", { "/segments/0/sector_size", "513" })
ROW(segment_offset_far,    segment, 25, "33554432", { "/segments/0/offset", "\"33554432\"" })
ROW(segment_offset_odd,    segment, 25, "16773632", { "/segments/0/offset", "\"16773632\"" }, { "/config/keyslots_size", "\"8388608\"" })
ROW(segment_offset_header, segment, 22, "LUKS2", { "/segments/0/offset", "\"4096\"" })
ROW(segment_integrity,     segment, 25, "integrity", { "/segments/0/integrity",
    "{\"type\":\"hmac(sha256)\",\"journal_encryption\":\"none\",\"journal_integrity\":\"none\"}" })
ROW(segment_flag,          segment, 25, "flags", { "/segments/0/flags", "[\"in-reencryption\"]" })

/* Requirements and reencryption. */
ROW(reencrypt_online,      requirement, 22, "LUKS2", { "/config/requirements", UP })
ROW(reencrypt_offline,     requirement, 29, "reencryption has begun", { "/config/requirements", "{\"mandatory\":[\"offline-reencrypt\"]}" })
ROW(reencrypt_old,         requirement, 22, "LUKS2", { "/config/requirements", "{\"mandatory\":[\"online-reencrypt\"]}" })
ROW(requirement_unknown,   requirement, 29, "frobnicate", { "/config/requirements", "{\"mandatory\":[\"frobnicate\"]}" })
ROW(requirement_optional,  requirement, 29, "frobnicate", { "/config/requirements", "{\"optional\":[\"frobnicate\"]}" })
ROW(reencrypt_keyslot,     keyslot, 22, "LUKS2", { "/keyslots/1", "{\"type\":\"reencrypt\",\"key_size\":1,\"mode\":\"reencrypt\","
    "\"direction\":\"forward\",\"area\":{\"type\":\"none\",\"offset\":\"290816\",\"size\":\"258048\"}}" })
ROW(reencrypt_whole,       requirement, 22, "LUKS2", { "/config/requirements", UP },
    { "/keyslots/1", "{\"type\":\"reencrypt\",\"key_size\":1,\"mode\":\"reencrypt\",\"direction\":\"forward\","
    "\"area\":{\"type\":\"none\",\"offset\":\"290816\",\"size\":\"258048\"}}" })

/* Keyslots. */
ROW(keyslot_type,          keyslot, 28, "luks3", { "/keyslots/0/type", "\"luks3\"" })
ROW(keyslot_member,        keyslot, 28, "extra", { "/keyslots/0/extra", "1" })
ROW(volume_key_256,        volume_key, 27, "32 bytes", { "/keyslots/0/key_size", "32" })
ROW(volume_key_1,          volume_key, 27, "1 bytes", { "/keyslots/0/key_size", "1" })
ROW(kdf_zero,              keyslot, 28, "0 iterations", { "/keyslots/0/kdf/iterations", "0" })
ROW(kdf_few,               keyslot, 28, "999 iterations", { "/keyslots/0/kdf/iterations", "999" })
ROW(kdf_hash,              keyslot, 28, "hash md5", { "/keyslots/0/kdf/hash", "\"md5\"" })
ROW(kdf_dear,              ok, 12, "none of 0 keyslots", { "/keyslots/0/kdf/iterations", "100001" })
ROW(af_stripes,            keyslot, 28, "1 stripes", { "/keyslots/0/af/stripes", "1" })
ROW(area_outside,          keyslot, 22, "LUKS2", { "/keyslots/0/area/offset", "\"16777216\"" })
ROW(area_in_header,        keyslot, 22, "LUKS2", { "/keyslots/0/area/offset", "\"4096\"" })
ROW(keyslot_unbound,       keyslot, 22, "LUKS2", { "/keyslots/1", SLOT1("luks2", "") })

/* Digests, tokens, the rest. */
ROW(digest_empty,          digest, 31, "value ;", { "/digests/0/digest", "\"\"" })
ROW(digest_short,          digest, 31, "value AAAA", { "/digests/0/digest", "\"AAAA\"" })
ROW(digest_other,          ok, 12, "none of 1 keyslots", { "/digests/0/digest", B64 })
ROW(digest_hash,           digest, 31, "hash sha1", { "/digests/0/hash", "\"sha1\"" })
ROW(digest_iterations,     digest, 31, "0 iterations", { "/digests/0/iterations", "0" })
ROW(digest_second,         digest, 31, "2 digests", { "/digests/1", "{\"type\":\"pbkdf2\",\"keyslots\":[],\"segments\":[],"
    "\"hash\":\"sha256\",\"iterations\":1000,\"salt\":" B64 ",\"digest\":" B64 "}" })
ROW(digest_of_unbound,     digest, 31, "2 digests", { "/keyslots/1", SLOT1("luks2", "") }, { "/digests/1", "{\"type\":\"pbkdf2\","
    "\"keyslots\":[\"1\"],\"segments\":[],\"hash\":\"sha256\",\"iterations\":1000,\"salt\":" B64 ",\"digest\":" B64 "}" })
ROW(digest_no_segment,     digest, 22, "LUKS2", { "/digests/0/segments", "[]" })
ROW(token_no_id,           metadata, 32, "token 0", { "/tokens/0", "{\"type\":\"sallyport\",\"keyslots\":[\"0\"]}" })
ROW(token_bad_id,          metadata, 32, "token 0", { "/tokens/0",
    "{\"type\":\"sallyport\",\"keyslots\":[\"0\"],\"generation\":\"../x\"}" })
ROW(token_ours,            ok, 0, "token abababababab", { "/tokens/0",
    "{\"type\":\"sallyport\",\"keyslots\":[\"0\"],\"generation\":" ID "}" })
ROW(flag_unknown,          metadata, 32, "no-journal", { "/config/flags", "[\"no-journal\"]" })
ROW(flag_part,             metadata, 32, "flag allow", { "/config/flags", "[\"allow\"]" })
ROW(config_member,         metadata, 32, "extra", { "/config/extra", "1" })
ROW(top_member,            metadata, 32, "extra", { "/extra", "{}" })
ROW(no_tokens,             metadata, 22, "LUKS2", { "/tokens", NULL })
ROW(no_keyslots_size,      metadata, 22, "LUKS2", { "/config/keyslots_size", NULL })
#undef UP
#undef B64
#undef SLOT1
#undef SEGMENT1
#undef ID
#undef ROW
