-- 20260301120004_narrow
-- Generated from the entities for mysql. Review it before you commit it.

-- +goose Up
-- DESTRUCTIVE: drops the table audits with all its rows.
DROP TABLE `audits`;

-- +goose Down
CREATE TABLE `audits` (
    `id` bigint NOT NULL AUTO_INCREMENT,
    `what` varchar(100) NOT NULL,
    PRIMARY KEY (`id`)
);
