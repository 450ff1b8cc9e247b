#include "redis_tls.h"

#include <fcntl.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>

static void give_reason(char reason[static REDIS_TLS_REASON_BYTES], const char *what) {
    const char *error = ERR_reason_error_string(ERR_peek_last_error());
    snprintf(reason, REDIS_TLS_REASON_BYTES, "%s: %s", what, error != NULL ? error : "no reason given");
}

/* Why a handshake failed: the certificate's fault, if it has one, says more. */
static void give_reason_of(const SSL *ssl, char reason[static REDIS_TLS_REASON_BYTES]) {
    long verified = SSL_get_verify_result(ssl);
    if (verified != X509_V_OK) {
        snprintf(reason, REDIS_TLS_REASON_BYTES, "its certificate: %s", X509_verify_cert_error_string(verified));
    } else {
        give_reason(reason, "TLS");
    }
}

/* The SSL keeps what it needs of the SSL_CTX. */
static SSL *new_ssl(const char *ca_file, const char *host, char reason[static REDIS_TLS_REASON_BYTES]) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;
    if (context == NULL) {
        give_reason(reason, "OpenSSL");
    } else if (SSL_CTX_load_verify_locations(context, ca_file, NULL) != 1) {
        give_reason(reason, ca_file);
    } else if ((ssl = SSL_new(context)) == NULL || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) != 1) {
        give_reason(reason, host);
        SSL_free(ssl);
        ssl = NULL;
    } else {
        SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    }
    SSL_CTX_free(context);
    return ssl;
}

/* True: shaken. */
static bool shake_hands(SSL *ssl, int fd, struct deadline deadline) {
    for (;;) {
        ERR_clear_error();
        int result = SSL_do_handshake(ssl);
        int error = SSL_get_error(ssl, result);
        if (result == 1) {
            return true;
        }
        int64_t left_us = deadline_left_us(deadline);
        if ((error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) || left_us == 0) {
            return false;
        }
        struct pollfd ready = {.fd = fd, .events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT};
        poll(&ready, 1, (int)((left_us + 999) / 1000));
    }
}

struct ssl_st *redis_tls_start(redisContext *connection, const char *ca_file, const char *host,
                               struct deadline deadline, char reason[static REDIS_TLS_REASON_BYTES]) {
    ERR_clear_error();
    SSL *ssl = new_ssl(ca_file, host, reason);
    if (ssl == NULL) {
        return NULL;
    }
    int flags = fcntl(connection->fd, F_GETFL);
    connection->flags &= ~REDIS_BLOCK;
    if (fcntl(connection->fd, F_SETFL, flags | O_NONBLOCK) != 0 || redisInitiateSSL(connection, ssl) != REDIS_OK) {
        give_reason_of(ssl, reason);
        SSL_free(ssl);
        return NULL;
    }
    /* From here on the connection frees it. */
    if (!shake_hands(ssl, connection->fd, deadline)) {
        give_reason_of(ssl, reason);
        return NULL;
    }
    return ssl;
}

void redis_tls_forget_errors(void) { ERR_clear_error(); }

bool redis_tls_holds_bytes(const struct ssl_st *tls) { return SSL_pending(tls) > 0; }
