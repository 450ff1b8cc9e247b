/*
 * A session in its store, for somebody who is signed in, has two pieces of product 7 in the
 * cart and has ordered before:
 *
 *     {"csrf":"5f…","user":3,"name":"Ada","gtid":"0d6e…:1-7","begun":1772366400,"cart":[[7,2]]}
 */
#include "session.h"

#include <string.h>

#include "json.h"
#include "text.h"

enum { JSON_BYTES = 1024, JSON_DEPTH = 3 };

void session_begin(struct session *session, int64_t now_s) {
    *session = (struct session){0};
    session_renew(session, now_s);
}

void session_renew(struct session *session, int64_t now_s) {
    secret_draw(session->id);
    secret_draw(session->csrf);
    session->begun_s = now_s;
}

uint32_t session_pieces(const struct session *session) {
    uint32_t pieces = 0;
    for (size_t i = 0; i < session->cart_count; i++) {
        pieces += session->cart[i].quantity;
    }
    return pieces;
}

/* --- Out ------------------------------------------------------------------------------ */

enum status session_write(const struct session *session, struct arena *arena, struct slice *out) {
    struct text json;
    text_init(&json, arena);
    text_reserve(&json, JSON_BYTES);
    text_put(&json, "{\"csrf\":");
    text_put_json(&json, slice_of(session->csrf));
    text_format(&json, ",\"user\":%llu,\"name\":", (unsigned long long)session->user);
    text_put_json(&json, slice_of(session->user_name));
    text_put(&json, ",\"gtid\":");
    text_put_json(&json, slice_of(session->gtid));
    text_format(&json, ",\"begun\":%lld,\"cart\":[", (long long)session->begun_s);
    for (size_t i = 0; i < session->cart_count; i++) {
        const struct session_item *item = &session->cart[i];
        text_format(&json, "%s[%u,%u]", i > 0 ? "," : "", (unsigned)item->product, (unsigned)item->quantity);
    }
    text_put(&json, "]}");
    return text_slice(&json, out);
}

/* --- In ------------------------------------------------------------------------------- */

/* Copies a text of the object. False: it is not there, or does not fit. */
static bool take_text(yyjson_val *object, const char *name, char *out, size_t size) {
    const char *text = json_text(object, name);
    if (text == NULL || strlen(text) >= size) {
        return false;
    }
    strcpy(out, text);
    return true;
}

static bool take_item(yyjson_val *pair, struct session_item *out) {
    yyjson_val *product = yyjson_arr_get_first(pair), *quantity = yyjson_arr_get(pair, 1);
    if (yyjson_arr_size(pair) != 2 || !yyjson_is_uint(product) || yyjson_get_uint(product) > UINT32_MAX ||
        !yyjson_is_uint(quantity) || yyjson_get_uint(quantity) < 1 ||
        yyjson_get_uint(quantity) > SESSION_QUANTITY_MAX) {
        return false;
    }
    *out = (struct session_item){(uint32_t)yyjson_get_uint(product), (uint32_t)yyjson_get_uint(quantity)};
    return true;
}

static bool take_cart(yyjson_val *cart, struct session *out) {
    if (!yyjson_is_arr(cart) || yyjson_arr_size(cart) > SESSION_CART_MAX) {
        return false;
    }
    yyjson_arr_iter items = yyjson_arr_iter_with(cart);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&items)) != NULL; out->cart_count++) {
        if (!take_item(item, &out->cart[out->cart_count])) {
            return false;
        }
    }
    return true;
}

static bool take_all(yyjson_val *object, struct session *out) {
    yyjson_val *user = yyjson_obj_get(object, "user"), *begun = yyjson_obj_get(object, "begun");
    if (!yyjson_is_uint(user) || !yyjson_is_int(begun)) {
        return false;
    }
    out->user = yyjson_get_uint(user);
    out->begun_s = yyjson_get_sint(begun);
    return take_text(object, "csrf", out->csrf, sizeof out->csrf) && secret_is(slice_of(out->csrf)) &&
           take_text(object, "name", out->user_name, sizeof out->user_name) &&
           take_text(object, "gtid", out->gtid, sizeof out->gtid) && take_cart(yyjson_obj_get(object, "cart"), out);
}

enum status session_read(struct slice text, struct arena *arena, struct session *out) {
    struct session session = {0};
    yyjson_val *object = json_read(text, JSON_DEPTH, arena);
    if (object == NULL || !take_all(object, &session)) {
        return arena_failed(arena) ? STATUS_NO_MEMORY : STATUS_BAD_INPUT;
    }
    *out = session;
    return STATUS_OK;
}
