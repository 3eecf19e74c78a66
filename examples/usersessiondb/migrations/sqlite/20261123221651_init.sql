-- 20261123221651_init
-- Generated from the entities for sqlite. Review it before you commit it.

-- +goose Up
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

-- +goose Down
-- DESTRUCTIVE: drops the table user_sessions with all its rows.
DROP TABLE `user_sessions`;
