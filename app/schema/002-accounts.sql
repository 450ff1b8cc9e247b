-- Accounts: who may log in.

CREATE TABLE IF NOT EXISTS users (
    id            BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    -- 254 is the longest address that mail can be sent to (RFC 5321). Upper and lower case are the same person, an
    -- accent is another one.
    email         VARCHAR(254)    COLLATE utf8mb4_0900_as_ci NOT NULL,
    name          VARCHAR(80)     NOT NULL,
    -- As Argon2id writes it: it names its settings and its salt.
    password_hash VARCHAR(128)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at    TIMESTAMP       NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    -- Two who sign up with one address at once: this decides.
    UNIQUE KEY email (email)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_0900_ai_ci;
