-- From version 20260301120004 to 0 on sqlite.
-- Each version is one transaction: it makes all changes of the version and records it, or does nothing.
.bail on
.timeout 10000
DROP TABLE IF EXISTS temp.usersession_done;
PRAGMA ignore_check_constraints = OFF;

-- 20260301120004_narrow
BEGIN;
DROP TABLE IF EXISTS temp.usersession_step;
CREATE TEMP TABLE usersession_step (
    once integer NOT NULL CONSTRAINT `version 20260301120004 is not applied; for the other versions write a script without it` CHECK (once = 1),
    follows integer NOT NULL CONSTRAINT `version 20260301120004 is not reverted: the last version of the database must be 20260301120004` CHECK (follows = 1),
    made integer
);
DROP TABLE IF EXISTS temp.usersession_done;
CREATE TEMP TABLE usersession_done (made integer NOT NULL CONSTRAINT `the record of version 20260301120004 is unchanged: its statements failed or did not make its changes` CHECK (made = 1));
DELETE FROM usersession_schema_version WHERE version_id = 20260301120004;
INSERT INTO temp.usersession_step (once, follows)
    SELECT changes() > 0, (SELECT max(version_id) IS 20260301120003 FROM usersession_schema_version WHERE is_applied AND version_id <> 20260301120004);
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
UPDATE temp.usersession_step SET made = true
    AND EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'audits')
    AND EXISTS (SELECT 1 FROM pragma_table_info('audits') WHERE name = 'id')
    AND EXISTS (SELECT 1 FROM pragma_table_info('audits') WHERE name = 'what' AND lower(type) = 'text' AND `notnull` = 1)
    AND NOT EXISTS (SELECT 1 FROM pragma_table_info('user_sessions') WHERE name = 'zone')
    AND NOT EXISTS (SELECT 1 FROM pragma_table_info('user_sessions') WHERE name = 'number')
    AND EXISTS (SELECT 1 FROM pragma_table_info('user_sessions') WHERE name = 'region' AND lower(type) = 'text' AND `notnull` = 0)
    AND EXISTS (SELECT 1 FROM pragma_table_info('user_sessions') WHERE name = 'score' AND lower(type) = 'integer' AND `notnull` = 1)
    AND EXISTS (SELECT 1 FROM pragma_table_info('user_sessions') WHERE name = 'serial' AND lower(type) = 'text' AND `notnull` = 0)
    AND EXISTS (SELECT 1 FROM pragma_index_list('user_sessions') WHERE name = 'idx_user_sessions_device' AND `unique` = 0 AND partial = 0 AND (SELECT group_concat(name) FROM pragma_index_info('idx_user_sessions_device')) = 'device,region')
    AND EXISTS (SELECT 1 FROM pragma_index_list('user_sessions') WHERE name = 'idx_user_sessions_score' AND `unique` = 0 AND partial = 0 AND (SELECT group_concat(name) FROM pragma_index_info('idx_user_sessions_score')) = 'score')
    AND EXISTS (SELECT 1 FROM pragma_index_list('user_sessions') WHERE name = 'idx_user_sessions_serial' AND `unique` = 1 AND partial = 1 AND (SELECT group_concat(name) FROM pragma_index_info('idx_user_sessions_serial')) = 'serial');
INSERT OR ROLLBACK INTO temp.usersession_done (made) VALUES (COALESCE((SELECT made FROM temp.usersession_step), 0));
COMMIT;

-- 20260301120003_alter
-- DESTRUCTIVE: drops the column user_sessions.serial with all its values.
PRAGMA foreign_keys = OFF;
PRAGMA legacy_alter_table = ON;
BEGIN;
DROP TABLE IF EXISTS temp.usersession_step;
CREATE TEMP TABLE usersession_step (
    once integer NOT NULL CONSTRAINT `version 20260301120003 is not applied; for the other versions write a script without it` CHECK (once = 1),
    follows integer NOT NULL CONSTRAINT `version 20260301120003 is not reverted: the last version of the database must be 20260301120003` CHECK (follows = 1),
    made integer
);
DROP TABLE IF EXISTS temp.usersession_done;
CREATE TEMP TABLE usersession_done (made integer NOT NULL CONSTRAINT `the record of version 20260301120003 is unchanged: its statements failed or did not make its changes` CHECK (made = 1));
DELETE FROM usersession_schema_version WHERE version_id = 20260301120003;
INSERT INTO temp.usersession_step (once, follows)
    SELECT changes() > 0, (SELECT max(version_id) IS 20260301120001 FROM usersession_schema_version WHERE is_applied AND version_id <> 20260301120003);
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
UPDATE temp.usersession_step SET made = true
    AND NOT EXISTS (SELECT 1 FROM pragma_table_info('user_sessions') WHERE name = 'serial')
    AND EXISTS (SELECT 1 FROM pragma_table_info('user_sessions') WHERE name = 'device' AND lower(type) = 'text' AND `notnull` = 0)
    AND EXISTS (SELECT 1 FROM pragma_table_info('user_sessions') WHERE name = 'score' AND lower(type) = 'integer' AND `notnull` = 1)
    AND NOT EXISTS (SELECT 1 FROM pragma_index_list('user_sessions') WHERE name = 'idx_user_sessions_serial')
    AND EXISTS (SELECT 1 FROM temp.`_copy_user_sessions`)
    AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_old_user_sessions')
    AND EXISTS (SELECT 1 FROM pragma_index_list('user_sessions') WHERE name = 'idx_user_sessions_device' AND `unique` = 0 AND partial = 0 AND (SELECT group_concat(name) FROM pragma_index_info('idx_user_sessions_device')) = 'device,region')
    AND EXISTS (SELECT 1 FROM pragma_index_list('user_sessions') WHERE name = 'idx_user_sessions_expires' AND `unique` = 0 AND partial = 0 AND (SELECT group_concat(name) FROM pragma_index_info('idx_user_sessions_expires')) = 'expires')
    AND EXISTS (SELECT 1 FROM pragma_index_list('user_sessions') WHERE name = 'idx_user_sessions_key' AND `unique` = 1 AND partial = 0 AND (SELECT group_concat(name) FROM pragma_index_info('idx_user_sessions_key')) = 'partition_key,key')
    AND EXISTS (SELECT 1 FROM pragma_index_list('user_sessions') WHERE name = 'idx_user_sessions_score' AND `unique` = 0 AND partial = 0 AND (SELECT group_concat(name) FROM pragma_index_info('idx_user_sessions_score')) = 'score')
    AND EXISTS (SELECT 1 FROM pragma_index_list('user_sessions') WHERE name = 'idx_user_sessions_session' AND `unique` = 1 AND partial = 1 AND (SELECT group_concat(name) FROM pragma_index_info('idx_user_sessions_session')) = 'partition_key,session_id')
    AND EXISTS (SELECT 1 FROM pragma_index_list('user_sessions') WHERE name = 'idx_user_sessions_subject' AND `unique` = 0 AND partial = 0 AND (SELECT group_concat(name) FROM pragma_index_info('idx_user_sessions_subject')) = 'partition_key,subject_id,session_id');
INSERT OR ROLLBACK INTO temp.usersession_done (made) VALUES (COALESCE((SELECT made FROM temp.usersession_step), 0));
COMMIT;
PRAGMA legacy_alter_table = OFF;

-- 20260301120001_columns
-- DESTRUCTIVE: drops the table audits with all its rows.
-- DESTRUCTIVE: drops the column user_sessions.device with all its values.
-- DESTRUCTIVE: drops the column user_sessions.region with all its values.
-- DESTRUCTIVE: drops the column user_sessions.score with all its values.
-- DESTRUCTIVE: drops the column user_sessions.level with all its values.
BEGIN;
DROP TABLE IF EXISTS temp.usersession_step;
CREATE TEMP TABLE usersession_step (
    once integer NOT NULL CONSTRAINT `version 20260301120001 is not applied; for the other versions write a script without it` CHECK (once = 1),
    follows integer NOT NULL CONSTRAINT `version 20260301120001 is not reverted: the last version of the database must be 20260301120001` CHECK (follows = 1),
    made integer
);
DROP TABLE IF EXISTS temp.usersession_done;
CREATE TEMP TABLE usersession_done (made integer NOT NULL CONSTRAINT `the record of version 20260301120001 is unchanged: its statements failed or did not make its changes` CHECK (made = 1));
DELETE FROM usersession_schema_version WHERE version_id = 20260301120001;
INSERT INTO temp.usersession_step (once, follows)
    SELECT changes() > 0, (SELECT max(version_id) IS 20260301120000 FROM usersession_schema_version WHERE is_applied AND version_id <> 20260301120001);
DROP INDEX `idx_user_sessions_device`;
DROP INDEX `idx_user_sessions_score`;
ALTER TABLE `user_sessions` DROP COLUMN `device`;
ALTER TABLE `user_sessions` DROP COLUMN `region`;
ALTER TABLE `user_sessions` DROP COLUMN `score`;
ALTER TABLE `user_sessions` DROP COLUMN `level`;
DROP TABLE `audits`;
UPDATE temp.usersession_step SET made = true
    AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'audits')
    AND NOT EXISTS (SELECT 1 FROM pragma_table_info('user_sessions') WHERE name = 'device')
    AND NOT EXISTS (SELECT 1 FROM pragma_table_info('user_sessions') WHERE name = 'region')
    AND NOT EXISTS (SELECT 1 FROM pragma_table_info('user_sessions') WHERE name = 'score')
    AND NOT EXISTS (SELECT 1 FROM pragma_table_info('user_sessions') WHERE name = 'level')
    AND NOT EXISTS (SELECT 1 FROM pragma_index_list('user_sessions') WHERE name = 'idx_user_sessions_device')
    AND NOT EXISTS (SELECT 1 FROM pragma_index_list('user_sessions') WHERE name = 'idx_user_sessions_score');
INSERT OR ROLLBACK INTO temp.usersession_done (made) VALUES (COALESCE((SELECT made FROM temp.usersession_step), 0));
COMMIT;

-- 20260301120000_init
-- DESTRUCTIVE: drops the table user_sessions with all its rows.
BEGIN;
DROP TABLE IF EXISTS temp.usersession_step;
CREATE TEMP TABLE usersession_step (
    once integer NOT NULL CONSTRAINT `version 20260301120000 is not applied; for the other versions write a script without it` CHECK (once = 1),
    follows integer NOT NULL CONSTRAINT `version 20260301120000 is not reverted: the last version of the database must be 20260301120000` CHECK (follows = 1),
    made integer
);
DROP TABLE IF EXISTS temp.usersession_done;
CREATE TEMP TABLE usersession_done (made integer NOT NULL CONSTRAINT `the record of version 20260301120000 is unchanged: its statements failed or did not make its changes` CHECK (made = 1));
DELETE FROM usersession_schema_version WHERE version_id = 20260301120000;
INSERT INTO temp.usersession_step (once, follows)
    SELECT changes() > 0, (SELECT max(version_id) IS 0 FROM usersession_schema_version WHERE is_applied AND version_id <> 20260301120000);
DROP TABLE `user_sessions`;
UPDATE temp.usersession_step SET made = true
    AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'user_sessions');
INSERT OR ROLLBACK INTO temp.usersession_done (made) VALUES (COALESCE((SELECT made FROM temp.usersession_step), 0));
COMMIT;
