-- Full text search over the products.
--
-- Two indexes: one over all that is searched, and one over the name alone, because a word in the name says more about a
-- product than one in its description. Which words are in them at all is settled in my.cnf (innodb-ft-…): every one.
--
-- Expand only: a shopd that does not search does not notice. Adding an index knows no IF NOT EXISTS, so what is run is
-- put together here; InnoDB makes one full text index at a time.

SET @add = IF((SELECT COUNT(*) FROM information_schema.statistics
               WHERE table_schema = DATABASE() AND table_name = 'products' AND index_name = 'searched') = 0,
              'ALTER TABLE products ADD FULLTEXT KEY searched (name, description)', 'DO 0');
PREPARE add_index FROM @add;
EXECUTE add_index;

SET @add = IF((SELECT COUNT(*) FROM information_schema.statistics
               WHERE table_schema = DATABASE() AND table_name = 'products' AND index_name = 'searched_name') = 0,
              'ALTER TABLE products ADD FULLTEXT KEY searched_name (name)', 'DO 0');
PREPARE add_index FROM @add;
EXECUTE add_index;
DEALLOCATE PREPARE add_index;
