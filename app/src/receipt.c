#include "receipt.h"

#include <stdbool.h>
#include <time.h>

#include "price.h"

enum { DATE_BYTES = 32 };

static const char *date(char out[static DATE_BYTES], int64_t seconds) {
    const time_t time = (time_t)seconds;
    struct tm utc;
    out[0] = '\0';
    if (gmtime_r(&time, &utc) != NULL) {
        strftime(out, DATE_BYTES, "%Y-%m-%d %H:%M UTC", &utc);
    }
    return out;
}

static bool is_control(char c) { return (unsigned char)c < ' ' || c == '\x7f'; }

static void put_name(struct text *out, struct slice name) {
    size_t begun = 0;
    for (size_t i = 0; i <= name.length; i++) {
        if (i == name.length || is_control(name.data[i])) {
            text_put_slice(out, (struct slice){name.data + begun, i - begun});
            text_put(out, i < name.length ? " " : "\n");
            begun = i + 1;
        }
    }
}

/* What a line costs; false: more than there are numbers, or less than nothing. */
static bool cost_of(const struct receipt_line *line, int64_t *cents) {
    return line->quantity > 0 && line->price_cents >= 0 &&
           !__builtin_mul_overflow(line->quantity, line->price_cents, cents);
}

static bool adds_up(const struct receipt *receipt) {
    int64_t sum = 0, cents;
    for (size_t i = 0; i < receipt->line_count; i++) {
        if (!cost_of(&receipt->lines[i], &cents) || __builtin_add_overflow(sum, cents, &sum)) {
            return false;
        }
    }
    return sum == receipt->total_cents;
}

static void put_line(struct text *out, const struct receipt_line *line) {
    char price[PRICE_BYTES], sum[PRICE_BYTES];
    put_name(out, line->name);
    text_format(out, "  %-16.*s %6lld x %12s %14s\n", (int)line->sku.length, line->sku.data, (long long)line->quantity,
                price_write(price, (uint64_t)line->price_cents),
                price_write(sum, (uint64_t)(line->quantity * line->price_cents)));
}

enum status receipt_render(const struct receipt *receipt, struct text *out, const char **why) {
    char when[DATE_BYTES], total[PRICE_BYTES];
    struct slice rendered;
    if (receipt->line_count == 0) {
        *why = "the order has no lines";
        return STATUS_BAD_INPUT;
    }
    if (!adds_up(receipt)) {
        *why = "its lines do not add up to its total";
        return STATUS_BAD_INPUT;
    }
    text_format(out, "Receipt\n\nOrder  %.*s\nDate   %s\n\n", (int)receipt->order.length, receipt->order.data,
                date(when, receipt->ordered_s));
    for (size_t i = 0; i < receipt->line_count; i++) {
        put_line(out, &receipt->lines[i]);
    }
    text_format(out, "\nTotal  %.*s %44s\n", (int)receipt->currency.length, receipt->currency.data,
                price_write(total, (uint64_t)receipt->total_cents));
    if (text_slice(out, &rendered) != STATUS_OK) {
        *why = "there is no memory for its receipt";
        return STATUS_NO_MEMORY;
    }
    if (rendered.length > RECEIPT_BYTES_MAX) {
        *why = "its receipt is too long";
        return STATUS_TOO_LARGE;
    }
    return STATUS_OK;
}
