/* The pages of accounts: sign up, sign in, sign out. A form comes back with what was typed, but never with a password. */
#include "handlers.h"
#include "sign_in.h"
#include "visitor.h"

static const char *field(struct exchange *exchange, const char *name) {
    return http_form(&exchange->request->arena, &exchange->in, name);
}

/* Where the visitor was going; exchange_redirect() sees that it is here. */
static void go_on(struct exchange *exchange, const char *next) {
    exchange_redirect(exchange, 303, next != NULL ? next : "/");
}

/* What a form shows; a part that is NULL is left out. */
struct form {
    enum page page;
    const char *title;
    const char *next;
    struct credentials credentials;
    struct credentials_faults faults;
    const char *problem; /* of the form as a whole */
};

static void show(struct exchange *exchange, int status, const struct form *form) {
    const char *next_encoded = form->next != NULL ? http_encode(&exchange->request->arena, slice_of(form->next))
                                                  : NULL; /* for the other form */
    const struct {
        const char *key, *value;
    } parts[] = {
        {"next", form->next},
        {"next_encoded", next_encoded},
        {"email", form->credentials.email},
        {"name", form->credentials.name},
        {"email_fault", form->faults.email},
        {"name_fault", form->faults.name},
        {"password_fault", form->faults.password},
        {"problem", form->problem},
    };
    yyjson_mut_val *model = yyjson_mut_obj(exchange->doc);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].value != NULL) {
            yyjson_mut_obj_add_str(exchange->doc, model, parts[i].key, parts[i].value);
        }
    }
    exchange_page(exchange, status, form->page, form->title, model);
}

/* The empty form, its token bound to a session; nothing to fill in for who is signed in. */
static void show_empty(struct exchange *exchange, struct form *form) {
    form->next = http_query(&exchange->request->arena, exchange->in.query, "next");
    if (visitor_user(exchange) != 0) {
        go_on(exchange, form->next);
    } else if (visitor_begin(exchange)) {
        show(exchange, 200, form);
    }
}

/* --- Sign up -------------------------------------------------------------------------- */

static const struct form sign_up_form = {.page = PAGE_SIGNUP, .title = "Create an account"};

void page_signup(struct exchange *exchange) {
    struct form form = sign_up_form;
    show_empty(exchange, &form);
}

void page_signup_post(struct exchange *exchange) {
    struct form form = sign_up_form;
    uint64_t user;
    if (!visitor_check_form(exchange)) {
        return;
    }
    form.next = field(exchange, "next");
    form.credentials =
        (struct credentials){field(exchange, "email"), field(exchange, "name"), field(exchange, "password")};
    switch (sign_up(exchange, &form.credentials, &form.faults, &user)) {
    case SIGN_UP_DONE:
        if (sign_in_as(exchange, user, form.credentials.name)) {
            go_on(exchange, form.next);
        }
        break;
    case SIGN_UP_FAULTS:
        show(exchange, 422, &form);
        break;
    case SIGN_UP_TAKEN:
        form.faults.email = "There is an account with this address already.";
        show(exchange, 409, &form);
        break;
    case SIGN_UP_ANSWERED:
        break;
    }
}

/* --- Sign in -------------------------------------------------------------------------- */

static const struct form login_form = {.page = PAGE_LOGIN, .title = "Sign in"};

void page_login(struct exchange *exchange) {
    struct form form = login_form;
    show_empty(exchange, &form);
}

void page_login_post(struct exchange *exchange) {
    struct form form = login_form;
    if (!visitor_check_form(exchange)) {
        return;
    }
    form.next = field(exchange, "next");
    form.credentials = (struct credentials){.email = field(exchange, "email"), .password = field(exchange, "password")};
    switch (sign_in(exchange, &form.credentials, &form.faults)) {
    case SIGN_IN_DONE:
        go_on(exchange, form.next);
        break;
    case SIGN_IN_FAULTS:
        show(exchange, 422, &form);
        break;
    case SIGN_IN_WRONG:
        form.problem = "There is no account with this address and this password.";
        show(exchange, 422, &form);
        break;
    case SIGN_IN_ANSWERED:
        break;
    }
}

/* --- Sign out ------------------------------------------------------------------------- */

/* Asks, since a link must not change anything: whoever knows the address of this page could send a visitor there. */
void page_logout(struct exchange *exchange) {
    exchange_page(exchange, 200, PAGE_LOGOUT, "Sign out", yyjson_mut_obj(exchange->doc));
}

void page_logout_post(struct exchange *exchange) {
    if (visitor_check_form(exchange) && visitor_end(exchange)) {
        go_on(exchange, NULL);
    }
}
