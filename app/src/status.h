/*
 * status -- how a call that can fail ended.
 *
 * Functions that can fail return an enum status; results go through the last
 * pointers, which are untouched unless STATUS_OK. The module that first sees an
 * error logs it with the backend's own text; the layers above only pass it on.
 */
#ifndef STATUS_H
#define STATUS_H

enum status {
    STATUS_OK,
    STATUS_AGAIN,     /* nothing to take now, more may come */
    STATUS_NOT_FOUND, /* the thing asked for does not exist */
    STATUS_EXISTS,    /* the thing to be made exists already */
    STATUS_BAD_INPUT, /* what a peer or a person sent breaks the rules */
    STATUS_TOO_LARGE, /* it keeps the rules, but not our limits */
    STATUS_TIMEOUT,   /* not answered within the deadline */
    STATUS_GONE,      /* the backend is away, or left during the call */
    STATUS_NO_MEMORY, /* the arena's limit or the machine's */
};

#endif
