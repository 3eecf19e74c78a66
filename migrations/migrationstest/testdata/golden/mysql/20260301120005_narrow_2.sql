-- 20260301120005_narrow_2
-- Generated from the entities for mysql. Review it before you commit it.

-- +goose Up
-- DESTRUCTIVE: drops the column user_sessions.score with all its values.
-- DESTRUCTIVE: narrows user_sessions.device from varchar(200) to varchar(50); a value that no longer fits makes the migration fail, except on SQLite, which keeps it.
SET @usersession_sql_mode = @@SESSION.sql_mode;
SET SESSION sql_mode = 'STRICT_ALL_TABLES';
ALTER TABLE `user_sessions`
    DROP INDEX `idx_user_sessions_score`,
    RENAME COLUMN `region` TO `zone`,
    RENAME COLUMN `serial` TO `number`,
    DROP COLUMN `score`,
    MODIFY COLUMN `device` varchar(50) NOT NULL DEFAULT 'unknown';
SET SESSION sql_mode = @usersession_sql_mode;

-- +goose Down
ALTER TABLE `user_sessions`
    RENAME COLUMN `zone` TO `region`,
    RENAME COLUMN `number` TO `serial`,
    MODIFY COLUMN `device` varchar(200) NOT NULL DEFAULT 'unknown',
    ADD COLUMN `score` bigint NOT NULL DEFAULT 8,
    ADD INDEX `idx_user_sessions_score` (`score`);
