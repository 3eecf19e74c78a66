-- From version 0 to 20260301120004 on sqlite.
CREATE TABLE IF NOT EXISTS usersession_schema_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')));
INSERT INTO usersession_schema_version (version_id, is_applied) SELECT 0, 1 FROM (SELECT 1 AS one) AS once WHERE NOT EXISTS (SELECT 1 FROM usersession_schema_version);

-- 20260301120000_init
BEGIN IMMEDIATE;
CREATE TABLE `user_sessions` (
    `id` integer PRIMARY KEY AUTOINCREMENT,
    `partition_key` text NOT NULL,
    `key` text NOT NULL,
    `subject_id` text NOT NULL,
    `session_id` text,
    `created` datetime NOT NULL,
    `renewed` datetime NOT NULL,
    `expires` datetime,
    `ticket` blob NOT NULL,
    `version` integer NOT NULL
);
CREATE INDEX `idx_user_sessions_expires` ON `user_sessions` (`expires`);
CREATE UNIQUE INDEX `idx_user_sessions_key` ON `user_sessions` (`partition_key`, `key`);
CREATE UNIQUE INDEX `idx_user_sessions_session` ON `user_sessions` (`partition_key`, `session_id`) WHERE session_id IS NOT NULL;
CREATE INDEX `idx_user_sessions_subject` ON `user_sessions` (`partition_key`, `subject_id`, `session_id`);
INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120000, 1);
COMMIT;

-- 20260301120001_columns
BEGIN IMMEDIATE;
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
INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120001, 1);
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
    `device` text NOT NULL DEFAULT "unknown",
    `region` text,
    `score` integer NOT NULL DEFAULT 8,
    `serial` text,
    `level` integer DEFAULT 3
);
INSERT INTO `_new_user_sessions` (`id`, `partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `ticket`, `version`, `device`, `region`, `score`, `level`)
    SELECT `id`, `partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `ticket`, `version`, COALESCE(`device`, 'unknown'), `region`, `score`, `level` FROM `user_sessions`;
DELETE FROM sqlite_sequence WHERE name = '_new_user_sessions';
INSERT INTO sqlite_sequence (name, seq) SELECT '_new_user_sessions', seq FROM sqlite_sequence WHERE name = 'user_sessions';
DROP TABLE `user_sessions`;
ALTER TABLE `_new_user_sessions` RENAME TO `user_sessions`;
CREATE INDEX `idx_user_sessions_device` ON `user_sessions` (`device`, `region`);
CREATE INDEX `idx_user_sessions_expires` ON `user_sessions` (`expires`);
CREATE UNIQUE INDEX `idx_user_sessions_key` ON `user_sessions` (`partition_key`, `key`);
CREATE INDEX `idx_user_sessions_score` ON `user_sessions` (`score`);
CREATE UNIQUE INDEX `idx_user_sessions_serial` ON `user_sessions` (`serial`) WHERE serial IS NOT NULL;
CREATE UNIQUE INDEX `idx_user_sessions_session` ON `user_sessions` (`partition_key`, `session_id`) WHERE session_id IS NOT NULL;
CREATE INDEX `idx_user_sessions_subject` ON `user_sessions` (`partition_key`, `subject_id`, `session_id`);
INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120003, 1);
COMMIT;

-- 20260301120004_narrow
BEGIN IMMEDIATE;
DROP TABLE `audits`;
DROP INDEX `idx_user_sessions_score`;
DROP INDEX `idx_user_sessions_serial`;
ALTER TABLE `user_sessions` RENAME COLUMN `region` TO `zone`;
ALTER TABLE `user_sessions` RENAME COLUMN `serial` TO `number`;
ALTER TABLE `user_sessions` DROP COLUMN `score`;
CREATE UNIQUE INDEX `idx_user_sessions_serial` ON `user_sessions` (`number`) WHERE number IS NOT NULL;
INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20260301120004, 1);
COMMIT;
