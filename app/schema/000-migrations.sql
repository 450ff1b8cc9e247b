-- What has been applied: the records of shop-migrate. README.md says how it works.

CREATE TABLE IF NOT EXISTS schema_migrations (
    version    INT UNSIGNED NOT NULL,
    name       VARCHAR(64)  NOT NULL,
    -- Of the file as it was applied. One that is changed later is noticed.
    sha256     CHAR(64)     NOT NULL,
    -- NULL: begun, and not known to be finished.
    applied_at TIMESTAMP    NULL,
    PRIMARY KEY (version)
) ENGINE = InnoDB DEFAULT CHARSET = ascii;
