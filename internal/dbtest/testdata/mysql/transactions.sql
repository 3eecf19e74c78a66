-- CreateUserSession, an expired session conflicts

INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?);
--   with string, string, string, string, string, string, string, []uint8
--   fails
SHOW VARIABLES LIKE 'group_replication_group_name';
SAVEPOINT usersession;
DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `session_id` = ? AND CAST(CONVERT(`session_id` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `expires` <= ?;
--   with string, string, string, string, string
DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `expires` <= ?;
--   with string, string, string, string, string
INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?);
--   with string, string, string, string, string, string, string, []uint8
RELEASE SAVEPOINT usersession;

-- CreateUserSession, a live session conflicts

INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?);
--   with string, string, string, string, string, string, string, []uint8
--   fails
SAVEPOINT usersession;
DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `session_id` = ? AND CAST(CONVERT(`session_id` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `expires` <= ?;
--   with string, string, string, string, string
DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `expires` <= ?;
--   with string, string, string, string, string
INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?);
--   with string, string, string, string, string, string, string, []uint8
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;

-- ReplaceUserSession, a session conflicts

INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?);
--   with string, string, string, string, string, string, string, []uint8
--   fails
SAVEPOINT usersession;
DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `session_id` = ? AND CAST(CONVERT(`session_id` USING utf8mb4) AS BINARY) = CAST(? AS BINARY);
--   with string, string, string, string
INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?);
--   with string, string, string, string, string, string, string, []uint8
RELEASE SAVEPOINT usersession;

-- ReplaceUserSession, another writer causes a conflict during the replacement

INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?);
--   with string, string, string, string, string, string, string, []uint8
--   fails
SAVEPOINT usersession;
DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `session_id` = ? AND CAST(CONVERT(`session_id` USING utf8mb4) AS BINARY) = CAST(? AS BINARY);
--   with string, string, string, string
INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?);
--   with string, string, string, string, string, string, string, []uint8
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;
SAVEPOINT usersession;
DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `session_id` = ? AND CAST(CONVERT(`session_id` USING utf8mb4) AS BINARY) = CAST(? AS BINARY);
--   with string, string, string, string
DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY);
--   with string, string, string, string
INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?);
--   with string, string, string, string, string, string, string, []uint8
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;
SAVEPOINT usersession;
DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `session_id` = ? AND CAST(CONVERT(`session_id` USING utf8mb4) AS BINARY) = CAST(? AS BINARY);
--   with string, string, string, string
DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY);
--   with string, string, string, string
INSERT INTO `user_sessions` (`partition_key`, `key`, `subject_id`, `session_id`, `created`, `renewed`, `expires`, `version`, `ticket`) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?);
--   with string, string, string, string, string, string, string, []uint8
RELEASE SAVEPOINT usersession;

-- UpdateUserSession, an expired session has the session id

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string, []uint8, string, string, string, string, string
--   fails
SAVEPOINT usersession;
DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `session_id` = ? AND CAST(CONVERT(`session_id` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `expires` <= ?;
--   with string, string, string, string, string
UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string, []uint8, string, string, string, string, string
RELEASE SAVEPOINT usersession;

-- UpdateUserSession, a live session has the session id

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string, []uint8, string, string, string, string, string
--   fails
SAVEPOINT usersession;
DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `session_id` = ? AND CAST(CONVERT(`session_id` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `expires` <= ?;
--   with string, string, string, string, string
UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string, []uint8, string, string, string, string, string
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;

-- UpdateUserSession, ReplaceRivals, a rival

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string, []uint8, string, string, string, string, string
--   fails
SAVEPOINT usersession;
DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `session_id` = ? AND CAST(CONVERT(`session_id` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND NOT (`key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY));
--   with string, string, string, string, string, string
UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string, []uint8, string, string, string, string, string
RELEASE SAVEPOINT usersession;

-- UpdateUserSession, ReplaceRivals, another writer causes a conflict during the update

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string, []uint8, string, string, string, string, string
--   fails
SAVEPOINT usersession;
DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `session_id` = ? AND CAST(CONVERT(`session_id` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND NOT (`key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY));
--   with string, string, string, string, string, string
UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string, []uint8, string, string, string, string, string
--   fails
ROLLBACK TO SAVEPOINT usersession;
RELEASE SAVEPOINT usersession;
SAVEPOINT usersession;
DELETE `user_sessions` FROM `user_sessions` WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `session_id` = ? AND CAST(CONVERT(`session_id` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND NOT (`key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY));
--   with string, string, string, string, string, string
UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string, []uint8, string, string, string, string, string
RELEASE SAVEPOINT usersession;

-- UpdateUserSession, ended by the database because of a deadlock: the application retries

UPDATE `user_sessions` SET `subject_id` = ?, `session_id` = ?, `created` = ?, `renewed` = ?, `expires` = ?, `ticket` = ?, `version` = `version` + 1 WHERE `partition_key` = ? AND CAST(CONVERT(`partition_key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND `key` = ? AND CAST(CONVERT(`key` USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND (`expires` IS NULL OR `expires` > ?);
--   with string, string, string, string, string, []uint8, string, string, string, string, string
--   fails
