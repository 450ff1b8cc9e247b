/*
 * listener -- opens the socket that the web server connects to.
 */
#ifndef LISTENER_H
#define LISTENER_H

#include <stddef.h>
#include <sys/types.h>

#include "status.h"

/*
 * Listens at where, an address of address.h (port 0 lets the kernel choose). A Unix socket
 * gets mode, as chmod(2) takes it; one that nobody answers on any more is replaced, a file
 * of another kind is not. fd, non-blocking and closed on exec, is the caller's. address,
 * which has room for address_size bytes, receives where it listens in the same form, cut
 * off if need be.
 *
 * STATUS_BAD_INPUT: where is malformed. STATUS_GONE: the system refused; logged.
 */
enum status listener_open(const char *where, mode_t mode, int *fd, char *address, size_t address_size);

#endif
