#include "tokens.h"

#include <string.h>
#include <strings.h>

#include "secret.h"

static const struct db_statement find_token = {
    .sql = "SELECT user_id FROM api_tokens WHERE token_hash = UNHEX(?)",
    .params = "s",
    .columns = "i",
    .repeatable = true,
};

/* What comes behind "Bearer ", whose case does not matter (RFC 9110 section 11.1); empty if that is not there. */
static struct slice token_of(struct slice authorization) {
    static const char scheme[] = "Bearer ";
    size_t length = strlen(scheme);
    if (authorization.length < length || strncasecmp(authorization.data, scheme, length) != 0) {
        return (struct slice){"", 0};
    }
    return (struct slice){authorization.data + length, authorization.length - length};
}

static void take_user(void *context, const struct db_value *columns) {
    uint64_t *user = context;
    *user = (uint64_t)columns[0].number;
}

enum status tokens_user(struct database *database, struct call *call, struct slice authorization, uint64_t *user) {
    char hash[SECRET_HASH_CHARS + 1];
    struct slice token = token_of(authorization);
    uint64_t found = 0;
    if (!secret_is(token)) {
        return STATUS_NOT_FOUND;
    }
    secret_hash(token, hash);
    enum status status = database_read(database, call, &find_token, (const struct db_value[]){{.text = slice_of(hash)}},
                                       take_user, &found);
    if (status == STATUS_OK && found == 0) {
        return STATUS_NOT_FOUND;
    }
    if (status == STATUS_OK) {
        *user = found;
    }
    return status;
}
