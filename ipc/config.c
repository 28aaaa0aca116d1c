/*
 * What must hold together in a config: config_check().  Stands on both sides: where configs are made and where they are read, so that an
 * operator hears on his own machine what a node would stop at.  Distrusts whoever wrote the lines; each is in its range already.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "config.h"

enum { ADDRESS = 16, V4_BITS = 32, V6_BITS = 128, NAME_MAX_BYTES = 15, MAC_TEXT = 17 };

struct address {
	uint8_t at[ADDRESS];	/* 4 or 16 bytes of it */
	unsigned bits;		/* V4_BITS or V6_BITS */
};

/* Why a key is wrong; why NULL: it is not. */
struct found {
	const char *key, *why;
};

static struct found
wrong(const char *key, const char *why)
{
	return (struct found){ key, why };
}

static const struct found good = { NULL, NULL };

static int
all_zero(const uint8_t *at, size_t n)
{
	while (n > 0 && at[n - 1] == 0)
		n--;
	return n == 0;
}

/* --- addresses ------------------------------------------------------------------------------------------------------------------ */

/* One host's: not "any", not loopback, not multicast, not broadcast; of IPv6 none that stands for one of IPv4. */
static int
is_host(const struct address *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (a->bits == V4_BITS)
		return a->at[0] != 0 && a->at[0] != 127 && a->at[0] < 224;
	return a->at[0] != 0xff && !(all_zero(a->at, ADDRESS - 1) && a->at[ADDRESS - 1] <= 1) && memcmp(a->at, mapped, sizeof mapped) != 0;
}

static int
get_host(const char *text, struct address *out)
{
	memset(out, 0, sizeof *out);
	out->bits = V4_BITS;
	if (inet_pton(AF_INET, text, out->at) != 1) {
		out->bits = V6_BITS;
		if (inet_pton(AF_INET6, text, out->at) != 1)
			return -EINVAL;
	}
	return is_host(out) ? 0 : -EINVAL;
}

/* ADDRESS/PREFIX, the prefix 1 and up: one of 0 would make the whole world a neighbour. */
static int
get_own(const char *text, struct address *out, unsigned *prefix)
{
	const char *slash = strchr(text, '/'), *s;
	char address[INET6_ADDRSTRLEN];
	unsigned n = 0;

	if (slash == NULL || (size_t)(slash - text) >= sizeof address)
		return -EINVAL;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (get_host(address, out) != 0 || slash[1] == '0')
		return -EINVAL;
	for (s = slash + 1; *s >= '0' && *s <= '9' && n <= V6_BITS; s++)
		n = 10 * n + (unsigned)(*s - '0');
	if (*s != '\0' || n < 1 || n > out->bits)
		return -EINVAL;
	*prefix = n;
	return 0;
}

static unsigned
bit(const struct address *a, unsigned i)
{
	return a->at[i / 8] >> (7 - i % 8) & 1u;
}

static int
same_bits(const struct address *a, const struct address *b, unsigned prefix)
{
	for (unsigned i = 0; i < prefix; i++)
		if (bit(a, i) != bit(b, i))
			return 0;
	return a->bits == b->bits;
}

/* All bits behind the prefix 0, or all 1: in IPv4 the network itself and all of it, but for the two smallest (RFC 3021). */
static int
is_whole_network(const struct address *a, unsigned prefix)
{
	unsigned ones = 0;

	for (unsigned i = prefix; i < a->bits; i++)
		ones += bit(a, i);
	return a->bits == V4_BITS && prefix <= 30 && (ones == 0 || ones == a->bits - prefix);
}

static struct found
check_gateway(const char *text, const struct address *own, unsigned prefix)
{
	struct address gateway;

	if (get_host(text, &gateway) != 0)
		return wrong("gateway", "no address of a host");
	if (gateway.bits != own->bits)
		return wrong("gateway", "address is IPv4 and it is IPv6, or the other way round");
	if (same_bits(&gateway, own, own->bits))
		return wrong("gateway", "the node's own address");
	/* fe80::/10 is within reach on every link */
	if (!same_bits(&gateway, own, prefix) && (gateway.bits == V4_BITS || gateway.at[0] != 0xfe || (gateway.at[1] & 0xc0) != 0x80))
		return wrong("gateway", "out of reach: it is not in the network of address");
	return is_whole_network(&gateway, prefix) ? wrong("gateway", "the network's own address, or its broadcast address") : good;
}

static struct found
check_address(const struct doc_config *c)
{
	const int dhcp = strcmp(c->address, "dhcp") == 0, ra = strcmp(c->address, "ra") == 0;
	struct address own;
	unsigned prefix;

	if (c->dhcp_routes == ROUTES_take && !dhcp)
		return wrong("dhcp_routes", "take wants address dhcp");
	if (dhcp || ra)
		return c->gateway[0] != '\0' ? wrong("gateway", "wants ADDRESS/PREFIX in the line address") : good;
	if (get_own(c->address, &own, &prefix) != 0)
		return wrong("address", "neither dhcp nor ra nor a host's ADDRESS/PREFIX");
	if (is_whole_network(&own, prefix))
		return wrong("address", "the network's own address, or its broadcast address");
	return c->gateway[0] != '\0' ? check_gateway(c->gateway, &own, prefix) : good;
}

static struct found
check_dns(const struct doc_config *c)
{
	struct address server[sizeof c->dns.at / sizeof c->dns.at[0]];
	int name = 0, any = 0;

	for (uint32_t i = 0; i < c->dns.count; i++) {
		if (get_host(c->dns.at[i], &server[i]) != 0)
			return wrong("dns", "no address of a host");
		for (uint32_t k = 0; k < i; k++)
			if (same_bits(&server[i], &server[k], server[i].bits))
				return wrong("dns", "the same server twice");
	}
	if (c->dns.count > 0 || strcmp(c->address, "dhcp") == 0)
		return good;
	if (c->org[0] != '\0' && config_host(c->org, 0, &name) == 0)
		any |= name;
	for (uint32_t i = 0; i < c->mirror.count; i++)
		if (config_host(c->mirror.at[i], 1, &name) == 0)
			any |= name;
	return any ? wrong("dns", "wanted: org or a mirror is a name, and only DHCP brings name servers") : good;
}

/* --- interfaces ----------------------------------------------------------------------------------------------------------------- */

/* 52:54:00:12:34:56: lower case, one machine's, not zero. */
static int
is_mac(const char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < MAC_TEXT; i++)
		if (i % 3 == 2 ? text[i] != ':' : text[i] == '\0' || strchr(digits, text[i]) == NULL)
			return 0;
	/* the lowest bit of the first byte says that it is a group's */
	return text[MAC_TEXT] == '\0' && (strchr(digits, text[1]) - digits) % 2 == 0 && strspn(text, "0:") != MAC_TEXT;
}

static struct found
check_interface(const struct doc_config *c)
{
	const size_t n = strlen(c->interface);
	size_t vlan_digits = 0;

	for (uint64_t v = c->vlan; v > 0; v /= 10)
		vlan_digits++;
	if (strcmp(c->interface, "first") == 0)
		return c->vlan != 0 ? wrong("vlan", "wants an interface by its name or MAC address") : good;
	if (is_mac(c->interface))
		return good;
	/* as the kernel takes names */
	if (n == 0 || n > NAME_MAX_BYTES || c->interface[0] == '.' || strpbrk(c->interface, " /:") != NULL)
		return wrong("interface", "neither first, nor one machine's MAC address in lower case, nor a name of at most 15 characters "
		    "without '/', ':' and blank");
	if (c->vlan != 0 && n + 1 + vlan_digits > NAME_MAX_BYTES)
		return wrong("vlan", "NAME.VLAN would have more than 15 characters: state the interface by its MAC address");
	return good;
}

/* --- the organisation ----------------------------------------------------------------------------------------------------------- */

static struct found
check_keys(const struct doc_config *c)
{
	if (c->threshold > c->release_key.count)
		return wrong("threshold", "more than there are release keys");
	for (uint32_t i = 0; i < c->release_key.count; i++)
		if (memcmp(c->release_key.key[i].key, c->org_key.key[0].key, sizeof c->org_key.key[0].key) == 0)
			return wrong("org_key", "a release key too: the org's service must not be able to sign generations");
	if (c->org_pin.bytes != 0 && c->org_pin.bytes != CONFIG_KEY_BYTES)
		return wrong("org_pin", "neither empty nor 32 bytes");
	if (c->invite.bytes != 0 && c->invite.bytes != CONFIG_KEY_BYTES)
		return wrong("invite", "neither empty nor 32 bytes");
	if (c->escrow_key.bytes != 0 && c->escrow_key.bytes != CONFIG_KEY_BYTES)
		return wrong("escrow_key", "neither empty nor 32 bytes");
	if (c->escrow_key.bytes != 0 && all_zero(c->escrow_key.at, CONFIG_KEY_BYTES))
		return wrong("escrow_key", "all zero: nobody could open what is sealed to it");
	return good;
}

static struct found
check_certificates(const struct doc_config *c)
{
	size_t at = 0, n;

	for (; at < c->org_ca.bytes; at += n) {
		n = config_der(c->org_ca.at + at, c->org_ca.bytes - at);
		if (n == 0)
			return wrong("org_ca", "not DER certificates, one behind the other");
	}
	return good;
}

/* What wants an organisation, and what the organisation wants. */
static struct found
check_org(const struct doc_config *c)
{
	const int org = c->org[0] != '\0';
	int name;

	if (org && config_host(c->org, 0, &name) != 0)
		return wrong("org", "no HOST or HOST:PORT; an IPv6 address stands in brackets");
	for (uint32_t i = 0; i < c->mirror.count; i++)
		if (config_host(c->mirror.at[i], 1, &name) != 0)
			return wrong("mirror", "no HOST[:PORT][/PATH]; an IPv6 address stands in brackets, a path does not end in '/'");
	if (org && c->org_ca.bytes == 0)
		return wrong("org_ca", "org wants its CA");
	if (!org) {
		if (c->enrol == ENROL_org)
			return wrong("enrol", "org wants the line org");
		if (c->release == RELEASE_org)
			return wrong("release", "org wants the line org");
		if (c->mirror.count > 0)
			return wrong("mirror", "wants the line org");
		if (c->org_ca.bytes > 0)
			return wrong("org_ca", "wants the line org");
		if (c->org_pin.bytes > 0)
			return wrong("org_pin", "wants the line org");
	}
	if (org && c->enrol == ENROL_local)
		return wrong("enrol", "local is for machines without an organisation: the org would not know this one");
	return good;
}

static struct found
check_enrolment(const struct doc_config *c)
{
	if (c->invite.bytes > 0 && c->enrol != ENROL_org)
		return wrong("invite", "wants enrol org");
	if (c->tpm_owner == OWNER_take && c->enrol != ENROL_org)
		return wrong("tpm_owner", "take wants enrol org: the authorisations are escrowed with the org");
	if (c->tpm_owner == OWNER_take && c->escrow_key.bytes == 0)
		return wrong("escrow_key", "tpm_owner take wants one, or the authorisations would be lost");
	if (c->tpm_owner != OWNER_take && c->escrow_key.bytes > 0)
		return wrong("escrow_key", "wants tpm_owner take: nothing is sealed to it");
	return good;
}

int
config_check(const struct doc_config *c, const char **key, const char **why)
{
	static struct found (*const checks[])(const struct doc_config *) = { check_keys, check_org, check_certificates, check_enrolment,
		check_interface, check_address, check_dns };

	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
		struct found found = checks[i](c);

		if (found.why != NULL) {
			*key = found.key;
			*why = found.why;
			return -EINVAL;
		}
	}
	return 0;
}
