-- From version 20260301120005 to 0 on mysql.

-- 20260301120005_narrow_2
ALTER TABLE `user_sessions`
    RENAME COLUMN `zone` TO `region`,
    RENAME COLUMN `number` TO `serial`,
    MODIFY COLUMN `device` varchar(200) NOT NULL DEFAULT 'unknown',
    ADD COLUMN `score` bigint NOT NULL DEFAULT 8,
    ADD INDEX `idx_user_sessions_score` (`score`);
DELETE FROM usersession_schema_version WHERE version_id = 20260301120005;

-- 20260301120004_narrow
CREATE TABLE `audits` (
    `id` bigint NOT NULL AUTO_INCREMENT,
    `what` varchar(100) NOT NULL,
    PRIMARY KEY (`id`)
);
DELETE FROM usersession_schema_version WHERE version_id = 20260301120004;

-- 20260301120003_alter
SET @usersession_sql_mode = @@SESSION.sql_mode;
SET SESSION sql_mode = 'STRICT_ALL_TABLES';
ALTER TABLE `user_sessions`
    DROP INDEX `idx_user_sessions_serial`,
    DROP COLUMN `serial`,
    MODIFY COLUMN `device` varchar(100) NULL,
    MODIFY COLUMN `score` bigint NOT NULL DEFAULT 7;
SET SESSION sql_mode = @usersession_sql_mode;
DELETE FROM usersession_schema_version WHERE version_id = 20260301120003;

-- 20260301120002_columns_2
ALTER TABLE `user_sessions`
    DROP INDEX `idx_user_sessions_device`,
    DROP INDEX `idx_user_sessions_score`,
    DROP COLUMN `device`,
    DROP COLUMN `region`,
    DROP COLUMN `score`,
    DROP COLUMN `level`;
DELETE FROM usersession_schema_version WHERE version_id = 20260301120002;

-- 20260301120001_columns
DROP TABLE `audits`;
DELETE FROM usersession_schema_version WHERE version_id = 20260301120001;

-- 20260301120000_init
DROP TABLE `user_sessions`;
DELETE FROM usersession_schema_version WHERE version_id = 20260301120000;
