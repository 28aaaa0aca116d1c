#ifndef IPC_EVENT_H
#define IPC_EVENT_H
/* The stable codes and texts of events.def. */
#include <stdint.h>

#define EVENT(name, code, text, todo) EV_##name = (code),
enum event { EV_none = 0,
#include "events.def"
};

struct event_row {
	uint32_t code;
	const char *name, *text, *todo;
};

/* The row of a code, or NULL. */
const struct event_row *event_find(uint32_t code);
#endif
