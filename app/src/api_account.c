/* Accounts in the API: users, and the session of the one who asks. */
#include "handlers.h"
#include "json.h"
#include "sign_in.h"
#include "visitor.h"

static struct credentials read_credentials(yyjson_val *body) {
    return (struct credentials){json_text(body, "email"), json_text(body, "name"), json_text(body, "password")};
}

/* All that is wrong, one sentence after the other. */
static void tell_faults(struct exchange *exchange, const struct credentials_faults *faults) {
    const char *const sentences[] = {faults->email, faults->name, faults->password};
    struct text text;
    struct slice detail;
    text_init(&text, &exchange->request->arena);
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        if (sentences[i] != NULL) {
            text_put(&text, text.length > 0 ? " " : "");
            text_put(&text, sentences[i]);
        }
    }
    text_put_slice(&text, (struct slice){"", 1}); /* its NUL */
    if (text_slice(&text, &detail) == STATUS_OK) {
        exchange_problem(exchange, 422, detail.data);
    }
}

/* --- Users ---------------------------------------------------------------------------- */

void api_users_post(struct exchange *exchange) {
    yyjson_val *body;
    if (!visitor_check_api(exchange) || !exchange_body(exchange, &body)) {
        return;
    }
    struct credentials credentials = read_credentials(body);
    struct credentials_faults faults;
    uint64_t user;
    switch (sign_up(exchange, &credentials, &faults, &user)) {
    case SIGN_UP_DONE: {
        yyjson_mut_val *model = yyjson_mut_obj(exchange->doc);
        yyjson_mut_obj_add_uint(exchange->doc, model, "id", user);
        yyjson_mut_obj_add_str(exchange->doc, model, "email", credentials.email);
        yyjson_mut_obj_add_str(exchange->doc, model, "name", credentials.name);
        exchange_json(exchange, 201, model);
        break;
    }
    case SIGN_UP_FAULTS:
        tell_faults(exchange, &faults);
        break;
    case SIGN_UP_TAKEN:
        exchange_problem(exchange, 409, "There is an account with this address already.");
        break;
    case SIGN_UP_ANSWERED:
        break;
    }
}

/* --- The session ---------------------------------------------------------------------- */

static void show_session(struct exchange *exchange, int status) {
    yyjson_mut_doc *doc = exchange->doc;
    yyjson_mut_val *model = yyjson_mut_obj(doc);
    const struct session *session = exchange->session;
    bool signed_in = visitor_user(exchange) != 0;
    yyjson_mut_obj_add_bool(doc, model, "signed_in", signed_in);
    if (signed_in && session != NULL) {
        yyjson_mut_val *user = yyjson_mut_obj_add_obj(doc, model, "user");
        yyjson_mut_obj_add_uint(doc, user, "id", session->user);
        yyjson_mut_obj_add_str(doc, user, "name", session->user_name);
    }
    if (session != NULL) {
        yyjson_mut_obj_add_str(doc, model, "csrf", session->csrf);
        yyjson_mut_obj_add_uint(doc, model, "cart_count", session_pieces(session));
    }
    exchange_json(exchange, status, model);
}

void api_session(struct exchange *exchange) {
    if (exchange->session_away) {
        exchange_problem(exchange, 503, "Your session cannot be reached at the moment. Please try again.");
    } else {
        show_session(exchange, 200);
    }
}

void api_session_post(struct exchange *exchange) {
    yyjson_val *body;
    if (!visitor_check_api(exchange) || !exchange_body(exchange, &body)) {
        return;
    }
    struct credentials credentials = read_credentials(body);
    struct credentials_faults faults;
    switch (sign_in(exchange, &credentials, &faults)) {
    case SIGN_IN_DONE:
        show_session(exchange, 201);
        break;
    case SIGN_IN_FAULTS:
        tell_faults(exchange, &faults);
        break;
    case SIGN_IN_WRONG:
        http_header(&exchange->out, "WWW-Authenticate", "Bearer");
        exchange_problem(exchange, 401, "There is no account with this address and this password.");
        break;
    case SIGN_IN_ANSWERED:
        break;
    }
}

void api_session_delete(struct exchange *exchange) {
    if (visitor_check_api(exchange) && visitor_end(exchange)) {
        exchange_text(exchange, 204, NULL, slice_of(""));
    }
}
