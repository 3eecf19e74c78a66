-- AutoMigrate of entities.UserSession

CREATE TABLE `user_sessions` (`id` integer PRIMARY KEY AUTOINCREMENT,`partition_key` text NOT NULL,`key` text NOT NULL,`subject_id` text NOT NULL,`session_id` text,`created` datetime NOT NULL,`renewed` datetime NOT NULL,`expires` datetime,`ticket` blob NOT NULL,`version` integer NOT NULL);
CREATE INDEX `idx_user_sessions_expires` ON `user_sessions`(`expires`);
CREATE INDEX `idx_user_sessions_subject` ON `user_sessions`(`partition_key`,`subject_id`,`session_id`);
CREATE UNIQUE INDEX `idx_user_sessions_session` ON `user_sessions`(`partition_key`,`session_id`) WHERE session_id IS NOT NULL;
CREATE UNIQUE INDEX `idx_user_sessions_key` ON `user_sessions`(`partition_key`,`key`);
