#include "sql_script.h"

/* Where what begins at start has its end: behind the next mark, or at the end of all. */
static size_t end_behind(struct slice bytes, size_t start, const char *mark) {
    const char *found = memmem(bytes.data + start, bytes.length - start, mark, strlen(mark));
    return found != NULL ? (size_t)(found - bytes.data) + strlen(mark) : bytes.length;
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool begins(struct slice bytes, size_t at, const char *mark) {
    return bytes.length - at >= strlen(mark) && memcmp(bytes.data + at, mark, strlen(mark)) == 0;
}

/* Behind the comment that begins at; at itself: none does. "--" is one only with a space behind it. */
static size_t skip_comment(struct slice bytes, size_t at) {
    if (begins(bytes, at, "/*")) {
        return end_behind(bytes, at + 2, "*/");
    }
    bool dashes = begins(bytes, at, "--") && (at + 2 == bytes.length || is_space(bytes.data[at + 2]));
    return dashes || bytes.data[at] == '#' ? end_behind(bytes, at, "\n") : at;
}

/* Behind the closing quote. A quote that is doubled closes and opens again, which comes to the same. */
static size_t skip_quoted(struct slice bytes, size_t at) {
    char quote = bytes.data[at++];
    while (at < bytes.length && bytes.data[at] != quote) {
        at += bytes.data[at] == '\\' && quote != '`' ? 2 : 1;
    }
    return at < bytes.length ? at + 1 : bytes.length;
}

bool sql_script_next(struct slice *rest, struct slice *statement) {
    size_t at = 0;
    bool content = false;
    while (at < rest->length) {
        char c = rest->data[at];
        size_t behind_comment = skip_comment(*rest, at);
        if (behind_comment != at) {
            at = behind_comment;
        } else if (c == ';' && content) {
            break;
        } else if (c == ';') {
            *rest = (struct slice){rest->data + at + 1, rest->length - at - 1};
            at = 0;
        } else {
            content = content || !is_space(c);
            at = c == '\'' || c == '"' || c == '`' ? skip_quoted(*rest, at) : at + 1;
        }
    }
    *statement = (struct slice){rest->data, at};
    size_t used = at < rest->length ? at + 1 : at;
    *rest = (struct slice){rest->data + used, rest->length - used};
    return content;
}
