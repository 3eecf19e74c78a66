-- 20260301120001_columns
-- Generated from the entities for mysql. Review it before you commit it.

-- +goose Up
CREATE TABLE `audits` (
    `id` bigint NOT NULL AUTO_INCREMENT,
    `what` varchar(100) NOT NULL,
    PRIMARY KEY (`id`)
);

-- +goose Down
-- DESTRUCTIVE: drops the table audits with all its rows.
DROP TABLE `audits`;
