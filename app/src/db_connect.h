/*
 * db_connect -- how a connection to MySQL is made, within its deadline.
 *
 * The blocking connect of libmysqlclient counts in seconds, and nobody knows its socket
 * meanwhile. So the non-blocking one is used; the connection it makes serves blocking
 * calls as any other. (MYSQL_INIT_COMMAND is not for it: that one blocks.)
 */
#ifndef DB_CONNECT_H
#define DB_CONNECT_H

#include <mysql.h>

#include "db.h"
#include "deadline.h"

/*
 * Connects mysql, fresh from mysql_init(). STATUS_TIMEOUT: not by the deadline;
 * STATUS_GONE: mysql_errno() and mysql_error() say why. After both it can only be closed.
 */
enum status db_connect(MYSQL *mysql, const struct db_options *options, struct deadline deadline);

#endif
