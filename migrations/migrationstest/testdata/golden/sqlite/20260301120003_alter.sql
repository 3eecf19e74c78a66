-- 20260301120003_alter
-- Generated from the entities for sqlite. Review it before you commit it.
-- SQLite can't alter a column, so the table is rebuilt. Its triggers, and indexes that the entities
-- do not have, are lost; if there are any, create them again below.

-- +goose NO TRANSACTION

-- +goose Up
-- DESTRUCTIVE: makes user_sessions.device NOT NULL; rows with NULL get the default, and without one make the migration fail.
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
COMMIT;

-- +goose Down
-- DESTRUCTIVE: drops the column user_sessions.serial with all its values.
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
COMMIT;
