-- 20261123221651_init
-- Generated from the entities for mysql. Review it before you commit it.

-- +goose Up
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

-- +goose Down
-- DESTRUCTIVE: drops the table user_sessions with all its rows.
DROP TABLE `user_sessions`;
