/*
 * shop-migrate -- applies what the tables of the shop lack, and ends.
 *
 * Exit status: 0 all is applied; 1 not now, it may go well the next time; 2 a person has to
 * look.
 */
#include <mysql.h>
#include <stdlib.h>

#include "backends.h"
#include "log.h"
#include "migrate.h"
#include "migrations.h"
#include "program.h"

static struct migrate_options migrate_options(const struct config *config) {
    return (struct migrate_options){
        .schema_dir = config->schema_dir,
        .servers = config->mysql_servers,
        .account =
            {
                .user = config->mysql_user,
                .password = config->mysql_password,
                .database = config->mysql_database,
                .ca_file = config->mysql_ca_file,
                .timeout_ms = config->mysql_timeout_ms,
            },
        .wait_ms = config->migrate_wait_ms,
    };
}

static int run(const struct config *config, void *context) {
    (void)context;
    const struct migrate_options options = migrate_options(config);
    char reason[PROGRAM_REASON_BYTES] = "";
    enum status status = migrate(&options, reason, sizeof reason);
    mysql_library_end();
    if (status == STATUS_OK) {
        return EXIT_SUCCESS;
    }
    log_event(LOG_ERROR, "cannot migrate", LOG_TEXT("reason", reason));
    return status == STATUS_BAD_INPUT || status == STATUS_NOT_FOUND ? PROGRAM_MISUSED : EXIT_FAILURE;
}

static enum status prepare(const struct config *config, void *context, char reason[static PROGRAM_REASON_BYTES]) {
    (void)context;
    struct migrations migrations;
    enum status status = backends_check(config, reason, PROGRAM_REASON_BYTES);
    if (status == STATUS_OK) {
        status = migrations_read(config->schema_dir, &migrations, reason, PROGRAM_REASON_BYTES);
        migrations_free(&migrations);
    }
    return status;
}

int main(int argc, char **argv) {
    const struct program shop_migrate = {
        .name = "shop-migrate",
        .checked = "settings and schema",
        .settings = CONFIG_MIGRATE,
        .tasks = {{NULL, "applies the changes to the tables that are missing", run}},
        .prepare = prepare,
    };
    return program_main(&shop_migrate, argc, argv);
}
