-- The account of the monitoring's agent: whoever runs as the Unix user of this name on this machine. It reads counters and
-- the state of replication, and no row of anybody. As in accounts.sql, not ALTER USER.
CREATE USER 'mysqld-exporter'@'localhost' WITH MAX_USER_CONNECTIONS 3;
UPDATE mysql.user SET plugin = 'auth_socket', authentication_string = ''
    WHERE user = 'mysqld-exporter' AND host = 'localhost';
GRANT PROCESS, REPLICATION CLIENT ON *.* TO 'mysqld-exporter'@'localhost';
