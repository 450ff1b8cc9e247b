#include "db_connect.h"

#include <poll.h>
#include <sys/socket.h>

enum {
    LOOK_MS = 1,     /* while there is no socket to wait on: TCP is connecting */
    PATIENCE_MS = 5, /* and while there is; the library does not say when it waits to send instead */
};

/*
 * Over TCP MySQL's password exchange wants encryption, which is the library's preference.
 * With a CA the certificate has to be signed by it and to name the address we connect to.
 * A Unix socket needs none of it: it does not leave the machine.
 */
static void set_encryption(MYSQL *mysql, const struct db_options *options) {
    unsigned mode = SSL_MODE_PREFERRED;
    if (options->address.path[0] != '\0') {
        mode = SSL_MODE_DISABLED;
    } else if (options->ca_file[0] != '\0') {
        mode = SSL_MODE_VERIFY_IDENTITY;
        mysql_options(mysql, MYSQL_OPT_SSL_CA, options->ca_file);
    }
    mysql_options(mysql, MYSQL_OPT_SSL_MODE, &mode);
}

static bool has_socket(MYSQL *mysql) {
    return mysql_get_connect_nonblocking_stage(mysql) > CONNECT_STAGE_NET_WAIT_CONNECT;
}

static void wait_for_progress(MYSQL *mysql) {
    bool waits_on_socket = has_socket(mysql);
    struct pollfd answer = {.fd = waits_on_socket ? mysql->net.fd : -1, .events = POLLIN};
    poll(&answer, 1, waits_on_socket ? PATIENCE_MS : LOOK_MS);
}

/* One step, as far as it goes without waiting. */
static enum net_async_status go_on(MYSQL *mysql, const struct db_options *options) {
    const struct address *address = &options->address;
    bool local = address->path[0] != '\0';
    return mysql_real_connect_nonblocking(mysql, local ? NULL : address->host, options->user, options->password,
                                          options->database, address->port, local ? address->path : NULL, 0);
}

enum status db_connect(MYSQL *mysql, const struct db_options *options, struct deadline deadline) {
    enum net_async_status progress;
    bool late = false;
    set_encryption(mysql, options);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    while ((progress = go_on(mysql, options)) == NET_ASYNC_NOT_READY) {
        if (deadline_passed(deadline) && !has_socket(mysql)) {
            return STATUS_TIMEOUT;
        }
        if (deadline_passed(deadline) && !late) {
            shutdown(mysql->net.fd, SHUT_RDWR); /* given up half way, a login would leak its memory: let it fail */
            late = true;
        }
        wait_for_progress(mysql);
    }
    if (late) {
        return STATUS_TIMEOUT;
    }
    return progress == NET_ASYNC_COMPLETE ? STATUS_OK : STATUS_GONE;
}
