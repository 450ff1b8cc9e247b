#include "credentials.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

enum { LABEL_CHARS_MAX = 63 };

/* --- E-mail --------------------------------------------------------------------------- */

static bool is_alphanumeric(char c) { return isalnum((unsigned char)c); }

static bool is_label(const char *text, size_t length) {
    if (length == 0 || length > LABEL_CHARS_MAX || text[0] == '-' || text[length - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_alphanumeric(text[i]) && text[i] != '-') {
            return false;
        }
    }
    return true;
}

static bool is_host(const char *text) {
    for (;;) {
        size_t length = strcspn(text, ".");
        if (!is_label(text, length)) {
            return false;
        }
        if (text[length] == '\0') {
            return true;
        }
        text += length + 1;
    }
}

static bool is_email(const char *text) {
    size_t length = 0;
    while (is_alphanumeric(text[length]) || (text[length] != '\0' && strchr(".!#$%&'*+/=?^_`{|}~-", text[length]))) {
        length++;
    }
    return length > 0 && text[length] == '@' && is_host(text + length + 1) && strlen(text) < CREDENTIALS_EMAIL_BYTES;
}

static void check_email(struct arena *arena, struct credentials *credentials, struct credentials_faults *faults) {
    char *email = credentials->email != NULL ? arena_copy(arena, credentials->email, strlen(credentials->email)) : NULL;
    if (email == NULL || !is_email(email)) {
        faults->email = "Please enter an e-mail address, such as ada@example.com.";
        return;
    }
    for (char *c = email; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    credentials->email = email;
}

/* --- The others ----------------------------------------------------------------------- */

static bool is_blank(const char *text) { return text == NULL || text[strspn(text, " ")] == '\0'; }

static void check_name(const struct credentials *credentials, struct credentials_faults *faults) {
    if (is_blank(credentials->name)) {
        faults->name = "Please enter a name.";
    } else if (strlen(credentials->name) >= CREDENTIALS_NAME_BYTES) {
        faults->name = "Please choose a shorter name.";
    }
}

static size_t count_characters(const char *utf8) {
    size_t count = 0;
    for (; *utf8 != '\0'; utf8++) {
        count += ((unsigned char)*utf8 & 0xc0) != 0x80; /* the first byte of each */
    }
    return count;
}

static void check_new_password(const struct credentials *credentials, struct credentials_faults *faults) {
    if (credentials->password == NULL || count_characters(credentials->password) < CREDENTIALS_PASSWORD_MIN) {
        faults->password = "Please choose a password of at least 8 characters.";
    } else if (strlen(credentials->password) >= CREDENTIALS_PASSWORD_BYTES) {
        faults->password = "Please choose a shorter password.";
    }
}

static bool has_none(const struct credentials_faults *faults) {
    return faults->email == NULL && faults->name == NULL && faults->password == NULL;
}

bool credentials_check_sign_up(struct arena *arena, struct credentials *credentials,
                               struct credentials_faults *faults) {
    *faults = (struct credentials_faults){0};
    check_email(arena, credentials, faults);
    check_name(credentials, faults);
    check_new_password(credentials, faults);
    return has_none(faults);
}

bool credentials_check_login(struct arena *arena, struct credentials *credentials, struct credentials_faults *faults) {
    *faults = (struct credentials_faults){0};
    check_email(arena, credentials, faults);
    if (credentials->password == NULL || credentials->password[0] == '\0') {
        faults->password = "Please enter your password.";
    }
    return has_none(faults);
}
