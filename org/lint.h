#ifndef ORG_LINT_H
#define ORG_LINT_H
/* What signers are told of kernel, kernel config, command line and initramfs before they put their name to it. */
#include "org.h"
#include "unpack.h"

int lint_kernel(const char *path, const struct bytes *kernel);			/* refuses what is no bzImage */
int lint_initramfs(const char *path, const struct bytes *initramfs, struct unpacked *out);
int lint_cmdline(const char *cmdline);						/* refuses by cmdline_forbidden(), warns of more */
int lint_kernel_config(const char *config_path, const char *kernel_path);	/* warns; config_path NULL: looks beside the kernel */
#endif
