-- Receipts: one for each order, written by shop-worker some time after the order.

CREATE TABLE IF NOT EXISTS receipts (
    -- The key is what makes it one: whoever comes second finds it there.
    order_id   BIGINT UNSIGNED NOT NULL,
    text       TEXT            NOT NULL,
    created_at TIMESTAMP(3)    NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (order_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_0900_ai_ci;
