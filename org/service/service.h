#ifndef ORG_SERVICE_SERVICE_H
#define ORG_SERVICE_SERVICE_H
/*
 * The service's folder, as init makes it:
 *   ca.crt ca.key        the TLS CA; serve never reads the key
 *   server.crt server.key
 *   org.pub org.key      what the service signs with
 *   escrow.pub           whom nodes seal their TPM's authorisations to; into their config
 *   escrow.key           opens them: serve never reads it
 *   service.db           the store
 *   generations/ID/      what is served; ID is 64 hexadecimal digits
 *   withdrawn/ID/        what is not any more
 */
#include "gen.h"
#include "registry.h"

#define SERVICE_ca_cert "ca.crt"
#define SERVICE_ca_key "ca.key"
#define SERVICE_cert "server.crt"
#define SERVICE_key "server.key"
#define SERVICE_org_public "org.pub"
#define SERVICE_org_key "org.key"
#define SERVICE_escrow_public "escrow.pub"
#define SERVICE_escrow_key "escrow.key"
#define SERVICE_store "service.db"
#define SERVICE_generations "generations"
#define SERVICE_withdrawn "withdrawn"

enum { WHO_TEXT = 32 };

/* The store of the service in dir, for an operator's command: waits 10 s for another one. */
int service_store(const char *dir, struct store **out);

/* "uid 1000", for the log. */
void service_who(char out[WHO_TEXT]);

/*
 * One command at a time changes folders below dir: waits for the other, and the kernel lets go when this one dies.  A descriptor to be
 * closed, or a negative errno.
 */
int service_lock(const char *dir);

/* folder.c.  Files and empty folders beneath path, and path itself, as far as they can be removed; never behind a link. */
void folder_remove(const char *path);
/* Removes what a killed command left of making path (dir_begin()): PATH.tmp.XXXXXX that nobody holds. */
void folder_sweep(const char *path);
/* Holds a folder against that.  A descriptor to be closed, or a negative errno. */
int folder_hold(const char *path);

/* escrow.c: the key pair that nodes seal their TPM's authorisations to, X25519, as a line of 64 hexadecimal digits each. */
enum { ESCROW_KEY_BYTES = 32 };
int escrow_make(const char *secret_path, const char *public_path, char public_hex[ID_TEXT + 1]);
int escrow_open(const char *secret_path, const struct store_blob *box, uint8_t *sec_out, size_t bytes);

/* node_names.c: is text one?  0, or it says why not. */
int name_of_node(const char *text);
int name_of_group(const char *text);
int name_of_class(const char *text);
int name_of_digest(const char *what, const char *text, uint8_t out[32]);	/* what: "an EK" */

/* By name or by the first 8 or more digits of its id; says when there is none, or more than one. */
int service_node(struct store *store, const char *text, struct store_node *out);

/* argv[0] names the command for getopt_long(). */
int generation_add(int argc, char **argv);		/* generation_add.c */
int generation_assign(int argc, char **argv);		/* generation_assign.c */
int generation_unassign(int argc, char **argv);
int generation_list(int argc, char **argv);		/* generation_list.c */
int node_change(int argc, char **argv);			/* node_change.c: approve, revoke, forget, learn, name, group */
int node_escrow(int argc, char **argv);			/* node_escrow.c */
int node_show(int argc, char **argv);			/* node_show.c */
const char *node_state_text(enum node_state state);	/* node.c */
int generation_id(const char *text, uint8_t out[ID_BYTES]);	/* generation.c: 0 or ORG_usage */
#endif
