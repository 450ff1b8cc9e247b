/*
 * session -- what the shop remembers of one visitor: who it is, the cart, the last write.
 *
 * The record and its form in a store, a JSON text. Where it is kept is session_store.h's
 * business, whose it is visitor.h's. Nothing here takes memory but from the arena.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "call.h"
#include "secret.h"
#include "slice.h"
#include "status.h"

enum {
    SESSION_ID_CHARS = SECRET_CHARS,
    SESSION_CART_MAX = 50,     /* products in a cart */
    SESSION_QUANTITY_MAX = 99, /* of each */
    SESSION_NAME_BYTES = 81,   /* with its NUL */
};

struct session_item {
    uint32_t product;
    uint32_t quantity; /* 1..SESSION_QUANTITY_MAX */
};

struct session {
    char id[SESSION_ID_CHARS + 1];   /* what the cookie holds; never logged, never shown, stored as its hash only */
    char csrf[SESSION_ID_CHARS + 1]; /* the token that every form carries */
    uint64_t user;                   /* 0: not signed in */
    char user_name[SESSION_NAME_BYTES];
    char gtid[CALL_GTID_BYTES]; /* of the visitor's last write, see call.h */
    int64_t begun_s;            /* on the wall clock */
    struct session_item cart[SESSION_CART_MAX];
    size_t cart_count; /* items of cart that are used */
};

/* A session of nobody with an empty cart, and an id and a token of its own. */
void session_begin(struct session *session, int64_t now_s);

/* Another id and another token, and it begins anew; what it holds stays. */
void session_renew(struct session *session, int64_t now_s);

/* Pieces in the cart: the sum of the quantities. */
uint32_t session_pieces(const struct session *session);

/* The session as a store keeps it, without its id. STATUS_NO_MEMORY: no room in arena. */
enum status session_write(const struct session *session, struct arena *arena, struct slice *out);

/* Reads what session_write() wrote; out->id is "". STATUS_BAD_INPUT: it is not that. */
enum status session_read(struct slice text, struct arena *arena, struct session *out);

#endif
