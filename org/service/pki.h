#ifndef ORG_SERVICE_PKI_H
#define ORG_SERVICE_PKI_H
/* The organisation's TLS CA and the service's certificate: ECDSA P-256, X.509, PEM.  Made once, by init. */
#include "org.h"

enum { PKI_NAMES_MAX = 16 };

struct pki {
	struct bytes ca_cert, ca_key, cert, key;	/* the keys are secret: pki_free() wipes */
	char ca_digest[ID_TEXT + 1];			/* SHA-256 of the CA certificate */
};

/* "HOST,HOST,IP": every name by which nodes reach the service.  The text is cut up; 1 to PKI_NAMES_MAX names, or a usage error. */
int pki_names(char *text, const char *names[PKI_NAMES_MAX], unsigned *count);

int pki_make(const char *const *names, unsigned count, struct pki *out);
void pki_free(struct pki *pki);
#endif
