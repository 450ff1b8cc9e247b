#include "cart.h"

#include <string.h>

/* --- Changing it ---------------------------------------------------------------------- */

/* Its place in the cart; cart_count if it is not there. */
static size_t find(const struct session *session, uint32_t product) {
    size_t i = 0;
    while (i < session->cart_count && session->cart[i].product != product) {
        i++;
    }
    return i;
}

static void take_out(struct session *session, size_t at) {
    struct session_item *item = &session->cart[at];
    if (at < session->cart_count) {
        session->cart_count--;
        memmove(item, item + 1, (session->cart_count - at) * sizeof *item);
    }
}

enum status cart_set(struct session *session, uint32_t product, uint32_t quantity) {
    size_t at = find(session, product);
    if (quantity == 0) {
        take_out(session, at);
        return STATUS_OK;
    }
    if (at == SESSION_CART_MAX || quantity > SESSION_QUANTITY_MAX) {
        return STATUS_TOO_LARGE;
    }
    session->cart[at] = (struct session_item){product, quantity};
    session->cart_count += at == session->cart_count;
    return STATUS_OK;
}

enum status cart_add(struct session *session, uint32_t product, uint32_t quantity) {
    size_t at = find(session, product);
    uint32_t before = at < session->cart_count ? session->cart[at].quantity : 0;
    if (quantity > SESSION_QUANTITY_MAX) {
        return STATUS_TOO_LARGE; /* also where the sum would not fit */
    }
    return cart_set(session, product, before + quantity);
}

/* --- Reading it ----------------------------------------------------------------------- */

/* A whole number of 1..max. */
static bool take_number(yyjson_val *object, const char *name, uint32_t max, uint32_t *out) {
    yyjson_val *value = yyjson_obj_get(object, name);
    uint64_t number = yyjson_get_uint(value);
    *out = (uint32_t)number;
    return yyjson_is_uint(value) && number >= 1 && number <= max;
}

static bool is_among(const struct session_item *items, size_t count, uint32_t product) {
    for (size_t i = 0; i < count; i++) {
        if (items[i].product == product) {
            return true;
        }
    }
    return false;
}

enum status cart_read(yyjson_val *items, struct session_item out[static SESSION_CART_MAX], size_t *count) {
    yyjson_arr_iter rest = yyjson_arr_iter_with(items);
    *count = 0;
    if (!yyjson_is_arr(items)) {
        return STATUS_BAD_INPUT;
    }
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&rest)) != NULL; ++*count) {
        struct session_item read;
        if (*count == SESSION_CART_MAX) {
            return STATUS_TOO_LARGE;
        }
        if (!take_number(item, "product", UINT32_MAX, &read.product) ||
            !take_number(item, "quantity", SESSION_QUANTITY_MAX, &read.quantity) ||
            is_among(out, *count, read.product)) {
            return STATUS_BAD_INPUT;
        }
        out[*count] = read;
    }
    return STATUS_OK;
}
