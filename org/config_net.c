/*
 * sallyport-org config: the lines about the network, and how long a node waits for it.  On the operator's side.
 * Distrusts the operator's fingers: what the target would refuse is refused here; what must fit together is config_check()'s.
 */
#include <string.h>

#include "config.h"
#include "config_options.h"

/* A MAC address is written in one way alone. */
static int
take_interface(const char *arg, struct doc_config *config)
{
	int rc = config_text("--interface", "interface", arg, config->interface, sizeof config->interface);

	if (rc == 0 && strchr(config->interface, ':') != NULL)
		for (char *c = config->interface; *c != '\0'; c++)
			if (*c >= 'A' && *c <= 'F')
				*c = (char)(*c - 'A' + 'a');
	return rc;
}

static int
take_dns(const char *arg, struct doc_config *config)
{
	const uint32_t most = sizeof config->dns.at / sizeof config->dns.at[0], n = config->dns.count;

	if (n >= most)
		return refuse("--dns: %s: more than %u servers", arg, most);
	if (config_text("--dns", "dns", arg, config->dns.at[n], sizeof config->dns.at[n]) != 0)
		return -1;
	config->dns.count = n + 1;
	return 0;
}

int
config_net_option(int option, const char *arg, struct doc_config *config)
{
	static const char *const routes[] = { "ignore", "take", NULL };

	switch (option) {
	case OPT_interface: return take_interface(arg, config);
	case OPT_vlan: return parse_number("--vlan", arg, 0, 4094, &config->vlan);
	case OPT_address: return config_text("--address", "address", arg, config->address, sizeof config->address);
	case OPT_gateway: return config_text("--gateway", "gateway", arg, config->gateway, sizeof config->gateway);
	case OPT_dns: return take_dns(arg, config);
	case OPT_dhcp_routes: return config_word("--dhcp-routes", routes, arg, &config->dhcp_routes);
	case OPT_link_wait: return parse_number("--link-wait", arg, 1, 600, &config->link_wait_s);
	case OPT_net_wait: return parse_number("--net-wait", arg, 1, 600, &config->net_wait_s);
	case OPT_offline_max: return parse_number("--offline-max", arg, 0, 1000000, &config->offline_max);
	default: return 1;
	}
}
