-- Orders: what was bought, what has to be done about it, and who may order without a session.
--
-- An order, its lines and its row of the outbox are written in one transaction, so that none is there without the others.

CREATE TABLE IF NOT EXISTS orders (
    id              BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    -- The name the outside knows it by: says nothing of how many orders there are.
    uuid            BINARY(16)      NOT NULL,
    user_id         BIGINT UNSIGNED NOT NULL,
    -- The name that the buyer gave to the attempt. A second attempt with the same one finds the order of the first.
    idempotency_key VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- SHA-256 of what was asked for, to tell a second attempt from another wish under the same name.
    request_hash    BINARY(32)      NOT NULL,
    total_cents     BIGINT UNSIGNED NOT NULL,
    currency        CHAR(3)         CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at      TIMESTAMP(3)    NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (id),
    UNIQUE KEY uuid (uuid),
    UNIQUE KEY attempt (user_id, idempotency_key),
    -- For the list of one's own. InnoDB adds the id, so they come out in order.
    KEY user (user_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_0900_ai_ci;

-- What the product was when it was sold: its name and price may change later, an order may not.
CREATE TABLE IF NOT EXISTS order_lines (
    order_id    BIGINT UNSIGNED NOT NULL,
    product_id  INT UNSIGNED    NOT NULL,
    sku         VARCHAR(16)     NOT NULL,
    name        VARCHAR(120)    NOT NULL,
    quantity    INT UNSIGNED    NOT NULL,
    price_cents INT UNSIGNED    NOT NULL,
    PRIMARY KEY (order_id, product_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_0900_ai_ci;

-- What has to be done about an order once it is committed: shop-worker takes it from here.
CREATE TABLE IF NOT EXISTS outbox (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    order_id    BIGINT UNSIGNED NOT NULL,
    topic       VARCHAR(40)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    tries       INT UNSIGNED    NOT NULL DEFAULT 0,
    -- Why the last try failed.
    error       VARCHAR(200)    NULL,
    state       ENUM ('new', 'sent', 'done', 'dead') CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'new',
    created_at  TIMESTAMP(3)    NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    next_try_at TIMESTAMP(3)    NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (id),
    KEY due (state, next_try_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_0900_ai_ci;

-- Tokens for programs. Of a token only its SHA-256 is kept: who reads this table can use none of them.
CREATE TABLE IF NOT EXISTS api_tokens (
    token_hash BINARY(32)      NOT NULL,
    user_id    BIGINT UNSIGNED NOT NULL,
    name       VARCHAR(80)     NOT NULL,
    created_at TIMESTAMP       NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (token_hash)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_0900_ai_ci;
