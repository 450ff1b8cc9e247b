#include "price.h"

#include <stddef.h>

/* Not snprintf(), which would take a tenth of a list's time. */
const char *price_write(char room[static PRICE_BYTES], uint64_t cents) {
    size_t at = PRICE_BYTES;
    uint64_t euros = cents / 100;
    room[--at] = '\0';
    room[--at] = (char)('0' + cents % 10);
    room[--at] = (char)('0' + cents / 10 % 10);
    room[--at] = '.';
    do {
        room[--at] = (char)('0' + euros % 10);
    } while ((euros /= 10) > 0);
    return room + at;
}

void price_add(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, const char *name_cents, uint64_t cents) {
    char room[PRICE_BYTES];
    yyjson_mut_obj_add_strcpy(doc, object, name, price_write(room, cents));
    yyjson_mut_obj_add_uint(doc, object, name_cents, cents);
}
