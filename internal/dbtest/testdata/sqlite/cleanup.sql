-- DeleteExpiredSessions

DELETE FROM `user_sessions` WHERE `id` IN (SELECT `id` FROM `user_sessions` WHERE `expires` <= ? ORDER BY `expires` LIMIT ?);
--   with string, int64
SELECT `id`, +`expires` FROM `user_sessions` WHERE `expires` >= ? AND `expires` <= ? ORDER BY `expires` LIMIT ?;
--   with string, string, int64
