-- Parts of the shop that can be switched off while it runs. shopd reads this table every few seconds.
--
-- Expand only: a shopd that does not know the table, or a flag in it, does not mind.

CREATE TABLE IF NOT EXISTS flags (
    name       VARCHAR(40) NOT NULL,
    enabled    BOOLEAN     NOT NULL DEFAULT TRUE,
    updated_at TIMESTAMP   NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_0900_ai_ci;

-- One that somebody has switched off already stays off.
INSERT IGNORE INTO flags (name) VALUES ('search'), ('receipts'), ('recommendations');
