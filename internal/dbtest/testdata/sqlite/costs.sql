-- get: at most 67 allocations

SELECT `subject_id`, `session_id`, +`created`, +`renewed`, +`expires`, `version`, `ticket` FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string

-- create: at most 34 allocations

INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT DO NOTHING;
--   with string, string, string, string, string, string, string, []uint8

-- update: at most 40 allocations

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string, []uint8, string, string, string, string, string

-- update, conditional: at most 40 allocations

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?) AND `version` = ?;
--   with string, string, string, string, string, []uint8, string, string, string, string, string, int64

-- delete: at most 26 allocations

DELETE FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `key` = ? AND `key` = ? COLLATE BINARY;
--   with string, string, string, string

-- replace, nothing there: at most 34 allocations

INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT DO NOTHING;
--   with string, string, string, string, string, string, string, []uint8

-- replace, one there: at most 125 allocations

INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT DO NOTHING;
--   with string, string, string, string, string, string, string, []uint8
BEGIN;
DELETE FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `session_id` = ? AND `session_id` = ? COLLATE BINARY;
--   with string, string, string, string
INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?);
--   with string, string, string, string, string, string, string, []uint8
COMMIT;

-- list, 10 of a subject: at most 212 allocations

SELECT `key`, `subject_id`, `session_id`, +`created`, +`renewed`, +`expires`, `version`, `ticket` FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `subject_id` = ? AND `subject_id` = ? COLLATE BINARY AND (`expires` IS NULL OR `expires` > ?) ORDER BY `id`;
--   with string, string, string, string, string

-- page of 50: at most 706 allocations

SELECT `key`, `subject_id`, `session_id`, +`created`, +`renewed`, +`expires`, `version`, `id` FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `id` < ? AND (`expires` IS NULL OR `expires` > ?) ORDER BY `id` DESC LIMIT ?;
--   with string, string, int64, string, int64

-- revoke by session id: at most 27 allocations

DELETE FROM `user_sessions` WHERE `partition_key` = ? AND `partition_key` = ? COLLATE BINARY AND `session_id` = ? AND `session_id` = ? COLLATE BINARY;
--   with string, string, string, string
