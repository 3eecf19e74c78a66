-- 20260301120003_alter
-- Generated from the entities for sqlite. Review it before you commit it.
-- SQLite can't alter a column, so the table is rebuilt. Its triggers, and indexes that the entities
-- do not have, are lost; if there are any, create them again below.

-- +goose NO TRANSACTION

-- +goose Up
-- DESTRUCTIVE: makes user_sessions.device NOT NULL; rows with NULL get the default, and without one make the migration fail.
PRAGMA foreign_keys = OFF;
PRAGMA legacy_alter_table = ON;
BEGIN IMMEDIATE;
ALTER TABLE `user_sessions` RENAME TO `_old_user_sessions`;
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
    `version` integer NOT NULL,
    `device` text NOT NULL DEFAULT "unknown",
    `region` text,
    `score` integer NOT NULL DEFAULT 8,
    `serial` text,
    `level` integer DEFAULT 3
);
INSERT INTO `user_sessions` (`id`, `partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `ticket`, `version`, `device`, `region`, `score`, `level`)
    SELECT `id`, `partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `ticket`, `version`, COALESCE(`device`, 'unknown'), `region`, `score`, `level` FROM `_old_user_sessions`;
DELETE FROM sqlite_sequence WHERE name = 'user_sessions';
INSERT INTO sqlite_sequence (name, seq) SELECT 'user_sessions', seq FROM sqlite_sequence WHERE name = '_old_user_sessions';
DROP TABLE IF EXISTS temp.`_copy_user_sessions`;
CREATE TEMP TABLE `_copy_user_sessions` (complete integer NOT NULL CONSTRAINT `the copy of user_sessions has another number of rows` CHECK (complete = 1));
INSERT INTO temp.`_copy_user_sessions` SELECT (SELECT count(*) FROM `user_sessions`) = (SELECT count(*) FROM `_old_user_sessions`);
DROP TABLE `_old_user_sessions`;
CREATE INDEX `idx_user_sessions_device` ON `user_sessions` (`device`, `region`);
CREATE INDEX `idx_user_sessions_expires` ON `user_sessions` (`expires`);
CREATE UNIQUE INDEX `idx_user_sessions_key` ON `user_sessions` (`partition_key`, `key`);
CREATE INDEX `idx_user_sessions_score` ON `user_sessions` (`score`);
CREATE UNIQUE INDEX `idx_user_sessions_serial` ON `user_sessions` (`serial`) WHERE serial IS NOT NULL;
CREATE UNIQUE INDEX `idx_user_sessions_session` ON `user_sessions` (`partition_key`, `session_id`) WHERE session_id IS NOT NULL;
CREATE INDEX `idx_user_sessions_subject` ON `user_sessions` (`partition_key`, `subject_id`, `session_id`);
COMMIT;
PRAGMA legacy_alter_table = OFF;

-- +goose Down
-- DESTRUCTIVE: drops the column user_sessions.serial with all its values.
PRAGMA foreign_keys = OFF;
PRAGMA legacy_alter_table = ON;
BEGIN IMMEDIATE;
ALTER TABLE `user_sessions` RENAME TO `_old_user_sessions`;
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
    `version` integer NOT NULL,
    `device` text,
    `region` text,
    `score` integer NOT NULL DEFAULT 7,
    `level` integer DEFAULT 3
);
INSERT INTO `user_sessions` (`id`, `partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `ticket`, `version`, `device`, `region`, `score`, `level`)
    SELECT `id`, `partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `ticket`, `version`, `device`, `region`, `score`, `level` FROM `_old_user_sessions`;
DELETE FROM sqlite_sequence WHERE name = 'user_sessions';
INSERT INTO sqlite_sequence (name, seq) SELECT 'user_sessions', seq FROM sqlite_sequence WHERE name = '_old_user_sessions';
DROP TABLE IF EXISTS temp.`_copy_user_sessions`;
CREATE TEMP TABLE `_copy_user_sessions` (complete integer NOT NULL CONSTRAINT `the copy of user_sessions has another number of rows` CHECK (complete = 1));
INSERT INTO temp.`_copy_user_sessions` SELECT (SELECT count(*) FROM `user_sessions`) = (SELECT count(*) FROM `_old_user_sessions`);
DROP TABLE `_old_user_sessions`;
CREATE INDEX `idx_user_sessions_device` ON `user_sessions` (`device`, `region`);
CREATE INDEX `idx_user_sessions_expires` ON `user_sessions` (`expires`);
CREATE UNIQUE INDEX `idx_user_sessions_key` ON `user_sessions` (`partition_key`, `key`);
CREATE INDEX `idx_user_sessions_score` ON `user_sessions` (`score`);
CREATE UNIQUE INDEX `idx_user_sessions_session` ON `user_sessions` (`partition_key`, `session_id`) WHERE session_id IS NOT NULL;
CREATE INDEX `idx_user_sessions_subject` ON `user_sessions` (`partition_key`, `subject_id`, `session_id`);
COMMIT;
PRAGMA legacy_alter_table = OFF;
