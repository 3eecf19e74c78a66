-- 20260301120004_narrow
-- Generated from the entities for sqlite. Review it before you commit it.

-- +goose Up
-- DESTRUCTIVE: drops the table audits with all its rows.
-- DESTRUCTIVE: drops the column user_sessions.score with all its values.
DROP TABLE `audits`;
DROP INDEX `idx_user_sessions_score`;
DROP INDEX `idx_user_sessions_serial`;
ALTER TABLE `user_sessions` RENAME COLUMN `region` TO `zone`;
ALTER TABLE `user_sessions` RENAME COLUMN `serial` TO `number`;
ALTER TABLE `user_sessions` DROP COLUMN `score`;
CREATE UNIQUE INDEX `idx_user_sessions_serial` ON `user_sessions` (`number`) WHERE number IS NOT NULL;

-- +goose Down
DROP INDEX `idx_user_sessions_serial`;
ALTER TABLE `user_sessions` RENAME COLUMN `zone` TO `region`;
ALTER TABLE `user_sessions` RENAME COLUMN `number` TO `serial`;
ALTER TABLE `user_sessions` ADD COLUMN `score` integer NOT NULL DEFAULT 8;
CREATE INDEX `idx_user_sessions_score` ON `user_sessions` (`score`);
CREATE UNIQUE INDEX `idx_user_sessions_serial` ON `user_sessions` (`serial`) WHERE serial IS NOT NULL;
CREATE TABLE `audits` (
    `id` integer PRIMARY KEY AUTOINCREMENT,
    `what` text NOT NULL
);
