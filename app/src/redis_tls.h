/*
 * redis_tls -- encrypts a connection of hiredis, and makes sure who is at its other end.
 *
 * hiredis by itself checks that a certificate was signed by our CA, but not for whom: any
 * server of that CA could pass for Redis. Here the address that we connected to has to stand
 * in the certificate, as an iPAddress of its subjectAltName (RFC 5280 section 4.2.1.6).
 */
#ifndef REDIS_TLS_H
#define REDIS_TLS_H

#include <hiredis/hiredis.h>

#include "deadline.h"

/* Of OpenSSL. */
struct ssl_st;

enum { REDIS_TLS_REASON_BYTES = 128 };

/*
 * Shakes hands on a connection that is open and blocking, which no longer blocks afterwards:
 * several reads may be needed for one answer, and the sum of them has to keep the deadline.
 * Returns the state of the encryption, which lives as long as the connection. NULL: it cannot
 * be trusted, is no use, or was not done by the deadline; reason says why. host is an IPv4 or
 * IPv6 address.
 */
struct ssl_st *redis_tls_start(redisContext *connection, const char *ca_file, const char *host,
                               struct deadline deadline, char reason[static REDIS_TLS_REASON_BYTES]);

/* Before each use: what other libraries left in OpenSSL's list of errors is none of ours. */
void redis_tls_forget_errors(void);

/* Bytes have come in that poll() knows nothing of. */
bool redis_tls_holds_bytes(const struct ssl_st *tls);

#endif
