/*
 * The table of challenges.  On the organisation's side, before anything is authenticated.
 * Distrusts whoever asks for many: nobody gets more than a quarter of the table, and memory does not grow.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "challenge.h"

int
challenges_init(struct challenges *table, unsigned rows, unsigned good_s)
{
	struct challenge *row = calloc(rows, sizeof *row);

	if (row == NULL)
		return -ENOMEM;
	*table = (struct challenges){ .row = row, .rows = rows, .per_origin = rows < 4 ? 1 : rows / 4, .good_ms = UINT64_C(1000) * good_s };
	return 0;
}

void
challenges_free(struct challenges *table)
{
	free(table->row);
	*table = (struct challenges){ .row = NULL };
}

int
challenges_issue(struct challenges *table, const struct origin *origin, uint64_t now_ms, const struct challenge **out)
{
	struct challenge *free_row = NULL;
	unsigned held = 0;

	for (unsigned i = 0; i < table->rows; i++) {
		struct challenge *row = &table->row[i];

		if (row->until_ms <= now_ms)
			free_row = row;
		else if (origin->kind != 0 && origin_same(&row->origin, origin))	/* the proxy stands for everyone */
			held++;
	}
	if (free_row == NULL)
		return -EAGAIN;
	if (held >= table->per_origin)
		return -EDQUOT;
	randombytes_buf(free_row->bytes, sizeof free_row->bytes);
	free_row->origin = *origin;
	free_row->until_ms = now_ms + table->good_ms;
	*out = free_row;
	return 0;
}

void
challenges_forget(struct challenges *table, const struct challenge *challenge)
{
	memset(&table->row[challenge - table->row], 0, sizeof *challenge);
}
