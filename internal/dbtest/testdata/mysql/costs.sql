-- get: at most 57 allocations

SELECT `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string

-- create: at most 31 allocations

INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?);
--   with string, string, string, string, string, string, string, []uint8

-- update: at most 36 allocations

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string, []uint8, string, string, string, string, string

-- update, conditional: at most 36 allocations

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND (`expires` IS NULL OR `expires` > ?) AND `version` = ?;
--   with string, string, string, string, string, []uint8, string, string, string, string, string, int64

-- delete: at most 24 allocations

DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY);
--   with string, string, string, string

-- replace, nothing there: at most 31 allocations

INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?);
--   with string, string, string, string, string, string, string, []uint8

-- replace, one there: at most 82 allocations

INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?);
--   with string, string, string, string, string, string, string, []uint8
--   fails
BEGIN; -- READ COMMITTED
DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `session_id` = ? AND CAST(CONVERT(`session_id` USING utf8mb4) AS BINARY) = CAST(? AS BINARY);
--   with string, string, string, string
INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?);
--   with string, string, string, string, string, string, string, []uint8
COMMIT;

-- list, 10 of a subject: at most 165 allocations

SELECT `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `subject_id` = ? AND CAST(CONVERT(`subject_id` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND (`expires` IS NULL OR `expires` > ?) ORDER BY `id`;
--   with string, string, string, string, string

-- page of 50: at most 550 allocations

SELECT `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `id` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `id` < ? AND (`expires` IS NULL OR `expires` > ?) ORDER BY `id` DESC LIMIT ?;
--   with string, string, int64, string, int64

-- revoke by session id: at most 25 allocations

DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `session_id` = ? AND CAST(CONVERT(`session_id` USING utf8mb4) AS BINARY) = CAST(? AS BINARY);
--   with string, string, string, string
