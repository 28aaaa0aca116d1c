#ifndef ORG_CONFIG_OPTIONS_H
#define ORG_CONFIG_OPTIONS_H
/* What the files of sallyport-org config share: options, each of which sets a line of the document. */
#include "org.h"

/* What getopt_long(3) returns for them; config_org.c takes those of the organisation, config_net.c those of the network. */
enum config_option { OPT_enrol = 256, OPT_release, OPT_org, OPT_mirror, OPT_org_ca, OPT_org_pin, OPT_invite, OPT_escrow_key, OPT_tpm_owner,
	OPT_hardware, OPT_interface, OPT_vlan, OPT_address, OPT_gateway, OPT_dns, OPT_dhcp_routes, OPT_link_wait, OPT_net_wait,
	OPT_offline_max };

/* 0, or negative and the reason is on stderr; 1: it is another's option. */
int config_org_option(int option, const char *arg, struct doc_config *config);
int config_net_option(int option, const char *arg, struct doc_config *config);

/* The certificates of a file, DER or PEM, behind those that are there. */
int config_ca_add(const char *path, struct doc_config *config);

/* A text of the line key, as doc.def wants it; one of words[], which NULL ends, by its place. */
int config_text(const char *option, const char *key, const char *arg, char *out, size_t cap_bytes);
int config_word(const char *option, const char *const *words, const char *arg, uint8_t *out);
#endif
