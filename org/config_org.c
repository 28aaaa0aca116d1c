/*
 * sallyport-org config: the lines about the organisation, and how a node enrols with it.  On the operator's side.
 * Distrusts files: a secret key in the place of a public one would be sealed into an image.
 */
#include <string.h>

#include <sodium.h>

#include "config.h"
#include "config_options.h"

int
config_text(const char *option, const char *key, const char *arg, char *out, size_t cap_bytes)
{
	size_t n = strlen(arg);
	char allowed[256];
	int good = n < cap_bytes && (n == 0 || (arg[0] != ' ' && arg[n - 1] != ' '));

	for (size_t i = 0; i < n && good; i++)
		good = arg[i] >= ' ' && arg[i] <= '~';
	doc_allowed(DOC_config, key, allowed, sizeof allowed);
	if (!good || n == 0)	/* nothing at all is what the option's absence says */
		return refuse("%s: \"%s\"; allowed: %s%s", option, arg, allowed, n == 0 ? ", and not nothing" : "");
	memcpy(out, arg, n + 1);
	return 0;
}

int
config_word(const char *option, const char *const *words, const char *arg, uint8_t *out)
{
	char allowed[64] = "";

	for (uint8_t i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], arg) == 0) {
			*out = i;
			return 0;
		}
		strncat(allowed, i == 0 ? "" : ", ", sizeof allowed - strlen(allowed) - 1);
		strncat(allowed, words[i], sizeof allowed - strlen(allowed) - 1);
	}
	return refuse("%s: \"%s\"; allowed: %s", option, arg, allowed);
}

/* 64 hexadecimal digits of either case. */
static int
is_hex(const char *text, size_t n, uint8_t out[CONFIG_KEY_BYTES])
{
	size_t got = 0;

	return n == 2 * CONFIG_KEY_BYTES && sodium_hex2bin(out, CONFIG_KEY_BYTES, text, n, NULL, &got, NULL) == 0 && got == CONFIG_KEY_BYTES;
}

/* The digits, or the path of a file that has them in one line. */
static int
take_key(const char *option, const char *arg, uint8_t out[CONFIG_KEY_BYTES], uint32_t *bytes)
{
	struct bytes file = { NULL, 0 };
	int rc;

	if (!is_hex(arg, strlen(arg), out)) {
		rc = file_read(arg, 1, KEY_FILE_MAX, &file);
		if (rc != 0)
			return rc;
		if (file.data[file.len - 1] == '\n')
			file.len--;
		if (!is_hex((const char *)file.data, file.len, out))
			rc = refuse("%s: %s: not one line of 64 hexadecimal digits", option, arg);
		bytes_free(&file);
		if (rc != 0)
			return rc;
	}
	*bytes = CONFIG_KEY_BYTES;
	return 0;
}

/* Nobody can tell a secret half by its bytes; all of ours have this name. */
static int
take_escrow(const char *arg, struct doc_config *config)
{
	size_t n = strlen(arg);

	if (n > 4 && strcmp(arg + n - 4, ".key") == 0)
		return refuse("--escrow-key: %s is the secret half by its name; wanted is the public one, escrow.pub", arg);
	return take_key("--escrow-key", arg, config->escrow_key.at, &config->escrow_key.bytes);
}

static int
take_pin(const char *arg, struct doc_config *config)
{
	if (!is_hex(arg, strlen(arg), config->org_pin.at))
		return refuse("--org-pin: \"%s\"; allowed: 64 hexadecimal digits", arg);
	config->org_pin.bytes = CONFIG_KEY_BYTES;
	return 0;
}

static int
take_mirror(const char *arg, struct doc_config *config)
{
	const uint32_t most = sizeof config->mirror.at / sizeof config->mirror.at[0], n = config->mirror.count;

	if (n >= most)
		return refuse("--mirror: %s: more than %u mirrors", arg, most);
	if (config_text("--mirror", "mirror", arg, config->mirror.at[n], sizeof config->mirror.at[n]) != 0)
		return -1;
	config->mirror.count = n + 1;
	return 0;
}

int
config_org_option(int option, const char *arg, struct doc_config *config)
{
	static const char *const enrols[] = { "none", "local", "org", NULL }, *const releases[] = { "local", "org", NULL },
	    *const owners[] = { "keep", "take", NULL };

	switch (option) {
	case OPT_enrol: return config_word("--enrol", enrols, arg, &config->enrol);
	case OPT_release: return config_word("--release", releases, arg, &config->release);
	case OPT_org: return config_text("--org", "org", arg, config->org, sizeof config->org);
	case OPT_mirror: return take_mirror(arg, config);
	case OPT_org_ca: return config_ca_add(arg, config);
	case OPT_org_pin: return take_pin(arg, config);
	case OPT_invite: return take_key("--invite", arg, config->invite.at, &config->invite.bytes);
	case OPT_escrow_key: return take_escrow(arg, config);
	case OPT_tpm_owner: return config_word("--tpm-owner", owners, arg, &config->tpm_owner);
	case OPT_hardware: return config_text("--hardware", "hardware", arg, config->hardware, sizeof config->hardware);
	default: return 1;
	}
}
