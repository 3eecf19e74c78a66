-- From version 0 to 20260301120005 on mysql.
CREATE TABLE IF NOT EXISTS usersession_schema_version (id bigint unsigned NOT NULL AUTO_INCREMENT, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp datetime NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (id));
INSERT INTO usersession_schema_version (version_id, is_applied) SELECT 0, true FROM (SELECT 1 AS one) AS once WHERE NOT EXISTS (SELECT 1 FROM usersession_schema_version);

-- 20260301120000_init
CREATE TABLE `user_sessions` (
    `id` bigint NOT NULL AUTO_INCREMENT,
    `partition_key` varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    `key` varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    `subject_id` varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    `session_id` varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    `created` datetime(6) NOT NULL,
    `renewed` datetime(6) NOT NULL,
    `expires` datetime(6) NULL,
    `ticket` longblob NOT NULL,
    `version` bigint NOT NULL,
    PRIMARY KEY (`id`),
    INDEX `idx_user_sessions_expires` (`expires`),
    UNIQUE INDEX `idx_user_sessions_key` (`partition_key`, `key`),
    UNIQUE INDEX `idx_user_sessions_session` (`partition_key`, `session_id`),
    INDEX `idx_user_sessions_subject` (`partition_key`, `subject_id`, `session_id`)
);
INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120000, true);

-- 20260301120001_columns
CREATE TABLE `audits` (
    `id` bigint NOT NULL AUTO_INCREMENT,
    `what` varchar(100) NOT NULL,
    PRIMARY KEY (`id`)
);
INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120001, true);

-- 20260301120002_columns_2
ALTER TABLE `user_sessions`
    ADD COLUMN `device` varchar(100) NULL,
    ADD COLUMN `region` varchar(20) NULL,
    ADD COLUMN `score` bigint NOT NULL DEFAULT 7,
    ADD COLUMN `level` bigint NULL DEFAULT 3,
    ADD INDEX `idx_user_sessions_device` (`device`, `region`),
    ADD INDEX `idx_user_sessions_score` (`score`);
INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120002, true);

-- 20260301120003_alter
UPDATE `user_sessions` SET `device` = 'unknown' WHERE `device` IS NULL;
SET @usersession_sql_mode = @@SESSION.sql_mode;
SET SESSION sql_mode = 'STRICT_ALL_TABLES';
ALTER TABLE `user_sessions`
    MODIFY COLUMN `device` varchar(200) NOT NULL DEFAULT 'unknown',
    MODIFY COLUMN `score` bigint NOT NULL DEFAULT 8,
    ADD COLUMN `serial` varchar(40) NULL,
    ADD UNIQUE INDEX `idx_user_sessions_serial` (`serial`);
SET SESSION sql_mode = @usersession_sql_mode;
INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120003, true);

-- 20260301120004_narrow
DROP TABLE `audits`;
INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120004, true);

-- 20260301120005_narrow_2
SET @usersession_sql_mode = @@SESSION.sql_mode;
SET SESSION sql_mode = 'STRICT_ALL_TABLES';
ALTER TABLE `user_sessions`
    DROP INDEX `idx_user_sessions_score`,
    RENAME COLUMN `region` TO `zone`,
    RENAME COLUMN `serial` TO `number`,
    DROP COLUMN `score`,
    MODIFY COLUMN `device` varchar(50) NOT NULL DEFAULT 'unknown';
SET SESSION sql_mode = @usersession_sql_mode;
INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120005, true);
