/*
 * sql_script -- the statements of a file of SQL, one after the other.
 *
 * A statement ends with ';' or with the file. One in quotes ('…', "…", `…`) or in a comment
 * (--, # or slash and star) ends nothing. There is no DELIMITER: mysqld's own reader of
 * such files, which gets the same ones, has none either.
 */
#ifndef SQL_SCRIPT_H
#define SQL_SCRIPT_H

#include <stdbool.h>

#include "slice.h"

/* Cuts the next statement, without its ';', off the front of rest. It keeps the comments
 * that stand before it; what is nothing but comment is none. False: there are no more. */
bool sql_script_next(struct slice *rest, struct slice *statement);

#endif
