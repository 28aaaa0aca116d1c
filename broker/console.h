#ifndef BROKER_CONSOLE_H
#define BROKER_CONSOLE_H
/* The console of init and broker: a descriptor that does not block.  Errors are dropped, and after a second in all so is the rest. */
#include <stddef.h>

void console_put(int fd, const char *line, size_t len);
#endif
