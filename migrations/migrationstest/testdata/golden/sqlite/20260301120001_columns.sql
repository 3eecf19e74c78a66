-- 20260301120001_columns
-- Generated from the entities for sqlite. Review it before you commit it.

-- +goose Up
CREATE TABLE `audits` (
    `id` integer PRIMARY KEY AUTOINCREMENT,
    `what` text NOT NULL
);
ALTER TABLE `user_sessions` ADD COLUMN `device` text;
ALTER TABLE `user_sessions` ADD COLUMN `region` text;
ALTER TABLE `user_sessions` ADD COLUMN `score` integer NOT NULL DEFAULT 7;
ALTER TABLE `user_sessions` ADD COLUMN `level` integer DEFAULT 3;
CREATE INDEX `idx_user_sessions_device` ON `user_sessions` (`device`, `region`);
CREATE INDEX `idx_user_sessions_score` ON `user_sessions` (`score`);

-- +goose Down
-- DESTRUCTIVE: drops the table audits with all its rows.
-- DESTRUCTIVE: drops the column user_sessions.device with all its values.
-- DESTRUCTIVE: drops the column user_sessions.region with all its values.
-- DESTRUCTIVE: drops the column user_sessions.score with all its values.
-- DESTRUCTIVE: drops the column user_sessions.level with all its values.
DROP INDEX `idx_user_sessions_device`;
DROP INDEX `idx_user_sessions_score`;
ALTER TABLE `user_sessions` DROP COLUMN `device`;
ALTER TABLE `user_sessions` DROP COLUMN `region`;
ALTER TABLE `user_sessions` DROP COLUMN `score`;
ALTER TABLE `user_sessions` DROP COLUMN `level`;
DROP TABLE `audits`;
