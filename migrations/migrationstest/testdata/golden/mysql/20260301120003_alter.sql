-- 20260301120003_alter
-- Generated from the entities for mysql. Review it before you commit it.

-- +goose Up
-- DESTRUCTIVE: makes user_sessions.device NOT NULL; rows with NULL get the default, and without one make the migration fail.
UPDATE `user_sessions` SET `device` = 'unknown' WHERE `device` IS NULL;
SET @usersession_sql_mode = @@SESSION.sql_mode;
SET SESSION sql_mode = 'STRICT_ALL_TABLES';
ALTER TABLE `user_sessions`
    MODIFY COLUMN `device` varchar(200) NOT NULL DEFAULT 'unknown',
    MODIFY COLUMN `score` bigint NOT NULL DEFAULT 8,
    ADD COLUMN `serial` varchar(40) NULL,
    ADD UNIQUE INDEX `idx_user_sessions_serial` (`serial`);
SET SESSION sql_mode = @usersession_sql_mode;

-- +goose Down
-- DESTRUCTIVE: drops the column user_sessions.serial with all its values.
-- DESTRUCTIVE: narrows user_sessions.device from varchar(200) to varchar(100); a value that no longer fits makes the migration fail, except on SQLite, which keeps it.
SET @usersession_sql_mode = @@SESSION.sql_mode;
SET SESSION sql_mode = 'STRICT_ALL_TABLES';
ALTER TABLE `user_sessions`
    DROP INDEX `idx_user_sessions_serial`,
    DROP COLUMN `serial`,
    MODIFY COLUMN `device` varchar(100) NULL,
    MODIFY COLUMN `score` bigint NOT NULL DEFAULT 7;
SET SESSION sql_mode = @usersession_sql_mode;
