/* The table of codes and texts.  Every side of the wall sends codes; only the broker and the operator's tools print the texts. */
#include <stddef.h>

#include "event.h"

#define EVENT(name, code, text, todo) { code, #name, text, todo },
static const struct event_row rows[] = {
#include "events.def"
};

const struct event_row *
event_find(uint32_t code)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].code == code)
			return &rows[i];
	return NULL;
}
