-- 20260301120002_columns_2
-- Generated from the entities for mysql. Review it before you commit it.

-- +goose Up
ALTER TABLE `user_sessions`
    ADD COLUMN `device` varchar(100) NULL,
    ADD COLUMN `region` varchar(20) NULL,
    ADD COLUMN `score` bigint NOT NULL DEFAULT 7,
    ADD COLUMN `level` bigint NULL DEFAULT 3,
    ADD INDEX `idx_user_sessions_device` (`device`, `region`),
    ADD INDEX `idx_user_sessions_score` (`score`);

-- +goose Down
-- DESTRUCTIVE: drops the column user_sessions.device with all its values.
-- DESTRUCTIVE: drops the column user_sessions.region with all its values.
-- DESTRUCTIVE: drops the column user_sessions.score with all its values.
-- DESTRUCTIVE: drops the column user_sessions.level with all its values.
ALTER TABLE `user_sessions`
    DROP INDEX `idx_user_sessions_device`,
    DROP INDEX `idx_user_sessions_score`,
    DROP COLUMN `device`,
    DROP COLUMN `region`,
    DROP COLUMN `score`,
    DROP COLUMN `level`;
