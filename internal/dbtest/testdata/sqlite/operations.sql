-- GetUserSession

SELECT `subject_id`, `session_id`, +`created`, +`renewed`, +`expires`, `version`, `ticket` FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string

-- CreateUserSession

INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT DO NOTHING;
--   with string, string, string, string, string, string, string, []uint8

-- ReplaceUserSession

INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT DO NOTHING;
--   with string, string, string, string, string, string, string, []uint8

-- CreateUserSession, without a session id, an expiry and a ticket

INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, NULL, ?, ?, NULL, 1, ?) ON CONFLICT DO NOTHING;
--   with string, string, string, string, string, []uint8

-- UpdateUserSession

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string, []uint8, string, string, string, string, string

-- UpdateUserSession, without a session id, an expiry and a ticket

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = NULL, `created` = ?, `renewed` = ?, `expires` = NULL, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, []uint8, string, string, string, string, string

-- UpdateUserSession, IfVersion

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?) AND `version` = ?;
--   with string, string, string, string, string, []uint8, string, string, string, string, string, int64

-- UpdateUserSession, IfVersion, too late

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?) AND `version` = ?;
--   with string, string, string, string, string, []uint8, string, string, string, string, string, int64
SELECT `version` FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string

-- UpdateUserSession, keeps Created

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, []uint8, string, string, string, string, string

-- UpdateUserSession, ReplaceRivals

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string, []uint8, string, string, string, string, string

-- UpdateUserSession, ReplaceRivals, IfVersion

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?) AND `version` = ?;
--   with string, string, string, string, string, []uint8, string, string, string, string, string, int64

-- UpdateUserSession, ReplaceRivals, IfVersion, too late

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?) AND `version` = ?;
--   with string, string, string, string, string, []uint8, string, string, string, string, string, int64
SELECT `version` FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string

-- UpdateUserSession, ReplaceRivals without a session id

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = NULL, `created` = ?, `renewed` = ?, `expires` = NULL, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, []uint8, string, string, string, string, string

-- DeleteUserSessionVersion

DELETE FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY AND `version` = ?;
--   with string, string, string, string, int64

-- DeleteUserSession

DELETE FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY;
--   with string, string, string, string

-- GetUserSessions, by subject id

SELECT `key`, `subject_id`, `session_id`, +`created`, +`renewed`, +`expires`, `version`, `ticket` FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `subject_id` = ? AND `subject_id` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?) ORDER BY `id`;
--   with string, string, string, string, string

-- GetUserSessions, by session id

SELECT `key`, `subject_id`, `session_id`, +`created`, +`renewed`, +`expires`, `version`, `ticket` FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `session_id` = ? AND `session_id` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?) ORDER BY `id`;
--   with string, string, string, string, string

-- GetUserSessions, by both

SELECT `key`, `subject_id`, `session_id`, +`created`, +`renewed`, +`expires`, `version`, `ticket` FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `subject_id` = ? AND `subject_id` = ? COLLATE BINARY AND `session_id` = ? AND `session_id` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?) ORDER BY `id`;
--   with string, string, string, string, string, string, string

-- DeleteUserSessions, by subject id

DELETE FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `subject_id` = ? AND `subject_id` = ? COLLATE BINARY;
--   with string, string, string, string

-- DeleteUserSessions, by session id

DELETE FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `session_id` = ? AND `session_id` = ? COLLATE BINARY;
--   with string, string, string, string

-- DeleteUserSessions, by both

DELETE FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `subject_id` = ? AND `subject_id` = ? COLLATE BINARY AND `session_id` = ? AND `session_id` = ? COLLATE BINARY;
--   with string, string, string, string, string, string

-- UserSessions, newest first, two pages

SELECT `key`, `subject_id`, `session_id`, +`created`, +`renewed`, +`expires`, `version`, `id` FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `id` < ? AND (`expires` IS NULL OR `expires` > ?) ORDER BY `id` DESC LIMIT ?;
--   with string, string, int64, string, int64
SELECT `key`, `subject_id`, `session_id`, +`created`, +`renewed`, +`expires`, `version`, `id` FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `id` < ? AND (`expires` IS NULL OR `expires` > ?) ORDER BY `id` DESC LIMIT ?;
--   with string, string, int64, string, int64

-- UserSessions, oldest first

SELECT `key`, `subject_id`, `session_id`, +`created`, +`renewed`, +`expires`, `version`, `id` FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `id` > ? AND (`expires` IS NULL OR `expires` > ?) ORDER BY `id` LIMIT ?;
--   with string, string, int64, string, int64

-- UserSessions, of a subject

SELECT `key`, `subject_id`, `session_id`, +`created`, +`renewed`, +`expires`, `version`, `id` FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `subject_id` = ? AND `subject_id` = ? COLLATE BINARY AND `id` < ? AND (`expires` IS NULL OR `expires` > ?) ORDER BY `id` DESC LIMIT ?;
--   with string, string, string, string, int64, string, int64

-- UserSessions, of a subject, oldest first

SELECT `key`, `subject_id`, `session_id`, +`created`, +`renewed`, +`expires`, `version`, `id` FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `subject_id` = ? AND `subject_id` = ? COLLATE BINARY AND `id` > ? AND (`expires` IS NULL OR `expires` > ?) ORDER BY `id` LIMIT ?;
--   with string, string, string, string, int64, string, int64
