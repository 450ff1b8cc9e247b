#include "accounts.h"

#include <stdio.h>
#include <string.h>

static const struct db_statement insert_account = {
    .sql = "INSERT INTO users (email, name, password_hash) VALUES (?, ?, ?)",
    .params = "sss",
    .columns = "",
};

static const struct db_statement find_account = {
    .sql = "SELECT id, name, password_hash FROM users WHERE email = ?",
    .params = "s",
    .columns = "iss",
    .repeatable = true,
};

static const struct db_statement update_hash = {
    .sql = "UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?",
    .params = "sis",
    .columns = "",
    .repeatable = true,
};

static void take_account(void *context, const struct db_value *column) {
    struct account *account = context;
    account->id = (uint64_t)column[0].number;
    snprintf(account->name, sizeof account->name, "%.*s", (int)column[1].text.length, column[1].text.data);
    snprintf(account->password_hash, sizeof account->password_hash, "%.*s", (int)column[2].text.length,
             column[2].text.data);
}

enum status accounts_create(struct database *database, struct call *call, const char *email, const char *name,
                            const char *password_hash, uint64_t *id) {
    const struct db_value params[] = {
        {.text = slice_of(email)}, {.text = slice_of(name)}, {.text = slice_of(password_hash)}};
    enum status status = database_write(database, call, &insert_account, params, NULL, NULL);
    if (status == STATUS_OK) {
        *id = call->id_made;
    }
    return status;
}

enum status accounts_find(struct database *database, struct call *call, const char *email, struct account *out) {
    const struct db_value param = {.text = slice_of(email)};
    struct account account = {0};
    /* Only the primary knows what was written a moment ago. */
    enum status status = database_write(database, call, &find_account, &param, take_account, &account);
    if (status == STATUS_GONE) {
        status = database_read(database, call, &find_account, &param, take_account, &account);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (account.id == 0) {
        return STATUS_NOT_FOUND;
    }
    *out = account;
    return STATUS_OK;
}

enum status accounts_replace_hash(struct database *database, struct call *call, const struct account *account,
                                  const char *password_hash) {
    const struct db_value params[] = {{.text = slice_of(password_hash)},
                                      {.number = (int64_t)account->id},
                                      {.text = slice_of(account->password_hash)}};
    return database_write(database, call, &update_hash, params, NULL, NULL);
}
