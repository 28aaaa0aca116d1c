/*
 * Fuzz target of the documents' parser, all kinds: whatever is accepted is accepted as one kind only, and comes out of the writer
 * byte for byte; every refusal names a line and a reason; and where a document or a signature begins is a line's begin.
 */
#include <errno.h>
#include <string.h>

#include "config.h"
#include "doc.h"
#include "fuzz.h"

union any {
#define DOC(kind) struct doc_##kind kind;
#include "doc.def"
};

static const size_t bytes_of[DOC_COUNT] = {
#define DOC(kind) sizeof(struct doc_##kind),
#include "doc.def"
};

static const char *const first[DOC_COUNT] = {
#define DOC(kind) "sallyport-" #kind " 1\n",
#include "doc.def"
};

/* Found at the begin of a line that says so, or nowhere. */
static void
found(const uint8_t *data, size_t size, size_t at, const char *text)
{
	MUST(at <= size);
	if (at == size)
		return;
	MUST(at == 0 || data[at - 1] == '\n');
	MUST(size - at >= strlen(text) && memcmp(data + at, text, strlen(text)) == 0);
}

/* Whatever is in range: judged, and if it is wrong, by a line that there is. */
static void
together(const struct doc_config *config)
{
	const char *key = NULL, *why = NULL;
	char allowed[256];
	int result = config_check(config, &key, &why);

	MUST(result == 0 || result == -EINVAL);
	MUST((result == 0) == (key == NULL) && (key == NULL) == (why == NULL));
	if (key == NULL)
		return;
	doc_allowed(DOC_config, key, allowed, sizeof allowed);
	MUST(allowed[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char again[DOC_MAX], allowed[128];
	unsigned accepted = 0;

	for (unsigned k = 0; k < DOC_COUNT; k++) {
		struct doc_error error;
		union any out;
		size_t at = doc_find((enum doc_kind)k, data, size);
		int result = doc_parse((enum doc_kind)k, data, size, &out, bytes_of[k], &error);

		found(data, size, at, first[k]);
		if (result != 0) {
			MUST(result == -EBADMSG && error.why != DOC_ok && error.line >= 1 && error.line <= DOC_MAX + 1);
			MUST(memchr(error.key, '\0', sizeof error.key) != NULL);
			doc_allowed((enum doc_kind)k, error.key, allowed, sizeof allowed);
			continue;
		}
		accepted++;
		MUST(at == 0);
		if (k == DOC_config)
			together(&out.config);
		MUST(doc_write((enum doc_kind)k, &out, again, sizeof again) == (long)size);
		MUST(memcmp(again, data, size) == 0);
	}
	MUST(accepted <= 1);
	found(data, size, doc_find_signature(data, size), "untrusted comment:");
	MUST(accepted == 0 || doc_find_signature(data, size) == size);
	return 0;
}
