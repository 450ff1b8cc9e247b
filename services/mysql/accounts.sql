-- Who may log in. The names in @…@ are filled in by mysql-start, from the lab's secrets.

-- root only from inside the machine, as the machine's own root: the socket knows who asks, so there is no password.
-- Not ALTER USER: plugins are not loaded yet while the data directory is made.
UPDATE mysql.user SET plugin = 'auth_socket', authentication_string = '' WHERE user = 'root' AND host = 'localhost';

-- The application: it reads and writes rows of the shop, and changes no table.
CREATE DATABASE shop;
CREATE USER 'shop'@'%' IDENTIFIED WITH caching_sha2_password BY '@SHOP_PASSWORD@';
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.* TO 'shop'@'%';

USE shop;
