-- The catalogue: what the shop sells.

CREATE TABLE IF NOT EXISTS products (
    id          INT UNSIGNED  NOT NULL AUTO_INCREMENT,
    -- The number on the shelf and on the invoice. It stays when a name changes.
    sku         VARCHAR(16)   NOT NULL,
    name        VARCHAR(120)  NOT NULL,
    category    VARCHAR(40)   NOT NULL,
    description VARCHAR(1000) NOT NULL,
    -- Whole cents: money is counted, and a floating point number only measures.
    price_cents INT UNSIGNED  NOT NULL,
    -- Unsigned, so that selling the last one twice is an error and not -1.
    stock       INT UNSIGNED  NOT NULL,
    -- Lets a cache and a replica be compared with the primary.
    updated_at  TIMESTAMP     NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    UNIQUE KEY sku (sku),
    -- For pages of one category. InnoDB adds the id, so they come out in order.
    KEY category (category)
    -- utf8mb4 holds every character; accents and case do not matter in a comparison.
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_0900_ai_ci;
