/*
 * etag -- a name for what a page says, so that who has it already need not get it again (RFC 9110
 * section 8.8.3).
 *
 * A strong one names bytes. A weak one, W/"…", names all that matters of them: two pages that differ
 * only in what was skipped have the same.
 */
#ifndef ETAG_H
#define ETAG_H

#include <stdbool.h>

#include "slice.h"

enum { ETAG_BYTES = 24 }; /* with its quotes and its NUL */

/* The strong one of content. */
void etag_strong(struct slice content, char etag[static ETAG_BYTES]);

/* The weak one of content, the last place of skipped in it left out. */
void etag_weak(struct slice content, struct slice skipped, char etag[static ETAG_BYTES]);

/* Whether If-None-Match, any bytes, names it: "*", or one of its list, weak or strong (section 13.1.2).
 * What is behind something that is no tag is not read. */
bool etag_matches(struct slice field, const char *etag);

#endif
