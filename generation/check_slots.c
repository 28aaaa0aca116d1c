/*
 * Keyslots, digests and tokens of LUKS2 metadata.  Pure.  In the generation's initramfs.
 * Distrusts all of it: a keyslot with a null cipher opens with any key, a digest of zero bytes fits any volume key.
 */
#include <string.h>

#include "json.h"

enum { BASE64_OF_32 = 44 };	/* characters */

static int
is_base64_of_32(struct json_object *object, const char *key)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *text = json_text(object, key);

	return text != NULL && strlen(text) == BASE64_OF_32 && strspn(text, digits) == BASE64_OF_32 - 1 && text[BASE64_OF_32 - 1] == '=';
}

/* The area in which the encrypted volume key lies. */
static enum persist
check_area(struct luks_check *c, int n, struct json_object *area)
{
	uint64_t at, bytes;

	if (!json_is(area, "encryption", "aes-xts-plain64") || json_int(area, "key_size", VOLUME_KEY_BYTES, VOLUME_KEY_BYTES) < 0)
		return why_set(c->why, PERSIST_keyslot,
		    "%s: keyslot %d is encrypted with %.60s and a key of %.20s bytes; only aes-xts-plain64 and %d are allowed",
		    c->device, n, json_shown(area, "encryption"), json_shown(area, "key_size"), VOLUME_KEY_BYTES);
	if (!json_is(area, "type", "raw") || json_stranger(area, "type offset size encryption key_size") != NULL)
		return why_set(c->why, PERSIST_keyslot,
		    "%s: keyslot %d has an area of type %.40s or with unknown members; only raw is allowed", c->device, n,
		    json_shown(area, "type"));
	if (json_u64(area, "offset", &at) != 0 || json_u64(area, "size", &bytes) != 0 || at < c->areas_at || at > c->data_at ||
	    bytes == 0 || bytes > c->data_at - at)
		return why_set(c->why, PERSIST_keyslot,
		    "%s: keyslot %d has its area at %.30s, %.30s bytes; it must lie between header and data", c->device, n,
		    json_shown(area, "offset"), json_shown(area, "size"));
	return PERSIST_ok;
}

/* *cheap: one of ours.  Others may be a person's recovery passphrase: sound, but not tried. */
static enum persist
check_kdf(struct luks_check *c, int n, struct json_object *kdf, int *cheap)
{
	*cheap = 0;
	if (json_is(kdf, "type", "argon2id") || json_is(kdf, "type", "argon2i"))
		return PERSIST_ok;
	if (!json_is(kdf, "type", "pbkdf2") || !is_base64_of_32(kdf, "salt") || json_stranger(kdf, "type hash iterations salt") != NULL ||
	    (!json_is(kdf, "hash", "sha256") && !json_is(kdf, "hash", "sha512")) || json_int(kdf, "iterations", CHEAP_LEAST, INT32_MAX) < 0)
		return why_set(c->why, PERSIST_keyslot,
		    "%s: keyslot %d derives its key by %.20s, hash %.20s, %.20s iterations; allowed are argon2 and pbkdf2 with sha256 or "
		    "sha512 and at least %d",
		    c->device, n, json_shown(kdf, "type"), json_shown(kdf, "hash"), json_shown(kdf, "iterations"), CHEAP_LEAST);
	*cheap = json_is(kdf, "hash", "sha256") && json_int(kdf, "iterations", CHEAP_LEAST, CHEAP_MOST) > 0;
	return PERSIST_ok;
}

static enum persist
check_keyslot(struct luks_check *c, int n, struct json_object *slot)
{
	struct json_object *af = json_member(slot, "af", json_type_object), *area = json_member(slot, "area", json_type_object);
	struct json_object *kdf = json_member(slot, "kdf", json_type_object);
	enum persist r;
	int cheap;

	if (!json_is(slot, "type", "luks2"))
		return why_set(c->why, PERSIST_keyslot, "%s: keyslot %d is of type %.40s; only luks2 is allowed", c->device, n,
		    json_shown(slot, "type"));
	if (json_int(slot, "key_size", VOLUME_KEY_BYTES, VOLUME_KEY_BYTES) < 0)
		return why_set(c->why, PERSIST_volume_key,
		    "%s: keyslot %d holds a volume key of %.20s bytes; only %d (512 bits) are allowed", c->device, n,
		    json_shown(slot, "key_size"), VOLUME_KEY_BYTES);
	if (json_stranger(slot, "type key_size af area kdf priority") != NULL)
		return why_set(c->why, PERSIST_keyslot, "%s: keyslot %d has a member \"%.40s\", which is not known here", c->device, n,
		    json_stranger(slot, "type key_size af area kdf priority"));
	if (!json_is(af, "type", "luks1") || json_int(af, "stripes", 4000, 4000) < 0 ||
	    (!json_is(af, "hash", "sha256") && !json_is(af, "hash", "sha512")))
		return why_set(c->why, PERSIST_keyslot,
		    "%s: keyslot %d is split by %.20s, %.20s stripes, %.20s; allowed is luks1, 4000, sha256 or sha512",
		    c->device, n, json_shown(af, "type"), json_shown(af, "stripes"), json_shown(af, "hash"));
	if ((r = check_area(c, n, area)) != PERSIST_ok || (r = check_kdf(c, n, kdf, &cheap)) != PERSIST_ok)
		return r;
	c->view.keyslots |= UINT32_C(1) << n;
	if (cheap)
		c->view.cheap |= UINT32_C(1) << n;
	return PERSIST_ok;
}

enum persist
check_keyslots(struct luks_check *c, struct json_object *keyslots)
{
	json_object_object_foreach(keyslots, name, slot) {
		int n = json_slot(name);
		enum persist r;

		if (n < 0)
			return why_set(c->why, PERSIST_keyslot, "%s: a keyslot is called %.40s; 0 to %d are allowed", c->device, name,
			    KEYSLOTS_MAX - 1);
		if ((r = check_keyslot(c, n, slot)) != PERSIST_ok)
			return r;
	}
	return PERSIST_ok;
}

/* One digest ties the volume key to the segment and to every keyslot: no second volume key can hide beside it. */
enum persist
check_digests(struct luks_check *c, struct json_object *digests, struct json_object *keyslots)
{
	struct json_object *d = json_member(digests, "0", json_type_object);
	struct json_object *slots = json_member(d, "keyslots", json_type_array), *segments = json_member(d, "segments", json_type_array);
	int n = json_object_object_length(digests);

	if (n != 1 || d == NULL || slots == NULL || segments == NULL)
		return why_set(c->why, PERSIST_digest, "%s: %d digests; exactly one, number 0, is allowed", c->device, n);
	if (json_object_array_length(segments) != 1 || !json_array_has(segments, "0"))
		return why_set(c->why, PERSIST_digest, "%s: the digest is for segments %.60s; only [\"0\"] is allowed", c->device,
		    json_object_to_json_string(segments));
	if (!json_is(d, "type", "pbkdf2") || !json_is(d, "hash", "sha256") || !is_base64_of_32(d, "salt") ||
	    !is_base64_of_32(d, "digest") || json_int(d, "iterations", CHEAP_LEAST, 10000000) < 0 ||
	    json_stranger(d, "type keyslots segments hash iterations salt digest") != NULL)
		return why_set(c->why, PERSIST_digest,
		    "%s: digest of type %.20s, hash %.20s, %.20s iterations, value %.60s; allowed is pbkdf2, sha256, %d to 10000000, 32 "
		    "bytes",
		    c->device, json_shown(d, "type"), json_shown(d, "hash"), json_shown(d, "iterations"), json_shown(d, "digest"),
		    CHEAP_LEAST);
	json_object_object_foreach(keyslots, name, slot) {
		(void)slot;		/* the macro declares it */
		if (!json_array_has(slots, name))
			return why_set(c->why, PERSIST_keyslot,
			    "%s: keyslot %.10s is not bound to the volume; unbound ones are not allowed", c->device, name);
	}
	return PERSIST_ok;
}

/* Tokens of other types are other people's: they are neither run nor judged.  Ours say which generation a keyslot is for. */
enum persist
check_tokens(struct luks_check *c, struct json_object *tokens)
{
	json_object_object_foreach(tokens, name, token) {
		struct json_object *slots = json_member(token, "keyslots", json_type_array);
		const char *id = json_text(token, "generation");

		if (!json_is(token, "type", "sallyport"))
			continue;
		if (slots == NULL || id == NULL || strlen(id) != ID_HEX || strspn(id, "0123456789abcdef") != ID_HEX)
			return why_set(c->why, PERSIST_metadata,
			    "%s: token %.10s is sallyport's and has no keyslots or no generation of %d hexadecimal digits",
			    c->device, name, ID_HEX);
		for (size_t i = 0; i < json_object_array_length(slots); i++) {
			const char *slot = json_object_get_string(json_object_array_get_idx(slots, i));
			int n = slot != NULL ? json_slot(slot) : -1;

			if (n >= 0)
				memcpy(c->view.tag[n], id, ID_HEX + 1);
		}
	}
	return PERSIST_ok;
}
