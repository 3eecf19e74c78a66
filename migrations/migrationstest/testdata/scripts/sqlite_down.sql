-- From version 20260301120004 to 0 on sqlite.

-- 20260301120004_narrow
BEGIN IMMEDIATE;
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
DELETE FROM usersession_schema_version WHERE version_id = 20260301120004;
COMMIT;

-- 20260301120003_alter
PRAGMA foreign_keys = OFF;
BEGIN IMMEDIATE;
CREATE TABLE `_new_user_sessions` (
    `id` integer PRIMARY KEY AUTOINCREMENT,
    `partition_key` text NOT NULL,
    `key` text NOT NULL,
    `subject_id` text NOT NULL,
    `session_id` text,
    `created` datetime NOT NULL,
    `renewed` datetime NOT NULL,
    `expires` datetime,
    `ticket` blob NOT NULL,
    `version` integer NOT NULL,
    `device` text,
    `region` text,
    `score` integer NOT NULL DEFAULT 7,
    `level` integer DEFAULT 3
);
INSERT INTO `_new_user_sessions` (`id`, `partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `ticket`, `version`, `device`, `region`, `score`, `level`)
    SELECT `id`, `partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `ticket`, `version`, `device`, `region`, `score`, `level` FROM `user_sessions`;
DELETE FROM sqlite_sequence WHERE name = '_new_user_sessions';
INSERT INTO sqlite_sequence (name, seq) SELECT '_new_user_sessions', seq FROM sqlite_sequence WHERE name = 'user_sessions';
DROP TABLE `user_sessions`;
ALTER TABLE `_new_user_sessions` RENAME TO `user_sessions`;
CREATE INDEX `idx_user_sessions_device` ON `user_sessions` (`device`, `region`);
CREATE INDEX `idx_user_sessions_expires` ON `user_sessions` (`expires`);
CREATE UNIQUE INDEX `idx_user_sessions_key` ON `user_sessions` (`partition_key`, `key`);
CREATE INDEX `idx_user_sessions_score` ON `user_sessions` (`score`);
CREATE UNIQUE INDEX `idx_user_sessions_session` ON `user_sessions` (`partition_key`, `session_id`) WHERE session_id IS NOT NULL;
CREATE INDEX `idx_user_sessions_subject` ON `user_sessions` (`partition_key`, `subject_id`, `session_id`);
DELETE FROM usersession_schema_version WHERE version_id = 20260301120003;
COMMIT;

-- 20260301120001_columns
BEGIN IMMEDIATE;
DROP INDEX `idx_user_sessions_device`;
DROP INDEX `idx_user_sessions_score`;
ALTER TABLE `user_sessions` DROP COLUMN `device`;
ALTER TABLE `user_sessions` DROP COLUMN `region`;
ALTER TABLE `user_sessions` DROP COLUMN `score`;
ALTER TABLE `user_sessions` DROP COLUMN `level`;
DROP TABLE `audits`;
DELETE FROM usersession_schema_version WHERE version_id = 20260301120001;
COMMIT;

-- 20260301120000_init
BEGIN IMMEDIATE;
DROP TABLE `user_sessions`;
DELETE FROM usersession_schema_version WHERE version_id = 20260301120000;
COMMIT;
