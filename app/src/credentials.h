/*
 * credentials -- what a person types to sign up or to log in, and what of it is accepted.
 *
 * Nothing here says whether an account exists, or what its password is.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <stdbool.h>

#include "arena.h"
#include "status.h"

enum {
    CREDENTIALS_EMAIL_BYTES = 255, /* of the longest, with their NUL */
    CREDENTIALS_NAME_BYTES = 81,
    CREDENTIALS_PASSWORD_BYTES = 257,
    CREDENTIALS_PASSWORD_MIN = 8, /* characters of a new one: NIST SP 800-63B, and nothing about its kinds */
};

/* As they were sent: valid UTF-8 without control characters; NULL: left out. */
struct credentials {
    const char *email;
    const char *name; /* of sign-up only */
    const char *password;
};

/* A sentence for the person about each field; NULL: there is nothing wrong with it. */
struct credentials_faults {
    const char *email;
    const char *name;
    const char *password;
};

/*
 * Look for faults; true: there are none. What a browser takes for an e-mail address is one
 * (HTML Standard, section 4.10.5.1.5); as they are compared without case, the address is
 * made lower case, in arena: faults of the arena are for its owner to see. At login the
 * password only has to be there: rules for new ones may have been others once.
 */
bool credentials_check_sign_up(struct arena *arena, struct credentials *credentials, struct credentials_faults *faults);
bool credentials_check_login(struct arena *arena, struct credentials *credentials, struct credentials_faults *faults);

#endif
