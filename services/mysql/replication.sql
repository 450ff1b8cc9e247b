-- The account of the replicas. @REPL_PASSWORD@ is filled in by mysql-start. Encrypted or not at all: what it reads is
-- everything, hashes of passwords included.
CREATE USER 'repl'@'%' IDENTIFIED WITH caching_sha2_password BY '@REPL_PASSWORD@' REQUIRE SSL;
-- To read the binary log, and to be given a copy of all data by the clone plugin.
GRANT REPLICATION SLAVE, BACKUP_ADMIN ON *.* TO 'repl'@'%';
