/*
 * Is this LUKS2 metadata what persist-mount makes, or close enough?  Pure.  In the generation's initramfs.
 * Distrusts all of it.  LUKS2 metadata carry no authentication: the disk's holder can put in a header that takes any key and
 * writes plain text (CVE-2025-59054 and its kin).  So each member is compared with what is allowed; nothing is searched for
 * what is known to be bad, and what is unknown is refused.
 */
#include <inttypes.h>
#include <string.h>

#include "json.h"

static enum persist
check_requirements(struct luks_check *c, struct json_object *config)
{
	struct json_object *requirements, *names;
	const char *what;

	if (!json_object_object_get_ex(config, "requirements", &requirements))
		return PERSIST_ok;
	names = json_member(requirements, "mandatory", json_type_array);
	if (names == NULL || json_stranger(requirements, "mandatory") != NULL)
		return why_set(c->why, PERSIST_requirement, "%s: requirements %.120s; none are allowed", c->device,
		    json_object_to_json_string(requirements));
	if (json_object_array_length(names) == 0)
		return PERSIST_ok;
	what = json_object_to_json_string(names);
	return why_set(c->why, PERSIST_requirement, "%s: the header requires %.120s%s; no requirement is allowed", c->device, what,
	    strstr(what, "reencrypt") != NULL ? " (a reencryption has begun)" : "");
}

static enum persist
check_config(struct luks_check *c, struct json_object *config)
{
	static const char allowed[] = "allow-discards same-cpu-crypt submit-from-crypt-cpus no-read-workqueue no-write-workqueue";
	struct json_object *flags;
	uint64_t json_bytes, areas;
	const char *stranger;

	if ((stranger = json_stranger(config, "json_size keyslots_size flags requirements")) != NULL)
		return why_set(c->why, PERSIST_metadata, "%s: config has \"%.40s\", which is not known here", c->device, stranger);
	if (json_u64(config, "json_size", &json_bytes) != 0 || json_bytes < 4096 || json_bytes > (4 << 20) ||
	    json_u64(config, "keyslots_size", &areas) != 0 || areas > HEADER_BYTES)
		return why_set(c->why, PERSIST_metadata, "%s: json_size %.20s, keyslots_size %.20s; both must fit in front of %d bytes",
		    c->device, json_shown(config, "json_size"), json_shown(config, "keyslots_size"), HEADER_BYTES);
	c->areas_at = 2 * (json_bytes + 4096);		/* two copies, each a 4096-byte binary header and its JSON */
	if (json_object_object_get_ex(config, "flags", &flags)) {
		/* Only what changes nothing about who can read: no-journal and the like belong to dm-integrity. */
		for (size_t i = 0; json_object_is_type(flags, json_type_array) && i < json_object_array_length(flags); i++) {
			const char *flag = json_object_get_string(json_object_array_get_idx(flags, i));

			if (flag == NULL || !json_listed(allowed, flag))
				return why_set(c->why, PERSIST_metadata, "%s: persistent flag %.40s; allowed are %s", c->device,
				    flag != NULL ? flag : "null", allowed);
		}
		if (!json_object_is_type(flags, json_type_array))
			return why_set(c->why, PERSIST_metadata, "%s: config's flags are no array", c->device);
	}
	return PERSIST_ok;
}

static enum persist
check_segments(struct luks_check *c, struct json_object *segments)
{
	struct json_object *s = json_member(segments, "0", json_type_object);
	int n = json_object_object_length(segments);
	const char *stranger;

	if (n != 1 || s == NULL)
		return why_set(c->why, PERSIST_segment, "%s: %d segments%s; exactly one, number 0, is allowed", c->device, n,
		    n == 1 ? " of another number" : "");
	if (!json_is(s, "type", "crypt"))
		return why_set(
		    c->why, PERSIST_segment, "%s: segment of type %.40s; only crypt is allowed", c->device, json_shown(s, "type"));
	if (!json_is(s, "encryption", "aes-xts-plain64"))
		return why_set(c->why, PERSIST_cipher, "%s: the data's cipher is %.60s; only aes-xts-plain64 is allowed", c->device,
		    json_shown(s, "encryption"));
	if ((stranger = json_stranger(s, "type offset size iv_tweak encryption sector_size")) != NULL)
		return why_set(c->why, PERSIST_segment, "%s: the segment has \"%.40s\", which is not allowed", c->device, stranger);
	if (!json_is(s, "size", "dynamic") || !json_is(s, "iv_tweak", "0"))
		return why_set(c->why, PERSIST_segment, "%s: segment of size %.30s with iv_tweak %.30s; only dynamic and 0 are allowed",
		    c->device, json_shown(s, "size"), json_shown(s, "iv_tweak"));
	if (json_int(s, "sector_size", 512, 512) < 0 && json_int(s, "sector_size", 4096, 4096) < 0)
		return why_set(c->why, PERSIST_segment, "%s: sector size %.30s; only 512 and 4096 are allowed", c->device,
		    json_shown(s, "sector_size"));
	/* What lies before the data was copied; data inside the header would let a write to the volume forge one. */
	if (json_u64(s, "offset", &c->data_at) != 0 || c->data_at % 4096 != 0 || c->data_at <= c->areas_at || c->data_at > HEADER_BYTES ||
	    c->data_at >= c->device_bytes)
		return why_set(c->why, PERSIST_segment,
		    "%s: the data begin at %.30s; allowed is a multiple of 4096 above %" PRIu64 " up to %d", c->device,
		    json_shown(s, "offset"), c->areas_at, HEADER_BYTES);
	return PERSIST_ok;
}

static enum persist
check_all(struct luks_check *c, struct json_object *root)
{
	struct json_object *config = json_member(root, "config", json_type_object);
	struct json_object *segments = json_member(root, "segments", json_type_object);
	struct json_object *keyslots = json_member(root, "keyslots", json_type_object);
	struct json_object *digests = json_member(root, "digests", json_type_object);
	struct json_object *tokens = json_member(root, "tokens", json_type_object);
	const char *stranger;
	enum persist r;

	if (config == NULL || segments == NULL || keyslots == NULL || digests == NULL || tokens == NULL)
		return why_set(c->why, PERSIST_metadata, "%s: the metadata lack config, segments, keyslots, digests or tokens", c->device);
	if ((stranger = json_stranger(root, "config segments keyslots digests tokens")) != NULL)
		return why_set(c->why, PERSIST_metadata, "%s: the metadata have \"%.40s\", which is not known here", c->device, stranger);
	/* A reencryption shows in all of them: say its name first. */
	if ((r = check_requirements(c, config)) != PERSIST_ok || (r = check_config(c, config)) != PERSIST_ok ||
	    (r = check_segments(c, segments)) != PERSIST_ok || (r = check_keyslots(c, keyslots)) != PERSIST_ok ||
	    (r = check_digests(c, digests, keyslots)) != PERSIST_ok)
		return r;
	return check_tokens(c, tokens);
}

enum persist
luks_check(const char *json, const char *uuid, const char *pinned, const char *device, uint64_t device_bytes, struct luks_view *out,
    struct why *why)
{
	struct luks_check c = { .device = device, .device_bytes = device_bytes, .why = why };
	struct json_object *root = json_tokener_parse(json);
	enum persist r;

	if (!json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		return why_set(why, PERSIST_metadata, "%s: the metadata are no JSON object", device);
	}
	if (pinned != NULL && (uuid == NULL || strcmp(uuid, pinned) != 0))
		r = why_set(why, PERSIST_uuid, "%s has UUID %.40s; only %s is allowed", device, uuid != NULL ? uuid : "none", pinned);
	else
		r = check_all(&c, root);
	json_object_put(root);
	if (r == PERSIST_ok)
		*out = c.view;
	return r;
}
