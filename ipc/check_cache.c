/*
 * check_NAME() of SURVEY to RECORD: what is said of the cache, of its parts and of candidates.
 * Stands on every side of the wall; distrusts every field.  Fields count from 1, those of a candidate one by one.
 */
#include "check.h"

enum {
	CODE_MAX = 999,			/* of events.def: three digits, also in the report */
	KEYS_MAX = DOC_KEYS_MAX,
	LINES_MAX = DOC_MAX + 1,	/* a document cannot have more lines, and one may be missing behind the last */
};

/* What can go wrong with a cache: the codes that a store-worker may give.  Any other would be somebody else's word in its mouth. */
static int
known_of_store(uint32_t event)
{
	const struct event_row *row = event_find(event);

	return row != NULL && event != EV_none && (row->code / 100 == 3 || event == EV_image_size || event == EV_load_memory);
}

uint64_t
check_part_max(uint32_t part)
{
	switch ((enum part)part) {
	case PART_manifest:
		return DOC_MAX;
	case PART_minisig:
		return MINISIG_MAX;
	case PART_kernel:
	case PART_initramfs:
		return IMAGE_MAX;
	}
	return 0;
}

enum { CANDIDATE_FIELDS = 8 };

/* What holds of every candidate, verified or not; event is the message's own business. */
static int
check_candidate(const struct candidate *c)
{
	if (c->version > VERSION_MAX)
		return 2;
	if (c->slot > SLOT_NONE)
		return 3;
	if (c->keys_listed < 1 || c->keys_listed > KEYS_MAX)	/* config has at least one and room for no more */
		return 7;
	if (c->keys_good > c->keys_listed)	/* keys are counted, never signatures */
		return 5;
	if (c->keys_need < 1 || c->keys_need > c->keys_listed)	/* nothing is ever verified by no key */
		return 6;
	return 0;
}

/* A candidate whose manifest has verified: it has an id, a version, enough keys and no wrong line. */
static int
check_verified(const struct candidate *c)
{
	int wrong = check_candidate(c);

	if (wrong != 0)
		return wrong;
	if (check_all_zero(c->id, sizeof c->id))	/* means "none" wherever ids are kept */
		return 1;
	if (c->version == 0)
		return 2;
	if (c->keys_good < c->keys_need)
		return 5;
	return c->line != 0 ? 8 : 0;
}

/* --- SURVEY --- */

int
check_broker_survey(const struct msg_broker_survey *body)
{
	return body->zero != 0;
}

int
check_store_offer(const struct msg_store_offer *body)
{
	if (body->slot >= SLOTS_MAX)
		return 1;
	if ((body->flags & ~(uint32_t)(OFFER_healthy | OFFER_fallback | OFFER_previous | OFFER_failed)) != 0)
		return 2;
	/* attempts: any, a hint of the untrusted journal.  outcome: the journal may be of a newer preboot with more codes than this. */
	if (body->outcome > CODE_MAX)
		return 4;
	if (!within(body->manifest_bytes, 1, DOC_MAX))
		return 5;
	if (!within(body->minisig_bytes, 1, MINISIG_MAX))
		return 6;
	if (!within(body->kernel_bytes, 1, IMAGE_MAX))
		return 7;
	return within(body->initramfs_bytes, 1, IMAGE_MAX) ? 0 : 8;
}

int
check_store_offered(const struct msg_store_offered *body)
{
	if (body->count > SLOTS_MAX)
		return 1;
	if (body->event != EV_none && !known_of_store(body->event))
		return 2;
	if (body->stops > STOPS_MAX)
		return 3;
	return body->zero != 0 ? 4 : 0;
}

int
check_crypto_want(const struct msg_crypto_want *body)
{
	if (body->slot >= SLOTS_MAX)
		return 1;
	if (check_part_max(body->part) == 0)
		return 2;
	if (body->number == 0)	/* no question at all */
		return 3;
	if (body->zero != 0)
		return 4;
	return within(body->len_bytes, 1, check_part_max(body->part)) ? 0 : 5;
}

int
check_store_filled(const struct msg_store_filled *body)
{
	if (body->slot >= SLOTS_MAX)
		return 1;
	if (check_part_max(body->part) == 0)
		return 2;
	if (body->event != EV_none && !known_of_store(body->event))
		return 3;
	return body->number == 0 ? 4 : 0;
}

int
check_store_progress(const struct msg_store_progress *body)
{
	if (body->slot >= SLOTS_MAX)
		return 1;
	if (check_part_max(body->part) == 0)
		return 2;
	if (body->done_bytes > body->total_bytes)	/* a share above one would be printed */
		return 3;
	return within(body->total_bytes, 1, check_part_max(body->part)) ? 0 : 4;	/* it is divided by */
}

int
check_crypto_refused(const struct msg_crypto_refused *body)
{
	int wrong = check_candidate(&body->c);

	if (wrong != 0)
		return wrong;
	if (!check_known(body->c.event))
		return 4;
	return body->c.line > LINES_MAX ? 8 : 0;
}

int
check_crypto_node(const struct msg_crypto_node *body)
{
	return check_all_zero(body->node, sizeof body->node);	/* would erase what tells a cleared TPM from a new one */
}

int
check_crypto_surveyed(const struct msg_crypto_surveyed *body)
{
	if (body->usable > SLOTS_MAX || body->usable > body->offered)
		return 1;
	return body->offered > msg_table[MSG_store_offer].max ? 2 : 0;	/* so many offers can there be */
}

/* --- SUPPLY, VERIFY --- */

int
check_broker_next(const struct msg_broker_next *body)
{
	return body->zero != 0;
}

int
check_crypto_chosen(const struct msg_crypto_chosen *body)
{
	int wrong = check_verified(&body->c);

	if (wrong != 0)
		return wrong;
	if (body->c.event != EV_none)
		return 4;
	if (!within(body->cause, CHOSEN_newest, CHOSEN_ticket))
		return CANDIDATE_FIELDS + 1;
	if (body->zero != 0)
		return CANDIDATE_FIELDS + 2;
	return within(body->total_bytes, 2, 2 * IMAGE_MAX) ? 0 : CANDIDATE_FIELDS + 3;	/* two images, neither empty */
}

int
check_crypto_none(const struct msg_crypto_none *body)
{
	if (!check_known(body->event))
		return 1;
	return body->zero != 0 ? 2 : 0;
}

int
check_crypto_keep(const struct msg_crypto_keep *body)
{
	if (check_all_zero(body->id, sizeof body->id))	/* an unused row of the journal */
		return 1;
	if (check_part_max(body->part) == 0)
		return 2;
	if (body->number == 0)
		return 3;
	for (uint32_t part = PART_manifest; part <= PART_LAST; part++)
		if (!within(body->bytes[part - 1], 1, check_part_max(part)))
			return 4;
	return 0;
}

int
check_store_kept(const struct msg_store_kept *body)
{
	if (body->event != EV_none && !known_of_store(body->event))
		return 4;
	if (body->event != EV_none ? body->slot != SLOT_NONE : body->slot >= SLOTS_MAX)
		return 1;
	if (check_part_max(body->part) == 0)
		return 2;
	return body->number == 0 ? 3 : 0;
}

int
check_crypto_supplied(const struct msg_crypto_supplied *body)
{
	return within(body->total_bytes, 2, 2 * IMAGE_MAX) ? 0 : 1;
}

int
check_crypto_rejected(const struct msg_crypto_rejected *body)
{
	int wrong = check_verified(&body->c);	/* its manifest was good, or it had not been chosen */

	if (wrong != 0)
		return wrong;
	return check_known(body->c.event) ? 0 : 4;
}

int
check_crypto_verified(const struct msg_crypto_verified *body)
{
	int wrong = check_verified(&body->c);

	if (wrong != 0)
		return wrong;
	if (body->c.event != EV_none)
		return 4;
	if (body->watchdog_s > WATCHDOG_MAX_S)
		return CANDIDATE_FIELDS + 1;
	return body->zero != 0 ? CANDIDATE_FIELDS + 2 : 0;
}

/* --- RECORD --- */

int
check_broker_record(const struct msg_broker_record *body)
{
	if (body->what < RECORD_begun || body->what > RECORD_LAST)
		return 3;
	/* Zeros are an unused row of the journal. */
	if (check_all_zero(body->id, sizeof body->id) != (body->what == RECORD_stopped))
		return 1;
	if (body->slot >= (body->what == RECORD_stopped ? 1 : SLOTS_MAX))
		return 2;
	if (body->what == RECORD_failed ? !check_known(body->event) : body->event != EV_none)
		return 4;
	if (body->what == RECORD_stopped)
		return within(body->stops, 1, STOPS_MAX) ? 0 : 5;
	return body->stops != 0 ? 5 : 0;
}

int
check_store_recorded(const struct msg_store_recorded *body)
{
	if (body->what < RECORD_begun || body->what > RECORD_LAST)
		return 1;
	return body->event == EV_none || known_of_store(body->event) ? 0 : 2;
}
